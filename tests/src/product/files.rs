//! Files that are dropped on S3.

use anyhow::{Context as _, Result};
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use aws_stand_in::account::{ACCESS_KEY, REGION, SECRET_KEY};

use super::{Product, ready};
use crate::http::User;

impl Product {
    /// Drops a file of a client on the bucket that is watched, and returns its key, which `name` ends.
    ///
    /// # Panics
    /// When S3 refuses it.
    pub async fn drop_file(&self, user: &User, name: &str, bytes: Vec<u8>) -> String {
        let key = format!("{}/{name}", user.client);
        self.put_object(&key, bytes).await;
        key
    }

    /// Puts an object under any key on the bucket that is watched.
    ///
    /// # Panics
    /// When S3 refuses it.
    pub async fn put_object(&self, key: &str, bytes: Vec<u8>) {
        ready(self.try_put_object(key, bytes).await, "a file is not stored");
    }

    /// Puts an object where S3 may be gone.
    ///
    /// # Errors
    /// When S3 refuses it or does not answer.
    pub async fn try_put_object(&self, key: &str, bytes: Vec<u8>) -> Result<()> {
        let bucket = self.access.incoming_bucket.as_deref();
        self.try_put_in(bucket.context("no bucket is watched")?, key, bytes)
            .await
            .map(drop)
    }

    /// Puts an object on a bucket that nobody watches, and returns its `ETag`.
    ///
    /// # Panics
    /// When S3 refuses it.
    pub async fn put_object_in(&self, bucket: &str, key: &str, bytes: Vec<u8>) -> String {
        ready(self.try_put_in(bucket, key, bytes).await, "an object is not stored")
    }

    async fn try_put_in(&self, bucket: &str, key: &str, bytes: Vec<u8>) -> Result<String> {
        let config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(REGION))
            .credentials_provider(Credentials::new(ACCESS_KEY, SECRET_KEY, None, None, "tests"))
            .endpoint_url(&self.access.endpoints.s3)
            .force_path_style(true)
            .build();
        let put = aws_sdk_s3::Client::from_conf(config)
            .put_object()
            .bucket(bucket)
            .key(key)
            .body(bytes.into());
        let answer = put.send().await.with_context(|| format!("{key} can't be put on S3"))?;
        Ok(answer.e_tag().unwrap_or_default().to_owned())
    }
}

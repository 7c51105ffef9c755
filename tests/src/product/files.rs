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

    /// The same with what its metadata declare, by their names behind `x-amz-meta-`.
    ///
    /// # Panics
    /// When S3 refuses it.
    pub async fn drop_declared_file(
        &self,
        user: &User,
        name: &str,
        metadata: &[(&str, &str)],
        bytes: Vec<u8>,
    ) -> String {
        let key = format!("{}/{name}", user.client);
        let put = async {
            let [incoming, _] = self.buckets()?;
            let mut put = self.s3().put_object().bucket(incoming).key(&key).body(bytes.into());
            for (name, value) in metadata {
                put = put.metadata(*name, *value);
            }
            put.send().await.map(drop).context("it is refused")
        };
        ready(put.await, "a file is not stored");
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
        let [incoming, _] = self.buckets()?;
        self.try_put_in(&incoming, key, bytes).await.map(drop)
    }

    /// Puts an object on a bucket that nobody watches, and returns its `ETag`.
    ///
    /// # Panics
    /// When S3 refuses it.
    pub async fn put_object_in(&self, bucket: &str, key: &str, bytes: Vec<u8>) -> String {
        ready(self.try_put_in(bucket, key, bytes).await, "an object is not stored")
    }

    /// Puts a document of a client where documents are kept, as if it had been rendered.
    ///
    /// # Panics
    /// When S3 refuses it.
    pub async fn put_document(&self, user: &User, name: &str) {
        let put = async {
            let [_, documents] = self.buckets()?;
            self.try_put_in(&documents, &format!("{}/{name}", user.client), vec![1])
                .await
        };
        ready(put.await, "a document is not stored");
    }

    /// Keys of all objects of a client, in every bucket with files of clients.
    ///
    /// # Panics
    /// When S3 does not list them.
    pub async fn objects_of(&self, user: &User) -> Vec<String> {
        let list = async {
            let mut keys = Vec::new();
            for bucket in self.buckets()? {
                let listed = self.s3().list_objects_v2().bucket(bucket).send().await?;
                let all = listed.contents().iter().filter_map(|object| object.key());
                keys.extend(
                    all.filter(|key| key.contains(&user.client.to_string()))
                        .map(str::to_owned),
                );
            }
            anyhow::Ok(keys)
        };
        ready(list.await, "objects can't be listed")
    }

    /// The buckets with files of clients: what is dropped, and documents.
    fn buckets(&self) -> Result<[String; 2]> {
        let incoming = self.access.incoming_bucket.clone().context("no bucket is watched")?;
        let documents = incoming.replace("incoming", "documents");
        Ok([incoming, documents])
    }

    async fn try_put_in(&self, bucket: &str, key: &str, bytes: Vec<u8>) -> Result<String> {
        let put = self.s3().put_object().bucket(bucket).key(key).body(bytes.into());
        let answer = put.send().await.with_context(|| format!("{key} can't be put on S3"))?;
        Ok(answer.e_tag().unwrap_or_default().to_owned())
    }

    fn s3(&self) -> aws_sdk_s3::Client {
        let config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(REGION))
            .credentials_provider(Credentials::new(ACCESS_KEY, SECRET_KEY, None, None, "tests"))
            .endpoint_url(&self.access.endpoints.s3)
            .force_path_style(true)
            .build();
        aws_sdk_s3::Client::from_conf(config)
    }
}

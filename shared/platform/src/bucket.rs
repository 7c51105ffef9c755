//! One S3 bucket: puts files on it, and makes links by which a browser gets them.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{Delete, ObjectIdentifier};
use bytes::Bytes;
use service::{Failure, Service};

use crate::environment;

/// Files that are deleted in one call: what S3 takes.
pub const MAX_DELETED: i32 = 1_000;

/// A bucket by its name.
#[derive(Clone)]
pub struct Bucket {
    client: aws_sdk_s3::Client,
    name: String,
}

/// A file as a browser will be given it.
#[derive(Clone, Debug)]
pub struct File {
    /// Where in the bucket.
    pub key: String,
    /// Its media type.
    pub media_type: &'static str,
    /// What it holds.
    pub bytes: Bytes,
}

impl Bucket {
    /// The bucket whose name is in the environment variable `variable`.
    ///
    /// # Errors
    /// When the variable is not set.
    pub async fn from_environment(variable: &str) -> Result<Self> {
        let name = environment::required(variable)?;
        let configuration = crate::aws_configuration().await;
        // Path style works on S3 and on stand-ins that have no wildcard names.
        let configuration = aws_sdk_s3::config::Builder::from(&configuration)
            .force_path_style(true)
            .build();
        Ok(Self {
            client: aws_sdk_s3::Client::from_conf(configuration),
            name,
        })
    }

    /// Puts a file; a second time changes nothing.
    ///
    /// # Errors
    /// When S3 does not take it after the SDK's own retries.
    pub async fn put(&self, file: File) -> Result<()> {
        let File { key, media_type, bytes } = file;
        self.client
            .put_object()
            .bucket(&self.name)
            .key(&key)
            .content_type(media_type)
            .body(ByteStream::from(bytes))
            .send()
            .await
            .map_err(Failure::from_call(Service::Files))
            .with_context(|| format!("put {key}"))?;
        Ok(())
    }

    /// Deletes files whose keys begin with a prefix, at most [`MAX_DELETED`]; how many there were. Earlier versions of files would stay: no bucket of the
    /// template keeps any.
    ///
    /// # Errors
    /// When S3 does not answer, or keeps one of them.
    pub async fn clear(&self, prefix: &str) -> Result<usize> {
        let listed = self
            .client
            .list_objects_v2()
            .bucket(&self.name)
            .prefix(prefix)
            .max_keys(MAX_DELETED)
            .send()
            .await
            .with_context(|| format!("list {prefix}"))?;
        let keys = listed.contents().iter().filter_map(|object| object.key());
        let objects: Vec<ObjectIdentifier> = keys
            .map(|key| ObjectIdentifier::builder().key(key).build())
            .collect::<Result<_, _>>()?;
        let found = objects.len();
        if found == 0 {
            return Ok(0);
        }
        let delete = Delete::builder().set_objects(Some(objects)).quiet(true).build()?;
        let deleted = self
            .client
            .delete_objects()
            .bucket(&self.name)
            .delete(delete)
            .send()
            .await;
        let deleted = deleted.with_context(|| format!("delete {prefix}"))?;
        match deleted.errors().first() {
            None => Ok(found),
            Some(error) => bail!("delete {:?}: {:?}", error.key(), error.message()),
        }
    }

    /// A link by which anyone gets the file for so long, and saves it under `name`, which is of ASCII letters, digits, dots
    /// and dashes.
    ///
    /// # Errors
    /// When there are no credentials to sign it by.
    pub async fn link(&self, key: &str, name: &str, life: Duration) -> Result<String> {
        let disposition = format!("inline; filename=\"{name}\"");
        let request = self
            .client
            .get_object()
            .bucket(&self.name)
            .key(key)
            .response_content_disposition(disposition);
        let signed = request.presigned(PresigningConfig::expires_in(life)?).await;
        Ok(signed
            .with_context(|| format!("sign a link to {key}"))?
            .uri()
            .to_owned())
    }
}

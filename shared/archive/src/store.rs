//! Objects of the bucket that files are dropped into.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_s3::Client;
use bytes::Bytes;
use service::{Failure, Service};

use crate::files::{FileError, MAX_FILE_BYTES};

/// How long the bytes of an object may take once its answer has begun: the largest, 256 MiB, has come within two minutes at 2.2 MB a second, a twentieth of
/// what a function gets from S3.
const BODY_WITHIN: Duration = Duration::from_secs(120);

/// An object as it was read.
#[derive(Debug)]
pub struct Object {
    /// What is in it.
    pub bytes: Bytes,
    /// What tells its bytes from others.
    pub etag: String,
    /// What whoever put it there says of it, by the names that S3 gives behind `x-amz-meta-`.
    pub metadata: HashMap<String, String>,
}

/// A bucket's objects.
#[derive(Clone)]
pub struct Store {
    client: Client,
}

impl Store {
    /// A store with the region, credentials and endpoints of the environment.
    #[must_use]
    pub fn new(configuration: &aws_config::SdkConfig) -> Self {
        // Path style works on S3 and on stand-ins that have no wildcard names.
        let configuration = aws_sdk_s3::config::Builder::from(configuration)
            .force_path_style(true)
            .build();
        Self {
            client: Client::from_conf(configuration),
        }
    }

    /// An object.
    ///
    /// # Errors
    /// [`FileError::TooLarge`] before a byte is read, [`FileError::Storage`] when the object can't be read.
    pub async fn get(&self, bucket: &str, key: &str) -> Result<Object, FileError> {
        let storage = |cause: Failure| FileError::Storage {
            key: key.to_owned(),
            cause,
        };
        let object = self
            .client
            .get_object()
            .bucket(bucket)
            .key(key)
            .send()
            .await
            .map_err(|error| storage(Failure::of(Service::Files, error)))?;
        let length = object
            .content_length()
            .and_then(|length| u64::try_from(length).ok())
            .unwrap_or(0);
        let etag = object.e_tag().unwrap_or_default().trim_matches('"').to_owned();
        if length > MAX_FILE_BYTES {
            return Err(FileError::TooLarge { bytes: length, etag });
        }
        let metadata = object.metadata().cloned().unwrap_or_default();
        let body = tokio::time::timeout(BODY_WITHIN, object.body.collect()).await;
        let body = body.map_err(|late| storage(Failure::of_answer(Service::Files, late)))?;
        let body = body.map_err(|error| storage(Failure::of_answer(Service::Files, error)))?;
        Ok(Object {
            bytes: body.into_bytes(),
            etag,
            metadata,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

    use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region, SharedCredentialsProvider};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    /// A store that answers once, with the head of an object of this size.
    async fn store(bytes: u64, etag: &str) -> Store {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let configuration = aws_config::SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(SharedCredentialsProvider::new(Credentials::new(
                "a", "b", None, None, "test",
            )))
            .endpoint_url(format!("http://{}", listener.local_addr().unwrap()))
            .build();
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {bytes}\r\netag: \"{etag}\"\r\n\r\n");
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = stream.read(&mut [0; 4096]).await.unwrap();
            stream.write_all(head.as_bytes()).await.unwrap();
            // Open until the store hangs up: it must not wait for the body.
            let _ = stream.read(&mut [0; 1]).await;
        });
        Store::new(&configuration)
    }

    #[tokio::test]
    async fn a_file_that_is_too_large_is_known_by_its_version_before_a_byte_is_read() {
        for version in ["one", "two"] {
            let refused = store(MAX_FILE_BYTES + 1, version).await.get("in", "a.csv").await;
            let Err(FileError::TooLarge { bytes, etag }) = refused else {
                panic!("{refused:?}")
            };
            assert_eq!((bytes, etag.as_str()), (MAX_FILE_BYTES + 1, version));
        }
    }
}

//! Objects of the bucket that files are dropped into.

use aws_sdk_s3::Client;
use bytes::Bytes;

use crate::files::{FileError, MAX_FILE_BYTES};

/// A bucket's objects.
#[derive(Clone)]
pub struct Store {
    client: Client,
}

impl Store {
    /// A store by the environment's region, credentials and endpoints.
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

    /// An object's bytes and its `ETag`.
    ///
    /// # Errors
    /// [`FileError::TooLarge`] before a byte is read, [`FileError::Storage`] when the object can't be read.
    pub async fn get(&self, bucket: &str, key: &str) -> Result<(Bytes, String), FileError> {
        let storage = |error: String| FileError::Storage {
            key: key.to_owned(),
            cause: error,
        };
        let object = self
            .client
            .get_object()
            .bucket(bucket)
            .key(key)
            .send()
            .await
            .map_err(|error| storage(format!("{:?}", error.into_service_error().meta())))?;
        let length = object
            .content_length()
            .and_then(|length| u64::try_from(length).ok())
            .unwrap_or(0);
        let etag = object.e_tag().unwrap_or_default().trim_matches('"').to_owned();
        if length > MAX_FILE_BYTES {
            return Err(FileError::TooLarge { bytes: length, etag });
        }
        let bytes = object
            .body
            .collect()
            .await
            .map_err(|error| storage(error.to_string()))?
            .into_bytes();
        Ok((bytes, etag))
    }
}

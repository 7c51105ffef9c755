//! What the tests of several services share: how an SDK reaches a service under test, a listener for it, a folder.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_s3::config::{Credentials, SharedCredentialsProvider};
use tokio::net::TcpListener;

use crate::account::{ACCESS_KEY, REGION, SECRET_KEY, session_of};

/// How any SDK reaches the service at `endpoint`.
pub(crate) fn sdk_config(endpoint: &str) -> SdkConfig {
    let credentials = Credentials::new(ACCESS_KEY, SECRET_KEY, Some(session_of("test")), None, "test");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(REGION))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .endpoint_url(endpoint)
        .build()
}

/// A loopback listener on any port, and its address as a URL.
pub(crate) async fn listener() -> (TcpListener, String) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    (listener, endpoint)
}

/// A folder of its own, gone with the test.
pub(crate) struct TempFolder(PathBuf);

impl TempFolder {
    /// Only the name: whoever is tested makes the folder.
    pub(crate) fn reserve() -> Self {
        Self(std::env::temp_dir().join(format!("aws-stand-in-{}", uuid::Uuid::new_v4())))
    }

    /// A folder that is there.
    pub(crate) fn create() -> Self {
        let folder = Self::reserve();
        std::fs::create_dir(&folder.0).unwrap();
        folder
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TempFolder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

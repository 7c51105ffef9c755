//! What a test that plays an AWS service needs: how an SDK reaches it, and the one request of a connection.

use anyhow::{Context as _, Result};
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_s3::config::{Credentials, SharedCredentialsProvider};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

/// How an SDK reaches a service at an address.
#[must_use]
pub fn configuration(url: &str) -> SdkConfig {
    let credentials = Credentials::new("test", "test", None, None, "tests");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .endpoint_url(url)
        .build()
}

/// A request that was read and is to be answered.
pub struct ServiceRequest {
    /// Method, path and version.
    pub first_line: String,
    /// The body, as JSON.
    pub body: Value,
    stream: BufReader<TcpStream>,
}

impl ServiceRequest {
    /// Reads the one request of a connection.
    ///
    /// # Errors
    /// When the connection ends early or the body is no JSON.
    pub async fn read(stream: TcpStream) -> Result<Self> {
        let mut stream = BufReader::new(stream);
        let (mut first_line, mut length) = (String::new(), 0);
        stream.read_line(&mut first_line).await?;
        loop {
            let mut line = String::new();
            stream.read_line(&mut line).await?;
            let Some((name, value)) = line.trim_end().split_once(':') else {
                break;
            };
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse()?;
            }
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await?;
        let body = serde_json::from_slice(&body).context("the request is no JSON")?;
        Ok(Self {
            first_line,
            body,
            stream,
        })
    }

    /// Answers with a status, `200 OK`, further header lines, each with its end, and a JSON text; the connection ends.
    ///
    /// # Errors
    /// When the sender has gone.
    pub async fn answer(mut self, status: &str, headers: &str, body: &str) -> Result<()> {
        let length = body.len();
        let answer = format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/json\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n{body}"
        );
        let stream = self.stream.get_mut();
        stream.write_all(answer.as_bytes()).await?;
        Ok(stream.shutdown().await?)
    }
}

//! Amazon SES as far as it takes mail: answers `SendEmail` and keeps what was sent.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result};
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_s3::config::{Credentials, SharedCredentialsProvider};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A running mailbox; it ends when it is dropped.
pub struct Mailbox {
    url: String,
    state: Arc<State>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct State {
    refuses: AtomicBool,
    mails: Mutex<Vec<Value>>,
}

impl Mailbox {
    /// Listens on any port of loopback.
    ///
    /// # Errors
    /// When there is none.
    pub async fn open() -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let state = Arc::new(State::default());
        let serving = Arc::clone(&state);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // A sender that gives up in the middle is told by its own error.
                drop(answer(stream, &serving).await);
            }
        });
        Ok(Self { url, state, task })
    }

    /// How an SDK reaches it.
    #[must_use]
    pub fn configuration(&self) -> SdkConfig {
        let credentials = Credentials::new("test", "test", None, None, "tests");
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .endpoint_url(&self.url)
            .build()
    }

    /// From now on refuses every mail, or takes them again.
    pub fn refuse(&self, refuses: bool) {
        self.state.refuses.store(refuses, Ordering::SeqCst);
    }

    /// What was sent since the last call, as SES was asked.
    #[must_use]
    pub fn take(&self) -> Vec<Value> {
        std::mem::take(&mut *self.state.mails.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Mailbox {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// One request of a connection, which then ends.
async fn answer(stream: TcpStream, state: &State) -> Result<()> {
    let mut stream = BufReader::new(stream);
    let (mut first, mut length) = (String::new(), 0);
    stream.read_line(&mut first).await?;
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
    let sends = first.starts_with("POST /v2/email/outbound-emails ");
    let (status, text) = match (sends, state.refuses.load(Ordering::SeqCst)) {
        (false, _) => ("404 Not Found", "{}"),
        (true, true) => ("400 Bad Request", r#"{"message":"Email address is not verified."}"#),
        (true, false) => {
            let mail = serde_json::from_slice(&body).context("the mail is no JSON")?;
            state.mails.lock().unwrap_or_else(PoisonError::into_inner).push(mail);
            ("200 OK", r#"{"MessageId":"1"}"#)
        }
    };
    let answer = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\nx-amzn-errortype: MessageRejected\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{text}",
        text.len()
    );
    stream.get_mut().write_all(answer.as_bytes()).await?;
    Ok(stream.get_mut().shutdown().await?)
}

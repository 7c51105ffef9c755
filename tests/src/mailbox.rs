//! A fake Amazon SES: answers `SendEmail` and keeps what was sent.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use aws_config::SdkConfig;
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::fake_service::{ServiceRequest, configuration};

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
        configuration(&self.url)
    }

    /// Where it is.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// From now on refuses every mail, or takes them again.
    pub fn refuse(&self, refuses: bool) {
        self.state.refuses.store(refuses, Ordering::SeqCst);
    }

    /// What was sent since the last call, as SES was request.
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

async fn answer(stream: TcpStream, state: &State) -> Result<()> {
    let request = ServiceRequest::read(stream).await?;
    let sends = request.first_line.starts_with("POST /v2/email/outbound-emails ");
    let (status, text) = match (sends, state.refuses.load(Ordering::SeqCst)) {
        (false, _) => ("404 Not Found", "{}"),
        (true, true) => ("400 Bad Request", r#"{"message":"Email address is not verified."}"#),
        (true, false) => {
            let mut mails = state.mails.lock().unwrap_or_else(PoisonError::into_inner);
            mails.push(request.body.clone());
            ("200 OK", r#"{"MessageId":"1"}"#)
        }
    };
    request
        .answer(status, "x-amzn-errortype: MessageRejected\r\n", text)
        .await
}

//! A dashboard: a connection to the WebSocket API that speaks the live protocol.
#![allow(
    clippy::panic,
    reason = "a frame that does not come fails the test that waits for it"
)]

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use futures::{SinkExt as _, StreamExt as _};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use crate::http::User;
use crate::json::JsonExt as _;
use crate::product::Product;
use crate::waiting::PATIENCE;

/// A frame as it came.
#[derive(Debug)]
pub struct Frame {
    /// What it says.
    pub json: Value,
    /// The length of its text.
    pub bytes: usize,
    /// When it had come, before it was read.
    pub arrived: Instant,
}

/// An open connection of a user.
pub struct Dashboard(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Dashboard {
    /// Connects.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn connect(product: &Product, user: &User) -> Self {
        Self::open(&address(product, user)).await
    }

    /// Connects and subscribes by the query, such as `kpi=FLIGHTS&period=minute`.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn connect_to(product: &Product, user: &User, query: &str) -> Self {
        Self::open(&format!("{}&{query}", address(product, user))).await
    }

    /// Connects to an [`address`].
    ///
    /// # Panics
    /// When it is refused.
    pub async fn open(address: &str) -> Self {
        match Self::try_open(address).await {
            Ok(dashboard) => dashboard,
            Err(error) => panic!("{error:#}"),
        }
    }

    /// Connects to an [`address`] where there may be nobody.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn try_open(address: &str) -> Result<Self> {
        let connected = tokio_tungstenite::connect_async(address).await;
        let (socket, _) = connected.context("a dashboard can't connect")?;
        Ok(Self(socket))
    }

    /// Sends a message over a connection that may be gone.
    ///
    /// # Errors
    /// When it is.
    pub async fn try_send(&mut self, message: &Value) -> Result<()> {
        let sent = self.0.send(Message::text(message.to_string())).await;
        sent.context("the connection is gone")
    }

    /// The HTTP status that a connection is answered with: 101 when it opens.
    ///
    /// # Panics
    /// When there is no answer.
    pub async fn status(product: &Product, user: &User) -> u16 {
        match tokio_tungstenite::connect_async(address(product, user)).await {
            Ok(_) => 101,
            Err(tungstenite::Error::Http(response)) => response.status().as_u16(),
            Err(error) => panic!("a connection is not answered: {error}"),
        }
    }

    /// Sends a message.
    ///
    /// # Panics
    /// When the connection is gone.
    pub async fn send(&mut self, message: &Value) {
        self.send_text(&message.to_string()).await;
    }

    /// Sends a text that need not be JSON.
    ///
    /// # Panics
    /// When the connection is gone.
    pub async fn send_text(&mut self, text: &str) {
        self.send_message(Message::text(text)).await;
    }

    /// Sends bytes as a binary message.
    ///
    /// # Panics
    /// When the connection is gone.
    pub async fn send_bytes(&mut self, bytes: &[u8]) {
        self.send_message(Message::binary(bytes.to_vec())).await;
    }

    async fn send_message(&mut self, message: Message) {
        if let Err(error) = self.0.send(message).await {
            panic!("the connection is gone: {error}");
        }
    }

    /// The next frame of any type; none when the connection ends.
    ///
    /// # Errors
    /// When the connection breaks, or a frame is no JSON.
    pub async fn frame(&mut self) -> Result<Option<Frame>> {
        while let Some(message) = self.0.next().await {
            if let Message::Text(text) = message.context("the connection broke")? {
                let arrived = Instant::now();
                return Ok(Some(Frame {
                    json: serde_json::from_str(&text).with_context(|| format!("no JSON: {text}"))?,
                    bytes: text.len(),
                    arrived,
                }));
            }
        }
        Ok(None)
    }

    /// The next frame of a type; others are passed over.
    ///
    /// # Panics
    /// When none comes in time.
    pub async fn next(&mut self, kind: &str) -> Value {
        self.next_of(&[kind]).await
    }

    /// The next frame of one of some types; others are passed over.
    ///
    /// # Panics
    /// When none comes in time.
    pub async fn next_of(&mut self, kinds: &[&str]) -> Value {
        let wait = async {
            loop {
                let Some(Frame { json: frame, .. }) = self.frame().await? else {
                    bail!("the connection was closed");
                };
                if kinds.iter().any(|kind| frame["type"] == *kind) {
                    return Ok(frame);
                }
            }
        };
        match tokio::time::timeout(PATIENCE, wait).await {
            Ok(Ok(frame)) => frame,
            Ok(Err(error)) => panic!("no frame of {kinds:?}: {error:#}"),
            Err(_) => panic!("no frame of {kinds:?} within {PATIENCE:?}"),
        }
    }

    /// The channels that the next update which names silent ones names.
    ///
    /// # Panics
    /// When none comes in time.
    pub async fn silent_channels(&mut self) -> Value {
        loop {
            let frame = self.next("update").await;
            if !frame["silent"].is_null() {
                return frame["silent"].clone();
            }
        }
    }

    /// The next update that has a row of a channel with a number of facts, and that row.
    ///
    /// # Panics
    /// When none comes in time.
    pub async fn row_with_facts(&mut self, channel: u64, facts: i64) -> (Value, Value) {
        loop {
            let frame = self.next("update").await;
            let mut rows = frame["rows"].list().iter();
            if let Some(row) = rows.find(|row| row[0] == channel && row[3] == facts) {
                return (frame.clone(), row.clone());
            }
        }
    }

    /// The code with which the product closes the connection.
    ///
    /// # Panics
    /// When it does not, or without a code.
    pub async fn close_code(&mut self) -> u16 {
        let wait = async {
            loop {
                match self.0.next().await {
                    Some(Ok(Message::Close(Some(close)))) => return close.code.into(),
                    Some(Ok(_)) => {}
                    other => panic!("closed without a code: {other:?}"),
                }
            }
        };
        match tokio::time::timeout(Duration::from_secs(10), wait).await {
            Ok(code) => code,
            Err(_) => panic!("the connection stays open"),
        }
    }
}

/// Where a user connects, its token included.
#[must_use]
pub fn address(product: &Product, user: &User) -> String {
    format!("{}?token={}", product.websocket(), user.token)
}

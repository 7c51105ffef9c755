//! A request on its way out.

use std::future::IntoFuture;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use futures::future::BoxFuture;
use reqwest::{Method, RequestBuilder};
use serde_json::Value;

use super::{Answer, User};

/// Most bytes of a body that a failure shows.
const SHOWN_BYTES: usize = 2_000;

/// A request that is sent when it is awaited.
#[must_use = "a request is sent when it is awaited"]
pub struct Request {
    what: String,
    sent: String,
    builder: RequestBuilder,
}

impl Request {
    pub(super) fn new(user: &User, method: Method, path: &str) -> Self {
        let what = format!("{method} {path}");
        let mut builder = reqwest::Client::new().request(method, format!("{}{path}", user.http));
        if !user.token.is_empty() {
            builder = builder.bearer_auth(&user.token);
        }
        Self {
            what,
            sent: String::new(),
            builder,
        }
    }

    /// With a header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.builder = self.builder.header(name, value);
        self
    }

    /// Over the version that an entity tag names; `*` is any.
    pub fn if_match(self, etag: &str) -> Self {
        self.header("if-match", etag)
    }

    /// With the key by which the product knows a request that is repeated.
    pub fn idempotency_key(self, key: &str) -> Self {
        self.header("idempotency-key", key)
    }

    /// With a JSON body.
    pub fn json(self, body: &Value) -> Self {
        self.header("content-type", "application/json").body(body.to_string())
    }

    /// With a body of newline-delimited JSON.
    pub fn json_lines(self, body: impl Into<Bytes>) -> Self {
        self.header("content-type", "application/x-ndjson").body(body)
    }

    /// With any body. What type it has is not said.
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        let body = body.into();
        let shown = String::from_utf8_lossy(&body[..body.len().min(SHOWN_BYTES)]);
        self.sent = if body.len() > SHOWN_BYTES {
            format!("{shown}… ({} bytes)", body.len())
        } else {
            shown.into_owned()
        };
        self.builder = self.builder.body(body);
        self
    }

    /// Sends it; a future, where `await` alone does not do.
    ///
    /// # Panics
    /// When there is no answer.
    pub async fn send(self) -> Answer {
        match self.try_send().await {
            Ok(answer) => answer,
            Err(error) => panic!("{error:#}"),
        }
    }

    /// Sends it, where having no answer is no failure.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn try_send(self) -> Result<Answer> {
        let Self { what, sent, builder } = self;
        let no_answer = || format!("{what} is not answered");
        let response = builder.send().await.with_context(no_answer)?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let bytes = response.bytes().await.with_context(no_answer)?;
        Ok(Answer::new(what, sent, status, headers, &bytes))
    }
}

impl IntoFuture for Request {
    type Output = Answer;
    type IntoFuture = BoxFuture<'static, Answer>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

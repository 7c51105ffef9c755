//! A user of the product over HTTP: requests, and answers that say all they know when a test did not expect them.
//!
//! ```text
//! let kpi = user.get("/v1/kpis/FLIGHTS").await.ok();
//! user.post("/v1/kpis", &kpi.body).await.refused(409);
//! user.put("/v1/kpis/FLIGHTS", &changed).if_match(kpi.etag()).await.ok();
//! ```
#![allow(
    clippy::panic,
    reason = "a request that was not answered as expected fails the test that sent it"
)]

mod answer;
mod request;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::Instant;
use uuid::Uuid;

pub use self::answer::Answer;
pub use self::request::Request;
use crate::json::JsonExt as _;
use crate::waiting::PATIENCE;

/// The password of every user.
pub const PASSWORD: &str = "correct horse battery";

/// A signed-in user of a client.
#[derive(Debug, Clone)]
pub struct User {
    /// The client's id.
    pub client: Uuid,
    /// The client's name, which no other client has.
    pub client_name: String,
    /// E-mail address.
    pub email: String,
    /// Access token; none is sent while it is empty.
    pub token: String,
    /// Refresh token.
    pub refresh_token: String,
    /// Base address of the HTTP API.
    pub http: String,
}

impl User {
    /// Any request, to be completed and awaited.
    pub fn request(&self, method: Method, path: &str) -> Request {
        Request::new(self, method, path)
    }

    /// GET.
    pub fn get(&self, path: &str) -> Request {
        self.request(Method::GET, path)
    }

    /// POST of JSON.
    pub fn post(&self, path: &str, body: &Value) -> Request {
        self.request(Method::POST, path).json(body)
    }

    /// PUT of JSON.
    pub fn put(&self, path: &str, body: &Value) -> Request {
        self.request(Method::PUT, path).json(body)
    }

    /// DELETE.
    pub fn delete(&self, path: &str) -> Request {
        self.request(Method::DELETE, path)
    }

    /// GET with the token in a spelling of its header that was not used before: the answer that API Gateway keeps of the authorizer is not used.
    pub fn get_anew(&self, path: &str) -> Request {
        static SPACES: AtomicUsize = AtomicUsize::new(1);
        let spaces = " ".repeat(SPACES.fetch_add(1, Ordering::Relaxed));
        let authorization = format!("bearer{spaces}{}", self.token);
        self.signed_out().get(path).header("authorization", &authorization)
    }

    /// The same user without a token.
    #[must_use]
    pub fn signed_out(&self) -> Self {
        self.with_token("")
    }

    /// The same user with another token.
    #[must_use]
    pub fn with_token(&self, token: &str) -> Self {
        Self {
            token: token.to_owned(),
            ..self.clone()
        }
    }

    /// The same user at another address, as after a deployment.
    #[must_use]
    pub fn at(&self, http: &str) -> Self {
        Self {
            http: http.to_owned(),
            ..self.clone()
        }
    }

    /// The same user with the tokens that its password gives now.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn signed_in(&self) -> Self {
        self.signed_in_by(PASSWORD).await
    }

    /// The same user with the tokens that another password than that of every user gives.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn signed_in_by(&self, password: &str) -> Self {
        let credentials = json!({ "email": self.email, "password": password });
        let answer = self.signed_out().post("/v1/sign-in", &credentials).await.ok();
        self.with_tokens(&answer)
    }

    /// The same user with the tokens that its refresh token gives now: what it may and what is licensed are read anew.
    ///
    /// # Panics
    /// When they are refused.
    pub async fn refreshed(&self) -> Self {
        let refresh = json!({ "refresh_token": self.refresh_token });
        let answer = self.signed_out().post("/v1/refresh-token", &refresh).await.ok();
        self.with_tokens(&answer)
    }

    fn with_tokens(&self, answer: &Answer) -> Self {
        Self {
            token: answer["access_token"].text().to_owned(),
            refresh_token: answer["refresh_token"].text().to_owned(),
            ..self.clone()
        }
    }

    /// Posts events of an entity and waits for what becomes of them: the numbers of accepted and of rejected ones.
    ///
    /// # Panics
    /// When they are refused, or nothing becomes of them in time.
    pub async fn ingest(&self, entity: &str, events: &Value) -> (i64, i64) {
        let queued = self.post(&format!("/v1/events/{entity}"), events).await;
        self.outcome(&queued.accepted()).await
    }

    /// Waits for what becomes of a batch that was queued.
    ///
    /// # Panics
    /// When nothing becomes of it in time.
    pub async fn outcome(&self, queued: &Answer) -> (i64, i64) {
        self.outcome_of(queued["batch_id"].text()).await
    }

    /// Waits for what becomes of a batch: the numbers of accepted and of rejected events.
    ///
    /// # Panics
    /// When nothing becomes of it in time.
    pub async fn outcome_of(&self, batch: &str) -> (i64, i64) {
        let until = Instant::now() + PATIENCE;
        loop {
            let answer = self.get(&format!("/v1/batches/{batch}")).await;
            if answer.status == 200 {
                return (answer["accepted"].integer(), answer["rejected"].integer());
            }
            assert!(
                Instant::now() < until,
                "nothing became of it within {PATIENCE:?}: {answer}"
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

//! The product's HTTP API, used as any customer would: sign in, renew the token, ask and send.

use std::time::Duration;

use anyhow::{Context as _, bail};
use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::Mutex;
use tokio::time::Instant;

/// No answer of the API takes longer than API Gateway waits: 30 s.
const ANSWER_LIMIT: Duration = Duration::from_secs(35);
/// A token is renewed this long before it expires.
const RENEW_EARLY: Duration = Duration::from_secs(120);

/// A signed-in user.
#[derive(Debug)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    email: String,
    password: String,
    session: Mutex<Session>,
}

#[derive(Debug)]
struct Session {
    access: String,
    refresh: String,
    renew_at: Instant,
}

#[derive(Deserialize)]
struct Tokens {
    access_token: String,
    refresh_token: String,
    expires_in: u64,
}

impl Client {
    /// Signs in at the API with the address `base`.
    ///
    /// # Errors
    /// When the API does not answer or refuses the password.
    pub async fn sign_in(base: &str, email: &str, password: &str) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder()
            .timeout(ANSWER_LIMIT)
            .build()
            .context("no HTTP client")?;
        let session = open(
            &http,
            base,
            "/v1/sign-in",
            &json!({"email": email, "password": password}),
        )
        .await?;
        Ok(Self {
            http,
            base: base.to_owned(),
            email: email.to_owned(),
            password: password.to_owned(),
            session: Mutex::new(session),
        })
    }

    /// An access token that is good for a while.
    ///
    /// # Errors
    /// When it has to be renewed and neither the refresh token nor the password does.
    pub async fn token(&self) -> anyhow::Result<String> {
        let mut session = self.session.lock().await;
        if Instant::now() >= session.renew_at {
            *session = self.renew(&session.refresh).await?;
        }
        Ok(session.access.clone())
    }

    /// Asks.
    ///
    /// # Errors
    /// When the API does not answer with JSON, or refuses twice to know the token.
    pub async fn get(&self, path: &str) -> anyhow::Result<(StatusCode, Value)> {
        self.call(Method::GET, path, None).await
    }

    /// Sends.
    ///
    /// # Errors
    /// As for [`Client::get`].
    pub async fn post(&self, path: &str, body: &Value) -> anyhow::Result<(StatusCode, Value)> {
        self.call(Method::POST, path, Some(body)).await
    }

    async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> anyhow::Result<(StatusCode, Value)> {
        let answer = self.attempt(&method, path, body).await?;
        if answer.0 != StatusCode::UNAUTHORIZED {
            return Ok(answer);
        }
        // The keys may have changed under a token that is not expired.
        self.session.lock().await.renew_at = Instant::now();
        self.attempt(&method, path, body).await
    }

    async fn attempt(&self, method: &Method, path: &str, body: Option<&Value>) -> anyhow::Result<(StatusCode, Value)> {
        let mut request = self
            .http
            .request(method.clone(), format!("{}{path}", self.base))
            .bearer_auth(self.token().await?);
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request
            .send()
            .await
            .with_context(|| format!("{method} {path} has no answer"))?;
        let status = response.status();
        let bytes = response
            .bytes()
            .await
            .with_context(|| format!("the answer to {method} {path} broke off"))?;
        Ok((status, serde_json::from_slice(&bytes).unwrap_or(Value::Null)))
    }

    async fn renew(&self, refresh: &str) -> anyhow::Result<Session> {
        match open(
            &self.http,
            &self.base,
            "/v1/refresh-token",
            &json!({"refresh_token": refresh}),
        )
        .await
        {
            Ok(session) => Ok(session),
            // The registry forgets refresh tokens when the cloud restarts.
            Err(_) => {
                let password = json!({"email": self.email, "password": self.password});
                open(&self.http, &self.base, "/v1/sign-in", &password).await
            }
        }
    }
}

async fn open(http: &reqwest::Client, base: &str, path: &str, body: &Value) -> anyhow::Result<Session> {
    let response = http
        .post(format!("{base}{path}"))
        .json(body)
        .send()
        .await
        .with_context(|| format!("POST {path} has no answer"))?;
    let status = response.status();
    if !status.is_success() {
        bail!(
            "POST {path} answers {status}: {}",
            response.text().await.unwrap_or_default()
        );
    }
    let tokens: Tokens = response
        .json()
        .await
        .with_context(|| format!("POST {path} answers without tokens"))?;
    let renew_at = Instant::now() + Duration::from_secs(tokens.expires_in).saturating_sub(RENEW_EARLY);
    Ok(Session {
        access: tokens.access_token,
        refresh: tokens.refresh_token,
        renew_at,
    })
}

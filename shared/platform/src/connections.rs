//! Posting to the WebSocket connections of API Gateway, and closing them.
//!
//! Posting is the one call that is made thousands of times a second, and always the same: so it is the request itself, signed with a key that is derived once a day. The
//! SDK builds, signs and watches each anew, which costs several times what the request does.

mod signature;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use aws_config::SdkConfig;
use aws_credential_types::provider::{ProvideCredentials as _, SharedCredentialsProvider};
use bytes::Bytes;
use http::header::{AUTHORIZATION, HOST};
use http::{Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Mutex;

use crate::clock;
use signature::{Scope, Signer, encoded};

/// A connection to the endpoint that nothing was sent on for so long is closed: before the endpoint does it.
const IDLE: Duration = Duration::from_secs(50);

/// How long before their end credentials are asked for anew.
const REFRESH_BEFORE: SignedDuration = SignedDuration::from_mins(5);

/// How long credentials without an end are used before they are asked for again.
const CREDENTIALS_LIFE: SignedDuration = SignedDuration::from_mins(15);

/// How long closing one connection may take: a caller waits for it, and nothing is sent to it any more by then.
pub const CLOSE_WITHIN: Duration = Duration::from_secs(2);

/// Bytes of an answer that are read to say what went wrong: AWS's own are a few hundred.
const ANSWER_BYTES: usize = 4 * 1024;

/// Why a post did not arrive, or may not have.
#[derive(Debug, PartialEq, Eq)]
pub enum PostError {
    /// 410: there is no such connection (any more, or yet).
    Gone,
    /// 429: too many posts, or a client that does not read.
    Throttled,
    /// No answer in time; it may have arrived.
    TimedOut,
    /// What else went wrong; it may have arrived.
    Other(String),
}

impl fmt::Display for PostError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gone => formatter.write_str("the connection is gone"),
            Self::Throttled => formatter.write_str("too many posts"),
            Self::TimedOut => formatter.write_str("no answer in time"),
            Self::Other(what) => formatter.write_str(what),
        }
    }
}

/// The connections of one WebSocket API; cheap to clone.
#[derive(Clone)]
pub struct Connections(Arc<Inner>);

struct Inner {
    http: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    endpoint: String,
    host: String,
    /// What comes before `/@connections`: the stage.
    stage: String,
    region: String,
    credentials: SharedCredentialsProvider,
    signer: Mutex<Option<Held>>,
    timeout: Duration,
}

/// A signer, and until when its credentials are used.
struct Held {
    signer: Arc<Signer>,
    until: Timestamp,
}

impl Connections {
    /// The connections at an endpoint such as `https://ID.execute-api.REGION.amazonaws.com/STAGE`. A call that takes longer than `timeout` is given up.
    ///
    /// # Errors
    /// When the endpoint is no URL, or region or credentials are not configured.
    pub fn new(configuration: &SdkConfig, endpoint: &str, timeout: Duration) -> Result<Self> {
        let uri: Uri = endpoint.parse().with_context(|| format!("{endpoint} is no URL"))?;
        let (Some(scheme), Some(host)) = (uri.scheme_str(), uri.authority()) else {
            anyhow::bail!("{endpoint} has no scheme or no host");
        };
        let region = configuration.region().context("no region is configured")?;
        let credentials = configuration
            .credentials_provider()
            .context("no credentials are configured")?;
        let http = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .build(connector()?);
        Ok(Self(Arc::new(Inner {
            http,
            endpoint: format!("{scheme}://{host}"),
            host: host.to_string(),
            stage: uri.path().trim_end_matches('/').to_owned(),
            region: region.to_string(),
            credentials,
            signer: Mutex::default(),
            timeout,
        })))
    }

    /// Posts one message to a connection, once: what is to be sent a moment later is newer.
    ///
    /// # Errors
    /// See [`PostError`].
    pub async fn post(&self, connection: &str, message: Bytes) -> Result<(), PostError> {
        self.send(Method::POST, connection, message).await
    }

    /// Closes a connection; one that is gone already is closed.
    ///
    /// # Errors
    /// When API Gateway does not answer in time, or refuses. Nothing is sent to the connection any more once the registry has forgotten it.
    pub async fn close(&self, connection: &str) -> Result<()> {
        match self.send(Method::DELETE, connection, Bytes::new()).await {
            Ok(()) | Err(PostError::Gone) => Ok(()),
            Err(error) => Err(anyhow::anyhow!("{error}").context("close a connection")),
        }
    }

    async fn send(&self, method: Method, connection: &str, message: Bytes) -> Result<(), PostError> {
        match tokio::time::timeout(self.0.timeout, self.0.send(method, connection, message)).await {
            Ok(sent) => sent,
            Err(_) => Err(PostError::TimedOut),
        }
    }
}

impl Inner {
    async fn send(&self, method: Method, connection: &str, message: Bytes) -> Result<(), PostError> {
        let request = self.request(method, connection, message).await.map_err(other)?;
        let answer = self.http.request(request).await.map_err(other)?;
        let status = answer.status();
        // Read to its end in any case: only then does the next post find this connection to the endpoint free.
        let body = Limited::new(answer.into_body(), ANSWER_BYTES).collect().await;
        match status {
            _ if status.is_success() => return Ok(()),
            StatusCode::GONE => return Err(PostError::Gone),
            StatusCode::TOO_MANY_REQUESTS => return Err(PostError::Throttled),
            // Credentials that are not taken are not used again.
            StatusCode::FORBIDDEN => *self.signer.lock().await = None,
            _ => {}
        }
        let said = body.map(http_body_util::Collected::to_bytes).unwrap_or_default();
        Err(PostError::Other(format!(
            "{status}: {}",
            String::from_utf8_lossy(&said)
        )))
    }

    async fn request(&self, method: Method, connection: &str, message: Bytes) -> Result<Request<Full<Bytes>>> {
        let (signer, now) = (self.signer().await?, clock::now());
        let path = format!("{}/@connections/{}", self.stage, encoded(connection, ""));
        let signed = signer.sign(&method, &self.host, &path, &message, now);
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.endpoint))
            .header(HOST, &self.host)
            .header("x-amz-date", signed.date)
            .header(AUTHORIZATION, signed.authorization);
        if let Some(token) = signer.session_token() {
            request = request.header("x-amz-security-token", token);
        }
        Ok(request.body(Full::new(message))?)
    }

    /// The signer of today with credentials that hold.
    async fn signer(&self) -> Result<Arc<Signer>> {
        let now = clock::now();
        let mut held = self.signer.lock().await;
        if let Some(Held { signer, until }) = held.as_ref()
            && now < *until
            && signer.is_of(now)
        {
            return Ok(Arc::clone(signer));
        }
        let credentials = self.credentials.provide_credentials().await?;
        let until = match credentials.expiry() {
            Some(expiry) => Timestamp::try_from(expiry)?.saturating_sub(REFRESH_BEFORE)?,
            None => now.saturating_add(CREDENTIALS_LIFE)?,
        };
        let scope = Scope {
            region: &self.region,
            service: "execute-api",
        };
        let signer = Arc::new(Signer::new(&credentials, scope, now));
        *held = Some(Held {
            signer: Arc::clone(&signer),
            until,
        });
        Ok(signer)
    }
}

/// The SDK's own: one TLS, and the system's authorities.
fn connector() -> Result<HttpsConnector<HttpConnector>> {
    let mut tcp = HttpConnector::new();
    tcp.set_nodelay(true);
    tcp.enforce_http(false);
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let tls = HttpsConnectorBuilder::new()
        .with_provider_and_native_roots(provider)
        .context("read the system's certificate authorities")?;
    Ok(tls.https_or_http().enable_http1().wrap_connector(tcp))
}

fn other(error: impl Into<anyhow::Error>) -> PostError {
    PostError::Other(format!("{:#}", error.into()))
}

#[cfg(test)]
mod tests;

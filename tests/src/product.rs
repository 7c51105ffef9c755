//! A running product for a test: the local cloud over a fresh database, with two clients that are signed in.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use aws_stand_in::account::{ACCESS_KEY, REGION, SECRET_KEY};
use identity::{SigningKey, generate_key_pair};
use local_cloud::cloud::{Cloud, Options};
use local_cloud::secrets::Secrets;
use reqwest::header::HeaderMap;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tracing_subscriber::EnvFilter;
use uuid::Uuid;

use crate::databases::{TestDatabase, servers};

/// Password of all users.
pub const PASSWORD: &str = "correct horse battery";

const ENTITIES: &str = include_str!("../../infra/local/demo/entities.json");
const KPIS: &str = include_str!("../../infra/local/demo/kpis.json");

/// Longest wait for something that happens in the background.
const PATIENCE: Duration = Duration::from_secs(20);

/// The running product.
pub struct Product {
    /// Its database.
    pub database: TestDatabase,
    /// The cloud.
    pub cloud: Cloud,
    /// The first client's administrator.
    pub ours: Account,
    /// Another client's administrator.
    pub theirs: Account,
    state: PathBuf,
    options: Options,
}

/// A signed-in user.
#[derive(Clone)]
pub struct Account {
    /// Client.
    pub client: Uuid,
    /// E-mail address.
    pub email: String,
    /// Access token.
    pub token: String,
    /// Refresh token.
    pub refresh_token: String,
    /// Base address of the HTTP API.
    pub http: String,
}

/// An answer: status, headers, and the body as JSON (null when it is none).
pub struct Answer {
    /// Status.
    pub status: u16,
    /// Entity tag.
    pub etag: Option<String>,
    /// All headers.
    pub headers: HeaderMap,
    /// Body.
    pub body: Value,
}

/// Warnings and errors of the product go to stderr, which a failed test shows. A second product of one process finds it done.
fn log_to_stderr() {
    let wanted = EnvFilter::try_from_env("LOCAL_CLOUD_LOG").unwrap_or_else(|_| EnvFilter::new("warn,dynoxide=error"));
    let log = tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_env_filter(wanted);
    drop(log.try_init());
}

impl Product {
    /// Starts one, with the demo's definitions for the first client.
    ///
    /// # Errors
    /// When anything of it does not start.
    pub async fn start() -> Result<Self> {
        log_to_stderr();
        let server = servers()
            .into_iter()
            .next()
            .context("TEST_DATABASE_URLS names no server")?;
        let database = TestDatabase::create(&server).await?;
        let state = std::env::temp_dir().join(format!("analytics-engine-{}", Uuid::now_v7().simple()));
        std::fs::create_dir(&state)?;
        let project = Path::new(env!("CARGO_MANIFEST_DIR"))
            .parent()
            .context("the tests are in the project")?;
        let mut options = Options::quiet(project, Path::new(&crate::required("FUNCTIONS_DIR")), &state);
        options.database_url = Some(database.url.clone());
        let cloud = Cloud::start(&options).await?;
        let ours = provision(&cloud, "ours").await?;
        let theirs = provision(&cloud, "theirs").await?;
        let product = Self {
            database,
            cloud,
            ours,
            theirs,
            state,
            options,
        };
        product.define().await?;
        Ok(product)
    }

    async fn define(&self) -> Result<()> {
        for (path, definitions) in [("/v1/entities", ENTITIES), ("/v1/kpis", KPIS)] {
            for definition in serde_json::from_str::<Vec<Value>>(definitions)? {
                self.ours.post(path, &definition).await?.expect(201)?;
            }
        }
        Ok(())
    }

    /// Adds a user of the first client and signs it in.
    ///
    /// # Errors
    /// When that fails.
    pub async fn user(&self, role: &str) -> Result<Account> {
        let email = format!("{role}@ours.example.com");
        let event = json!({ "client": self.ours.client, "email": email, "password": PASSWORD, "role": role });
        self.cloud.invoke("provision-client", &event).await?;
        sign_in(&self.cloud.access.endpoints.http, self.ours.client, &email).await
    }

    /// Drops a file on the bucket that is watched; `name` is what follows the client in its key, which is returned.
    ///
    /// # Errors
    /// When S3 refuses it.
    pub async fn drop_file(&self, account: &Account, name: &str, bytes: Vec<u8>) -> Result<String> {
        let key = format!("{}/{name}", account.client);
        self.put_object(&key, bytes).await?;
        Ok(key)
    }

    /// Puts an object on the bucket that is watched.
    ///
    /// # Errors
    /// When S3 refuses it.
    pub async fn put_object(&self, key: &str, bytes: Vec<u8>) -> Result<()> {
        let bucket = self.cloud.access.incoming_bucket.as_deref();
        let config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(REGION))
            .credentials_provider(Credentials::new(ACCESS_KEY, SECRET_KEY, None, None, "tests"))
            .endpoint_url(&self.cloud.access.endpoints.s3)
            .force_path_style(true)
            .build();
        aws_sdk_s3::Client::from_conf(config)
            .put_object()
            .bucket(bucket.context("no bucket is watched")?)
            .key(key)
            .body(bytes.into())
            .send()
            .await
            .with_context(|| format!("{key} can't be put on S3"))?;
        Ok(())
    }

    /// The key that the product signs its tokens with.
    ///
    /// # Errors
    /// When the cloud has none.
    pub fn signing_key(&self) -> Result<SigningKey> {
        let secrets = Secrets::open(&self.state.join("secrets.json"), "dev")?;
        let pem = secrets.get("analytics-engine/dev/tokens", "signing_key");
        let pem = pem.context("no signing key")?;
        Ok(SigningKey::from_pem(pem)?)
    }

    /// The domain events that the bus has had, oldest first, as it hands them on.
    ///
    /// # Errors
    /// When its log is no list of JSON objects.
    pub fn events(&self) -> Result<Vec<Value>> {
        let log = match std::fs::read_to_string(self.state.join("events.ndjson")) {
            Ok(log) => log,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error.into()),
        };
        let event = |line: &str| serde_json::from_str(line).with_context(|| line.to_owned());
        log.lines().map(event).collect()
    }

    /// Deploys with another key for new licences: the cloud starts again over the same state, and everybody signs in again.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn rotate_licence_key(mut self) -> Result<Self> {
        self.cloud.shutdown().await;
        let path = self.state.join("secrets.json");
        let mut secrets: Value = serde_json::from_slice(&std::fs::read(&path)?)?;
        secrets["analytics-engine/dev/licences"]["signing_key"] = json!(generate_key_pair()?.signing_pem);
        std::fs::write(&path, secrets.to_string())?;
        self.cloud = Cloud::start(&self.options).await?;
        for account in [&mut self.ours, &mut self.theirs] {
            *account = sign_in(&self.cloud.access.endpoints.http, account.client, &account.email).await?;
        }
        Ok(self)
    }

    /// Ends it and leaves nothing behind.
    ///
    /// # Errors
    /// When the database can't be dropped.
    pub async fn stop(self) -> Result<()> {
        self.cloud.shutdown().await;
        std::fs::remove_dir_all(&self.state)?;
        self.database.drop_it().await
    }
}

async fn provision(cloud: &Cloud, name: &str) -> Result<Account> {
    let email = format!("admin@{name}.example.com");
    let event = json!({ "name": name, "time_zone": "UTC", "email": email, "password": PASSWORD });
    let answer = cloud.invoke("provision-client", &event).await?;
    let client = answer["client"]
        .as_str()
        .context("provision-client names no client")?
        .parse()?;
    sign_in(&cloud.access.endpoints.http, client, &email).await
}

async fn sign_in(http: &str, client: Uuid, email: &str) -> Result<Account> {
    let nobody = Account {
        client,
        email: email.to_owned(),
        token: String::new(),
        refresh_token: String::new(),
        http: http.to_owned(),
    };
    let answer = nobody
        .post("/v1/sign-in", &json!({ "email": email, "password": PASSWORD }))
        .await?
        .expect(200)?;
    nobody.with_tokens(&answer)
}

impl Account {
    /// GET.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn get(&self, path: &str) -> Result<Answer> {
        self.send(Method::GET, path, &[], None::<String>).await
    }

    /// POST of JSON.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Answer> {
        self.send(
            Method::POST,
            path,
            &[("content-type", "application/json")],
            Some(body.to_string()),
        )
        .await
    }

    /// PUT of JSON, over the version that `if_match` names.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn put(&self, path: &str, if_match: Option<&str>, body: &Value) -> Result<Answer> {
        let headers: Vec<(&str, &str)> = [("content-type", "application/json")]
            .into_iter()
            .chain(if_match.map(|etag| ("if-match", etag)))
            .collect();
        self.send(Method::PUT, path, &headers, Some(body.to_string())).await
    }

    /// POST of JSON to something that has versions, whichever it is at.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn change(&self, path: &str, body: &Value) -> Result<Answer> {
        let headers = [("content-type", "application/json"), ("if-match", "*")];
        self.send(Method::POST, path, &headers, Some(body.to_string())).await
    }

    /// The same user with the tokens that its refresh token gives now: what it may and what is licensed are read anew.
    ///
    /// # Errors
    /// When they are refused.
    pub async fn refreshed(&self) -> Result<Self> {
        let refresh = json!({ "refresh_token": self.refresh_token });
        let answer = self
            .with_token("")
            .post("/v1/refresh-token", &refresh)
            .await?
            .expect(200)?;
        self.with_tokens(&answer)
    }

    fn with_tokens(&self, answer: &Answer) -> Result<Self> {
        let text = |name: &str| {
            answer.body[name]
                .as_str()
                .map(str::to_owned)
                .with_context(|| format!("no {name}"))
        };
        Ok(Self {
            token: text("access_token")?,
            refresh_token: text("refresh_token")?,
            ..self.clone()
        })
    }

    /// The same user with another token; without one when it is empty.
    #[must_use]
    pub fn with_token(&self, token: &str) -> Self {
        Self {
            token: token.to_owned(),
            ..self.clone()
        }
    }

    /// Any request.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<impl Into<reqwest::Body>>,
    ) -> Result<Answer> {
        let mut request = reqwest::Client::new().request(method, format!("{}{path}", self.http));
        if !self.token.is_empty() {
            request = request.bearer_auth(&self.token);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.body(body);
        }
        let response = request.send().await?;
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let etag = headers
            .get("etag")
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned);
        let body = serde_json::from_slice(&response.bytes().await?).unwrap_or(Value::Null);
        Ok(Answer {
            status,
            etag,
            headers,
            body,
        })
    }

    /// Posts events and waits for what became of them: accepted and rejected.
    ///
    /// # Errors
    /// When they are refused, or nothing becomes of them in time.
    pub async fn ingest(&self, entity: &str, events: &Value) -> Result<(i64, i64)> {
        let accepted = self.post(&format!("/v1/events/{entity}"), events).await?.expect(202)?;
        self.outcome(&accepted).await
    }

    /// Waits for what became of an accepted batch.
    ///
    /// # Errors
    /// When nothing becomes of it in time.
    pub async fn outcome(&self, accepted: &Answer) -> Result<(i64, i64)> {
        self.wait_for_batch(accepted.body["batch_id"].as_str().context("no batch_id")?)
            .await
    }

    /// Waits for what became of a batch: accepted and rejected.
    ///
    /// # Errors
    /// When nothing becomes of it in time.
    pub async fn wait_for_batch(&self, id: &str) -> Result<(i64, i64)> {
        let path = format!("/v1/batches/{id}");
        let until = tokio::time::Instant::now() + PATIENCE;
        loop {
            let answer = self.get(&path).await?;
            if answer.status == 200 {
                let count = |name: &str| answer.body[name].as_i64().context("no count");
                return Ok((count("accepted")?, count("rejected")?));
            }
            if tokio::time::Instant::now() > until {
                bail!("{path} still answers {}: {}", answer.status, answer.body);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// Asks until there is an answer.
///
/// # Panics
/// When there is none in time: `what` did not come true.
pub async fn eventually<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let until = tokio::time::Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(tokio::time::Instant::now() < until, "not within {PATIENCE:?}: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

impl Answer {
    /// The answer, when it has the status.
    ///
    /// # Errors
    /// When it has another, with its body.
    pub fn expect(self, status: u16) -> Result<Self> {
        if self.status != status {
            bail!(
                "{} instead of {}: {}",
                self.status,
                StatusCode::from_u16(status)?,
                self.body
            );
        }
        Ok(self)
    }
}

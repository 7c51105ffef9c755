//! The running product: the local cloud over a database, with the unmodified function binaries.
//!
//! A start takes seconds, so tests share one ([`Product::shared`]) and each makes clients of its own in it. A test that touches
//! what is not one client's (a lock on a table of all, a key that signs for all) starts a product of its own ([`Product::start`]).

mod clients;
mod files;
mod mails;
mod process;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use aws_stand_in::account::AUTHORIZATION;
use identity::{SigningKey, VerifyingKey, generate_key_pair};
use local_cloud::cloud::{Access, Cloud, Options};
use local_cloud::secrets::Secrets;
use registry::Registry;
use serde_json::{Value, json};
use tracing_subscriber::EnvFilter;
use uuid::Uuid;

pub use self::process::{CloudProcess, signal};
use crate::databases::{TestDatabase, servers};

/// The state folder of the product that all tests of a run share; `infra/setup/with-test-product` sets it.
const SHARED: &str = "TEST_PRODUCT";

/// The product.
pub struct Product {
    /// Its database.
    pub database: TestDatabase,
    access: Access,
    state: PathBuf,
    /// The cloud, when it was started here and not before the tests.
    started: Option<Started>,
}

struct Started {
    cloud: Cloud,
    options: Options,
}

impl Product {
    /// The product of this run of the tests; one of this test's own when none was started before it.
    ///
    /// # Panics
    /// When it can't be reached or does not start.
    pub async fn shared() -> Self {
        let shared = std::env::var_os(SHARED).map(PathBuf::from);
        match shared.filter(|state| !state.as_os_str().is_empty()) {
            Some(state) => ready(Self::connect(state), "the product of TEST_PRODUCT can't be reached"),
            None => Self::start().await,
        }
    }

    /// One of this test's own.
    ///
    /// # Panics
    /// When anything of it does not start.
    pub async fn start() -> Self {
        ready(Self::try_start(0).await, "the product does not start")
    }

    /// As [`Self::start`], with a cell beside home, `cell-1`.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start_with_a_cell() -> Self {
        ready(Self::try_start(1).await, "the product does not start")
    }

    /// One that runs, by its state folder.
    ///
    /// # Errors
    /// When there is none.
    pub fn connect(state: PathBuf) -> Result<Self> {
        let access = Access::read(&state)?;
        Ok(Self {
            database: TestDatabase::existing(&access.database_url)?,
            access,
            state,
            started: None,
        })
    }

    async fn try_start(cells: u8) -> Result<Self> {
        log_to_stderr();
        let server = servers().into_iter().next();
        let database = TestDatabase::create(&server.context("TEST_DATABASE_URLS names no server")?).await?;
        let state = std::env::temp_dir().join(format!("analytics-engine-{}", Uuid::now_v7().simple()));
        std::fs::create_dir(&state)?;
        let project = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
        let project = project.context("the tests are in the project")?;
        let mut options = Options::quiet(project, Path::new(&crate::required("FUNCTIONS_DIR")), &state);
        options.database_url = Some(database.url.clone());
        options.cells = cells;
        let cloud = Cloud::start(&options).await?;
        Ok(Self {
            database,
            access: cloud.access.clone(),
            state,
            started: Some(Started { cloud, options }),
        })
    }

    /// Ends what this test started, and leaves nothing of it behind.
    ///
    /// # Panics
    /// When the database can't be dropped.
    pub async fn stop(self) {
        let Some(Started { cloud, options }) = self.started else {
            return;
        };
        cloud.shutdown().await;
        ready(std::fs::remove_dir_all(&self.state), "the state folder stays");
        for number in 1..=options.cells {
            ready(self.database.drop_cell(number).await, "the database of a cell stays");
        }
        ready(self.database.drop_it().await, "the database stays");
    }

    /// Base address of the HTTP API.
    #[must_use]
    pub fn http(&self) -> &str {
        &self.access.endpoints.http
    }

    /// Address of the WebSocket API.
    #[must_use]
    pub fn websocket(&self) -> &str {
        &self.access.endpoints.websocket
    }

    /// Invokes a function, and gives its answer.
    ///
    /// # Panics
    /// When it fails.
    pub async fn invoke(&self, function: &str, event: &Value) -> Value {
        ready(self.try_invoke(function, event).await, "an invocation fails")
    }

    /// Invokes a function that may fail.
    ///
    /// # Errors
    /// What it says.
    pub async fn try_invoke(&self, function: &str, event: &Value) -> Result<Value> {
        let url = format!(
            "{}/2015-03-31/functions/{function}/invocations",
            self.access.endpoints.lambda
        );
        let request = reqwest::Client::new().post(url).header("authorization", AUTHORIZATION);
        let response = request.json(event).send().await;
        let response = response.with_context(|| format!("{function} is not invoked"))?;
        let failed = response.headers().contains_key("x-amz-function-error") || !response.status().is_success();
        let answer: Value = response
            .json()
            .await
            .with_context(|| format!("{function} answers without JSON"))?;
        anyhow::ensure!(!failed, "{function} failed: {answer}");
        Ok(answer)
    }

    /// The URL of a queue of the template, by its name without the stage.
    #[must_use]
    pub fn queue_url(&self, queue: &str) -> String {
        format!("{}/000000000000/{queue}-dev", self.access.endpoints.sqs)
    }

    /// The variables by which a function finds the product's services.
    #[must_use]
    pub fn services(&self) -> std::collections::BTreeMap<String, String> {
        self.access.endpoints.environment()
    }

    /// Base address of SQS.
    #[must_use]
    pub fn sqs(&self) -> &str {
        &self.access.endpoints.sqs
    }

    /// Puts a message on a queue of the template, by its name without the stage.
    ///
    /// # Panics
    /// When the queue does not take it.
    pub async fn send_message(&self, queue: &str, body: &str) {
        self.sqs_call("SendMessage", queue, serde_json::json!({ "MessageBody": body }))
            .await;
    }

    /// Calls an operation of SQS on a queue of the template, by its name without the stage.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn sqs_call(&self, operation: &str, queue: &str, mut request: Value) -> Value {
        request["QueueUrl"] = self.queue_url(queue).into();
        let answer = reqwest::Client::new()
            .post(self.sqs())
            .header("content-type", "application/x-amz-json-1.0")
            .header("x-amz-target", format!("AmazonSQS.{operation}"))
            .header("authorization", AUTHORIZATION)
            .body(request.to_string())
            .send()
            .await;
        let answer = ready(answer.context("SQS is not reached"), "a call of SQS fails");
        assert!(
            answer.status().is_success(),
            "{operation} of {queue}: {}",
            answer.status()
        );
        ready(
            answer.json().await.context("the answer is no JSON"),
            "a call of SQS fails",
        )
    }

    /// The product's registry.
    #[must_use]
    pub fn registry(&self) -> Registry {
        let configuration = crate::fake_service::configuration(&self.access.endpoints.dynamodb);
        Registry::connect_to(&configuration, "analytics-engine-registry-dev".to_owned())
    }

    /// All items of the registry, as DynamoDB writes them.
    ///
    /// # Panics
    /// When they can't be read.
    pub async fn registry_items(&self) -> Vec<Value> {
        let scan = async {
            let answer = reqwest::Client::new()
                .post(&self.access.endpoints.dynamodb)
                .header("content-type", "application/x-amz-json-1.0")
                .header("x-amz-target", "DynamoDB_20120810.Scan")
                .header("x-amz-date", "20260101T000000Z")
                .header("authorization", AUTHORIZATION)
                .body(serde_json::json!({ "TableName": "analytics-engine-registry-dev" }).to_string())
                .send()
                .await?;
            let answer: Value = answer.json().await?;
            let items = answer["Items"].as_array().cloned();
            items.with_context(|| answer.to_string())
        };
        ready(scan.await, "the registry can't be read")
    }

    /// The key that the product signs its tokens with.
    ///
    /// # Panics
    /// When it has none.
    #[must_use]
    pub fn signing_key(&self) -> SigningKey {
        let key = || anyhow::Ok(SigningKey::from_pem(&self.token_key("signing_key")?)?);
        ready(key(), "there is no signing key")
    }

    /// The key that the product verifies its tokens with.
    ///
    /// # Panics
    /// When it has none.
    #[must_use]
    pub fn verifying_key(&self) -> VerifyingKey {
        let key = || anyhow::Ok(VerifyingKey::from_pem(&self.token_key("verifying_key")?)?);
        ready(key(), "there is no verifying key")
    }

    fn token_key(&self, field: &str) -> Result<String> {
        let secrets = Secrets::open(&self.state.join("secrets.json"), "dev")?;
        let pem = secrets.get("analytics-engine/dev/tokens", field);
        pem.map(str::to_owned).context("the secret has no key")
    }

    /// The domain events that the bus has had, oldest first, as it hands them on.
    ///
    /// # Panics
    /// When its log is no list of JSON objects.
    #[must_use]
    pub fn domain_events(&self) -> Vec<Value> {
        let log = match std::fs::read_to_string(self.state.join("events.ndjson")) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            log => ready(log, "the log of the bus can't be read"),
        };
        // The last line may be half written: whole ones end.
        let whole = log.rsplit_once('\n').map_or("", |(whole, _)| whole);
        let event = |line: &str| serde_json::from_str(line).with_context(|| line.to_owned());
        ready(whole.lines().map(event).collect(), "the log of the bus is no JSON")
    }

    /// Deploys with another key for new licences: the cloud starts again over the same state. Access tokens are to be had anew.
    ///
    /// # Panics
    /// When it does not start, or is not this test's own.
    pub async fn rotate_licence_key(&mut self) {
        let restarted = async {
            let Started { cloud, options } = self.started.take().context("the product is shared")?;
            cloud.shutdown().await;
            let path = self.state.join("secrets.json");
            let mut secrets: Value = serde_json::from_slice(&std::fs::read(&path)?)?;
            secrets["analytics-engine/dev/licences"]["signing_key"] = json!(generate_key_pair()?.signing_pem);
            std::fs::write(&path, secrets.to_string())?;
            let cloud = Cloud::start(&options).await?;
            self.access = cloud.access.clone();
            self.started = Some(Started { cloud, options });
            anyhow::Ok(())
        };
        ready(restarted.await, "the product does not start again");
    }
}

/// Warnings and errors of the product go to stderr, which a failed test shows. A second product of one process finds it done.
fn log_to_stderr() {
    let wanted = EnvFilter::try_from_env("LOCAL_CLOUD_LOG").unwrap_or_else(|_| EnvFilter::new("warn,dynoxide=error"));
    let log = tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_env_filter(wanted);
    drop(log.try_init());
}

/// What a test can't go without, or the reason why there is none.
#[track_caller]
fn ready<T, E: Into<anyhow::Error>>(result: Result<T, E>, failure: &str) -> T {
    #[allow(clippy::panic, reason = "a test or bench without its means fails")]
    result.unwrap_or_else(|error| panic!("{failure}: {:#}", error.into()))
}

//! Stand-ins for functions in tests: a task that speaks the Runtime API, and a process that is this test binary.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::{FunctionsDir, Pool, PoolLimits};
use crate::template::Function;
use crate::testing::TempFolder;

/// What a fake function does with an event.
pub(crate) enum Reply {
    Answer(Value),
    /// `errorType` and `errorMessage`.
    Error(&'static str, &'static str),
    /// Answers so late.
    Late(Duration, Value),
}

/// A fake function and the events that it got.
pub(crate) struct Fake {
    events: Arc<Mutex<Vec<Value>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Fake {
    /// Answers the events of `name`, which becomes external.
    pub(crate) fn new(pool: &Pool, name: &str, reply: impl Fn(&Value) -> Reply + Send + Sync + 'static) -> Self {
        let address = pool.external(name).unwrap().runtime_api;
        let events = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&events);
        let task = tokio::spawn(async move {
            let runtime = Runtime::new(&address);
            loop {
                let Some((id, event)) = runtime.next().await else {
                    return;
                };
                seen.lock().unwrap().push(event.clone());
                match reply(&event) {
                    Reply::Answer(answer) => runtime.answer(&id, &answer).await,
                    Reply::Error(kind, message) => runtime.fail(&id, kind, message).await,
                    Reply::Late(delay, answer) => {
                        tokio::time::sleep(delay).await;
                        runtime.answer(&id, &answer).await;
                    }
                }
            }
        });
        Self { events, task }
    }

    pub(crate) fn events(&self) -> Vec<Value> {
        self.events.lock().unwrap().clone()
    }

    /// Waits until `count` events came.
    pub(crate) async fn wait_for(&self, count: usize) -> Vec<Value> {
        for _ in 0..500 {
            let events = self.events();
            if events.len() >= count {
                return events;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{} of {count} events after 5 s", self.events().len());
    }
}

/// The client's side of the Runtime API.
struct Runtime {
    base: String,
    client: reqwest::Client,
}

impl Runtime {
    fn new(address: &str) -> Self {
        Self {
            base: format!("{address}/2018-06-01/runtime"),
            client: reqwest::Client::new(),
        }
    }

    async fn next(&self) -> Option<(String, Value)> {
        let response = self
            .client
            .get(format!("{}/invocation/next", self.base))
            .send()
            .await
            .ok()?;
        let id = response
            .headers()
            .get("lambda-runtime-aws-request-id")?
            .to_str()
            .ok()?
            .to_owned();
        let deadline = response.headers()["lambda-runtime-deadline-ms"]
            .to_str()
            .unwrap()
            .parse::<i64>()
            .unwrap();
        assert!(deadline > crate::clock::now().as_millisecond());
        Some((id, response.json().await.ok()?))
    }

    async fn answer(&self, id: &str, answer: &Value) {
        let url = format!("{}/invocation/{id}/response", self.base);
        let _ = self.client.post(url).json(answer).send().await;
    }

    async fn fail(&self, id: &str, kind: &str, message: &str) {
        let url = format!("{}/invocation/{id}/error", self.base);
        let body = json!({ "errorType": kind, "errorMessage": message });
        let _ = self.client.post(url).json(&body).send().await;
    }
}

pub(crate) fn function(name: &str) -> Function {
    Function {
        logical_id: name.to_owned(),
        name: name.to_owned(),
        timeout: Duration::from_secs(5),
        memory_mb: 128,
        environment: BTreeMap::new(),
        reserved_concurrency: None,
        permissions: Vec::new(),
    }
}

/// A pool of functions without binaries, for [`Fake`]s.
pub(crate) async fn pool(names: &[&str]) -> Pool {
    let functions = names.iter().map(|name| function(name)).collect();
    new_pool(functions, &FunctionsDir::new("/nowhere"), &PoolLimits::default()).await
}

/// A pool of functions whose processes are this test binary, and the folder of what starts them.
pub(crate) async fn process_pool(functions: Vec<Function>, limits: PoolLimits) -> (Pool, TempFolder) {
    let folder = TempFolder::create();
    let this = std::env::current_exe().unwrap();
    for function in &functions {
        let path = folder.path().join(&function.name);
        let test = "lambda::testing::child";
        let script = format!(
            "#!/bin/sh\nexec '{}' --exact {test} --ignored --nocapture\n",
            this.display()
        );
        // Written by a process of its own: were the file open for writing here, a process that another test forks at this
        // moment would hold it open too, and the system refuses to run such a file ("text file busy").
        let write = r#"printf %s "$1" > "$2" && chmod 755 "$2""#;
        let written = std::process::Command::new("sh")
            .args(["-c", write, "sh", &script])
            .arg(&path)
            .status()
            .unwrap();
        assert!(written.success());
    }
    let pool = new_pool(functions, &FunctionsDir::new(folder.path()), &limits).await;
    (pool, folder)
}

async fn new_pool(functions: Vec<Function>, directory: &FunctionsDir, limits: &PoolLimits) -> Pool {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    Pool::new(listener, functions, directory, &BTreeMap::new(), limits).unwrap()
}

/// A function that does what the event's `do` says. Run by [`process_pool`] and not by `cargo test`.
#[tokio::test]
#[ignore = "the process of a fake function, started by other tests"]
async fn child() {
    let Ok(address) = std::env::var("AWS_LAMBDA_RUNTIME_API") else {
        return;
    };
    if std::env::var("FAIL_INIT").is_ok() {
        let body = json!({ "errorType": "Config", "errorMessage": "no database" });
        let url = format!("{address}/2018-06-01/runtime/init/error");
        reqwest::Client::new().post(url).json(&body).send().await.unwrap();
        std::process::exit(4);
    }
    if std::env::var("OFFICIAL_RUNTIME").is_ok() {
        let handler = lambda_runtime::service_fn(|event: lambda_runtime::LambdaEvent<Value>| async move {
            let context = event.context;
            Ok::<_, lambda_runtime::Error>(json!({
                "event": event.payload,
                "deadline": context.deadline,
                "arn": context.invoked_function_arn,
                "memory": context.env_config.memory,
            }))
        });
        lambda_runtime::run(handler).await.unwrap();
        return;
    }
    let runtime = Runtime::new(&address);
    while let Some((id, event)) = runtime.next().await {
        match event["do"].as_str() {
            Some("exit") => std::process::exit(3),
            Some("hang") => std::future::pending().await,
            // A peak that is over before anybody can look at it, and one that stays.
            Some("peak") => {
                drop(vec![1_u8; 300 * 1024 * 1024]);
                runtime.answer(&id, &json!("done")).await;
            }
            Some("grow without end") => {
                let mut grown = Vec::new();
                loop {
                    grown.push(vec![1_u8; 16 * 1024 * 1024]);
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            }
            Some("fail") => runtime.fail(&id, "Broken", "as asked").await,
            Some("grow") => runtime.answer(&id, &json!("x".repeat(super::PAYLOAD_BYTES))).await,
            Some("sleep") => {
                tokio::time::sleep(Duration::from_millis(300)).await;
                runtime.answer(&id, &json!(std::process::id())).await;
            }
            Some("env") => {
                let variables: BTreeMap<String, String> = std::env::vars().collect();
                runtime.answer(&id, &json!(variables)).await;
            }
            _ => runtime.answer(&id, &json!(std::process::id())).await,
        }
    }
}

//! What raises the alarm of the authorizer: the template's filter over what the function's binary really logs.

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use identity::generate_key_pair;
use serde_json::{Value, json};
use tests::lone_function::LoneFunction;
use tests::waiting::eventually;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::tidy::template::template;
use crate::tidy::{read, root};

/// Keeps what is logged.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Kept {
    /// The lines of JSON that a function wrote.
    fn lines(&self) -> Vec<Value> {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        let lines = text.lines().filter_map(|line| line.split_once("authorize-request: "));
        lines.filter_map(|(_, line)| serde_json::from_str(line).ok()).collect()
    }
}

/// Whether a filter of CloudWatch takes a line: `{ A || (B && C) }`, each a comparison of a field with a text in which `*` stands for any letters.
fn takes(filter: &str, line: &Value) -> bool {
    let filter = filter.trim().trim_start_matches('{').trim_end_matches('}');
    let compare = |comparison: &str| {
        let comparison = comparison.trim().trim_matches(['(', ')']);
        let (field, operator, text) = match comparison.split_once("!=") {
            Some((field, text)) => (field, "!=", text),
            None => comparison
                .split_once('=')
                .map(|(field, text)| (field, "=", text))
                .unwrap(),
        };
        let pointer = field.trim().trim_start_matches('$').replace('.', "/");
        let Some(value) = line.pointer(&pointer).and_then(Value::as_str) else {
            return false;
        };
        let text = text.trim().trim_matches('"');
        let is_like = match (text.strip_prefix('*'), text.strip_suffix('*')) {
            (Some(rest), Some(_)) => value.contains(rest.trim_end_matches('*')),
            (None, Some(start)) => value.starts_with(start),
            (Some(end), None) => value.ends_with(end),
            (None, None) => value == text,
        };
        is_like == (operator == "=")
    };
    filter.split("||").any(|all| all.split("&&").all(compare))
}

#[tokio::test]
async fn a_strangers_bad_token_raises_no_alarm() {
    let template = template();
    let filter = &template["Resources"]["AuthorizeRequestFailures"]["Properties"]["FilterPattern"];
    let filter = filter.as_str().unwrap();
    let kept = Kept::default();
    let writer = kept.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_writer(move || writer.clone());
    let _guard = subscriber.finish().set_default();

    let keys = generate_key_pair().unwrap();
    // Neither token is verified, so no session is looked up.
    let environment = [
        ("TOKEN_VERIFYING_KEY", keys.verifying_pem.as_str()),
        ("REGISTRY_TABLE", "nobody-asks"),
    ];
    let function = LoneFunction::start("authorize-request", Duration::from_secs(10), &environment);
    let function = function.await.unwrap();
    let event = read(&root().join("events/identity/authorize-request.websocket.json"));
    function.answer(&event).await.unwrap_err();
    let http = read(&root().join("events/identity/authorize-request.http.json"));
    function.answer(&http).await.unwrap();
    // What is told by its own process is read a moment later.
    eventually("both refusals are logged", async || {
        (kept.lines().len() >= 3).then_some(())
    })
    .await;
    let lines = kept.lines();
    assert!(
        lines.iter().any(|line| line["level"] == "ERROR"),
        "the runtime logs a refusal as an error: {lines:?}"
    );
    let counted: Vec<&Value> = lines.iter().filter(|line| takes(filter, line)).collect();
    assert!(counted.is_empty(), "{counted:?}");

    function.answer("{}").await.unwrap_err();
    let failed = async || kept.lines().iter().any(|line| takes(filter, line)).then_some(());
    eventually("what is no refusal is counted", failed).await;
    function.stop().await;
    for (line, expected) in [
        (json!({ "level": "ERROR", "message": "user handler panicked" }), true),
        (json!({ "record": { "status": "timeout" } }), true),
        (json!({ "record": { "errorType": "Runtime.ExitError" } }), true),
        (json!({ "record": { "status": "error" } }), false),
        (json!({ "level": "INFO", "message": "refused a token" }), false),
    ] {
        assert_eq!(takes(filter, &line), expected, "{line}");
    }
}

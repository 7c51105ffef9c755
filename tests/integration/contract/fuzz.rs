//! Requests that a stranger's program makes from the OpenAPI document, good ones and bad ones: none is answered by an error of ours, none by what the document does not say.

use std::path::Path;
use std::time::Duration;

use serde_json::json;
use tests::product::Product;
use tokio::process::Command;

use super::{run, tool};

/// Longest that all requests may take: some 5,000 within a minute.
const TIME_LIMIT: Duration = Duration::from_secs(240);

/// The requests of all routes, with settings that say what is left out and why (`tests/contract/schemathesis.toml`). A product of its own: it floods.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_that_the_document_makes_is_answered_otherwise_than_it_says() {
    let product = Product::start().await;
    let airline = product.airline().await;
    let cart = json!({ "name": "Cart", "kpis": ["FLIGHTS"] });
    airline.post("/v1/proposals", &cart).await.created();
    let settings = Path::new(env!("CARGO_MANIFEST_DIR")).join("contract/schemathesis.toml");
    let mut fuzzer = Command::new(tool("python/bin/schemathesis"));
    fuzzer
        .arg("--config-file")
        .arg(settings)
        .arg("run")
        .arg(format!("{}/openapi.json", product.http()))
        .args([
            "--no-color",
            "--header",
            &format!("Authorization: Bearer {}", airline.token),
        ])
        // What it would keep of its runs.
        .current_dir(std::env::temp_dir());
    let printed = tokio::time::timeout(TIME_LIMIT, run(&mut fuzzer)).await;
    let printed = printed.expect("the requests are answered in time");
    println!("{printed}");
    assert!(
        !printed.contains("401 Unauthorized ("),
        "whoever tries them lost the right to: {printed}"
    );
    product.stop().await;
}

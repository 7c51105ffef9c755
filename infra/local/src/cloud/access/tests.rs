#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::*;

fn access() -> Access {
    let demo = json!({ "client": "OUR-CLIENT", "email": "a@b", "password": "p", "token": "OUR-TOKEN" });
    let places = [
        "http",
        "websocket",
        "dynamodb",
        "s3",
        "sqs",
        "eventbridge",
        "sesv2",
        "mail",
        "lambda",
        "database_url",
    ];
    let mut access: serde_json::Map<String, Value> =
        places.map(|place| (place.to_owned(), "x".into())).into_iter().collect();
    access.extend(demo.as_object().unwrap().clone());
    serde_json::from_value(access.into()).unwrap()
}

#[test]
fn sample_events_are_sent_as_the_demos() {
    let samples = [
        (
            include_str!("../../../../../events/ask/read-series.value.json"),
            "/requestContext/authorizer/lambda/client",
            "OUR-CLIENT",
        ),
        (
            include_str!("../../../../../events/identity/authorize-request.http.json"),
            "/identitySource/0",
            "Bearer OUR-TOKEN",
        ),
        (
            include_str!("../../../../../events/identity/authorize-request.websocket.json"),
            "/queryStringParameters/token",
            "OUR-TOKEN",
        ),
    ];
    for (sample, place, expected) in samples {
        let event: Value = serde_json::from_str(&access().with_demo_identity(sample)).unwrap();
        assert_eq!(event.pointer(place), Some(&expected.into()), "{event}");
    }
    let files = access().with_demo_identity(include_str!("../../../../../events/ingest/load-files.json"));
    assert!(
        files.contains("OUR-CLIENT/Flight/") && !files.contains(SAMPLE_CLIENT),
        "{files}"
    );
    let nobodys = Access {
        client: None,
        token: None,
        ..access()
    };
    assert_eq!(
        nobodys.with_demo_identity(SAMPLE_CLIENT),
        SAMPLE_CLIENT,
        "a cloud without a demo sends it as it is"
    );
}

/// An API whose tokens are to be renewed at once: `first`, and from then on `renewed`.
async fn api() -> String {
    let tokens = |access: &'static str| async move {
        Json(json!({ "access_token": access, "refresh_token": "r", "expires_in": 1 }))
    };
    let router = Router::new()
        .route("/v1/sign-in", post(move || tokens("first")))
        .route("/v1/refresh-token", post(move || tokens("renewed")));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    base
}

#[tokio::test]
async fn the_token_in_the_file_is_renewed_as_long_as_there_is_a_file() {
    let state = std::env::temp_dir().join(format!("local-cloud-access-{}", uuid::Uuid::new_v4()));
    std::fs::create_dir(&state).unwrap();
    let path = Access {
        token: Some("first".to_owned()),
        ..access()
    }
    .write(&state)
    .unwrap();
    let client = Arc::new(Client::sign_in(&api().await, "a@b", "p").await.unwrap());
    let every = Duration::from_millis(5);
    let renewing = tokio::spawn(renew_tokens(client, state.clone(), every));
    let renewed = async {
        while Access::read(&state).unwrap().token.as_deref() != Some("renewed") {
            tokio::time::sleep(every).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), renewed).await.unwrap();
    assert_eq!(
        Access::read(&state).unwrap().client.as_deref(),
        Some("OUR-CLIENT"),
        "the rest stays"
    );

    std::fs::remove_file(&path).unwrap();
    tokio::time::sleep(every * 20).await;
    assert!(!path.exists(), "a cloud that stops takes its file away for good");
    renewing.abort();
    std::fs::remove_dir_all(&state).unwrap();
}

//! Both kinds of event, as API Gateway sends them (`events/identity/authorize-request.*.json`), with tokens of every kind.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use identity::{Claims, Features, KeyPair, Role, SigningKey, generate_key_pair};
use serde_json::{Value, json};
use uuid::Uuid;

use super::*;

const HTTP: &str = include_str!("../../../../events/identity/authorize-request.http.json");
const WEBSOCKET: &str = include_str!("../../../../events/identity/authorize-request.websocket.json");
const CALLER: Caller = Caller {
    client: Uuid::from_u128(1),
    user: Uuid::from_u128(2),
    role: Role::Analyst,
    features: Features::ALL,
};

fn now() -> Timestamp {
    "2026-03-01T12:00:00Z".parse().unwrap()
}

fn token(pair: &KeyPair, token_use: TokenUse, issued: Timestamp) -> String {
    SigningKey::from_pem(&pair.signing_pem)
        .unwrap()
        .sign(&Claims::new(&CALLER, token_use, Uuid::from_u128(3), issued).of_session(Uuid::from_u128(4)))
        .unwrap()
}

async fn ask(context: &Context, event: &Value) -> Result<Value, String> {
    let event: Event = serde_json::from_value(event.clone()).unwrap();
    authorize(context, &event, now())
        .await
        .map(|answer| serde_json::to_value(answer).unwrap())
        .map_err(|error| error.to_string())
}

/// Tokens alone: sessions have tests of their own, in `shared/registry` and through the whole product.
fn context(verifying_pem: &str) -> Context {
    Context {
        verifying_key: VerifyingKey::from_pem(verifying_pem).unwrap(),
        registry: None,
    }
}

fn http(authorization: &str) -> Value {
    let mut event: Value = serde_json::from_str(HTTP).unwrap();
    event["headers"]["authorization"] = json!(authorization);
    event["identitySource"] = json!([authorization]);
    event
}

fn websocket(token: &str) -> Value {
    let mut event: Value = serde_json::from_str(WEBSOCKET).unwrap();
    event["queryStringParameters"]["token"] = json!(token);
    event
}

/// The answer to an HTTP API about a token that is not accepted: the request goes on, with nobody as its caller.
fn refused(reason: &str) -> Result<Value, String> {
    Ok(json!({ "isAuthorized": true, "context": { "refused": reason } }))
}

#[tokio::test]
async fn a_valid_token_names_its_caller() {
    let pair = generate_key_pair().unwrap();
    let context = context(&pair.verifying_pem);
    let token = token(&pair, TokenUse::Access, now());
    let caller = json!({"client": CALLER.client, "user": CALLER.user, "role": "analyst",
        "features": "ingest live modelling proposals series", "session": Uuid::from_u128(4)});
    for scheme in ["Bearer", "bearer"] {
        let answer = ask(&context, &http(&format!("{scheme} {token}"))).await;
        assert_eq!(answer, Ok(json!({"isAuthorized": true, "context": caller})));
    }
    let policy = json!({
        "principalId": CALLER.user,
        "policyDocument": {
            "Version": "2012-10-17",
            "Statement": [{
                "Effect": "Allow",
                "Action": "execute-api:Invoke",
                "Resource": "arn:aws:execute-api:us-east-1:000000000000:abcdef1234/live/*",
            }],
        },
        "context": caller,
    });
    assert_eq!(ask(&context, &websocket(&token)).await, Ok(policy));
}

#[tokio::test]
async fn every_other_token_is_refused() {
    let (pair, foreign) = (generate_key_pair().unwrap(), generate_key_pair().unwrap());
    let context = context(&pair.verifying_pem);
    let valid = token(&pair, TokenUse::Access, now());
    let bad = [
        ("empty", String::new()),
        ("nonsense", "token".to_owned()),
        (
            "expired",
            token(&pair, TokenUse::Access, "2026-03-01T10:59:59Z".parse().unwrap()),
        ),
        ("foreign", token(&foreign, TokenUse::Access, now())),
        ("refresh", token(&pair, TokenUse::Refresh, now())),
        ("truncated", valid[..valid.len() - 1].to_owned()),
        // {"alg":"none"} and the claims as they were.
        (
            "unsigned",
            format!("eyJhbGciOiJub25lIn0.{}.", valid.split('.').nth(1).unwrap()),
        ),
    ];
    for (name, token) in bad {
        let reason = if name == "expired" { name } else { "not-accepted" };
        assert_eq!(
            ask(&context, &http(&format!("Bearer {token}"))).await,
            refused(reason),
            "{name}"
        );
        assert_eq!(
            ask(&context, &websocket(&token)).await,
            Err(UNAUTHORIZED.to_owned()),
            "{name}"
        );
    }
    for authorization in [
        "",
        "Bearer",
        &valid,
        &format!("Basic {valid}"),
        &format!("Bearer{valid}"),
    ] {
        assert_eq!(
            ask(&context, &http(authorization)).await,
            refused("not-accepted"),
            "{authorization:.12}"
        );
    }
}

#[tokio::test]
async fn no_token_at_all_is_refused() {
    let context = context(&generate_key_pair().unwrap().verifying_pem);
    for parameters in [Value::Null, json!({}), json!({"Token": "x"})] {
        let mut event = websocket("");
        event["queryStringParameters"] = parameters;
        assert_eq!(ask(&context, &event).await, Err(UNAUTHORIZED.to_owned()));
    }
    let mut event = http("");
    event["headers"].as_object_mut().unwrap().remove("authorization");
    assert_eq!(ask(&context, &event).await, refused("not-accepted"));
}

#[tokio::test]
async fn the_sample_events_hold_no_real_token() {
    let context = context(&generate_key_pair().unwrap().verifying_pem);
    for sample in [HTTP, WEBSOCKET] {
        assert!(sample.contains("not-a-real-token"));
    }
    assert_eq!(
        ask(&context, &serde_json::from_str(HTTP).unwrap()).await,
        refused("not-accepted")
    );
    assert_eq!(
        ask(&context, &serde_json::from_str(WEBSOCKET).unwrap()).await,
        Err(UNAUTHORIZED.to_owned())
    );
}

#[tokio::test]
async fn an_event_of_another_kind_is_not_taken_for_either() {
    for event in [
        json!({}),
        json!({"Records": []}),
        json!({"headers": {"authorization": "Bearer x"}}),
    ] {
        assert!(serde_json::from_value::<Event>(event.clone()).is_err());
        let context = context(&generate_key_pair().unwrap().verifying_pem);
        let error = handle(&context, event, now()).await.unwrap_err().to_string();
        assert!(error != UNAUTHORIZED && !error.contains("Bearer x"), "{error}");
    }
}

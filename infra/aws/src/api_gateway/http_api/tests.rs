#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::time::Duration;

use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::{BODY_BYTES, serve_within};
use crate::lambda::testing::{Fake, Reply, pool};
use crate::template::{Authorizer, Cors, HttpRoute, IdentitySource, Template, Throttle};

struct Api {
    base: String,
    work: Fake,
    guard: Fake,
}

fn route(method: &str, path: &str, authorized: bool) -> HttpRoute {
    HttpRoute {
        method: method.into(),
        path: path.into(),
        function: "work".into(),
        authorized,
    }
}

fn template() -> Template {
    Template {
        routes: vec![
            route("GET", "/items/{code}", true),
            route("POST", "/open", false),
            route("GET", "/open", false),
        ],
        http_authorizer: Some(Authorizer {
            function: "guard".into(),
            identity: vec![IdentitySource::Header("authorization".into())],
            ttl: Duration::from_secs(60),
        }),
        cors: Some(Cors {
            origins: vec!["*".into()],
            headers: vec!["authorization".into()],
            methods: vec!["GET".into(), "POST".into()],
            exposed: vec!["etag".into()],
            ..Cors::default()
        }),
        ..Template::default()
    }
}

/// Lets `good` in and keeps `bad` out; fails for anything else.
fn guard(event: &Value) -> Reply {
    match event["identitySource"][0].as_str() {
        Some("good") => Reply::Answer(json!({ "isAuthorized": true, "context": { "client": "c1" } })),
        Some("bad") => Reply::Answer(json!({ "isAuthorized": false })),
        _ => Reply::Error("Broken", "no"),
    }
}

async fn serve(template: Template, reply: impl Fn(&Value) -> Reply + Send + Sync + 'static) -> Api {
    let pool = pool(&["work", "guard"]).await;
    let (work, guard) = (Fake::new(&pool, "work", reply), Fake::new(&pool, "guard", guard));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { serve_within(listener, &template, pool, Duration::from_secs(1)).await });
    Api { base, work, guard }
}

impl Api {
    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        Client::new().request(method, format!("{}{path}", self.base))
    }

    fn get(&self, path: &str) -> RequestBuilder {
        self.request(Method::GET, path)
    }
}

async fn outcome(request: RequestBuilder) -> (u16, Value) {
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    (
        status,
        serde_json::from_str(&response.text().await.unwrap()).unwrap_or_default(),
    )
}

fn ok(_: &Value) -> Reply {
    Reply::Answer(json!({ "statusCode": 201, "headers": { "content-type": "application/json" }, "body": "{}" }))
}

#[tokio::test]
async fn a_function_gets_payload_format_two() {
    let api = serve(template(), ok).await;
    let request = api
        .get("/items/a%20b?x=1&x=2&y=%26")
        .header("authorization", "good")
        .header("cookie", "a=1; b=2");
    let request = request
        .header("x-many", "1")
        .header("x-many", "2")
        .header("user-agent", "test");
    assert_eq!(outcome(request).await, (201, json!({})));
    let event = &api.work.events()[0];
    assert_eq!(event["version"], "2.0");
    assert_eq!(event["routeKey"], "GET /items/{code}");
    assert_eq!(
        (&event["rawPath"], &event["rawQueryString"]),
        (&json!("/items/a%20b"), &json!("x=1&x=2&y=%26"))
    );
    assert_eq!(event["cookies"], json!(["a=1", "b=2"]));
    assert_eq!(event["headers"]["x-many"], "1,2");
    assert_eq!(event["queryStringParameters"], json!({ "x": "1,2", "y": "&" }));
    assert_eq!(event["pathParameters"], json!({ "code": "a b" }));
    assert_eq!(event["isBase64Encoded"], false);
    let context = &event["requestContext"];
    assert_eq!(context["authorizer"]["lambda"], json!({ "client": "c1" }));
    assert_eq!(
        (&context["stage"], &context["routeKey"]),
        (&json!("$default"), &event["routeKey"])
    );
    let http = &context["http"];
    assert_eq!(
        (&http["method"], &http["path"]),
        (&json!("GET"), &json!("/items/a%20b"))
    );
    let peer = (&http["sourceIp"], &http["protocol"], &http["userAgent"]);
    assert_eq!(peer, (&json!("127.0.0.1"), &json!("HTTP/1.1"), &json!("test")));
    assert!(context["timeEpoch"].is_i64() && context["time"].is_string() && context["requestId"].is_string());
}

#[tokio::test]
async fn bodies_are_text_or_base_64_by_their_type() {
    let api = serve(template(), ok).await;
    let cases: [(Option<&str>, &[u8], &str, bool); 5] = [
        (Some("application/json; charset=utf-8"), b"{}", "{}", false),
        (Some("text/csv"), b"a,b", "a,b", false),
        (Some("application/octet-stream"), b"hi", "aGk=", true),
        (Some("text/plain"), &[0xff], "/w==", true),
        (None, b"hi", "hi", false),
    ];
    for (kind, body, ..) in &cases {
        let mut request = api.request(Method::POST, "/open").body(body.to_vec());
        if let Some(kind) = kind {
            request = request.header("content-type", *kind);
        }
        assert_eq!(outcome(request).await.0, 201);
    }
    for ((.., text, is_encoded), event) in cases.iter().zip(api.work.events()) {
        assert_eq!(
            (&event["body"], &event["isBase64Encoded"]),
            (&json!(text), &json!(is_encoded))
        );
    }
}

#[tokio::test]
async fn the_gateway_answers_for_itself_as_on_aws() {
    let api = serve(template(), |event| match event["rawQueryString"].as_str() {
        Some("fail") => Reply::Error("Broken", "x"),
        Some("odd") => Reply::Answer(json!({ "statusCode": "x" })),
        Some("late") => Reply::Late(Duration::from_secs(2), json!({ "statusCode": 200 })),
        _ => ok(event),
    })
    .await;
    let cases = [
        (api.get("/nowhere"), 404, "Not Found"),
        (api.request(Method::DELETE, "/open"), 404, "Not Found"),
        (api.get("/items/a"), 401, "Unauthorized"),
        (api.get("/items/a").header("authorization", ""), 401, "Unauthorized"),
        (api.get("/items/a").header("authorization", "bad"), 403, "Forbidden"),
        (
            api.get("/items/a").header("authorization", "ugly"),
            500,
            "Internal Server Error",
        ),
        (api.get("/open?fail"), 500, "Internal Server Error"),
        (api.get("/open?odd"), 500, "Internal Server Error"),
        (api.get("/open?late"), 503, "Service Unavailable"),
        (
            api.request(Method::POST, "/open").body(vec![0; BODY_BYTES + 1]),
            413,
            "Request Entity Too Large",
        ),
        (
            api.request(Method::POST, "/open").body(vec![0; BODY_BYTES]),
            413,
            "Request Entity Too Large",
        ),
    ];
    for (index, (request, status, message)) in cases.into_iter().enumerate() {
        assert_eq!(
            outcome(request).await,
            (status, json!({ "message": message })),
            "case {index}"
        );
    }
    assert_eq!(
        api.guard.events().len(),
        2,
        "without credentials the authorizer is not asked"
    );
}

#[tokio::test]
async fn decisions_are_remembered_and_failures_are_not() {
    let api = serve(template(), ok).await;
    for _ in 0..3 {
        for (token, status) in [("good", 201), ("bad", 403), ("ugly", 500)] {
            assert_eq!(
                outcome(api.get("/items/a").header("authorization", token)).await.0,
                status
            );
        }
    }
    let asked = |token: &str| {
        api.guard
            .events()
            .iter()
            .filter(|event| event["identitySource"][0] == token)
            .count()
    };
    assert_eq!((asked("good"), asked("bad"), asked("ugly")), (1, 1, 3));
    let event = &api.guard.events()[0];
    assert_eq!((&event["type"], &event["version"]), (&json!("REQUEST"), &json!("2.0")));
    assert!(event["routeArn"].as_str().unwrap().ends_with("/$default/GET/items/a"));
    assert_eq!(event["headers"]["authorization"], "good");
}

#[tokio::test]
async fn decisions_are_forgotten_after_their_time() {
    let mut template = template();
    template.http_authorizer.as_mut().unwrap().ttl = Duration::from_millis(50);
    let api = serve(template, ok).await;
    for _ in 0..2 {
        assert_eq!(
            outcome(api.get("/items/a").header("authorization", "good")).await.0,
            201
        );
        tokio::time::sleep(Duration::from_millis(80)).await;
    }
    assert_eq!(api.guard.events().len(), 2);
}

#[tokio::test]
async fn a_burst_is_throttled() {
    let throttled = Template {
        http_throttle: Some(Throttle {
            rate: 0.001,
            burst: 2.0,
        }),
        ..template()
    };
    let api = serve(throttled, ok).await;
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(outcome(api.get("/open")).await);
    }
    assert_eq!((statuses[0].0, statuses[1].0), (201, 201));
    assert_eq!(statuses[2], (429, json!({ "message": "Too Many Requests" })));
}

#[tokio::test]
async fn a_route_of_its_own_settings_is_throttled_by_those() {
    let strict = Throttle {
        rate: 0.001,
        burst: 1.0,
    };
    let throttled = Template {
        http_route_throttles: [("GET /open".to_owned(), strict)].into(),
        ..template()
    };
    let api = serve(throttled, ok).await;
    assert_eq!(outcome(api.get("/open")).await.0, 201);
    assert_eq!(outcome(api.get("/open")).await.0, 429);
    for _ in 0..5 {
        assert_eq!(
            outcome(api.get("/items/a").header("authorization", "good")).await.0,
            201
        );
    }
}

#[tokio::test]
async fn origins_are_the_gateways_matter() {
    let api = serve(template(), |_| {
        Reply::Answer(json!({ "statusCode": 200, "headers": { "access-control-allow-origin": "http://mine" } }))
    })
    .await;
    let preflight = api
        .request(Method::OPTIONS, "/items/a")
        .header("origin", "http://x")
        .send()
        .await
        .unwrap();
    assert_eq!(preflight.status(), StatusCode::NO_CONTENT);
    assert_eq!(preflight.headers()["access-control-allow-methods"], "GET,POST");
    assert_eq!(preflight.headers()["access-control-allow-origin"], "*");
    let answer = api.get("/open").header("origin", "http://x").send().await.unwrap();
    assert_eq!(answer.headers()["access-control-allow-origin"], "*");
    assert_eq!(answer.headers()["access-control-expose-headers"], "etag");
    let refused = api.get("/nowhere").header("origin", "http://x").send().await.unwrap();
    assert_eq!(refused.headers()["access-control-allow-origin"], "*");
    let same_origin = api.get("/open").send().await.unwrap();
    assert!(same_origin.headers().get("access-control-allow-origin").is_none());
}

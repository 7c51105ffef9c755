//! What the gateway does before and around functions: other origins, bodies of every size, what has no route, what is open to all.

use reqwest::Method;
use serde_json::json;
use tests::product::Product;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn browsers_of_any_origin_may_ask() {
    let product = Product::shared().await;
    let airline = product.airline().await;
    let origin = "https://console.example.com";
    let preflight = airline
        .signed_out()
        .request(Method::OPTIONS, "/v1/kpis/FLIGHTS")
        .header("origin", origin)
        .header("access-control-request-method", "PUT")
        .header("access-control-request-headers", "authorization,if-match")
        .await
        .expect(204);
    let header = |name: &str| preflight.header(name).to_lowercase();
    assert_eq!(header("access-control-allow-origin"), "*");
    for method in ["get", "head", "post", "put", "delete"] {
        assert!(header("access-control-allow-methods").contains(method), "{method}");
    }
    for name in ["authorization", "content-type", "if-match", "idempotency-key"] {
        assert!(header("access-control-allow-headers").contains(name), "{name}");
    }
    // Answers, refusals among them, can be read too.
    for (user, status) in [(airline.clone(), 200), (airline.signed_out(), 401)] {
        let answer = user
            .get("/v1/kpis/FLIGHTS")
            .header("origin", origin)
            .await
            .expect(status);
        assert_eq!(answer.header("access-control-allow-origin"), "*");
    }
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn head_is_answered_as_get_without_a_body() {
    let product = Product::shared().await;
    let airline = product.airline().await;
    for (path, status) in [
        ("/v1/kpis/FLIGHTS", 200),
        ("/v1/entities/Flight", 200),
        ("/v1/kpis", 200),
        ("/v1/kpis/FLIGHTS/value?period=day", 200),
        ("/v1/health", 200),
        ("/openapi.json", 200),
        ("/v1/kpis/NOTHING", 404),
        ("/v1/kpis/FLIGHTS/value", 400),
    ] {
        let read = airline.get(path).await.expect(status);
        let head = airline.request(Method::HEAD, path).await.expect(status);
        assert_eq!(head.body, serde_json::Value::Null, "{path}");
        for name in ["content-type", "etag"] {
            assert_eq!(head.headers.get(name), read.headers.get(name), "{path}: {name}");
        }
    }
    // What can't be read has no route for it.
    airline.request(Method::HEAD, "/v1/events/Flight").await.expect(404);
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_route_refuses_a_parameter_that_it_does_not_know() {
    let product = Product::shared().await;
    let airline = product.airline().await;
    for route in describe_api::described() {
        let permission = route.access.permission();
        if permission.is_some_and(|permission| !identity::Role::Admin.may(permission)) {
            continue;
        }
        let method: Method = route.method.name().parse().unwrap();
        let path = route.path.replace(['{', '}'], "");
        let request = airline.request(method, &format!("{path}?surprise=1"));
        let refused = request.await.refused(400);
        assert!(refused.detail().contains("surprise"), "{}: {refused}", route.key());
    }
    product.stop().await;
}

/// The limits of the function, of Lambda and of API Gateway.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_over_a_limit_is_refused() {
    let product = Product::shared().await;
    let airline = product.airline().await;
    let (json, lines) = ("application/json", "application/x-ndjson");
    let megabytes = |count: usize| vec![b' '; count * 1024 * 1024];
    for (path, content_type, body, status) in [
        ("/v1/events/Flight", json, megabytes(2), 413),
        ("/v1/events/Flight", lines, megabytes(2), 413),
        ("/v1/kpis", json, megabytes(5), 400),
        ("/v1/kpis", json, megabytes(7), 413),
        ("/v1/kpis", json, megabytes(11), 413),
        ("/v1/events/Flight", lines, Vec::new(), 422),
        ("/v1/events/Flight", lines, b"\n \r\n\n".to_vec(), 422),
        ("/v1/events/Flight", lines, vec![0xff, 0xfe], 400),
        ("/v1/events/Flight", json, Vec::new(), 400),
        ("/v1/events/Flight", lines, vec![b'"'; 800 * 1024], 413),
    ] {
        let request = airline.request(Method::POST, path).header("content-type", content_type);
        request.body(body).await.refused(status);
    }
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idempotency_key_has_1_to_256_characters() {
    let product = Product::shared().await;
    let airline = product.airline().await;
    for (length, status) in [(0, 400), (257, 400), (256, 202)] {
        let request = airline
            .request(Method::POST, "/v1/events/Flight")
            .body(json!([{}]).to_string());
        let answer = request.idempotency_key(&"k".repeat(length)).await;
        assert_eq!(answer.status, status, "a key of {length} characters: {answer}");
    }
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_has_no_route_is_not_found() {
    let product = Product::shared().await;
    let airline = product.airline().await;
    for (method, path) in [
        (Method::GET, "/"),
        (Method::GET, "/v2/kpis"),
        (Method::DELETE, "/v1/usage"),
        (Method::GET, "/v1/events/Flight"),
        (Method::GET, "/v1/kpis/../entities/Flight/x"),
        (Method::POST, "/v1/events/..%2Fkpis"),
    ] {
        airline.request(method, path).await.refused(404);
    }
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_and_the_descriptions_of_the_api_are_open_to_all() {
    let product = Product::shared().await;
    let nobody = product.client().await.signed_out();
    for (path, field, value) in [
        ("/v1/health", "status", "ok"),
        ("/openapi.json", "openapi", "3.1.0"),
        ("/asyncapi.json", "asyncapi", "3.0.0"),
    ] {
        let answer = nobody.get(path).await.ok();
        assert_eq!(answer[field], value, "{path}");
    }
    // What works is for operators to know.
    let told = nobody.get("/v1/health").await.ok();
    assert_eq!(told.body, json!({ "status": "ok" }));
    nobody.get("/v1/health/checks").await.refused(401);
    let checks = product.operator().await.get("/v1/health/checks").await.ok();
    assert_eq!(checks["checks"]["database"]["ok"], true, "{checks}");
    product.stop().await;
}

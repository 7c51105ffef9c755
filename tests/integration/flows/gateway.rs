//! Who gets in: tokens of every kind, other clients' things, other origins, and bodies of every size.

use identity::{Caller, Claims, Features, Role, SigningKey, TokenUse, generate_key_pair};
use jiff::{SignedDuration, Timestamp};
use reqwest::Method;
use serde_json::json;
use tests::product::{Account, PASSWORD, Product};
use uuid::Uuid;

use super::flight;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_gateway_lets_in_who_may_and_what_fits() {
    let product = Product::start().await.unwrap();
    tokens_that_are_not_ours_open_nothing(&product).await;
    an_account_is_locked_for_a_while_after_many_guesses(&product).await;
    a_refresh_token_is_good_for_one_of_many(&product).await;
    another_clients_things_are_not_there(&product).await;
    browsers_of_any_origin_may_ask(&product.ours).await;
    bodies_are_limited_on_every_way(&product.ours).await;
    what_has_no_route_is_not_found(&product.ours).await;
    product.stop().await.unwrap();
}

fn signed(key: &SigningKey, product: &Product, change: impl FnOnce(&mut Claims)) -> String {
    let caller = Caller {
        client: product.ours.client,
        user: Uuid::new_v4(),
        role: Role::Admin,
        features: Features::ALL,
    };
    let mut claims = Claims::new(&caller, TokenUse::Access, Uuid::new_v4(), platform::clock::now());
    change(&mut claims);
    key.sign(&claims).unwrap()
}

async fn tokens_that_are_not_ours_open_nothing(product: &Product) {
    let key = product.signing_key().unwrap();
    let foreign = SigningKey::from_pem(&generate_key_pair().unwrap().signing_pem).unwrap();
    let now: Timestamp = platform::clock::now();
    let at = |hours: i64| (now + SignedDuration::from_hours(hours)).as_second();
    let other =
        |field: fn(&mut Claims) -> &mut String| signed(&key, product, move |claims| *field(claims) = "else".to_owned());
    for (name, token, status) in [
        ("ours", signed(&key, product, |_| {}), 200),
        ("signed by a stranger", signed(&foreign, product, |_| {}), 403),
        (
            "expired",
            signed(&key, product, |claims| (claims.iat, claims.exp) = (at(-2), at(-1))),
            403,
        ),
        (
            "not yet issued",
            signed(&key, product, |claims| (claims.iat, claims.exp) = (at(1), at(2))),
            403,
        ),
        ("of another issuer", other(|claims| &mut claims.iss), 403),
        ("for another audience", other(|claims| &mut claims.aud), 403),
        (
            "for refreshing",
            signed(&key, product, |claims| claims.token_use = TokenUse::Refresh),
            403,
        ),
        (
            "of a client that is gone",
            signed(&key, product, |claims| claims.client = Uuid::from_u128(9)),
            401,
        ),
        ("oversized", "a".repeat(6_000), 403),
    ] {
        let answer = product.ours.with_token(&token).get("/v1/kpis").await.unwrap();
        assert_eq!(answer.status, status, "{name}: {}", answer.body);
    }
    let as_password = [("authorization", "Basic YWRtaW46YWRtaW4=")];
    let answer = product
        .ours
        .with_token("")
        .send(Method::GET, "/v1/kpis", &as_password, None::<String>)
        .await
        .unwrap();
    assert!(matches!(answer.status, 401 | 403), "{}", answer.status);
}

async fn an_account_is_locked_for_a_while_after_many_guesses(product: &Product) {
    product.user("analyst").await.unwrap();
    let nobody = product.ours.with_token("");
    let mut last = None;
    for guess in 0..11 {
        let body = json!({ "email": "Analyst@ours.example.com ", "password": format!("guess {guess}") });
        last = Some(nobody.post("/v1/sign-in", &body).await.unwrap());
    }
    let last = last.unwrap().expect(429).unwrap();
    assert_eq!(last.headers["content-type"], "application/problem+json");
    assert!(last.headers["retry-after"].to_str().unwrap().parse::<u32>().unwrap() > 0);
    let right = json!({ "email": "analyst@ours.example.com", "password": PASSWORD });
    assert_eq!(
        nobody.post("/v1/sign-in", &right).await.unwrap().status,
        429,
        "the right one is a guess among others"
    );
    let other = json!({ "email": product.theirs.email, "password": PASSWORD });
    assert_eq!(
        nobody.post("/v1/sign-in", &other).await.unwrap().status,
        200,
        "others are not locked"
    );
    for (body, status) in [
        (json!({ "email": "a\0@example.com", "password": PASSWORD }), 401),
        (
            json!({ "email": "'; --@example.com", "password": "x".repeat(100_000) }),
            401,
        ),
        (json!({ "email": "" , "password": "" }), 401),
        (json!({ "email": product.ours.email }), 400),
        (
            json!({ "email": product.ours.email, "password": PASSWORD, "role": "admin" }),
            400,
        ),
    ] {
        let answer = nobody.post("/v1/sign-in", &body).await.unwrap();
        assert_eq!(answer.status, status, "{}", answer.body);
        assert!(!answer.body.to_string().contains(PASSWORD), "{}", answer.body);
    }
}

async fn a_refresh_token_is_good_for_one_of_many(product: &Product) {
    let nobody = product.theirs.with_token("");
    let body = json!({ "refresh_token": product.theirs.refresh_token });
    let answers = futures::future::join_all((0..5).map(|_| nobody.post("/v1/refresh-token", &body))).await;
    let mut statuses: Vec<u16> = answers.iter().map(|answer| answer.as_ref().unwrap().status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 401, 401, 401, 401]);
    let access = json!({ "refresh_token": product.theirs.token });
    assert_eq!(
        nobody.post("/v1/refresh-token", &access).await.unwrap().status,
        401,
        "an access token does not refresh"
    );
}

async fn another_clients_things_are_not_there(product: &Product) {
    let (ours, theirs) = (&product.ours, &product.theirs);
    let accepted = ours
        .post("/v1/events/Flight", &json!([flight(0, 0, "ORD"), {}]))
        .await
        .unwrap()
        .expect(202)
        .unwrap();
    assert_eq!(ours.outcome(&accepted).await.unwrap(), (1, 1));
    let batch = accepted.body["batch_id"].as_str().unwrap();
    let letter = super::letters(ours, batch).await[0]["id"].as_str().unwrap().to_owned();
    let replay = format!("/v1/dead-letters/{letter}/replay");
    for path in [
        "/v1/kpis/FLIGHTS",
        "/v1/kpis/FLIGHTS/value?period=day",
        "/v1/entities/Flight",
        &format!("/v1/batches/{batch}"),
    ] {
        let (mine, other) = (ours.get(path).await.unwrap(), theirs.get(path).await.unwrap());
        assert_eq!((mine.status, other.status), (200, 404), "{path}");
        assert_eq!(
            other.body["type"], "urn:analytics-engine:problem:not-found",
            "{}",
            other.body
        );
    }
    let definition = json!({ "code": "FLIGHTS", "name": "Mine now", "formula": "1 + 1" });
    assert!(matches!(
        theirs
            .put("/v1/kpis/FLIGHTS", Some("*"), &definition)
            .await
            .unwrap()
            .status,
        404 | 422
    ));
    assert_eq!(theirs.post(&replay, &json!({})).await.unwrap().status, 404);
    assert_eq!(theirs.get("/v1/kpis").await.unwrap().body["kpis"], json!([]));
    // Their batch of the same key is another batch.
    for (account, outcome) in [(ours, (1, 0)), (theirs, (0, 1))] {
        let headers = [("idempotency-key", "the same")];
        let body = Some(json!([flight(0, 0, "ORD")]).to_string());
        let accepted = account
            .send(Method::POST, "/v1/events/Flight", &headers, body)
            .await
            .unwrap()
            .expect(202)
            .unwrap();
        assert_eq!(account.outcome(&accepted).await.unwrap(), outcome);
    }
}

async fn browsers_of_any_origin_may_ask(ours: &Account) {
    let origin = ("origin", "https://console.example.com");
    let headers = [
        origin,
        ("access-control-request-method", "PUT"),
        ("access-control-request-headers", "authorization,if-match"),
    ];
    let preflight = ours
        .with_token("")
        .send(Method::OPTIONS, "/v1/kpis/FLIGHTS", &headers, None::<String>)
        .await
        .unwrap();
    assert_eq!(preflight.status, 204);
    let header = |name: &str| {
        preflight
            .headers
            .get(name)
            .map(|value| value.to_str().unwrap().to_lowercase())
            .unwrap_or_default()
    };
    assert_eq!(header("access-control-allow-origin"), "*");
    assert!(header("access-control-allow-methods").contains("put"));
    for name in ["authorization", "content-type", "if-match", "idempotency-key"] {
        assert!(header("access-control-allow-headers").contains(name), "{name}");
    }
    // Answers, refusals among them, can be read too.
    for (account, status) in [(ours.clone(), 200), (ours.with_token(""), 401)] {
        let answer = account
            .send(Method::GET, "/v1/kpis/FLIGHTS", &[origin], None::<String>)
            .await
            .unwrap();
        assert_eq!(
            (
                answer.status,
                answer.headers["access-control-allow-origin"].to_str().unwrap()
            ),
            (status, "*")
        );
    }
}

async fn bodies_are_limited_on_every_way(ours: &Account) {
    let json_type = [("content-type", "application/json")];
    let lines = [("content-type", "application/x-ndjson")];
    let megabytes = |count: usize| vec![b' '; count * 1024 * 1024];
    // The limits of the function, of Lambda and of API Gateway.
    for (path, headers, body, status) in [
        ("/v1/events/Flight", json_type, megabytes(2), 413),
        ("/v1/events/Flight", lines, megabytes(2), 413),
        ("/v1/kpis", json_type, megabytes(5), 400),
        ("/v1/kpis", json_type, megabytes(7), 413),
        ("/v1/kpis", json_type, megabytes(11), 413),
        ("/v1/events/Flight", lines, Vec::new(), 422),
        ("/v1/events/Flight", lines, b"\n \r\n\n".to_vec(), 422),
        ("/v1/events/Flight", lines, vec![0xff, 0xfe], 400),
        ("/v1/events/Flight", json_type, Vec::new(), 400),
        ("/v1/events/Flight", lines, vec![b'"'; 800 * 1024], 413),
    ] {
        let size = body.len();
        let answer = ours.send(Method::POST, path, &headers, Some(body)).await.unwrap();
        assert_eq!(answer.status, status, "{path} with {size} bytes: {}", answer.body);
    }
    for (key, status) in [("", 400), (&*"k".repeat(257), 400), (&*"k".repeat(256), 202)] {
        let headers = [("idempotency-key", key)];
        let body = Some(json!([{}]).to_string());
        let answer = ours
            .send(Method::POST, "/v1/events/Flight", &headers, body)
            .await
            .unwrap();
        assert_eq!(answer.status, status, "a key of {} bytes: {}", key.len(), answer.body);
    }
}

async fn what_has_no_route_is_not_found(ours: &Account) {
    for (method, path) in [
        (Method::GET, "/"),
        (Method::GET, "/v2/kpis"),
        (Method::DELETE, "/v1/kpis/FLIGHTS"),
        (Method::GET, "/v1/events/Flight"),
        (Method::GET, "/v1/kpis/../entities/Flight/x"),
        (Method::POST, "/v1/events/..%2Fkpis"),
    ] {
        let answer = ours.send(method.clone(), path, &[], None::<String>).await.unwrap();
        assert_eq!(answer.status, 404, "{method} {path}: {}", answer.body);
    }
}

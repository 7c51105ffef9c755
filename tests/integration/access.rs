//! Who may do what: tokens, roles, guarded definitions, and what is open to all.

use reqwest::Method;
use serde_json::{Value, json};
use tests::product::{Account, PASSWORD, Product};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_those_who_may_do_what_they_may() {
    let product = Product::start().await.unwrap();
    tokens_are_checked(&product).await;
    roles_decide(&product).await;
    definitions_are_guarded(&product.ours).await;
    documents_and_health_are_open(&product.ours).await;
    product.stop().await.unwrap();
}

async fn tokens_are_checked(product: &Product) {
    let ours = &product.ours;
    let as_token = |token: &str| Account {
        token: token.to_owned(),
        ..ours.clone()
    };
    assert_eq!(as_token("").get("/v1/kpis").await.unwrap().status, 401, "no token");
    let parts: Vec<&str> = ours.token.split('.').collect();
    let other: Vec<&str> = product.theirs.token.split('.').collect();
    // {"alg":"none"} with our claims; their claims under our signature; our refresh token; nonsense.
    let unsigned = format!("eyJhbGciOiJub25lIn0.{}.", parts[1]);
    let spliced = format!("{}.{}.{}", parts[0], other[1], parts[2]);
    for (name, token) in [
        ("unsigned", unsigned.as_str()),
        ("tampered", &spliced),
        ("refresh token", &ours.refresh_token),
        ("nonsense", "abc"),
    ] {
        assert_eq!(as_token(token).get("/v1/kpis").await.unwrap().status, 403, "{name}");
    }
    let nobody = as_token("");
    let wrong = nobody
        .post(
            "/v1/sign-in",
            &json!({ "email": ours.email, "password": "wrong password" }),
        )
        .await
        .unwrap();
    let unknown = nobody
        .post(
            "/v1/sign-in",
            &json!({ "email": "nobody@example.com", "password": PASSWORD }),
        )
        .await
        .unwrap();
    assert_eq!((wrong.status, unknown.status), (401, 401));
    assert_eq!(wrong.body, unknown.body, "whether an address is known is not told");
    let refresh = json!({ "refresh_token": ours.refresh_token });
    let fresh = nobody
        .post("/v1/refresh-token", &refresh)
        .await
        .unwrap()
        .expect(200)
        .unwrap();
    assert_eq!(
        as_token(fresh.body["access_token"].as_str().unwrap())
            .get("/v1/kpis")
            .await
            .unwrap()
            .status,
        200
    );
    assert_eq!(
        nobody.post("/v1/refresh-token", &refresh).await.unwrap().status,
        401,
        "a refresh token can be used once"
    );
    let mut statuses = Vec::new();
    for _ in 0..12 {
        statuses.push(
            nobody
                .post(
                    "/v1/sign-in",
                    &json!({ "email": "guess@example.com", "password": "guess guess" }),
                )
                .await
                .unwrap()
                .status,
        );
    }
    assert_eq!(
        (statuses[0], statuses[11]),
        (401, 429),
        "guessing is slowed down: {statuses:?}"
    );
}

async fn roles_decide(product: &Product) {
    let viewer = product.user("viewer").await.unwrap();
    assert_eq!(viewer.get("/v1/kpis").await.unwrap().status, 200);
    assert_eq!(
        viewer.get("/v1/kpis/FLIGHTS/value?period=day").await.unwrap().status,
        200
    );
    for (path, body) in [
        ("/v1/kpis", json!({})),
        ("/v1/entities", json!({})),
        ("/v1/events/Flight", json!([{}])),
        ("/v1/streams/start", json!({ "kpi": "FLIGHTS", "period": "minute" })),
        ("/v1/streams/clear", json!({ "kpi": "FLIGHTS", "period": "minute" })),
    ] {
        let answer = viewer.post(path, &body).await.unwrap();
        // Whoever may not, and sends nonsense, is told one or the other.
        assert!(
            matches!(answer.status, 400 | 403),
            "{path}: {} {}",
            answer.status,
            answer.body
        );
    }
    let kpi = json!({ "code": "MINE", "name": "Mine", "formula": "COUNT(Flight)" });
    assert_eq!(viewer.post("/v1/kpis", &kpi).await.unwrap().status, 403);
    assert_eq!(
        viewer
            .post("/v1/events/Flight", &json!([{ "date": 1 }]))
            .await
            .unwrap()
            .status,
        403
    );
    let analyst = product.user("analyst").await.unwrap();
    assert_eq!(analyst.post("/v1/kpis", &kpi).await.unwrap().status, 201);
    assert_eq!(
        analyst
            .post("/v1/streams/start", &json!({ "kpi": "FLIGHTS", "period": "minute" }))
            .await
            .unwrap()
            .status,
        403
    );
}

async fn definitions_are_guarded(ours: &Account) {
    let bad = json!({ "code": "BAD", "name": "Bad", "formula": "COUNT(Flihgt) + SUM(Flight.origin)" });
    let refused = ours.post("/v1/kpis", &bad).await.unwrap().expect(422).unwrap();
    let issues = refused.body["issues"].as_array().unwrap();
    assert_eq!(issues.len(), 2, "all of it is told at once: {}", refused.body);
    assert_eq!(issues[0]["pointer"], "/formula");
    assert_eq!(issues[0]["span"], json!([6, 12]), "{}", refused.body);
    assert!(
        issues[0]["hint"].as_str().unwrap().contains("Flight"),
        "{}",
        refused.body
    );
    let kpi = ours.get("/v1/kpis/FLIGHTS").await.unwrap().expect(200).unwrap();
    let etag = kpi.etag.clone().unwrap();
    let mut changed = kpi.body.as_object().unwrap().clone();
    changed.remove("version");
    changed.insert("name".to_owned(), "Departures".into());
    let body = Value::Object(changed).to_string();
    let put = async |headers: &[(&str, &str)]| {
        ours.send(Method::PUT, "/v1/kpis/FLIGHTS", headers, Some(body.clone()))
            .await
            .unwrap()
    };
    assert_eq!(put(&[]).await.status, 428);
    assert_eq!(put(&[("if-match", "\"77\"")]).await.status, 412);
    let replaced = put(&[("if-match", &etag)]).await.expect(200).unwrap();
    assert_ne!(replaced.etag.unwrap(), etag);
    assert_eq!(
        put(&[("if-match", &etag)]).await.status,
        412,
        "somebody else was faster"
    );
    let entity = json!({ "code": "Flight", "domain": "aviation", "attributes": [{ "name": "delay", "type": "text" }] });
    assert_eq!(ours.post("/v1/entities", &entity).await.unwrap().status, 409);
    let answer = ours
        .send(
            Method::PUT,
            "/v1/entities/Flight",
            &[("if-match", "*")],
            Some(entity.to_string()),
        )
        .await
        .unwrap();
    assert_eq!(answer.status, 422, "a type can't change: {}", answer.body);
    assert_eq!(
        ours.post(
            "/v1/entities",
            &json!({ "code": "X'; --", "domain": "Pg", "attributes": [] })
        )
        .await
        .unwrap()
        .status,
        422
    );
}

async fn documents_and_health_are_open(ours: &Account) {
    let nobody = Account {
        token: String::new(),
        ..ours.clone()
    };
    assert_eq!(
        nobody.get("/v1/health").await.unwrap().expect(200).unwrap().body["status"],
        "ok"
    );
    assert_eq!(
        nobody.get("/openapi.json").await.unwrap().expect(200).unwrap().body["openapi"],
        "3.1.0"
    );
    assert_eq!(
        nobody.get("/asyncapi.json").await.unwrap().expect(200).unwrap().body["asyncapi"],
        "3.0.0"
    );
}

//! What a licence opens, what is refused without, and a signing key that is rotated.

use reqwest::Method;
use serde_json::{Value, json};
use tests::product::{Account, Answer, PASSWORD, Product, eventually};
use tokio_tungstenite::tungstenite;

use super::super::{detail, flight, flights};
use super::{ALL, grant, issue, licences, problems, revoke};

fn not_licensed(answer: &Answer, feature: &str, what: &str) {
    assert_eq!(answer.status, 403, "{what}: {}", answer.body);
    assert_eq!(
        answer.body["type"], "urn:analytics-engine:problem:not-licensed",
        "{what}"
    );
    assert!(detail(answer).contains(feature), "{what}: {}", answer.body);
    assert!(answer.body["hint"].as_str().unwrap().contains("/v1/licences"), "{what}");
}

async fn status_of_socket(product: &Product, account: &Account) -> u16 {
    let url = format!("{}?token={}", product.cloud.access.endpoints.websocket, account.token);
    match tokio_tungstenite::connect_async(url).await {
        Ok(_) => 101,
        Err(tungstenite::Error::Http(response)) => response.status().as_u16(),
        Err(other) => panic!("{other}"),
    }
}

pub(super) async fn without_a_licence_only_the_catalogue_opens(product: &Product, operator: &Account) {
    let before = &product.ours;
    let own = licences(before).await["licences"][0].clone();
    revoke(operator, before.client, &own["id"], "The evaluation is over")
        .await
        .expect(200)
        .unwrap();
    before.get("/v1/proposals").await.unwrap().expect(200).unwrap();
    let ours = before.refreshed().await.unwrap();
    let body = json!({ "code": "MINE", "name": "Mine", "formula": "COUNT(Flight)" });
    let event = json!([flight(0, 5, "ORD")]);
    for (method, path, body, feature) in [
        (Method::GET, "/v1/kpis/FLIGHTS/value?period=day", None, "series"),
        (Method::GET, "/v1/proposals", None, "proposals"),
        (Method::GET, "/v1/questionnaire", None, "proposals"),
        (Method::GET, "/v1/streams", None, "live"),
        (Method::POST, "/v1/events/Flight", Some(&event), "ingest"),
        (Method::POST, "/v1/kpis", Some(&body), "modelling"),
    ] {
        let headers = [("content-type", "application/json")];
        let answer = ours
            .send(method, path, &headers, body.map(Value::to_string))
            .await
            .unwrap();
        not_licensed(&answer, feature, path);
    }
    assert_eq!(status_of_socket(product, &ours).await, 403);
    for path in [
        "/v1/kpis",
        "/v1/entities",
        "/v1/kpis/FLIGHTS",
        "/v1/dead-letters",
        "/v1/licences",
    ] {
        ours.get(path).await.unwrap().expect(200).unwrap();
    }
    let found = licences(&ours).await;
    assert_eq!(found["features"], json!([]));
    assert_eq!(found["licences"][0]["revoked"]["reason"], "The evaluation is over");
    a_file_is_not_loaded(product, &ours).await;
}

async fn a_file_is_not_loaded(product: &Product, ours: &Account) {
    let line = flight(0, 5, "ORD").to_string().into_bytes();
    let key = product.drop_file(ours, "Flight/unlicensed.ndjson", line).await.unwrap();
    let letter = eventually("the file is refused", async || {
        let letters = ours.get("/v1/dead-letters?entity=Flight").await.unwrap().body;
        let letters = letters["dead_letters"].as_array().unwrap().clone();
        letters.into_iter().find(|letter| letter["original"] == key)
    })
    .await;
    assert!(letter["reason"].as_str().unwrap().contains("ingest"), "{letter}");
}

pub(super) async fn a_new_licence_opens_its_features_and_no_more(product: &Product, operator: &Account) {
    let client = product.ours.client;
    issue(operator, &grant(client, &["ingest", "live", "series"], (-1, 30))).await;
    issue(operator, &grant(client, &ALL, (-30, -1))).await;
    issue(operator, &grant(client, &ALL, (1, 30))).await;
    let before = product.ours.with_token("");
    let answer = before
        .post("/v1/sign-in", &json!({ "email": before.email, "password": PASSWORD }))
        .await
        .unwrap()
        .expect(200)
        .unwrap();
    let ours = before.with_token(answer.body["access_token"].as_str().unwrap());
    let kpi = json!({ "code": "MINE", "name": "Mine", "formula": "COUNT(Flight)" });
    not_licensed(&ours.get("/v1/proposals").await.unwrap(), "proposals", "proposals");
    not_licensed(&ours.post("/v1/kpis", &kpi).await.unwrap(), "modelling", "a KPI");
    let accepted = ours.ingest("Flight", &json!([flight(0, 5, "ORD")])).await.unwrap();
    assert_eq!(accepted, (1, 0));
    assert_eq!(flights(&ours).await, (Some(1.0), 1));
    assert_eq!(status_of_socket(product, &ours).await, 101);
    assert_eq!(licences(&ours).await["features"], json!(["ingest", "live", "series"]));
}

pub(super) async fn a_new_signing_key_leaves_earlier_licences_alone(product: &Product) {
    let (ours, theirs) = (&product.ours, &product.theirs);
    let operator = product.user("operator").await.unwrap();
    let earlier = licences(theirs).await["licences"]
        .as_array()
        .unwrap()
        .iter()
        .find(|licence| licence["valid"] == true)
        .cloned();
    let earlier = earlier.unwrap();
    let (old, key) = (earlier["signed_by"].as_str().unwrap(), earlier["key"].as_str().unwrap());
    assert!(problems(theirs, key).await.is_empty(), "rotated, and still good");
    let issued = issue(&operator, &grant(ours.client, &["modelling"], (0, 30))).await;
    let new = issued["signed_by"].as_str().unwrap();
    assert_ne!(new, old);
    assert!(problems(ours, issued["key"].as_str().unwrap()).await.is_empty());
    let keys = ours.get("/v1/licences/keys").await.unwrap().expect(200).unwrap().body;
    let listed: Vec<(&str, bool)> = keys["keys"]
        .as_array()
        .unwrap()
        .iter()
        .map(|key| (key["id"].as_str().unwrap(), key["signs"].as_bool().unwrap()))
        .collect();
    assert_eq!(listed, [(new, true), (old, false)]);
    // Whoever has the public half verifies alone.
    let public =
        identity::licence::key::LicenceVerifyingKey::from_text(keys["keys"][1]["public_key"].as_str().unwrap());
    assert_eq!(public.unwrap().open(key).unwrap().client, theirs.client);
    let path = format!("/v1/licences/keys/{old}/withdraw");
    for reason in ["It leaked", "It leaked again"] {
        let withdrawn = operator
            .post(&path, &json!({ "reason": reason }))
            .await
            .unwrap()
            .expect(200)
            .unwrap();
        assert_eq!(withdrawn.body["withdrawn"]["reason"], "It leaked", "once");
    }
    assert_eq!(problems(theirs, key).await, ["withdrawn-key"]);
    assert!(problems(ours, issued["key"].as_str().unwrap()).await.is_empty());
    let unlicensed = theirs.refreshed().await.unwrap();
    not_licensed(
        &unlicensed.get("/v1/streams").await.unwrap(),
        "live",
        "after the withdrawal",
    );
    let path = format!("/v1/licences/keys/{new}/withdraw");
    operator
        .post(&path, &json!({ "reason": "It leaked too" }))
        .await
        .unwrap()
        .expect(200)
        .unwrap();
    let refused = operator
        .post("/v1/licences", &grant(ours.client, &["live"], (0, 1)))
        .await
        .unwrap();
    assert_eq!(refused.status, 409, "{}", refused.body);
    assert!(detail(&refused).contains(new), "{}", refused.body);
    let unknown = operator
        .post("/v1/licences/keys/k4.pid.none/withdraw", &json!({ "reason": "x" }))
        .await
        .unwrap();
    assert_eq!(unknown.status, 404);
}

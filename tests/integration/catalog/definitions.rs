//! Definitions have versions, and grow under their facts.

use serde_json::{Value, json};
use tests::http::Answer;
use tests::json::without_version;
use tests::product::Product;

use crate::flights::flight;

/// A KPI's definition.
pub(super) fn kpi(code: &str, formula: &str) -> Value {
    json!({ "code": code, "name": code, "formula": formula })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replacing_a_definition_needs_the_version_that_is_replaced() {
    let product = Product::shared().await;
    let airline = product.airline().await;
    for (path, code) in [("/v1/kpis", "AVERAGE_DELAY"), ("/v1/entities", "Flight")] {
        let one = format!("{path}/{code}");
        let read = airline.get(&one).await.ok();
        let mut definition = without_version(read.body.clone());
        // It exists.
        airline.post(path, &definition).await.refused(409);
        definition["description"] = "changed".into();
        airline.put(&one, &definition).await.refused(428);
        for (etag, status) in [("\"77\"", 412), ("seven", 400), (read.etag(), 200), (read.etag(), 412)] {
            airline.put(&one, &definition).if_match(etag).await.expect(status);
        }
        let changed = airline.get(&one).await.ok();
        assert_eq!(changed["description"], "changed");
        assert_ne!(changed.etag(), read.etag());
        let elsewhere = format!("{path}/Elsewhere");
        // The body says another code.
        airline.put(&elsewhere, &definition).if_match("*").await.refused(422);
        definition["code"] = "Elsewhere".into();
        airline.put(&elsewhere, &definition).if_match("*").await.refused(404);
    }
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kpi_is_deleted_and_may_come_back_as_another() {
    let product = Product::shared().await;
    let airline = product.airline().await;
    let (one, value) = (
        "/v1/kpis/PASSING",
        "/v1/kpis/PASSING/value?period=day&at=2026-03-28T12:00:00Z",
    );
    assert_eq!(airline.ingest("Flight", &json!([flight(0, 5, "ORD")])).await, (1, 0));
    airline
        .post("/v1/kpis", &kpi("PASSING", "COUNT(Flight)"))
        .await
        .created();
    let shown = |answer: Answer| -> f64 { answer["value"].to_string().trim_matches('"').parse().unwrap() };
    assert_eq!(shown(airline.get(value).await.ok()), 1.0);
    let delete = || airline.request(reqwest::Method::DELETE, one);
    delete().await.refused(428);
    delete().if_match("\"77\"").await.refused(412);
    delete().if_match("\"1\"").await.expect(204);
    for path in [one, value] {
        airline.get(path).await.refused(404);
    }
    delete().if_match("*").await.refused(404);
    // The same code is not the same KPI, and no process takes it for that.
    airline
        .post("/v1/kpis", &kpi("PASSING", "COUNT(Flight) * 7"))
        .await
        .created();
    assert_eq!(shown(airline.get(value).await.ok()), 7.0);
    let listed = airline.get("/v1/kpis").await.ok();
    let codes = listed["kpis"].as_array().unwrap().iter();
    assert_eq!(codes.filter(|kpi| kpi["code"] == "PASSING").count(), 1);
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_five_who_write_one_kpi_at_once_one_succeeds() {
    let product = Product::shared().await;
    let airline = product.airline().await;
    let definition = kpi("RACE", "COUNT(Flight)");
    let creating = (0..5).map(|_| airline.post("/v1/kpis", &definition).send());
    let answers = futures::future::join_all(creating).await;
    assert_eq!(sorted_statuses(&answers), [201, 409, 409, 409, 409]);
    let read = airline.get("/v1/kpis/RACE").await.ok();
    let definition = kpi("RACE", "COUNT(Flight) * 2");
    let replacing = (0..5).map(|_| airline.put("/v1/kpis/RACE", &definition).if_match(read.etag()).send());
    let answers = futures::future::join_all(replacing).await;
    assert_eq!(sorted_statuses(&answers), [200, 412, 412, 412, 412]);
    product.stop().await;
}

/// The statuses in order; a failure of the product's own is told with its text.
fn sorted_statuses(answers: &[Answer]) -> Vec<u16> {
    let status = |answer: &Answer| {
        assert!(answer.status < 500, "{answer}");
        answer.status
    };
    let mut statuses: Vec<u16> = answers.iter().map(status).collect();
    statuses.sort_unstable();
    statuses
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_entity_grows_under_its_facts() {
    let product = Product::shared().await;
    let airline = product.airline().await;
    assert_eq!(airline.ingest("Flight", &json!([flight(0, 5, "ORD")])).await, (1, 0));
    let read = airline.get("/v1/entities/Flight").await.ok();
    let mut entity = without_version(read.body.clone());
    let equal = airline.put("/v1/entities/Flight", &entity).if_match(read.etag());
    assert_eq!(
        equal.await.ok().etag(),
        read.etag(),
        "what is equal is no other version"
    );
    let gate = json!({ "name": "gate", "type": "text", "dimension": true });
    entity["attributes"].as_array_mut().unwrap().push(gate);
    let replaced = airline
        .put("/v1/entities/Flight", &entity)
        .if_match(read.etag())
        .await
        .ok();
    // A process that has the old definition in its memory must not refuse what the new one allows.
    let mut event = flight(1, 5, "ORD");
    event["gate"] = "B7".into();
    assert_eq!(airline.ingest("Flight", &json!([event])).await, (1, 0));
    let by_gate = "/v1/kpis/FLIGHTS/value?period=day&at=2026-03-28T12:00:00Z&filter[gate]=B7";
    assert_eq!(airline.get(by_gate).await.ok()["facts"], 1);
    // Facts have this attribute, and a KPI reads it.
    let mut fewer = entity.clone();
    let attributes = fewer["attributes"].as_array_mut().unwrap();
    attributes.retain(|attribute| attribute["name"] != "distance");
    let request = airline.put("/v1/entities/Flight", &fewer).if_match(replaced.etag());
    let refused = request.await.refused(422);
    assert!(refused.body.to_string().contains("distance"), "{refused}");
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_type_of_an_attribute_can_not_change() {
    let product = Product::shared().await;
    let airline = product.airline().await;
    let entity = json!({ "code": "Flight", "domain": "aviation", "attributes": [{ "name": "delay", "type": "text" }] });
    airline.post("/v1/entities", &entity).await.refused(409);
    let request = airline
        .request(reqwest::Method::PUT, "/v1/entities/Flight")
        .if_match("*");
    request.body(entity.to_string()).await.refused(422);
    product.stop().await;
}

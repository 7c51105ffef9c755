//! Definitions go, or have other names: what uses one keeps it, and what names one follows.

use std::time::Duration;

use serde_json::{Value, json};
use tests::http::{Answer, User};
use tests::json::{JsonExt as _, without_version};
use tests::product::Product;

use super::definitions::kpi;

const SHARE: &str = "/v1/kpis/SHARE/value?period=day&at=2026-03-28T12:00:00Z";

fn parcel() -> Value {
    json!({ "code": "Parcel", "domain": "logistics",
        "attributes": [{ "name": "weight", "type": "decimal", "required": true }, { "name": "region", "type": "text", "dimension": true }],
        "groupings": [{ "dimensions": ["region"] }] })
}

fn sent(weight: u32, region: &str) -> Value {
    json!({ "time": "2026-03-28T10:00:00Z", "weight": weight, "region": region })
}

async fn define(client: &User) {
    client.post("/v1/entities", &parcel()).await.created();
    let share = kpi(
        "SHARE",
        "SUM(Parcel.weight WHERE region = 'north') / SUM(Parcel.weight)",
    );
    client.post("/v1/kpis", &share).await.created();
}

pub(super) async fn deleted(client: &User, path: &str) -> Answer {
    client.delete(path).if_match("*").send().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_entity_is_deleted_when_nothing_uses_it() {
    let product = Product::shared().await;
    let (ours, theirs) = (product.client().await, product.client().await);
    for client in [&ours, &theirs] {
        define(client).await;
        let events = json!([sent(1, "north"), sent(3, "south"), { "weight": "heavy" }]);
        assert_eq!(client.ingest("Parcel", &events).await, (2, 1));
    }
    let one = "/v1/entities/Parcel";
    ours.delete(one).await.refused(428);
    ours.delete(one).if_match("\"77\"").await.refused(412);
    let in_use = deleted(&ours, one).await.refused(409);
    assert!(in_use["issues"][0]["detail"].text().contains("SHARE"), "{in_use}");
    // So does the KPI while its stream is pinned.
    let stream = json!({ "kpi": "SHARE", "period": "hour" });
    ours.post("/v1/streams/start", &stream).await.ok();
    let pinned = deleted(&ours, "/v1/kpis/SHARE").await.refused(409);
    assert!(
        pinned["issues"][0]["detail"].text().contains("pinned stream"),
        "{pinned}"
    );
    ours.post("/v1/streams/clear", &stream).await.ok();
    deleted(&ours, "/v1/kpis/SHARE").await.expect(204);
    let has_facts = deleted(&ours, one).await.refused(409);
    assert!(has_facts["hint"].text().contains("facts=delete"), "{has_facts}");
    deleted(&ours, "/v1/entities/Parcel?facts=all").await.refused(400);
    deleted(&ours, "/v1/entities/Parcel?facts=delete").await.expect(204);
    ours.get(one).await.refused(404);
    deleted(&ours, "/v1/entities/Parcel?facts=delete").await.refused(404);
    // What is sent to it is refused as for any code that is not defined.
    assert_eq!(ours.ingest("Parcel", &json!([sent(1, "north")])).await, (0, 1));
    let letters = ours.get("/v1/dead-letters?entity=Parcel").await.ok();
    let letters = letters["dead_letters"].list();
    assert_eq!(letters.len(), 1, "those of before are gone");
    assert!(
        letters[0]["reason"].text().contains("there is no entity"),
        "{letters:?}"
    );
    // It comes back as another one, with nothing of before, and what was refused meanwhile can be replayed.
    let mut other = parcel();
    other["attributes"][0] = json!({ "name": "weight", "type": "integer" });
    ours.post("/v1/entities", &other).await.created();
    let counted = kpi("SHARE", "COUNT(Parcel)");
    ours.post("/v1/kpis", &counted).await.created();
    assert_eq!(ours.get(SHARE).await.ok()["facts"], 0);
    let path = format!("/v1/dead-letters/{}/replay", letters[0]["id"].text());
    let replayed = ours.post(&path, &json!({})).await.accepted();
    assert_eq!(ours.outcome(&replayed).await, (1, 0));
    assert_eq!(ours.get(SHARE).await.ok()["facts"], 1);
    assert_eq!(theirs.get(SHARE).await.ok()["facts"], 2);
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_change_while_events_come_and_none_is_lost() {
    let product = Product::shared().await;
    let (ours, theirs) = (product.client().await, product.client().await);
    for client in [&ours, &theirs] {
        define(client).await;
        assert_eq!(client.ingest("Parcel", &json!([sent(1, "north")])).await, (1, 0));
    }
    let pinned = json!({ "kpi": "SHARE", "period": "hour", "filter": { "region": ["north"] } });
    ours.post("/v1/streams/start", &pinned).await.ok();
    let sending = async {
        let mut queued = Vec::new();
        for _ in 0..20 {
            queued.push(
                ours.post("/v1/events/Parcel", &json!([sent(1, "north")]))
                    .await
                    .accepted(),
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        queued
    };
    let names = json!({ "code": "Consignment", "attributes": { "weight": "mass", "region": "area" } });
    let renaming = async {
        tokio::time::sleep(Duration::from_millis(400)).await;
        let etag = ours.get("/v1/entities/Parcel").await.ok();
        let path = "/v1/entities/Parcel/rename";
        ours.post(path, &names).await.refused(428);
        let renamed = ours.post(path, &names).if_match(etag.etag()).await.ok();
        // Who had no answer asks again, and finds it done.
        let again = ours.post(path, &names).if_match(etag.etag()).await.ok();
        assert_eq!(renamed.etag(), again.etag());
        renamed
    };
    let (queued, renamed) = tokio::join!(sending, renaming);
    assert_eq!(renamed["formerly"], json!(["Parcel"]));
    for batch in &queued {
        assert_eq!(ours.outcome(batch).await, (1, 0));
    }
    let answer = ours.get(SHARE).await.ok();
    assert_eq!((&answer["value"], &answer["facts"]), (&json!(1), &json!(21)));
    let share = ours.get("/v1/kpis/SHARE").await.ok();
    assert_eq!(
        share["formula"],
        "SUM(Consignment.mass WHERE area = 'north') / SUM(Consignment.mass)"
    );
    let streams = ours.get("/v1/streams").await.ok();
    assert_eq!(streams["streams"][0]["filter"], json!({ "area": ["north"] }));
    let gone = ours.get("/v1/entities/Parcel").await.refused(404);
    assert_eq!(gone["hint"], "it was renamed to Consignment");
    let batches = ours.get("/v1/batches?entity=Consignment&limit=50").await.ok();
    assert_eq!(batches["batches"].list().len(), 21);
    // The old names count as long as the definition has them.
    ours.post("/v1/entities", &parcel()).await.refused(422);
    let mut without = without_version(renamed.body.clone());
    without.as_object_mut().unwrap().remove("formerly");
    for attribute in without["attributes"].as_array_mut().unwrap() {
        attribute.as_object_mut().unwrap().remove("formerly");
    }
    ours.put("/v1/entities/Consignment", &without).if_match("*").await.ok();
    assert_eq!(ours.ingest("Parcel", &json!([sent(1, "north")])).await, (0, 1));
    assert_eq!(ours.ingest("Consignment", &json!([sent(1, "north")])).await, (0, 1));
    assert_eq!(theirs.ingest("Parcel", &json!([sent(1, "north")])).await, (1, 0));
    assert_eq!(theirs.get(SHARE).await.ok()["facts"], 2);
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kpi_has_another_code_and_the_old_one_names_it() {
    let product = Product::shared().await;
    let client = product.client().await;
    define(&client).await;
    let stream = json!({ "kpi": "SHARE", "period": "day" });
    client.post("/v1/streams/start", &stream).await.ok();
    let name = json!({ "code": "NORTHERN" });
    let path = "/v1/kpis/SHARE/rename";
    client
        .post(path, &json!({ "code": "northern" }))
        .if_match("*")
        .await
        .refused(422);
    client.post(path, &name).if_match("\"7\"").await.refused(412);
    for _ in 0..2 {
        let renamed = client.post(path, &name).if_match("\"1\"").await.ok();
        assert_eq!((&renamed["code"], &renamed["version"]), (&json!("NORTHERN"), &json!(2)));
    }
    for path in ["/v1/kpis/SHARE", SHARE] {
        let gone = client.get(path).await.refused(404);
        assert_eq!(gone["hint"], "it was renamed to NORTHERN");
    }
    let streams = client.get("/v1/streams").await.ok();
    let streams = streams["streams"].list();
    assert_eq!((streams.len(), &streams[0]["kpi"]), (1, &json!("NORTHERN")));
    client
        .post("/v1/kpis", &kpi("SHARE", "COUNT(Parcel)"))
        .await
        .refused(422);
    client.get("/v1/kpis/NORTHERN/value?period=day").await.ok();
    product.stop().await;
}

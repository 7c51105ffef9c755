//! Facts that are deleted by a filter: what no fact has is refused, and who deleted what is listed among the batches.

use reqwest::Method;
use serde_json::{Value, json};
use tests::json::JsonExt as _;
use tests::product::Product;

const FACTS: &str = "/v1/entities/Stock/facts?from=2026-11-20T00:00:00Z&to=2026-11-21T00:00:00Z";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deletion_is_refused_where_it_can_find_nothing_and_listed_where_it_did() {
    let product = Product::shared().await;
    let ours = product.client().await;
    let entity = json!({ "code": "Stock", "domain": "tried", "time": "at", "attributes": [
        { "name": "n", "type": "integer", "dimension": true }, { "name": "ok", "type": "boolean", "dimension": true }] });
    ours.post("/v1/entities", &entity).await.created();
    let event = |ok: bool| json!({ "at": "2026-11-20T10:00:00Z", "n": 12, "ok": ok });
    let sent = json!([event(true), event(true), event(false)]);
    let queued = ours.post("/v1/events/Stock", &sent).await.accepted();
    assert_eq!(ours.outcome(&queued).await, (3, 0));
    for (filter, hint) in [
        ("ok=True", "did you mean true?"),
        ("ok=1", "did you mean true?"),
        ("ok=maybe", "true or false"),
        ("ok=false,no", "did you mean false?"),
        ("n=12.0", "did you mean 12?"),
        ("n=ORD", "digits"),
        ("kind=a", "n, ok"),
    ] {
        let (name, value) = filter.split_once('=').unwrap();
        let path = format!("{FACTS}&filter[{name}]={value}");
        let refused = ours.request(Method::DELETE, &path).await.refused(422);
        assert!(refused["hint"].text().contains(hint), "{filter}: {refused}");
    }

    let path = format!("{FACTS}&filter[ok]=true&filter[n]=12,");
    let told = ours.request(Method::DELETE, &path).await.ok();
    assert_eq!(told["facts"], 2, "{told}");
    let analyst = product.colleague(&ours, "analyst").await;
    let confirmed = format!("{path}&confirm={}", told["confirmation"].text());
    let deleted = analyst.request(Method::DELETE, &confirmed).await.ok();
    let listed = ours.get("/v1/batches?entity=Stock").await.ok();
    let sources: Vec<&Value> = listed["batches"].list().iter().map(|batch| &batch["source"]).collect();
    assert_eq!(sources, ["deletion", "events"], "{listed}");
    let deletion = &listed["batches"][0];
    assert_eq!(deletion["id"], deleted["change"]["id"]);
    let counts = ["state", "accepted", "rejected", "removed"].map(|name| deletion[name].clone());
    assert_eq!(json!(counts), json!(["finished", 0, 0, 2]));
    let by = &deletion["deletion"];
    assert_eq!(by["by_email"], analyst.email.as_str(), "{deletion}");
    assert_eq!(by["filter"], json!({ "n": ["", "12"], "ok": ["true"] }), "{deletion}");
    assert_eq!(by["from"], "2026-11-20T00:00:00Z", "{deletion}");
    assert_eq!(listed["batches"][1]["deletion"], Value::Null);

    let path = format!("/v1/batches/{}", deletion["id"].text());
    assert_eq!(ours.get(&path).await.ok()["deletion"], *by);
    let refused = ours.request(Method::DELETE, &path).await.refused(409);
    assert!(refused.detail().contains("deletion"), "{refused}");
    product.stop().await;
}

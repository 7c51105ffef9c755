//! KPIs that are computed from other KPIs: one number, whatever becomes of those that they refer to.

use serde_json::{Value, json};
use tests::http::{Answer, User};
use tests::json::JsonExt as _;
use tests::product::Product;

use super::definitions::kpi;

async fn value(client: &User, code: &str) -> Value {
    let path = format!("/v1/kpis/{code}/value?period=day&at=2026-03-28T12:00:00Z");
    client.get(&path).await.ok()["value"].clone()
}

async fn replaced(client: &User, definition: &Value) -> Answer {
    let path = format!("/v1/kpis/{}", definition["code"].text());
    client.put(&path, definition).if_match("*").await
}

/// Orders, and KPIs of which each builds on those before.
async fn shop(client: &User) {
    let order = json!({ "code": "Order", "domain": "sales",
        "attributes": [{ "name": "amount", "type": "decimal" }, { "name": "region", "type": "text", "dimension": true }],
        "groupings": [{ "dimensions": ["region"] }] });
    client.post("/v1/entities", &order).await.created();
    for (code, formula) in [
        ("REVENUE", "SUM(Order.amount)"),
        ("ORDERS", "COUNT(Order)"),
        ("MEAN_ORDER", "REVENUE / ORDERS"),
        ("LEVEL", "IF(MEAN_ORDER > 25, 1, 0)"),
    ] {
        client.post("/v1/kpis", &kpi(code, formula)).await.created();
    }
    let order =
        |amount: u32, region: &str| json!({ "time": "2026-03-28T10:00:00Z", "amount": amount, "region": region });
    let events = json!([order(10, "north"), order(20, "north"), order(60, "south")]);
    assert_eq!(client.ingest("Order", &events).await, (3, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kpi_is_computed_from_others() {
    let product = Product::shared().await;
    let client = product.client().await;
    shop(&client).await;
    let written_out = kpi("WRITTEN_OUT", "SUM(Order.amount) / COUNT(Order)");
    client.post("/v1/kpis", &written_out).await.created();
    for code in ["MEAN_ORDER", "WRITTEN_OUT"] {
        assert_eq!(value(&client, code).await, 30, "{code}");
        let path =
            format!("/v1/kpis/{code}/series?period=hour&from=2026-03-28T00:00:00Z&to=2026-03-29T00:00:00Z&by=region");
        let points = client.get(&path).await.ok()["points"].clone();
        let values: Vec<&Value> = points.list().iter().map(|point| &point["value"]).collect();
        assert_eq!(values, [&json!(15), &json!(60)], "{code}");
    }
    let read = client.get("/v1/kpis/MEAN_ORDER").await.ok();
    assert_eq!(read["formula"], "REVENUE / ORDERS");
    assert_eq!(read["refers_to"], json!(["REVENUE", "ORDERS"]));
    let of_orders = client.get("/v1/kpis?entity=Order").await.ok();
    assert_eq!(of_orders["kpis"].list().len(), 5, "by way of others, too");
    // What was read can be written.
    let mut same: Value = read.body.clone();
    same["name"] = json!("Mean order");
    replaced(&client, &same).await.ok();
    assert_eq!(value(&client, "LEVEL").await, 1);
    // One commit changes all that are computed from a KPI.
    replaced(&client, &kpi("REVENUE", "MAX(Order.amount)")).await.ok();
    assert_eq!(value(&client, "MEAN_ORDER").await, 20);
    assert_eq!(value(&client, "LEVEL").await, 0);
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_others_refer_to_stays_and_takes_them_along() {
    let product = Product::shared().await;
    let client = product.client().await;
    shop(&client).await;
    let detail = |answer: &Answer| answer["issues"][0]["detail"].text().to_owned();
    let misspelt = client
        .post("/v1/kpis", &kpi("WRONG", "REVENU / ORDERS"))
        .await
        .refused(422);
    assert!(misspelt["issues"][0]["hint"].text().contains("`REVENUE`"), "{misspelt}");
    let circle = replaced(&client, &kpi("ORDERS", "LEVEL + COUNT(Order)"))
        .await
        .refused(422);
    assert!(
        detail(&circle).ends_with("ORDERS -> LEVEL -> MEAN_ORDER -> ORDERS"),
        "{circle}"
    );
    let hours = json!({ "code": "Shift", "domain": "sales", "attributes": [{ "name": "length", "type": "duration" }] });
    client.post("/v1/entities", &hours).await.created();
    let breaking = kpi("MEAN_ORDER", "SUM(Shift.length)");
    let breaking = replaced(&client, &breaking).await.refused(422);
    assert!(
        detail(&breaking).contains("the KPI `LEVEL` refers to it and would not fit"),
        "{breaking}"
    );
    let used = client.delete("/v1/kpis/ORDERS").if_match("*").await.refused(409);
    assert!(detail(&used).contains("the KPI MEAN_ORDER"), "{used}");
    let of_entity = client.delete("/v1/entities/Order?facts=delete").if_match("*").await;
    assert_eq!(of_entity.refused(409)["issues"].list().len(), 4);
    let wanted = json!({ "code": "SALES" });
    client.post("/v1/kpis/REVENUE/rename", &wanted).if_match("*").await.ok();
    let read = client.get("/v1/kpis/MEAN_ORDER").await.ok();
    assert_eq!(
        (&read["formula"], &read["version"]),
        (&json!("SALES / ORDERS"), &json!(2))
    );
    let attributes = json!({ "code": "Sale", "attributes": { "amount": "worth" } });
    client
        .post("/v1/entities/Order/rename", &attributes)
        .if_match("*")
        .await
        .ok();
    assert_eq!(value(&client, "LEVEL").await, 1);
    for code in ["LEVEL", "MEAN_ORDER", "ORDERS"] {
        let path = format!("/v1/kpis/{code}");
        client.delete(&path).if_match("*").await.expect(204);
    }
    product.stop().await;
}

//! Values are held against targets and thresholds, which are asked over the same facts.

use serde_json::{Value, json};
use tests::http::User;
use tests::json::JsonExt as _;
use tests::product::Product;

const DAY: &str = "period=day&at=2026-03-28T12:00:00Z";

fn kpi(code: &str, formula: &str, fields: &Value) -> Value {
    let mut kpi = json!({ "code": code, "name": code, "formula": formula });
    kpi.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    kpi
}

/// Sales and what was planned, which are facts of two entities.
async fn shop(client: &User) {
    for (code, amount) in [("Sale", "amount"), ("Plan", "planned")] {
        let entity = json!({ "code": code, "domain": "sales", "attributes": [{ "name": amount, "type": "decimal" },
            { "name": "region", "type": "text", "dimension": true }], "groupings": [{ "dimensions": ["region"] }] });
        client.post("/v1/entities", &entity).await.created();
    }
    let held =
        json!({ "direction": "higher_is_better", "target": "PLANNED", "warning": "0.9 * PLANNED", "critical": 50 });
    for definition in [
        kpi("PLANNED", "SUM(Plan.planned)", &json!({})),
        kpi("REVENUE", "SUM(Sale.amount)", &held),
        kpi(
            "MEAN",
            "AVG(Sale.amount)",
            &json!({ "direction": "between", "target": { "from": 40, "to": "PLANNED" } }),
        ),
    ] {
        client.post("/v1/kpis", &definition).await.created();
    }
    let sales = [
        ("10", "north", 95),
        ("10", "south", 40),
        ("11", "north", 85),
        ("12", "north", 20),
    ];
    let sales: Vec<Value> = sales
        .iter()
        .map(|(hour, region, amount)| json!({ "time": format!("2026-03-28T{hour}:00:00Z"), "amount": amount, "region": region }))
        .collect();
    assert_eq!(client.ingest("Sale", &json!(sales)).await, (4, 0));
    let plans = [("10", "north", 100), ("10", "south", 100), ("11", "north", 100)];
    let plans: Vec<Value> = plans
        .iter()
        .map(|(hour, region, planned)| json!({ "time": format!("2026-03-28T{hour}:00:00Z"), "planned": planned, "region": region }))
        .collect();
    assert_eq!(client.ingest("Plan", &json!(plans)).await, (3, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn values_are_held_against_targets() {
    let product = Product::shared().await;
    let client = product.client().await;
    shop(&client).await;
    let value = client
        .get(&format!("/v1/kpis/REVENUE/value?{DAY}&status=true"))
        .await
        .ok();
    assert_eq!(value["value"], 240);
    assert_eq!(
        value["goal"],
        json!({ "status": "warning", "target": 300, "warning": 270, "critical": 50 })
    );
    let texts = client
        .get(&format!("/v1/kpis/MEAN/value?{DAY}&status=true&numbers=text"))
        .await
        .ok();
    assert_eq!(
        texts["goal"],
        json!({ "status": "on_target", "target": { "from": "40", "to": "300" } })
    );
    let bare = client.get(&format!("/v1/kpis/REVENUE/value?{DAY}")).await.ok();
    assert!(bare["goal"].is_null(), "only on wish: {bare}");
    let range = "period=hour&from=2026-03-28T10:00:00Z&to=2026-03-28T13:00:00Z&by=region&status=true";
    let series = client.get(&format!("/v1/kpis/REVENUE/series?{range}")).await.ok();
    let statuses: Vec<Value> = series["points"]
        .list()
        .iter()
        .map(|point| {
            json!([
                point["group"]["region"],
                point["value"],
                point["goal"]["target"],
                point["goal"]["status"]
            ])
        })
        .collect();
    // The last hour has no plan, so nobody says how it stands.
    let expected = [
        json!(["north", 95, 100, "on_target"]),
        json!(["south", 40, 100, "critical"]),
        json!(["north", 85, 100, "warning"]),
        json!(["north", 20, null, null]),
    ];
    assert_eq!(statuses, expected);
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_can_not_be_held_against_anything_is_told() {
    let product = Product::shared().await;
    let client = product.client().await;
    shop(&client).await;
    let none = client
        .get(&format!("/v1/kpis/PLANNED/value?{DAY}&status=true"))
        .await
        .refused(422);
    assert!(none.detail().contains("declares no target"), "{none}");
    client
        .get(&format!("/v1/kpis/REVENUE/value?{DAY}&status=1"))
        .await
        .refused(400);
    for (definition, pointer) in [
        (kpi("K", "SUM(Sale.amount)", &json!({ "target": 5 })), "/direction"),
        (
            kpi("K", "SUM(Sale.amount)", &json!({ "direction": "between", "target": 5 })),
            "/target",
        ),
        (
            kpi(
                "K",
                "SUM(Sale.amount)",
                &json!({ "direction": "lower_is_better", "target": "PLANED" }),
            ),
            "/target",
        ),
    ] {
        let refused = client.post("/v1/kpis", &definition).await.refused(422);
        assert_eq!(refused["issues"][0]["pointer"], pointer, "{refused}");
    }
    let used = client.delete("/v1/kpis/PLANNED").if_match("*").await.refused(409);
    assert_eq!(used["issues"].list().len(), 2, "{used}");
    client
        .delete("/v1/entities/Plan?facts=delete")
        .if_match("*")
        .await
        .refused(409);
    // A target follows what it names.
    client
        .post("/v1/kpis/PLANNED/rename", &json!({ "code": "BUDGET" }))
        .if_match("*")
        .await
        .ok();
    let read = client.get("/v1/kpis/REVENUE").await.ok();
    assert_eq!(
        (&read["target"], &read["warning"]),
        (&json!("BUDGET"), &json!("0.9 * BUDGET"))
    );
    product.stop().await;
}

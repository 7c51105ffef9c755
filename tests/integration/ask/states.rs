//! Objects whose states are told: retention as it is defined for insurers, stock that is summed over warehouses and never over days, by every route.

use serde_json::{Value, json};
use tests::dashboard::Dashboard;
use tests::http::User;
use tests::json::JsonExt as _;
use tests::product::Product;
use tests::waiting::eventually;

const ACTIVE: &str = "WHERE status = 'Active'";

fn policy() -> Value {
    json!({ "code": "Policy", "domain": "insurance", "time": "effective", "state": ["policy_id"], "attributes": [
        { "name": "policy_id", "type": "text", "required": true },
        { "name": "status", "type": "text", "dimension": true },
        { "name": "line", "type": "text", "dimension": true },
        { "name": "premium", "type": "decimal" }] })
}

fn stock() -> Value {
    json!({ "code": "Stock", "domain": "warehouse", "state": ["article", "warehouse"], "attributes": [
        { "name": "article", "type": "text", "required": true },
        { "name": "warehouse", "type": "text", "dimension": true, "required": true },
        { "name": "quantity", "type": "integer" }] })
}

async fn define(client: &User, code: &str, formula: &str) {
    let kpi = json!({ "code": code, "name": code, "formula": formula });
    client.post("/v1/kpis", &kpi).await.expect(201);
}

async fn insurer(product: &Product) -> User {
    let client = product.client_in("Europe/Berlin").await;
    client.post("/v1/entities", &policy()).await.expect(201);
    let at_start = format!("AT_START(COUNT(Policy {ACTIVE}))");
    for (code, formula) in [
        (
            "RETENTION",
            format!("100 * (AT_END(COUNT(Policy {ACTIVE})) - ENTERED(Policy {ACTIVE})) / {at_start}"),
        ),
        ("STAYED", format!("100 * STAYED(Policy {ACTIVE}) / {at_start}")),
        ("CHURN", format!("100 * LEFT(Policy {ACTIVE}) / {at_start}")),
        ("IN_FORCE", format!("AT_END(SUM(Policy.premium {ACTIVE}))")),
        ("ACTIVE", format!("AT_END(COUNT(Policy {ACTIVE}))")),
    ] {
        define(&client, code, &formula).await;
    }
    client
}

fn told(number: usize, effective: &str, status: &str) -> Value {
    let line = if number.is_multiple_of(2) { "Health" } else { "Life" };
    json!({ "policy_id": format!("P-{number}"), "effective": effective, "status": status, "line": line, "premium": "10.50" })
}

async fn value(client: &User, code: &str, question: &str) -> Value {
    let told = client.get(&format!("/v1/kpis/{code}/value?{question}")).await.ok();
    told["value"].clone()
}

/// 1,000 policies in force as a quarter begins; 100 of them end in it, and 50 are new.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_thousand_policies_nine_hundred_stayed() {
    let product = Product::shared().await;
    let client = insurer(&product).await;
    let begun: Vec<Value> = (0..1_000).map(|number| told(number, "2026-01-15", "Active")).collect();
    assert_eq!(client.ingest("Policy", &json!(begun)).await, (1_000, 0));
    let moved = (0..100)
        .map(|number| told(number, "2026-05-15", "Terminated"))
        .chain((1_000..1_050).map(|number| told(number, "2026-06-01", "Active")));
    assert_eq!(
        client.ingest("Policy", &json!(moved.collect::<Vec<_>>())).await,
        (150, 0)
    );
    let quarter = "period=quarter&at=2026-05-01T00:00:00Z";
    for (code, question, expected) in [
        ("RETENTION", quarter.to_owned(), json!(90)),
        ("STAYED", quarter.to_owned(), json!(90)),
        ("CHURN", quarter.to_owned(), json!(10)),
        ("ACTIVE", quarter.to_owned(), json!(950)),
        ("ACTIVE", format!("{quarter}&filter[line]=Life"), json!(475)),
        ("IN_FORCE", quarter.to_owned(), json!(9_975)),
        // Nothing was told in April, and in July nothing new.
        (
            "ACTIVE",
            "period=month&at=2026-04-10T00:00:00Z".to_owned(),
            json!(1_000),
        ),
        ("ACTIVE", "period=day&at=2026-07-07T00:00:00Z".to_owned(), json!(950)),
        (
            "RETENTION",
            "period=month&at=2026-04-10T00:00:00Z".to_owned(),
            json!(100),
        ),
        // Before the first of them there was none.
        ("ACTIVE", "period=year&at=2025-07-07T00:00:00Z".to_owned(), json!(0)),
        (
            "RETENTION",
            "period=year&at=2026-07-07T00:00:00Z".to_owned(),
            json!(null),
        ),
    ] {
        assert_eq!(value(&client, code, &question).await, expected, "{code} {question}");
    }
    let months = "period=month&from=2026-01-01T00:00:00%2B01:00&to=2026-08-01T00:00:00%2B02:00&by=line";
    let series = client.get(&format!("/v1/kpis/ACTIVE/series?{months}")).await.ok();
    let life: Vec<&Value> = series["points"]
        .list()
        .iter()
        .filter(|point| point["group"]["line"] == "Life")
        .map(|point| &point["value"])
        .collect();
    assert_eq!(life, [500, 500, 500, 500, 450, 475, 475], "{series}");
    // A later word about the same day replaces the earlier one.
    let mended = json!([told(0, "2026-05-15", "Active")]);
    assert_eq!(client.ingest("Policy", &mended).await, (1, 0));
    assert_eq!(value(&client, "RETENTION", quarter).await, json!(90.1));
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stock_is_summed_over_warehouses_and_not_over_days() {
    let product = Product::shared().await;
    let client = product.client_in("UTC").await;
    client.post("/v1/entities", &stock()).await.expect(201);
    define(&client, "STOCK", "AT_END(SUM(Stock.quantity))").await;
    let row = |time: &str, warehouse: &str, article: &str, quantity: i64| json!({ "time": time, "warehouse": warehouse, "article": article, "quantity": quantity });
    let rows = json!([
        row("2026-03-01T08:00:00Z", "north", "bolt", 40),
        row("2026-03-01T08:00:00Z", "south", "bolt", 7),
        row("2026-03-02T08:00:00Z", "north", "nut", 100),
        row("2026-03-31T20:00:00Z", "north", "bolt", 35),
    ]);
    assert_eq!(client.ingest("Stock", &rows).await, (4, 0));
    for (question, expected) in [
        ("period=day&at=2026-03-01T12:00:00Z", 47),
        ("period=day&at=2026-03-20T12:00:00Z", 147),
        ("period=month&at=2026-03-20T12:00:00Z", 142),
        ("period=year&at=2026-03-20T12:00:00Z", 142),
        ("period=month&at=2026-03-20T12:00:00Z&filter[warehouse]=north", 135),
    ] {
        assert_eq!(value(&client, "STOCK", question).await, expected, "{question}");
    }
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_in_force_is_shown_live() {
    let product = Product::shared().await;
    let client = insurer(&product).await;
    let begun: Vec<Value> = (0..10).map(|number| told(number, "2026-01-15", "Active")).collect();
    assert_eq!(client.ingest("Policy", &json!(begun)).await, (10, 0));
    let mut dashboard = Dashboard::connect(&product, &client).await;
    let topic = json!({ "kpi": "ACTIVE", "period": "day" });
    dashboard
        .send(&json!({ "action": "subscribe", "topics": [topic] }))
        .await;
    let frame = dashboard.next("subscribed").await;
    assert_eq!(frame["rows"][0][2], 10, "carried forward to today: {frame}");
    // Of long ago, and it is still so today.
    let ended = json!([told(3, "2026-02-01", "Terminated")]);
    assert_eq!(client.ingest("Policy", &ended).await, (1, 0));
    eventually("the dashboard is told", async || {
        let frame = dashboard.next("update").await;
        let rows = frame["rows"].list();
        rows.iter().any(|row| row[2] == 9).then_some(())
    })
    .await;
    assert_eq!(value(&client, "ACTIVE", "period=day").await, 9);
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_has_no_states_is_told_where_it_is_defined() {
    let product = Product::shared().await;
    let client = insurer(&product).await;
    for (formula, from, words) in [
        ("AT_END(COUNT(Polcy))", 13, "did you mean `Policy`?"),
        ("AT_END(AT_START(COUNT(Policy)))", 16, "beside each other"),
        ("LEFT(Policy.premium)", 12, "LEFT(Policy WHERE"),
        ("AT_END(1)", 7, "AT_END(COUNT(Policy))"),
    ] {
        let kpi = json!({ "code": "WRONG", "name": "wrong", "formula": formula });
        let refused = client.post("/v1/kpis", &kpi).await.refused(422);
        let told = &refused["issues"][0];
        assert!(told["hint"].text().contains(words), "{formula}: {refused}");
        assert_eq!(told["span"][0], from, "{formula}: {refused}");
    }
    let mut keyed = policy();
    keyed["code"] = "Cover".into();
    keyed["key"] = json!(["policy_id"]);
    let refused = client.post("/v1/entities", &keyed).await.refused(422);
    assert_eq!(refused["issues"][0]["pointer"], "/key", "{refused}");
    product.stop().await;
}

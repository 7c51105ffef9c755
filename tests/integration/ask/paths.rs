//! Revenue by the segment of the customer, asked along a relationship: as a value, as a series, split and filtered, and on a dashboard, which follows what is told of customers.

use serde_json::{Value, json};
use tests::dashboard::Dashboard;
use tests::http::User;
use tests::json::JsonExt as _;
use tests::product::Product;
use tests::waiting::eventually;

const GOLD: &str = "SUM(Order.amount WHERE customer.segment = 'gold')";

fn entities() -> [Value; 2] {
    [
        json!({ "code": "Order", "domain": "shop", "attributes": [
            { "name": "amount", "type": "decimal" }, { "name": "customer", "type": "text" },
            { "name": "channel", "type": "text", "dimension": true }] }),
        json!({ "code": "Customer", "domain": "shop", "state": ["id"], "attributes": [
            { "name": "id", "type": "text", "required": true }, { "name": "segment", "type": "text", "dimension": true },
            { "name": "age", "type": "integer" }] }),
    ]
}

fn relationship(resolved: &str) -> Value {
    json!({ "code": "ORDER_CUSTOMER", "from_entity": "Order", "attribute": "customer", "to_entity": "Customer", "key": "id",
        "cardinality": "one", "resolved": resolved })
}

async fn shop(product: &Product) -> User {
    let client = product.client_in("UTC").await;
    for entity in entities() {
        client.post("/v1/entities", &entity).await.expect(201);
    }
    client
        .post("/v1/relationships", &relationship("as_of_fact"))
        .await
        .expect(201);
    for (code, formula) in [("REVENUE", "SUM(Order.amount)"), ("GOLD", GOLD)] {
        let kpi = json!({ "code": code, "name": code, "formula": formula });
        client.post("/v1/kpis", &kpi).await.expect(201);
    }
    client
}

fn order(time: &str, customer: &str, amount: i64) -> Value {
    json!({ "time": time, "customer": customer, "amount": amount, "channel": "web" })
}

fn told(time: &str, id: &str, segment: &str) -> Value {
    json!({ "time": time, "id": id, "segment": segment, "age": 40 })
}

async fn send(client: &User, entity: &str, facts: Value) {
    let count = i64::try_from(facts.list().len()).unwrap();
    assert_eq!(client.ingest(entity, &facts).await, (count, 0), "{entity}");
}

/// Ada is gold from May on, bob is silver, and of cleo nobody told.
async fn begin(client: &User) {
    send(
        client,
        "Order",
        json!([
            order("2026-04-10T10:00:00Z", "ada", 100),
            order("2026-05-10T10:00:00Z", "ada", 30),
            order("2026-05-11T10:00:00Z", "bob", 7),
            order("2026-05-12T10:00:00Z", "cleo", 2),
        ]),
    )
    .await;
    let customers = json!([
        told("2026-01-01T00:00:00Z", "ada", "silver"),
        told("2026-05-01T00:00:00Z", "ada", "gold"),
        told("2026-01-01T00:00:00Z", "bob", "silver"),
    ]);
    send(client, "Customer", customers).await;
}

async fn value(client: &User, code: &str, question: &str) -> Value {
    let told = client.get(&format!("/v1/kpis/{code}/value?{question}")).await.ok();
    told["value"].clone()
}

/// Values of a month by segment.
async fn by_segment(client: &User, code: &str, month: &str) -> Vec<(String, Value)> {
    let range = format!("period=month&from=2026-{month}-01T00:00:00Z&to=2026-{month}-28T00:00:00Z&by=customer.segment");
    let series = client.get(&format!("/v1/kpis/{code}/series?{range}")).await.ok();
    assert_eq!(series["plan"][0]["raw"], true, "{series}");
    let points = series["points"].list().iter();
    points
        .map(|point| {
            (
                point["group"]["customer.segment"].text().to_owned(),
                point["value"].clone(),
            )
        })
        .collect()
}

fn groups(expected: &[(&str, i64)]) -> Vec<(String, Value)> {
    expected
        .iter()
        .map(|(group, value)| ((*group).to_owned(), json!(value)))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn revenue_by_the_segment_of_the_customer_is_one_number_by_every_route() {
    let product = Product::shared().await;
    let client = shop(&product).await;
    begin(&client).await;
    assert_eq!(by_segment(&client, "REVENUE", "04").await, groups(&[("silver", 100)]));
    assert_eq!(
        by_segment(&client, "REVENUE", "05").await,
        groups(&[("", 2), ("gold", 30), ("silver", 7)])
    );
    for (code, question, expected) in [
        ("GOLD", "period=month&at=2026-05-10T00:00:00Z", json!(30)),
        ("GOLD", "period=month&at=2026-04-10T00:00:00Z", json!(null)),
        (
            "REVENUE",
            "period=month&at=2026-05-10T00:00:00Z&filter[customer.segment]=gold",
            json!(30),
        ),
        (
            "REVENUE",
            "period=month&at=2026-05-10T00:00:00Z&filter[customer.segment]=",
            json!(2),
        ),
        (
            "REVENUE",
            "period=month&at=2026-05-10T00:00:00Z&filter[customer.segment]=gold,silver&filter[channel]=web",
            json!(37),
        ),
        ("REVENUE", "period=month&at=2026-05-10T00:00:00Z", json!(39)),
    ] {
        assert_eq!(value(&client, code, question).await, expected, "{code} {question}");
    }
    // Now means the last that was told, whatever the order's time.
    client
        .put("/v1/relationships/ORDER_CUSTOMER", &relationship("as_of_now"))
        .await
        .expect(200);
    assert_eq!(by_segment(&client, "REVENUE", "04").await, groups(&[("gold", 100)]));
    assert_eq!(
        value(&client, "GOLD", "period=month&at=2026-04-10T00:00:00Z").await,
        json!(100)
    );
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dashboard_follows_what_is_told_of_customers() {
    let product = Product::shared().await;
    let client = shop(&product).await;
    let today = platform::clock::now().to_string();
    send(
        &client,
        "Order",
        json!([order(&today, "ada", 30), order(&today, "bob", 7)]),
    )
    .await;
    send(
        &client,
        "Customer",
        json!([
            told("2026-01-01T00:00:00Z", "ada", "gold"),
            told("2026-01-01T00:00:00Z", "bob", "silver")
        ]),
    )
    .await;
    let mut dashboard = Dashboard::connect(&product, &client).await;
    let topics = json!([
        { "kpi": "GOLD", "period": "day" },
        { "kpi": "REVENUE", "period": "day", "filter": { "customer.segment": "gold" } },
    ]);
    dashboard
        .send(&json!({ "action": "subscribe", "topics": topics }))
        .await;
    let mut shown = std::collections::BTreeMap::new();
    let frame = dashboard.next("subscribed").await;
    for row in frame["rows"].list() {
        shown.insert(row[0].to_string(), row[2].clone());
    }
    assert_eq!(shown.values().collect::<Vec<_>>(), [30, 30], "{frame}");
    // A word about bob of long ago, and no order.
    send(
        &client,
        "Customer",
        json!([told("2026-02-01T00:00:00Z", "bob", "gold")]),
    )
    .await;
    eventually("both rows are told", async || {
        let frame = dashboard.next("update").await;
        for row in frame["rows"].list() {
            shown.insert(row[0].to_string(), row[2].clone());
        }
        shown.values().all(|value| *value == 37).then_some(())
    })
    .await;
    assert_eq!(value(&client, "GOLD", "period=day").await, 37);
    let refused = json!([{ "kpi": "REVENUE", "period": "day", "filter": { "customer.age": "40" } }]);
    dashboard
        .send(&json!({ "action": "subscribe", "topics": refused }))
        .await;
    let refusal = dashboard.next("error").await;
    assert!(refusal.to_string().contains("leads to no dimension"), "{refusal}");
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_path_goes_through_stays_and_is_followed() {
    let product = Product::shared().await;
    let client = shop(&product).await;
    begin(&client).await;
    let refused = client.delete("/v1/relationships/ORDER_CUSTOMER").await.refused(409);
    assert!(refused["issues"][0].to_string().contains("the KPI GOLD"), "{refused}");
    // To another key the paths would lead to nothing of a segment.
    let mut elsewhere = relationship("as_of_fact");
    elsewhere["to_entity"] = "Order".into();
    elsewhere["key"] = "channel".into();
    elsewhere["cardinality"] = "many".into();
    let refused = client
        .put("/v1/relationships/ORDER_CUSTOMER", &elsewhere)
        .await
        .refused(422);
    assert!(
        refused["issues"][0].to_string().contains("the KPI GOLD goes along it"),
        "{refused}"
    );
    let renames = json!({ "code": "Buyer", "attributes": { "segment": "class" } });
    client.post("/v1/entities/Customer/rename", &renames).await.ok();
    let kpi = client.get("/v1/kpis/GOLD").await.ok();
    assert_eq!(
        kpi["formula"], "SUM(Order.amount WHERE customer.class = 'gold')",
        "{kpi}"
    );
    let may = "period=month&at=2026-05-10T00:00:00Z";
    assert_eq!(value(&client, "GOLD", may).await, 30);
    assert_eq!(
        value(&client, "REVENUE", &format!("{may}&filter[customer.class]=gold")).await,
        30
    );
    let refused = client
        .get(&format!("/v1/kpis/REVENUE/value?{may}&filter[customer.segment]=gold"))
        .await
        .refused(422);
    assert!(
        refused
            .to_string()
            .contains("not a dimension of Buyer, which has class"),
        "{refused}"
    );
    for (formula, words) in [
        (
            "SUM(Buyer.orders.amount WHERE class = 'gold')",
            "SUM(Order.amount WHERE customer.class = 'gold')",
        ),
        ("COUNT(Order WHERE customer.clas = 'gold')", "did you mean `class`?"),
        ("AT_END(COUNT(Buyer WHERE referrer.class = 'x'))", ""),
    ] {
        let kpi = json!({ "code": "WRONG", "name": "wrong", "formula": formula });
        let refused = client.post("/v1/kpis", &kpi).await.refused(422);
        assert!(
            refused["issues"][0]["hint"].to_string().contains(words),
            "{formula}: {refused}"
        );
    }
    let completed = client
        .post(
            "/v1/formulas/complete",
            &json!({ "formula": "COUNT(Order WHERE customer.", "position": 27 }),
        )
        .await
        .ok();
    let labels: Vec<&Value> = completed["items"].list().iter().map(|item| &item["label"]).collect();
    assert_eq!(labels, ["class", "id", "age", "time"], "{completed}");
    product.stop().await;
}

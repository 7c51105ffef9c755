//! The measures that businesses ask for first, as the manual writes them, over facts of today and of the month before: one number each as a value, as a series and
//! on a dashboard.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use serde_json::{Value, json};
use tests::dashboard::Dashboard;
use tests::http::User;
use tests::json::JsonExt as _;
use tests::product::Product;

/// What each comes to, by the period that it is asked by.
fn kpis(now: Date) -> [(&'static str, &'static str, &'static str, f64); 10] {
    // The month before January is of another year.
    let to_date = if now.month() == 1 { 300.0 } else { 500.0 };
    [
        (
            "MEDIAN_RESOLUTION",
            "HOURS(MEDIAN(Ticket.closed - Ticket.opened))",
            "day",
            3.0,
        ),
        ("ACTIVE_CUSTOMERS", "COUNT(DISTINCT Order.customer)", "month", 2.0),
        (
            "MONTH_OVER_MONTH",
            "100 * (SUM(Order.amount) / PREVIOUS(SUM(Order.amount), 1, MONTH) - 1)",
            "month",
            50.0,
        ),
        ("YEAR_TO_DATE", "TO_DATE(SUM(Order.amount), YEAR)", "month", to_date),
        (
            "ROLLING_AVERAGE",
            "ROLLING(SUM(Order.amount), 28, DAY) / 28",
            "day",
            300.0 / 28.0,
        ),
        ("STOCK", "AT_END(SUM(Stock.quantity))", "month", 47.0),
        (
            "CHURN",
            "100 * LEFT(Subscription WHERE status = 'active') / AT_START(COUNT(Subscription WHERE status = 'active'))",
            "month",
            25.0,
        ),
        (
            "LARGE_SHARE",
            "100 * COUNT(Order WHERE amount >= 100) / COUNT(Order)",
            "month",
            50.0,
        ),
        // Four of today, over the days of the month so far.
        (
            "ORDERS_A_DAY",
            "AVG_PER(COUNT(Order), DAY)",
            "month",
            4.0 / f64::from(now.day()),
        ),
        (
            "GOLD_REVENUE",
            "SUM(Order.amount WHERE customer.segment = 'gold')",
            "month",
            270.0,
        ),
    ]
}

fn entities() -> [Value; 5] {
    let text = |name: &str| json!({ "name": name, "type": "text", "required": true });
    [
        json!({ "code": "Ticket", "domain": "desk", "time": "opened", "attributes": [{ "name": "closed", "type": "time" }] }),
        json!({ "code": "Order", "domain": "shop", "attributes": [{ "name": "amount", "type": "decimal" }, text("customer")] }),
        json!({ "code": "Stock", "domain": "store", "state": ["article", "warehouse"],
            "attributes": [text("article"), text("warehouse"), { "name": "quantity", "type": "integer" }] }),
        json!({ "code": "Subscription", "domain": "sales", "state": ["id"],
            "attributes": [text("id"), { "name": "status", "type": "text", "dimension": true }] }),
        json!({ "code": "Customer", "domain": "shop", "state": ["id"],
            "attributes": [text("id"), { "name": "segment", "type": "text", "dimension": true }] }),
    ]
}

/// Facts of the first of the month before, and of today.
async fn send(client: &User, now: Timestamp, before: Timestamp) {
    let ticket = |hours: i64| json!({ "opened": now.to_string(), "closed": (now + hours.hours()).to_string() });
    let tickets = json!([ticket(1), ticket(3), ticket(9), { "opened": now.to_string() }]);
    let order = |time: Timestamp, customer: &str, amount: i64| json!({ "time": time.to_string(), "customer": customer, "amount": amount });
    let orders = json!([
        order(before, "ada", 150),
        order(before, "bob", 50),
        order(now, "ada", 150),
        order(now, "ada", 120),
        order(now, "cleo", 20),
        order(now, "cleo", 10),
    ]);
    let level = |warehouse: &str, quantity: i64| json!({ "time": before.to_string(), "article": "bolt", "warehouse": warehouse, "quantity": quantity });
    let status =
        |time: Timestamp, id: &str, status: &str| json!({ "time": time.to_string(), "id": id, "status": status });
    let subscriptions = json!([
        status(before, "a", "active"),
        status(before, "b", "active"),
        status(before, "c", "active"),
        status(before, "d", "active"),
        status(now, "d", "ended"),
        status(now, "e", "active"),
    ]);
    let customer = |id: &str, segment: &str| json!({ "time": before.to_string(), "id": id, "segment": segment });
    for (entity, facts) in [
        ("Ticket", tickets),
        ("Customer", json!([customer("ada", "gold"), customer("cleo", "silver")])),
        ("Order", orders),
        ("Stock", json!([level("north", 40), level("south", 7)])),
        ("Subscription", subscriptions),
    ] {
        let count = i64::try_from(facts.list().len()).unwrap();
        assert_eq!(client.ingest(entity, &facts).await, (count, 0), "{entity}");
    }
}

fn is_close(told: &Value, expected: f64) -> bool {
    told.as_f64().is_some_and(|told| (told - expected).abs() < 1e-9)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_businesses_ask_for_first_is_one_number_by_every_route() {
    let product = Product::shared().await;
    let client = product.client_in("UTC").await;
    for entity in entities() {
        client.post("/v1/entities", &entity).await.expect(201);
    }
    let relationship = json!({ "code": "ORDER_CUSTOMER", "from_entity": "Order", "attribute": "customer", "to_entity": "Customer", "key": "id",
        "cardinality": "one", "resolved": "as_of_fact" });
    client.post("/v1/relationships", &relationship).await.expect(201);
    let now = platform::clock::now();
    let today = now.to_zoned(TimeZone::UTC).date();
    let before = today.first_of_month() - 1.month();
    send(&client, now, before.to_zoned(TimeZone::UTC).unwrap().timestamp()).await;
    let mut dashboard = Dashboard::connect(&product, &client).await;
    for (code, formula, period, expected) in kpis(today) {
        let kpi = json!({ "code": code, "name": code, "formula": formula });
        client.post("/v1/kpis", &kpi).await.expect(201);
        let value = client
            .get(&format!("/v1/kpis/{code}/value?period={period}&at={now}"))
            .await
            .ok();
        assert!(is_close(&value["value"], expected), "{code}: {value}");
        let range = format!("period={period}&from={now}&to={}", now + 1.second());
        let series = client.get(&format!("/v1/kpis/{code}/series?{range}")).await.ok();
        assert!(is_close(&series["points"][0]["value"], expected), "{code}: {series}");
        let topic = json!({ "kpi": code, "period": period });
        dashboard
            .send(&json!({ "action": "subscribe", "topics": [topic] }))
            .await;
        let frame = dashboard.next("subscribed").await;
        assert!(is_close(&frame["rows"][0][2], expected), "{code}: {frame}");
    }
    // And the same for all segments at once.
    let range = format!("period=month&from={now}&to={}&by=customer.segment", now + 1.second());
    client
        .post(
            "/v1/kpis",
            &json!({ "code": "REVENUE", "name": "Revenue", "formula": "SUM(Order.amount)" }),
        )
        .await
        .expect(201);
    let series = client.get(&format!("/v1/kpis/REVENUE/series?{range}")).await.ok();
    let points = series["points"].list().iter();
    let shown: Vec<_> = points
        .map(|point| (&point["group"]["customer.segment"], &point["value"]))
        .collect();
    assert_eq!(
        shown,
        [(&json!("gold"), &json!(270)), (&json!("silver"), &json!(30))],
        "{series}"
    );
    product.stop().await;
}

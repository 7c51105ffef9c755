//! Which groupings would help is told by what was asked and by the facts.

use serde_json::{Value, json};
use tests::http::User;
use tests::json::JsonExt as _;
use tests::product::Product;

fn order(groupings: &Value) -> Value {
    json!({ "code": "Order", "domain": "sales", "attributes": [
        { "name": "amount", "type": "decimal" },
        { "name": "region", "type": "text", "dimension": true },
        { "name": "shop", "type": "text", "dimension": true },
        { "name": "clerk", "type": "text", "dimension": true }], "groupings": groupings })
}

/// Orders of two days from ten shops, each by another clerk.
async fn shop(product: &Product) -> User {
    let client = product.client().await;
    client.post("/v1/entities", &order(&json!([]))).await.created();
    for (code, formula) in [("REVENUE", "SUM(Order.amount)"), ("MIDDLE", "MEDIAN(Order.amount)")] {
        let kpi = json!({ "code": code, "name": code, "formula": formula });
        client.post("/v1/kpis", &kpi).await.created();
    }
    let orders = (0..400).map(|order| {
        json!({ "time": format!("2026-03-2{}T{:02}:30:00Z", 7 + order % 2, order % 3), "amount": order,
            "region": format!("region {}", order % 2), "shop": format!("shop {}", order % 10), "clerk": format!("clerk {order}") })
    });
    assert_eq!(client.ingest("Order", &orders.collect()).await, (400, 0));
    client
}

async fn ask(client: &User, kpi: &str, period: &str, by: &str) -> Value {
    let range = "from=2026-03-27T00:00:00Z&to=2026-03-29T00:00:00Z";
    let path = format!("/v1/kpis/{kpi}/series?period={period}&{range}&by={by}");
    client.get(&path).await.ok()["points"].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn groupings_are_advised_that_questions_lack_and_that_are_smaller_than_the_facts() {
    let product = Product::shared().await;
    let client = shop(&product).await;
    let stranger = shop(&product).await;
    let all = json!({});
    let before = client.post("/v1/groupings/advice", &all).await.ok();
    assert_eq!(before["advice"], json!([]), "nothing was asked yet");
    for _ in 0..3 {
        ask(&client, "REVENUE", "day", "shop").await;
    }
    let points = ask(&client, "REVENUE", "hour", "shop,region").await;
    ask(&client, "REVENUE", "day", "clerk").await;
    // What no grouping could have.
    ask(&client, "MIDDLE", "day", "shop").await;
    let body = json!({ "entity": "Order" });
    let told = client.post("/v1/groupings/advice", &body).await.ok();
    let [shops, clerks] = told["advice"].list() else {
        panic!("one that helps, and one that does not: {told}");
    };
    let of = |advice: &Value| {
        json!([
            advice["dimensions"],
            advice["finest"],
            advice["questions"],
            advice["helps"]
        ])
    };
    assert_eq!(of(shops), json!([["region", "shop"], "hour", 4, true]), "{told}");
    assert_eq!(of(clerks), json!([["clerk"], "day", 1, false]), "{told}");
    // Each shop is of one region, and has orders in three hours of one of the days.
    let sample = |advice: &Value| {
        json!([
            advice["sample"]["facts"],
            advice["sample"]["rows"],
            advice["sample"]["groups"]
        ])
    };
    assert_eq!(sample(shops), json!([400, 30, 5]), "{told}");
    assert_eq!(sample(clerks), json!([400, 400, 200]), "{told}");
    let reason = clerks["reason"].as_str().unwrap();
    assert!(reason.contains("400 rows of 400 facts"), "{reason}");
    let others = stranger.post("/v1/groupings/advice", &all).await.ok();
    assert_eq!(others["advice"], json!([]), "what another client asks is its own");

    let grouping = json!([{ "dimensions": shops["dimensions"], "finest": shops["finest"] }]);
    let written = client.put("/v1/entities/Order", &order(&grouping)).if_match("*");
    written.await.ok();
    assert_eq!(ask(&client, "REVENUE", "hour", "shop,region").await, points);
    let after = client.post("/v1/groupings/advice", &body).await.ok();
    let left: Vec<Value> = after["advice"].list().iter().map(of).collect();
    assert_eq!(left, [of(clerks)], "what is declared is not advised");
    client
        .post("/v1/groupings/advice", &json!({ "entity": "Ordr" }))
        .await
        .refused(404);
    product.stop().await;
}

/// One that is wanted by day helps, though it would not by the minutes that another one needs which it covers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_grouping_is_not_made_finer_than_helps() {
    let product = Product::shared().await;
    let client = product.client().await;
    client.post("/v1/entities", &order(&json!([]))).await.created();
    let kpi = json!({ "code": "REVENUE", "name": "Revenue", "formula": "SUM(Order.amount)" });
    client.post("/v1/kpis", &kpi).await.created();
    let orders = (0..400).map(|order| {
        json!({ "time": format!("2026-03-28T{:02}:{:02}:00Z", order / 60, order % 60), "amount": order,
            "region": format!("region {}", order % 2), "shop": format!("shop {}", order % 10) })
    });
    assert_eq!(client.ingest("Order", &orders.collect()).await, (400, 0));
    ask(&client, "REVENUE", "day", "shop,region").await;
    ask(&client, "REVENUE", "minute", "shop").await;
    let told = client.post("/v1/groupings/advice", &json!({})).await.ok();
    let of = |advice: &Value| {
        let rows = &advice["sample"]["rows"];
        json!([advice["dimensions"], advice["finest"], advice["helps"], rows])
    };
    let told: Vec<Value> = told["advice"].list().iter().map(of).collect();
    let expected = [
        json!([["region", "shop"], "day", true, 10]),
        json!([["shop"], "minute", false, 400]),
    ];
    assert_eq!(told, expected);
    product.stop().await;
}

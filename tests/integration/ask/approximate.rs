//! Questions in the mode `approximate`: every route answers the same, within the bound that the answer tells.

use serde_json::{Value, json};
use tests::dashboard::Dashboard;
use tests::http::User;
use tests::json::JsonExt as _;
use tests::product::Product;

const KPIS: [(&str, &str); 3] = [
    ("P95", "PERCENTILE(Call.seconds, 95)"),
    ("CALLERS", "COUNT(DISTINCT Call.caller)"),
    (
        "PER_CALLER",
        "COUNT(Call) / COUNT(DISTINCT Call.caller WHERE kind = 'new')",
    ),
];

/// A client with calls of just now, as many as there are of one request.
async fn with_calls(product: &Product, now: jiff::Timestamp) -> User {
    let client = product.client().await;
    let attributes = json!([
        { "name": "seconds", "type": "decimal", "sketches": ["percentiles"] },
        { "name": "caller", "type": "text", "sketches": ["distinct"] },
        { "name": "line", "type": "text" },
        { "name": "kind", "type": "text", "dimension": true }]);
    let entity = json!({ "code": "Call", "domain": "made", "time": "at", "attributes": attributes, "groupings": [{ "dimensions": ["kind"] }] });
    client.post("/v1/entities", &entity).await.expect(201);
    for (code, formula) in KPIS {
        let kpi = json!({ "code": code, "name": code, "formula": formula, "mode": "approximate" });
        client.post("/v1/kpis", &kpi).await.expect(201);
    }
    let kpi =
        json!({ "code": "LINES", "name": "lines", "formula": "COUNT(DISTINCT Call.line)", "mode": "approximate" });
    client.post("/v1/kpis", &kpi).await.expect(201);
    let calls: Vec<Value> = (0..900)
        .map(|call| {
            json!({ "at": now.to_string(), "seconds": call * call % 4_999, "caller": format!("c{}", call * 7 % 640),
                "line": format!("l{}", call % 9), "kind": if call % 3 == 0 { "new" } else { "old" } })
        })
        .collect();
    assert_eq!(client.ingest("Call", &Value::Array(calls)).await, (900, 0));
    client
}

fn day(now: jiff::Timestamp) -> String {
    let date = now.to_string()[..10].to_owned();
    format!("from={date}T00:00:00Z&to={date}T23:59:59Z")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn value_series_and_live_rows_are_one_approximate_number_within_its_bound() {
    let product = Product::shared().await;
    let now = platform::clock::now();
    let client = with_calls(&product, now).await;
    for ((code, _), (bound, most)) in KPIS.into_iter().zip([
        ("relative_error", 0.01),
        ("standard_error", 0.025),
        ("standard_error", 0.025),
    ]) {
        let told = client
            .get(&format!("/v1/kpis/{code}/value?period=day&at={now}"))
            .await
            .ok();
        assert_eq!(
            (&told["mode"], &told["facts"]),
            (&json!("approximate"), &json!(900)),
            "{told}"
        );
        assert_eq!(told["measures"].list().len(), 1, "{told}");
        assert!(
            told["measures"][0][bound].as_f64().is_some_and(|bound| bound <= 0.01),
            "{told}"
        );
        let series = client
            .get(&format!("/v1/kpis/{code}/series?period=day&{}", day(now)))
            .await
            .ok();
        assert_eq!(
            (&series["mode"], &series["measures"]),
            (&told["mode"], &told["measures"]),
            "{series}"
        );
        assert_eq!(series["points"][0]["value"], told["value"], "{series}");
        let mut dashboard = Dashboard::connect(&product, &client).await;
        dashboard
            .send(&json!({ "action": "subscribe", "topics": [{ "kpi": code, "period": "day" }] }))
            .await;
        let subscribed = dashboard.next("subscribed").await;
        assert_eq!(subscribed["rows"][0][2], told["value"], "{subscribed}");

        let exact = client
            .get(&format!("/v1/kpis/{code}/value?period=day&at={now}&mode=exact"))
            .await
            .ok();
        assert_eq!(
            (&exact["mode"], exact.body.get("measures")),
            (&json!("exact"), None),
            "{exact}"
        );
        let (exact, told) = (exact["value"].as_f64().unwrap(), told["value"].as_f64().unwrap());
        assert!((told - exact).abs() <= exact * most, "{code}: {told} for {exact}");
        // A split is of the same facts.
        let split = client
            .get(&format!("/v1/kpis/{code}/series?period=day&by=kind&{}", day(now)))
            .await
            .ok();
        assert_eq!(split["points"].list().len(), 2, "{split}");
        assert_eq!(split["mode"], "approximate", "{split}");
    }
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_has_no_sketch_is_exact_and_the_answer_says_what_to_declare() {
    let product = Product::shared().await;
    let now = platform::clock::now();
    let client = with_calls(&product, now).await;
    let told = client
        .get(&format!("/v1/kpis/LINES/value?period=day&at={now}"))
        .await
        .ok();
    assert_eq!((&told["mode"], &told["value"]), (&json!("exact"), &json!(9)), "{told}");
    let measure = &told["measures"][0];
    assert_eq!(
        (&measure["measure"], &measure["mode"]),
        (&json!("COUNT(DISTINCT Call.line)"), &json!("exact")),
        "{told}"
    );
    assert!(
        measure["reason"]
            .text()
            .contains(r#"declare "sketches": ["distinct"] for line"#),
        "{told}"
    );
    client
        .get("/v1/kpis/LINES/value?period=day&mode=roughly")
        .await
        .refused(400);
    let wrong = json!({ "code": "Wrong", "domain": "made", "time": "at", "attributes": [{ "name": "note", "type": "text", "sketches": ["percentiles"] }] });
    let refused = client.post("/v1/entities", &wrong).await.refused(422);
    assert!(
        refused.body.to_string().contains("/attributes/0/sketches/0"),
        "{refused}"
    );
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_exact_kpi_that_is_asked_approximately_says_what_it_is() {
    let product = Product::shared().await;
    let now = platform::clock::now();
    let client = with_calls(&product, now).await;
    for (code, formula) in [
        ("MIDDLE", "MEDIAN(Call.seconds)"),
        ("WIRES", "COUNT(DISTINCT Call.line)"),
        ("ALL_CALLS", "COUNT(Call)"),
    ] {
        let kpi = json!({ "code": code, "name": code, "formula": formula });
        client.post("/v1/kpis", &kpi).await.expect(201);
    }
    for route in ["value?period=day&at=", "series?period=day&"] {
        let asked = |code: &str| match route.ends_with('=') {
            true => format!("/v1/kpis/{code}/{route}{now}&mode=approximate"),
            false => format!("/v1/kpis/{code}/{route}{}&mode=approximate", day(now)),
        };
        let told = client.get(&asked("MIDDLE")).await.ok();
        assert_eq!(told["mode"], "approximate", "{told}");
        assert_eq!(told["measures"][0]["relative_error"], 0.01, "{told}");

        let told = client.get(&asked("WIRES")).await.ok();
        let measure = &told["measures"][0];
        assert_eq!(
            (&told["mode"], &measure["mode"]),
            (&json!("exact"), &json!("exact")),
            "{told}"
        );
        assert!(measure["reason"].text().contains("for line"), "{told}");

        // Nothing of it is for sketches to answer.
        let told = client.get(&asked("ALL_CALLS")).await.ok();
        assert_eq!(
            (&told["mode"], told.body.get("measures")),
            (&json!("exact"), None),
            "{told}"
        );
    }
    product.stop().await;
}

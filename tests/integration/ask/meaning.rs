//! What a number means where something is missing: an empty sum, an empty bucket, an empty text, and a filter that nothing can pass.

use serde_json::{Value, json};
use tests::dashboard::Dashboard;
use tests::http::User;
use tests::json::JsonExt as _;
use tests::product::Product;

const DAY: &str = "from=2026-03-28T00:00:00Z&to=2026-03-29T00:00:00Z";

/// A client with the entity `M` and KPIs by code and formula.
async fn with_kpis(product: &Product, kpis: &[(&str, &str)]) -> User {
    let client = product.client().await;
    let attributes = json!([
        { "name": "d", "type": "decimal" },
        { "name": "kind", "type": "text", "dimension": true },
        { "name": "ok", "type": "boolean", "dimension": true },
        { "name": "note", "type": "text" }]);
    let entity = json!({ "code": "M", "domain": "made", "time": "at", "attributes": attributes, "groupings": [{ "dimensions": ["kind"] }] });
    client.post("/v1/entities", &entity).await.expect(201);
    for (code, formula) in kpis {
        client.post("/v1/kpis", &kpi(code, formula)).await.expect(201);
    }
    client
}

fn kpi(code: &str, formula: &str) -> Value {
    json!({ "code": code, "name": code, "formula": formula })
}

/// The hours of a series with their values.
async fn hours(client: &User, rest: &str) -> Vec<(String, Option<f64>)> {
    let series = client.get(&format!("/v1/kpis/{rest}period=hour&{DAY}")).await.ok();
    let points = series["points"].list().iter();
    points
        .map(|point| (point["bucket"].text()[11..13].to_owned(), point["value"].as_f64()))
        .collect()
}

async fn value(client: &User, code: &str, rest: &str) -> Option<f64> {
    let path = format!("/v1/kpis/{code}/value?period=day&at=2026-03-28T12:00:00Z{rest}");
    client.get(&path).await.ok()["value"].as_f64()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_net_figure_has_a_value_where_one_side_is_empty() {
    let product = Product::shared().await;
    let bare = "SUM(M.d WHERE kind = 'sale') - SUM(M.d WHERE kind = 'refund')";
    let declared = "COALESCE(SUM(M.d WHERE kind = 'sale'), 0) - COALESCE(SUM(M.d WHERE kind = 'refund'), 0)";
    let client = with_kpis(&product, &[("NET", declared)]).await;
    let told = client.post("/v1/kpis", &kpi("BARE", bare)).await.expect(201);
    assert_eq!(told["hints"].list().len(), 2, "{told}");
    assert!(told["hints"][0]["hint"].text().contains("COALESCE(SUM(M.d"), "{told}");
    assert_eq!(told["hints"][0]["span"], json!([0, 28]), "{told}");
    let events = json!([
        { "at": "2026-03-28T01:00:00Z", "d": 100, "kind": "sale" },
        { "at": "2026-03-28T02:00:00Z", "d": 30, "kind": "sale" },
        { "at": "2026-03-28T03:00:00Z", "d": 7, "kind": "refund" }]);
    assert_eq!(client.ingest("M", &events).await, (3, 0));
    let hour = |hour: &str, value: f64| (hour.to_owned(), Some(value));
    assert_eq!(
        hours(&client, "NET/series?").await,
        [hour("01", 100.0), hour("02", 30.0), hour("03", -7.0)]
    );
    let filled = hours(&client, "NET/series?gaps=fill&").await;
    assert_eq!(
        (filled.len(), &filled[0], &filled[3]),
        (24, &hour("00", 0.0), &hour("03", -7.0))
    );
    assert_eq!(value(&client, "NET", "").await, Some(123.0));
    product.stop().await;
}

/// One rule: a bucket without facts is worth what the formula gives without facts, on every route.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_bucket_is_worth_the_same_on_every_route() {
    let product = Product::shared().await;
    let client = with_kpis(&product, &[("FACTS", "COUNT(M)"), ("MEAN", "AVG(M.d)")]).await;
    for (code, empty) in [("FACTS", Some(0.0)), ("MEAN", None)] {
        let told = client
            .get(&format!("/v1/kpis/{code}/value?period=day&at=2026-03-28T12:00:00Z"))
            .await
            .ok();
        assert_eq!((told["value"].as_f64(), &told["facts"]), (empty, &json!(0)), "{told}");
        assert_eq!(told["plan"][0]["entity"], "M", "{told}");
        let series = client
            .get(&format!("/v1/kpis/{code}/series?period=hour&{DAY}"))
            .await
            .ok();
        assert_eq!(
            (series["empty"].as_f64(), &series["points"]),
            (empty, &json!([])),
            "{series}"
        );
        let filled = client
            .get(&format!("/v1/kpis/{code}/series?period=hour&{DAY}&gaps=fill"))
            .await
            .ok();
        let points = filled["points"].list();
        assert!(
            points.len() == 24 && points.iter().all(|point| point["value"].as_f64() == empty),
            "{filled}"
        );
        let mut dashboard = Dashboard::connect(&product, &client).await;
        dashboard
            .send(&json!({ "action": "subscribe", "topics": [{ "kpi": code, "period": "day" }] }))
            .await;
        let subscribed = dashboard.next("subscribed").await;
        assert_eq!(subscribed["rows"][0][2].as_f64(), empty, "{subscribed}");
    }
    client
        .get(&format!("/v1/kpis/FACTS/series?period=hour&{DAY}&gaps=zero"))
        .await
        .refused(400);
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn values_of_every_type_are_counted() {
    let product = Product::shared().await;
    let kpis = [
        ("KINDS", "COUNT(M.kind)"),
        ("OKS", "COUNT(M.ok)"),
        ("NOTES", "COUNT(M.note)"),
        ("NUMBERS", "COUNT(M.d)"),
    ];
    let client = with_kpis(&product, &kpis).await;
    let events = json!([
        { "at": "2026-03-28T10:00:00Z", "kind": "x", "ok": true, "note": "n", "d": 1 },
        { "at": "2026-03-28T10:00:00Z", "kind": "", "note": "" }]);
    assert_eq!(client.ingest("M", &events).await, (2, 0));
    for (code, _) in kpis {
        assert_eq!(value(&client, code, "").await, Some(1.0), "{code}");
    }
    let notes = client
        .get("/v1/kpis/NOTES/value?period=day&at=2026-03-28T12:00:00Z")
        .await
        .ok();
    assert_eq!(
        notes["plan"][0]["raw"], true,
        "no rollup has texts that are no dimension: {notes}"
    );
    let kinds = client
        .get("/v1/kpis/KINDS/value?period=day&at=2026-03-28T12:00:00Z")
        .await
        .ok();
    assert_eq!(kinds["plan"][0]["raw"], false, "the rollup by kind has it: {kinds}");
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_text_is_no_value_wherever_it_is_asked_for() {
    let product = Product::shared().await;
    let kpis = [
        ("FACTS", "COUNT(M)"),
        ("EMPTY", "COUNT(M WHERE kind = '')"),
        ("PRESENT", "COUNT(M WHERE kind != '')"),
        ("NOT_X", "COUNT(M WHERE kind <> 'x')"),
        ("NOT_X_OR_NONE", "COUNT(M WHERE COALESCE(kind, '') <> 'x')"),
    ];
    let client = with_kpis(&product, &kpis).await;
    let at = "2026-03-28T10:00:00Z";
    let events = json!([{ "at": at, "kind": "" }, { "at": at }, { "at": at, "kind": null }, { "at": at, "kind": "x" }]);
    assert_eq!(client.ingest("M", &events).await, (4, 0));
    for (code, filter, expected) in [
        ("FACTS", "", 4.0),
        ("FACTS", "&filter[kind]=", 3.0),
        ("FACTS", "&filter[kind]=x,", 4.0),
        ("EMPTY", "", 3.0),
        ("PRESENT", "", 1.0),
        ("NOT_X", "", 0.0),
        ("NOT_X_OR_NONE", "", 3.0),
    ] {
        assert_eq!(value(&client, code, filter).await, Some(expected), "{code}{filter}");
    }
    let split = client
        .get(&format!("/v1/kpis/FACTS/series?period=day&{DAY}&by=kind"))
        .await
        .ok();
    let groups: Vec<_> = split["points"]
        .list()
        .iter()
        .map(|point| (point["group"]["kind"].text(), point["value"].as_f64()))
        .collect();
    assert_eq!(groups, [("", Some(3.0)), ("x", Some(1.0))]);
    let told = client
        .put("/v1/kpis/NOT_X", &kpi("NOT_X", "COUNT(M WHERE kind <> 'x')"))
        .if_match("*")
        .await
        .ok();
    assert!(told["hints"][0]["hint"].text().contains("COALESCE(kind, '')"), "{told}");
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_filter_that_nothing_can_pass_is_refused() {
    let product = Product::shared().await;
    let client = with_kpis(&product, &[("FACTS", "COUNT(M)")]).await;
    let mut dashboard = Dashboard::connect(&product, &client).await;
    for (value, status, hint) in [
        ("filter[ok]=True", 422, "did you mean true?"),
        ("filter[ok]=1", 422, "did you mean true?"),
        ("filter[ok]=no", 422, "did you mean false?"),
        ("filter[ok]=perhaps", 422, "true or false"),
        ("filter[kind]=C:%5Ctemp", 422, r"C:\\temp"),
    ] {
        let refused = client
            .get(&format!("/v1/kpis/FACTS/value?period=day&{value}"))
            .await
            .refused(status);
        assert!(refused["hint"].text().contains(hint), "{refused}");
    }
    for path in ["filter[ok]=true", "filter[ok]=", "filter[kind]=C:%5C%5Ctemp"] {
        client
            .get(&format!("/v1/kpis/FACTS/value?period=day&{path}"))
            .await
            .ok();
    }
    let topic = json!({ "kpi": "FACTS", "period": "day", "filter": { "ok": "True" } });
    dashboard
        .send(&json!({ "action": "subscribe", "topics": [topic] }))
        .await;
    let error = dashboard.next("error").await;
    assert_eq!(
        (error["pointer"].text(), error["hint"].text()),
        ("/topics/0/filter/ok", "did you mean true?")
    );
    product.stop().await;
}

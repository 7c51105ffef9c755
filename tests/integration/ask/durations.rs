//! Tickets that are opened and closed: how long they take, from a file and from events, by every route.

use jiff::ToSpan as _;
use serde_json::{Value, json};
use tests::dashboard::Dashboard;
use tests::http::User;
use tests::json::JsonExt as _;
use tests::product::Product;
use tests::waiting::eventually;

const DAY: &str = "period=day&at=2026-03-28T12:00:00Z";

/// The KPIs, and their values over all tickets, over those of the team `blue`, and in the first hour.
const KPIS: [(&str, &str, [Option<f64>; 3]); 8] = [
    (
        "RESOLUTION",
        "HOURS(AVG(Ticket.resolution))",
        [Some(2.0), Some(3.25), Some(1.5)],
    ),
    (
        "DIFFERENCE",
        "AVG(HOURS(Ticket.closed - Ticket.opened))",
        [Some(2.0), Some(3.25), Some(1.5)],
    ),
    (
        "BACKWARDS",
        "HOURS(SUM(Ticket.opened - Ticket.closed))",
        [Some(-6.0), Some(-6.5), Some(-1.5)],
    ),
    (
        "LATE",
        "MINUTES(MAX(Ticket.closed - Ticket.due))",
        [Some(60.0), Some(60.0), None],
    ),
    (
        "SECONDS",
        "MAX(Ticket.resolution)",
        [Some(18_000.0), Some(18_000.0), Some(5_400.0)],
    ),
    (
        "STILL_OPEN",
        "COUNT(Ticket) - COUNT(Ticket.closed)",
        [Some(1.0), Some(1.0), Some(0.0)],
    ),
    ("OPENED", "COUNT(Ticket.opened)", [Some(4.0), Some(3.0), Some(1.0)]),
    (
        "QUICK",
        "100 * COUNT(Ticket WHERE quick) / COUNT(Ticket.closed)",
        [Some(200.0 / 3.0), Some(50.0), Some(100.0)],
    ),
];

fn ticket() -> Value {
    json!({ "code": "Ticket", "domain": "desk", "time": "opened", "attributes": [
        { "name": "closed", "type": "time" },
        { "name": "due", "type": "time" },
        { "name": "team", "type": "text", "dimension": true },
        { "name": "resolution", "type": "duration", "formula": "closed - opened" },
        { "name": "quick", "type": "boolean", "dimension": true, "formula": "HOURS(resolution) <= 4" }],
        "groupings": [{ "dimensions": ["team"] }] })
}

async fn desk(product: &Product) -> User {
    let client = product.client_in("Europe/Berlin").await;
    client.post("/v1/entities", &ticket()).await.expect(201);
    for (code, formula, _) in KPIS {
        let kpi = json!({ "code": code, "name": code, "formula": formula });
        client.post("/v1/kpis", &kpi).await.expect(201);
    }
    client
}

/// The tickets of one client as a file: local times, an offset, epoch milliseconds, and one that is closed in the year 2611.
const FILE: &str = "opened,closed,due,team
2026-03-28T09:00,2026-03-28T10:30,,blue
2026-03-28 10:00:00,2026-03-28T14:00:00Z,2026-03-28T14:00,blue
2026-03-28T11:00,1774690200000,,red
2026-03-28T12:00,,2126-01-01,blue
2026-03-28T12:00,2611-01-01T00:00:00Z,,blue
";

/// The same as events. The third one is closed before it was opened.
fn events() -> Value {
    json!([
        { "opened": "2026-03-28T08:00:00Z", "closed": "2026-03-28T10:30:00+01:00", "team": "blue" },
        { "opened": "2026-03-28T10:00:00", "closed": "2026-03-28T15:00:00", "due": "2026-03-28T13:00:00Z", "team": "blue" },
        { "opened": 1_774_692_000_000_i64, "closed": 1_774_690_200_000_i64, "team": "red" },
        { "opened": "2026-03-28T12:00:00[Europe/Berlin]", "closed": null, "due": "2126-01-01", "team": "blue" },
        { "opened": "2026-03-28T12:00:00", "closed": "2611-01-01", "team": "blue" }])
}

fn is_close(told: &Value, expected: Option<f64>) -> bool {
    match (told.as_f64(), expected) {
        (Some(told), Some(expected)) => (told - expected).abs() < 1e-9,
        (told, expected) => told == expected,
    }
}

/// Every KPI as a value and a series, filtered and split.
async fn check(client: &User, how: &str) {
    for (code, _, [all, blue, first]) in KPIS {
        let value = client.get(&format!("/v1/kpis/{code}/value?{DAY}")).await.ok();
        assert!(is_close(&value["value"], all), "{how}: {code}: {value}");
        let filtered = client
            .get(&format!("/v1/kpis/{code}/value?{DAY}&filter[team]=blue"))
            .await
            .ok();
        assert!(is_close(&filtered["value"], blue), "{how}: {code} of blue: {filtered}");
        let range = "from=2026-03-28T00:00:00Z&to=2026-03-29T00:00:00Z";
        let hours = client
            .get(&format!("/v1/kpis/{code}/series?period=hour&{range}"))
            .await
            .ok();
        assert!(
            is_close(&hours["points"][0]["value"], first),
            "{how}: {code} by hour: {hours}"
        );
        let split = client
            .get(&format!("/v1/kpis/{code}/series?period=day&{range}&by=team"))
            .await
            .ok();
        assert_eq!(split["points"][0]["group"]["team"], "blue", "{split}");
        assert!(
            is_close(&split["points"][0]["value"], blue),
            "{how}: {code} by team: {split}"
        );
    }
    let plan = |code: &str| format!("/v1/kpis/{code}/value?{DAY}");
    for (code, is_raw) in [("RESOLUTION", false), ("DIFFERENCE", false), ("BACKWARDS", true)] {
        let told = client.get(&plan(code)).await.ok();
        assert_eq!(told["plan"][0]["raw"], is_raw, "{code}: {told}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn how_long_tickets_take_is_the_same_from_a_file_and_from_events_by_every_route() {
    let product = Product::shared().await;
    let (by_file, by_events) = (desk(&product).await, desk(&product).await);
    let sent = by_events.post("/v1/events/Ticket", &events()).await.accepted();
    assert_eq!(by_events.outcome(&sent).await, (4, 1));
    check(&by_events, "events").await;
    product
        .drop_file(&by_file, "Ticket/tickets.csv", FILE.as_bytes().to_vec())
        .await;
    eventually("the file is loaded", async || {
        let value = by_file.get(&format!("/v1/kpis/OPENED/value?{DAY}")).await.ok();
        (value["value"].as_f64() == Some(4.0)).then_some(())
    })
    .await;
    check(&by_file, "file").await;
    for client in [&by_file, &by_events] {
        let letters = client.get("/v1/dead-letters?entity=Ticket").await.ok();
        let letters = letters["dead_letters"].list();
        assert_eq!(letters.len(), 1, "{letters:?}");
        assert_eq!(letters[0]["field"], "closed", "{letters:?}");
        assert!(letters[0]["reason"].text().contains("hundred years"), "{letters:?}");
    }
    let batch = format!("/v1/batches/{}", sent["batch_id"].text());
    by_events.delete(&batch).await.accepted();
    for code in ["RESOLUTION", "DIFFERENCE", "BACKWARDS"] {
        eventually(&format!("{code} has no value any more"), async || {
            let told = by_events.get(&format!("/v1/kpis/{code}/value?{DAY}")).await.ok();
            told["value"].is_null().then_some(())
        })
        .await;
    }
    product.stop().await;
}

/// Of today, whose bucket dashboards are shown. What will be closed lies ahead.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn how_long_tickets_take_is_shown_live() {
    let product = Product::shared().await;
    let client = desk(&product).await;
    let mut dashboard = Dashboard::connect(&product, &client).await;
    let now = platform::clock::now();
    let ticket =
        |hours: i64| json!({ "opened": now.to_string(), "closed": (now + hours.hours()).to_string(), "team": "blue" });
    let sent = json!([ticket(1), ticket(3), { "opened": now.to_string() }]);
    assert_eq!(client.ingest("Ticket", &sent).await, (3, 0));
    for (code, expected) in [
        ("RESOLUTION", 2.0),
        ("DIFFERENCE", 2.0),
        ("BACKWARDS", -4.0),
        ("STILL_OPEN", 1.0),
    ] {
        let topic = json!({ "kpi": code, "period": "day" });
        dashboard
            .send(&json!({ "action": "subscribe", "topics": [topic] }))
            .await;
        let frame = dashboard.next("subscribed").await;
        assert!(is_close(&frame["rows"][0][2], Some(expected)), "{code}: {frame}");
        let value = client.get(&format!("/v1/kpis/{code}/value?period=day")).await.ok();
        assert!(is_close(&value["value"], Some(expected)), "{code}: {value}");
    }
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_times_and_durations_are_not_is_told_where_it_is_defined() {
    let product = Product::shared().await;
    let client = desk(&product).await;
    for (formula, from, words) in [
        ("SUM(Ticket.closed)", 11, "SUM(Ticket.closed - Ticket.opened)"),
        ("AVG(Ticket.closed - Ticket.opend)", 27, "did you mean `opened`?"),
        ("HOURS(AVG(Ticket.resolution)) + AVG(Ticket.resolution)", 0, "HOURS"),
    ] {
        let kpi = json!({ "code": "WRONG", "name": "wrong", "formula": formula });
        let refused = client.post("/v1/kpis", &kpi).await.refused(422);
        let told = &refused["issues"][0];
        assert!(told["hint"].text().contains(words), "{formula}: {refused}");
        assert_eq!(told["span"][0], from, "{formula}: {refused}");
    }
    let raw = json!({ "code": "RAW", "name": "raw", "formula": "HOURS(AVG(Ticket.due - Ticket.opened))" });
    let told = client.post("/v1/kpis", &raw).await.expect(201);
    assert!(told["hints"][0]["hint"].text().contains("type duration"), "{told}");
    let mut entity = ticket();
    entity["code"] = "Case".into();
    entity["attributes"][4]["formula"] = "team != 'x'".into();
    let told = client.post("/v1/entities", &entity).await.expect(201);
    assert_eq!(told["hints"][0]["pointer"], "/attributes/4/formula", "{told}");
    assert!(told["hints"][0]["hint"].text().contains("COALESCE(team, '')"), "{told}");
    product.stop().await;
}

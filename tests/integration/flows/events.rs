//! Events that are repeated, hostile or hopeless, their dead letters, and what is asked about them.

use reqwest::Method;
use serde_json::{Value, json};
use tests::product::{Account, Product};
use uuid::Uuid;

use super::{detail, flight, flights, letters};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_sent_counts_once_or_is_told() {
    let product = Product::start().await.unwrap();
    let ours = &product.ours;
    a_repeated_batch_counts_once_however_it_comes(&product).await;
    a_keyed_batch_counts_once_however_it_comes(&product).await;
    a_key_that_is_used_again_with_another_body_is_told(ours).await;
    hostile_events_are_letters_and_nothing_else(ours).await;
    broken_lines_are_kept_as_they_were_sent(ours).await;
    letters_come_in_pages_newest_first(ours).await;
    a_replay_before_its_time_is_a_letter_again(ours).await;
    questions_are_only_data(ours).await;
    product.stop().await.unwrap();
}

async fn a_repeated_batch_counts_once_however_it_comes(product: &Product) {
    let ours = &product.ours;
    let body = json!([flight(0, 5, "ORD"), { "date": 5 }]).to_string();
    let headers = [("content-type", "application/json"), ("idempotency-key", "at once")];
    let requests = (0..10).map(|_| ours.send(Method::POST, "/v1/events/Flight", &headers, Some(body.clone())));
    for answer in futures::future::join_all(requests).await {
        let accepted = answer.unwrap().expect(202).unwrap();
        assert_eq!(ours.outcome(&accepted).await.unwrap(), (1, 1));
    }
    // SQS may deliver a message twice, in one batch too.
    let batch = Uuid::now_v7();
    deliver_twice(product, "Flight", batch, &json!([flight(1, 5, "ORD"), {}])).await;
    assert_eq!(ours.wait_for_batch(&batch.to_string()).await.unwrap(), (1, 1));
    assert_eq!(
        letters(ours, &batch.to_string()).await.len(),
        1,
        "one letter of one event"
    );
    let unknown = Uuid::now_v7();
    deliver_twice(product, "Nothing", unknown, &json!([{}])).await;
    assert_eq!(letters(ours, &unknown.to_string()).await.len(), 1);
    assert_eq!(flights(ours).await, (Some(2.0), 2));
}

/// Invokes the function with one message twice in one batch.
async fn deliver_twice(product: &Product, entity: &str, batch: Uuid, events: &Value) {
    let queued = json!({
        "batch_id": batch, "client": product.ours.client, "entity": entity,
        "source": "events", "events": events,
    });
    let message = json!({ "messageId": Uuid::new_v4(), "body": queued.to_string(), "eventSource": "aws:sqs" });
    let event = json!({ "Records": [message, message] });
    let answer = product.cloud.invoke("ingest-events", &event).await.unwrap();
    assert_eq!(answer["batchItemFailures"], json!([]));
}

async fn a_keyed_batch_counts_once_however_it_comes(product: &Product) {
    let ours = &product.ours;
    let entity = json!({ "code": "Reading", "domain": "metering", "key": ["meter"], "attributes": [
        { "name": "meter", "type": "text", "required": true }, { "name": "level", "type": "decimal" }] });
    ours.post("/v1/entities", &entity).await.unwrap().expect(201).unwrap();
    let kpi = json!({ "code": "LEVEL", "name": "Level", "formula": "SUM(Reading.level)" });
    ours.post("/v1/kpis", &kpi).await.unwrap().expect(201).unwrap();
    let at = "2026-03-28T10:00:00Z";
    let batch = Uuid::now_v7();
    let events = json!([{ "time": at, "meter": "a", "level": 1 }, { "time": at, "meter": "b", "level": 2 }, {}]);
    deliver_twice(product, "Reading", batch, &events).await;
    assert_eq!(letters(ours, &batch.to_string()).await.len(), 1);
    let correction = json!([{ "time": at, "meter": "a", "level": "10.5" }]);
    assert_eq!(ours.ingest("Reading", &correction).await.unwrap(), (1, 0));
    let value = ours
        .get("/v1/kpis/LEVEL/value?period=day&at=2026-03-28T10:00:00Z")
        .await
        .unwrap();
    assert_eq!(
        (&value.body["value"], &value.body["facts"]),
        (&json!(12.5), &json!(2)),
        "{}",
        value.body
    );
}

async fn a_key_that_is_used_again_with_another_body_is_told(ours: &Account) {
    let headers = [("content-type", "application/json"), ("idempotency-key", "twice")];
    let (_, before) = flights(ours).await;
    let mut batches = Vec::new();
    for (events, outcome) in [
        (json!([flight(2, 0, "ORD")]), (1, 0)),
        (json!([flight(2, 0, "LAX"), flight(2, 0, "JFK")]), (0, 2)),
        (json!([flight(2, 0, "ORD")]), (1, 0)),
    ] {
        let body = Some(events.to_string());
        let accepted = ours.send(Method::POST, "/v1/events/Flight", &headers, body).await;
        let accepted = accepted.unwrap().expect(202).unwrap();
        assert_eq!(ours.outcome(&accepted).await.unwrap(), outcome, "{events}");
        batches.push(accepted.body["batch_id"].as_str().unwrap().to_owned());
    }
    assert_eq!(batches[0], batches[2], "the same body is the same batch");
    let told = letters(ours, &batches[1]).await;
    assert_eq!(told.len(), 2);
    assert!(
        told[0]["reason"].as_str().unwrap().contains("another body"),
        "{}",
        told[0]
    );
    assert_eq!(flights(ours).await.1, before + 1);
}

async fn hostile_events_are_letters_and_nothing_else(ours: &Account) {
    let (_, before) = flights(ours).await;
    let with = |origin: &str| flight(3, 0, "x").to_string().replace("\"x\"", origin);
    let deep = format!("{}{}", "[".repeat(2_000), "]".repeat(2_000));
    let cases = [
        (r#"{"a\u0000b": 1}"#.to_owned(), "no attribute"),
        (with(r#""a\u0000b""#), "U+0000"),
        (with(r#""\ud800""#), "half a character"),
        (with("1e400"), ""),
        (with(&format!("\"{}\"", "x".repeat(600))), "512"),
        (deep, "not a list"),
        (format!("{{\"{}\": 1}}", "x".repeat(10_000)), "no attribute"),
        ("null".to_owned(), "object"),
        (
            flight(3, 0, "ORD")
                .to_string()
                .replace("\"2026-03-28T10:03:00Z\"", "9223372036854775807"),
            "range",
        ),
    ];
    let good = [
        with("\"'); DROP TABLE core.clients; --\""),
        with("\"\u{ffff}\u{7f}\u{202e}\""),
        with("\"\""),
    ];
    let mut events: Vec<&str> = cases.iter().map(|(event, _)| event.as_str()).collect();
    events.splice(3..3, good.iter().map(String::as_str));
    let body = format!("[{}]", events.join(","));
    let json_type = [("content-type", "application/json")];
    let accepted = ours
        .send(Method::POST, "/v1/events/Flight", &json_type, Some(body))
        .await
        .unwrap()
        .expect(202)
        .unwrap();
    let rejected = i64::try_from(cases.len()).unwrap();
    assert_eq!(ours.outcome(&accepted).await.unwrap(), (3, rejected));
    let letters = letters(ours, accepted.body["batch_id"].as_str().unwrap()).await;
    for ((event, reason), letter) in cases.iter().zip(&letters) {
        assert_eq!(letter["original"], *event, "as it was sent");
        assert!(letter["reason"].as_str().unwrap().contains(reason), "{letter}");
    }
    assert_eq!(flights(ours).await.1, before + 3);
}

async fn broken_lines_are_kept_as_they_were_sent(ours: &Account) {
    let lines = ["{\"date\": NaN}", "{oops", "\"text\"", "-Infinity"];
    let headers = [("content-type", "application/x-ndjson")];
    let body = format!("{}\n{}\n", lines.join("\n"), flight(4, 0, "ORD"));
    let accepted = ours
        .send(Method::POST, "/v1/events/Flight", &headers, Some(body))
        .await
        .unwrap()
        .expect(202)
        .unwrap();
    assert_eq!(ours.outcome(&accepted).await.unwrap(), (1, 4));
    let letters = letters(ours, accepted.body["batch_id"].as_str().unwrap()).await;
    let originals: Vec<&str> = letters
        .iter()
        .map(|letter| letter["original"].as_str().unwrap())
        .collect();
    assert_eq!(originals, lines);
    assert!(
        letters[0]["reason"].as_str().unwrap().contains("no JSON"),
        "{}",
        letters[0]
    );
    let replay = format!("/v1/dead-letters/{}/replay", letters[0]["id"].as_str().unwrap());
    let refused = ours.post(&replay, &json!({})).await.unwrap();
    assert_eq!(
        refused.status, 422,
        "what is no event can't be replayed: {}",
        refused.body
    );
}

async fn letters_come_in_pages_newest_first(ours: &Account) {
    let events: Vec<Value> = (0..7).map(|number| json!({ "number": number })).collect();
    assert_eq!(ours.ingest("Page", &json!(events)).await.unwrap(), (0, 7));
    let (mut before, mut seen) = (String::new(), Vec::new());
    loop {
        let page = ours
            .get(&format!("/v1/dead-letters?entity=Page&limit=3{before}"))
            .await
            .unwrap()
            .expect(200)
            .unwrap();
        let letters = page.body["dead_letters"].as_array().unwrap().clone();
        assert!(letters.len() <= 3);
        seen.extend(letters.iter().map(|letter| letter["position"].as_i64().unwrap()));
        let Some(next) = page.body["next_before"].as_str() else {
            break;
        };
        before = format!("&before={next}");
    }
    assert_eq!(seen, [6, 5, 4, 3, 2, 1, 0]);
    for (query, status) in [
        ("limit=0", 400),
        ("limit=201", 400),
        ("limit=many", 400),
        ("before=now", 400),
        ("enitty=Page", 400),
        ("entity='%20OR%20true%20--", 200),
        ("entity=%00", 400),
    ] {
        let answer = ours.get(&format!("/v1/dead-letters?{query}")).await.unwrap();
        assert_eq!(answer.status, status, "{query}: {}", answer.body);
        assert!(
            status != 200 || answer.body["dead_letters"] == json!([]),
            "{query}: {}",
            answer.body
        );
    }
    for path in [
        "/v1/dead-letters/x/replay",
        &format!("/v1/dead-letters/{}/replay", Uuid::now_v7()),
    ] {
        assert_eq!(ours.post(path, &json!({})).await.unwrap().status, 404, "{path}");
    }
    for id in ["x", &Uuid::now_v7().to_string()] {
        assert_eq!(
            ours.get(&format!("/v1/batches/{id}")).await.unwrap().status,
            404,
            "{id}"
        );
    }
}

async fn a_replay_before_its_time_is_a_letter_again(ours: &Account) {
    let event = json!({ "time": "2026-03-28T10:00:00Z", "weight": 2 });
    let replayed = async |letter: &Value| {
        let path = format!("/v1/dead-letters/{}/replay", letter["id"].as_str().unwrap());
        let accepted = ours.post(&path, &json!({})).await.unwrap().expect(202).unwrap();
        let outcome = ours.outcome(&accepted).await.unwrap();
        (accepted.body["batch_id"].as_str().unwrap().to_owned(), outcome)
    };
    let accepted = ours
        .post("/v1/events/Crate", &json!([event]))
        .await
        .unwrap()
        .expect(202)
        .unwrap();
    assert_eq!(ours.outcome(&accepted).await.unwrap(), (0, 1));
    let first = letters(ours, accepted.body["batch_id"].as_str().unwrap())
        .await
        .remove(0);
    assert_eq!(first["replayed_at"], Value::Null);
    let (batch, outcome) = replayed(&first).await;
    assert_eq!(outcome, (0, 1), "there is still no such entity");
    let second = letters(ours, &batch).await.remove(0);
    assert_eq!(second["original"], first["original"]);
    let path = format!("/v1/dead-letters/{}/replay", first["id"].as_str().unwrap());
    let again = ours.post(&path, &json!({})).await.unwrap().expect(409).unwrap();
    assert!(
        again.body["hint"]
            .as_str()
            .unwrap()
            .contains(second["id"].as_str().unwrap()),
        "{}",
        again.body
    );
    let report = ours
        .get(&format!("/v1/batches/{batch}"))
        .await
        .unwrap()
        .expect(200)
        .unwrap();
    assert_eq!(report.body["source"], "replay");
    let entity = json!({ "code": "Crate", "domain": "post", "attributes": [{ "name": "weight", "type": "decimal" }] });
    ours.post("/v1/entities", &entity).await.unwrap().expect(201).unwrap();
    let kpi = json!({ "code": "CRATES", "name": "Crates", "formula": "COUNT(Crate)" });
    ours.post("/v1/kpis", &kpi).await.unwrap().expect(201).unwrap();
    for _ in 0..2 {
        let (batch, outcome) = replayed(&second).await;
        assert_eq!(outcome, (1, 0));
        let told = letters(ours, second["batch_id"].as_str().unwrap()).await.remove(0);
        assert_eq!(told["replay_batch_id"], json!(batch), "{told}");
        assert!(told["replayed_at"].is_string(), "{told}");
    }
    let value = ours
        .get("/v1/kpis/CRATES/value?period=day&at=2026-03-28T10:00:00Z")
        .await
        .unwrap();
    assert_eq!(value.body["value"], 1.0, "once, whichever letter is replayed how often");
}

async fn questions_are_only_data(ours: &Account) {
    let many = (0..60).map(|number| number.to_string()).collect::<Vec<_>>().join(",");
    let day = "period=day&from=2026-03-28T00:00:00Z&to=2026-03-29T00:00:00Z";
    for (path, status, told) in [
        (
            format!("FLIGHTS/series?{day}&filter[origin]=%27%20OR%201=1;%20--"),
            200,
            "",
        ),
        (format!("FLIGHTS/series?{day}&filter[origin]=%00"), 200, ""),
        (format!("FLIGHTS/series?{day}&filter[origin]=%F0%9F%A6%80"), 200, ""),
        (format!("FLIGHTS/series?{day}&filter[origin%22]=a"), 422, "origin"),
        (format!("FLIGHTS/series?{day}&by=origin%22;--"), 422, "origin"),
        (format!("FLIGHTS/series?{day}&by="), 422, ""),
        (format!("FLIGHTS/series?{day}&by=origin,origin"), 400, "different"),
        (format!("FLIGHTS/series?{day}&orign=ORD"), 400, "orign"),
        (
            "FLIGHTS/series?period=day&from=2026-03-29T00:00:00Z&to=2026-03-28T00:00:00Z".to_owned(),
            400,
            "before",
        ),
        (
            "FLIGHTS/series?period=day&from=yesterday&to=2026-03-28T00:00:00Z".to_owned(),
            400,
            "yesterday",
        ),
        (
            "FLIGHTS/series?period=day&to=2026-03-28T00:00:00Z".to_owned(),
            400,
            "from",
        ),
        (
            "FLIGHTS/series?period=day&from=-009999-01-03T00:00:00Z&to=9999-12-30T22:00:00Z".to_owned(),
            422,
            "10080",
        ),
        (
            "FLIGHTS/series?period=day&from=-009999-01-03T00:00:00Z&to=-009999-01-05T00:00:00Z".to_owned(),
            200,
            "",
        ),
        ("FLIGHTS/value?period=day&at=9999-12-30T22:00:00Z".to_owned(), 200, ""),
        (
            "FLIGHTS/value?period=day&at=-009999-01-02T01:59:59Z".to_owned(),
            200,
            "",
        ),
        (
            "FLIGHTS/value?period=minute&at=9999-12-30T22:00:00.999999999Z".to_owned(),
            200,
            "",
        ),
        (
            "FLIGHTS/value?period=day&at=2026-03-28T12:00:00%2B26:00".to_owned(),
            400,
            "at",
        ),
        ("FLIGHTS/value?period=day&period=hour".to_owned(), 400, "period"),
        (
            "FLIGHTS/value?period=day&filter[a]=1&filter[b]=1&filter[c]=1&filter[d]=1&filter[e]=1".to_owned(),
            400,
            "4",
        ),
        (format!("FLIGHTS/value?period=day&filter[origin]={many}"), 400, "50"),
        (
            "%27%3B%20DROP%20TABLE%20core.kpis%3B%20--/value?period=day".to_owned(),
            404,
            "DROP",
        ),
        ("%00/value?period=day".to_owned(), 404, ""),
        ("%FF/value?period=day".to_owned(), 400, "path"),
    ] {
        let answer = ours.get(&format!("/v1/kpis/{path}")).await.unwrap();
        assert_eq!(answer.status, status, "{path}: {}", answer.body);
        assert!(detail(&answer).contains(told), "{path}: {}", answer.body);
        if status == 200 {
            let nothing = answer.body["points"] == json!([]) || answer.body["facts"] == 0;
            assert!(nothing, "{path}: {}", answer.body);
        }
    }
    let unknown = ours
        .get("/v1/kpis/FLIHGTS/value?period=day")
        .await
        .unwrap()
        .expect(404)
        .unwrap();
    assert_eq!(unknown.body["hint"], "did you mean FLIGHTS?");
}

//! What a user does over HTTP, and what a hostile or clumsy one does.

mod definitions;
mod documents;
mod events;
mod files;
mod gateway;
mod licences;
mod offers;
mod proposals;
mod renewals;

use reqwest::Method;
use serde_json::{Value, json};
use tests::product::{Account, Answer, Product};

fn flight(minute: u32, delay: i64, origin: &str) -> Value {
    json!({ "date": format!("2026-03-28T10:{minute:02}:00Z"), "delay": delay, "distance": 100, "origin": origin, "destination": "LGA" })
}

async fn flights(account: &Account) -> (Option<f64>, i64) {
    let answer = account
        .get("/v1/kpis/FLIGHTS/value?period=day&at=2026-03-28T12:00:00Z")
        .await
        .unwrap()
        .expect(200)
        .unwrap();
    (answer.body["value"].as_f64(), answer.body["facts"].as_i64().unwrap())
}

/// The dead letters of a batch, by position.
async fn letters(account: &Account, batch: &str) -> Vec<Value> {
    let newest = account
        .get("/v1/dead-letters?limit=200")
        .await
        .unwrap()
        .expect(200)
        .unwrap();
    let mut letters = newest.body["dead_letters"].as_array().unwrap().clone();
    letters.retain(|letter| letter["batch_id"] == batch);
    letters.sort_by_key(|letter| letter["position"].as_i64());
    letters
}

fn detail(answer: &Answer) -> String {
    answer.body["detail"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_become_values_and_everything_bad_is_told() {
    let product = Product::start().await.unwrap();
    let ours = &product.ours;
    good_events_count_once(ours).await;
    bad_events_become_dead_letters_and_good_ones_stay(ours).await;
    requests_over_the_limits_are_refused_whole(ours).await;
    an_unknown_entity_is_a_dead_letter_that_can_be_replayed(ours).await;
    series_split_filter_and_explain(ours).await;
    clients_do_not_see_each_other(&product).await;
    a_request_that_waits_too_long_is_told(&product).await;
    product.stop().await.unwrap();
}

async fn a_request_that_waits_too_long_is_told(product: &Product) {
    let other = product.database.plain().await.unwrap();
    other
        .batch_execute("BEGIN; LOCK TABLE core.kpis IN ACCESS EXCLUSIVE MODE")
        .await
        .unwrap();
    let path = "/v1/kpis/FLIGHTS/value?period=day";
    let waited = product.ours.get(path).await.unwrap();
    assert_eq!(waited.status, 503, "{}", waited.body);
    assert!(detail(&waited).contains("longer"), "{}", waited.body);
    other.batch_execute("ROLLBACK").await.unwrap();
    product.ours.get(path).await.unwrap().expect(200).unwrap();
}

async fn good_events_count_once(ours: &Account) {
    let events = json!([flight(0, 5, "ORD"), flight(0, 20, "LAX"), flight(1, 0, "ORD")]);
    let headers = [("content-type", "application/json"), ("idempotency-key", "first")];
    for _ in 0..2 {
        let accepted = ours
            .send(Method::POST, "/v1/events/Flight", &headers, Some(events.to_string()))
            .await
            .unwrap()
            .expect(202)
            .unwrap();
        assert_eq!(ours.outcome(&accepted).await.unwrap(), (3, 0));
    }
    // The second message of the same key may still be on its way; it must change nothing when it is through.
    assert_eq!(
        ours.ingest("Flight", &json!([flight(2, 0, "ORD")])).await.unwrap(),
        (1, 0)
    );
    assert_eq!(flights(ours).await, (Some(4.0), 4));
}

async fn bad_events_become_dead_letters_and_good_ones_stay(ours: &Account) {
    let with = |name: &str, value: Value| {
        let mut event = flight(3, 1, "ORD");
        event[name] = value;
        event
    };
    let without = |name: &str| {
        let mut event = flight(3, 1, "ORD");
        event.as_object_mut().unwrap().remove(name);
        event
    };
    let cases = [
        (with("delay", json!("late")), "delay"),
        (with("delay", json!(1.5)), "delay"),
        (with("delay", json!(4_000_000_000_000_000_i64)), "delay"),
        (with("delay", Value::Null), "delay"),
        (without("distance"), "distance"),
        (with("gate", json!("B7")), "gate"),
        (with("on_time", json!(true)), "on_time"),
        (with("date", json!("1871-01-01T00:00:00Z")), "date"),
        (with("date", json!("2126-01-01T00:00:00Z")), "date"),
        (with("date", json!("yesterday")), "date"),
        (with("origin", json!(["ORD"])), "origin"),
        (json!([1]), ""),
        (json!("'; DROP TABLE core.clients; --"), ""),
    ];
    let mut events: Vec<Value> = cases.iter().map(|(event, _)| event.clone()).collect();
    events.insert(4, flight(4, 0, "JFK"));
    assert_eq!(ours.ingest("Flight", &json!(events)).await.unwrap(), (1, 13));
    let letters = ours
        .get("/v1/dead-letters?limit=200")
        .await
        .unwrap()
        .expect(200)
        .unwrap();
    let mut letters = letters.body["dead_letters"].as_array().unwrap().clone();
    letters.sort_by_key(|letter| letter["position"].as_i64());
    for ((event, field), letter) in cases.iter().zip(&letters) {
        assert_eq!(letter["field"], *field, "{event}: {letter}");
        assert_eq!(
            serde_json::from_str::<Value>(letter["original"].as_str().unwrap()).unwrap(),
            *event,
            "the original is kept"
        );
    }
    assert_eq!(flights(ours).await, (Some(5.0), 5));
    // Lines: NaN is no JSON, so that line falls and the others stand.
    let lines = format!(
        "{}\n{{\"date\": NaN}}\n\nnot json\n{}\n",
        flight(5, 0, "ORD"),
        flight(6, 0, "ORD")
    );
    let headers = [("content-type", "application/x-ndjson")];
    let accepted = ours
        .send(Method::POST, "/v1/events/Flight", &headers, Some(lines))
        .await
        .unwrap()
        .expect(202)
        .unwrap();
    assert_eq!(accepted.body["events"], 4);
    assert_eq!(ours.outcome(&accepted).await.unwrap(), (2, 2));
    assert_eq!(flights(ours).await, (Some(7.0), 7));
}

async fn requests_over_the_limits_are_refused_whole(ours: &Account) {
    let long = json!([{ "date": "x".repeat(20_000) }]).to_string();
    let many = json!(vec![flight(0, 0, "ORD"); 1_001]).to_string();
    let huge = format!("[{}]", vec!["1"; 600_000].join(","));
    let json_type = [("content-type", "application/json")];
    for (body, status, told) in [
        (long, 413, "event 0"),
        (many, 413, "1001"),
        (huge, 413, "bytes"),
        ("[".to_owned(), 400, "JSON"),
        ("[]".to_owned(), 422, "no events"),
        ("{}".to_owned(), 400, "list"),
    ] {
        let answer = ours
            .send(Method::POST, "/v1/events/Flight", &json_type, Some(body))
            .await
            .unwrap();
        assert_eq!(answer.status, status, "{}", answer.body);
        assert!(detail(&answer).contains(told), "{}", answer.body);
    }
    assert_eq!(ours.post("/v1/events/flight", &json!([{}])).await.unwrap().status, 404);
    assert_eq!(flights(ours).await, (Some(7.0), 7));
}

async fn an_unknown_entity_is_a_dead_letter_that_can_be_replayed(ours: &Account) {
    let event = json!({ "time": "2026-03-28T10:00:00Z", "weight": 12.5 });
    assert_eq!(ours.ingest("Parcel", &json!([event])).await.unwrap(), (0, 1));
    let letters = ours
        .get("/v1/dead-letters?entity=Parcel")
        .await
        .unwrap()
        .expect(200)
        .unwrap();
    let letter = &letters.body["dead_letters"][0];
    assert!(
        letter["reason"].as_str().unwrap().contains("POST /v1/entities"),
        "{letter}"
    );
    let parcel = json!({ "code": "Parcel", "domain": "post", "attributes": [{ "name": "weight", "type": "decimal" }] });
    ours.post("/v1/entities", &parcel).await.unwrap().expect(201).unwrap();
    let kpi = json!({ "code": "WEIGHT", "name": "Weight", "formula": "SUM(Parcel.weight)" });
    ours.post("/v1/kpis", &kpi).await.unwrap().expect(201).unwrap();
    let path = format!("/v1/dead-letters/{}/replay", letter["id"].as_str().unwrap());
    for _ in 0..2 {
        let accepted = ours.post(&path, &json!({})).await.unwrap().expect(202).unwrap();
        assert_eq!(ours.outcome(&accepted).await.unwrap(), (1, 0));
    }
    ours.ingest("Parcel", &json!([{ "time": "2026-03-28T10:00:01Z", "weight": "0.25" }]))
        .await
        .unwrap();
    let value = ours
        .get("/v1/kpis/WEIGHT/value?period=hour&at=2026-03-28T10:30:00Z")
        .await
        .unwrap()
        .expect(200)
        .unwrap();
    assert_eq!(
        (value.body["value"].as_f64(), value.body["facts"].as_i64()),
        (Some(12.75), Some(2)),
        "replayed twice, counted once"
    );
}

async fn series_split_filter_and_explain(ours: &Account) {
    let range = "from=2026-03-28T00:00:00Z&to=2026-03-29T00:00:00Z";
    let split = ours
        .get(&format!("/v1/kpis/FLIGHTS/series?period=hour&{range}&by=origin"))
        .await
        .unwrap()
        .expect(200)
        .unwrap();
    let groups: Vec<(&str, f64)> = split.body["points"]
        .as_array()
        .unwrap()
        .iter()
        .map(|point| {
            (
                point["group"]["origin"].as_str().unwrap(),
                point["value"].as_f64().unwrap(),
            )
        })
        .collect();
    assert_eq!(groups, [("JFK", 1.0), ("LAX", 1.0), ("ORD", 5.0)]);
    assert_eq!(
        split.body["plan"][0]["raw"], false,
        "a rollup answers by hour: {}",
        split.body["plan"]
    );
    let minutes = ours
        .get(&format!(
            "/v1/kpis/FLIGHTS/series?period=minute&{range}&filter[origin]=LAX,JFK"
        ))
        .await
        .unwrap()
        .expect(200)
        .unwrap();
    assert_eq!(minutes.body["points"].as_array().unwrap().len(), 2);
    assert_eq!(
        minutes.body["plan"][0]["raw"], true,
        "no rollup has origins by minute, and the plan says so"
    );
    let hostile = ours
        .get(&format!(
            "/v1/kpis/FLIGHTS/series?period=hour&{range}&filter[origin]=%27%29%20OR%20true%20--"
        ))
        .await
        .unwrap()
        .expect(200)
        .unwrap();
    assert_eq!(hostile.body["points"], json!([]));
    for (path, status, told) in [
        ("/v1/kpis/FLIGHTZ/value?period=day".to_owned(), 404, "FLIGHTZ"),
        (
            format!("/v1/kpis/FLIGHTS/series?period=hour&{range}&by=gate"),
            422,
            "gate",
        ),
        (
            format!("/v1/kpis/FLIGHTS/series?period=hour&{range}&filter[delay]=1"),
            422,
            "delay",
        ),
        (
            "/v1/kpis/FLIGHTS/series?period=minute&from=2001-01-01T00:00:00Z&to=2002-01-01T00:00:00Z".to_owned(),
            422,
            "10080",
        ),
        ("/v1/kpis/FLIGHTS/value?period=fortnight".to_owned(), 400, "fortnight"),
        ("/v1/kpis/FLIGHTS/value".to_owned(), 400, "period"),
    ] {
        let answer = ours.get(&path).await.unwrap();
        assert_eq!(answer.status, status, "{path}: {}", answer.body);
        assert!(detail(&answer).contains(told), "{path}: {}", answer.body);
    }
}

async fn clients_do_not_see_each_other(product: &Product) {
    let theirs = &product.theirs;
    assert_eq!(
        theirs.get("/v1/kpis/FLIGHTS/value?period=day").await.unwrap().status,
        404
    );
    assert_eq!(theirs.get("/v1/entities/Flight").await.unwrap().status, 404);
    assert_eq!(
        theirs.get("/v1/dead-letters").await.unwrap().body["dead_letters"],
        json!([])
    );
    let letter = product.ours.get("/v1/dead-letters?limit=1").await.unwrap().body["dead_letters"][0].clone();
    let replay = format!("/v1/dead-letters/{}/replay", letter["id"].as_str().unwrap());
    assert_eq!(theirs.post(&replay, &json!({})).await.unwrap().status, 404);
    assert_eq!(
        theirs
            .get(&format!("/v1/batches/{}", letter["batch_id"].as_str().unwrap()))
            .await
            .unwrap()
            .status,
        404
    );
    // They define the same entity, share its tables, and still see nothing of ours.
    let entity = product.ours.get("/v1/entities/Flight").await.unwrap().body;
    let mut entity = entity.as_object().unwrap().clone();
    entity.remove("version");
    theirs
        .post("/v1/entities", &Value::Object(entity))
        .await
        .unwrap()
        .expect(201)
        .unwrap();
    theirs
        .post(
            "/v1/kpis",
            &json!({ "code": "FLIGHTS", "name": "Flights", "formula": "COUNT(Flight)" }),
        )
        .await
        .unwrap()
        .expect(201)
        .unwrap();
    assert_eq!(flights(theirs).await, (Some(0.0), 0));
    theirs.ingest("Flight", &json!([flight(0, 0, "ORD")])).await.unwrap();
    assert_eq!(flights(theirs).await, (Some(1.0), 1));
    assert_eq!(flights(&product.ours).await, (Some(7.0), 7));
}

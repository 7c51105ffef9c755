//! From a cart of KPIs to a quote; two editors, strangers, and answers that can't be.

use serde_json::{Value, json};
use tests::product::{Account, Answer, Product};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cart_becomes_a_quote() {
    let product = Product::start().await.unwrap();
    let ours = &product.ours;
    kpis_say_what_they_need(ours).await;
    let path = a_cart_is_answered_step_by_step(ours).await;
    the_quote_is_the_sum_of_its_lines(ours, &path).await;
    the_work_is_planned(ours, &path).await;
    two_editors_do_not_lose_answers(ours, &path).await;
    what_cannot_be_is_refused(ours, &path).await;
    proposals_are_for_those_who_may(&product, &path).await;
    product.stop().await.unwrap();
}

async fn kpis_say_what_they_need(ours: &Account) {
    let ask = json!({ "kpis": ["ON_TIME_RATE", "FLIGHTS", "GONE"] });
    let needed = ours
        .post("/v1/analysis/required-objects", &ask)
        .await
        .unwrap()
        .expect(200)
        .unwrap();
    assert_eq!(needed.body["objects"][0]["code"], "Flight");
    assert_eq!(
        needed.body["value_chains"],
        json!([{ "name": "AVIATION", "kpis": ["FLIGHTS", "ON_TIME_RATE"] }])
    );
    assert_eq!(needed.body["unknown_kpis"], json!(["GONE"]));
}

/// Answers to the steps after the cart of `FLIGHTS` and `ON_TIME_RATE`.
pub(super) fn steps() -> [(&'static str, Value); 7] {
    [
        (
            "licensing",
            json!({ "term": "three_years", "additional_value_chains": ["CRM"] }),
        ),
        (
            "data_integration",
            json!({ "Flight": { "source_system": "Tower", "method": "streaming_architected" } }),
        ),
        (
            "kpi_implementation",
            json!({ "ON_TIME_RATE": { "complexity": "rbac" }, "FLIGHTS": { "complexity": "dynamic_rbac" } }),
        ),
        ("environment", json!({ "platform": "aws", "cloud_architect_hours": 60 })),
        ("retention", json!({ "compliance": ["sox"] })),
        (
            "infrastructure",
            json!({ "daily_volume_gb": "5", "concurrent_users": 1000, "refresh_period": "minute" }),
        ),
        (
            "managed_services",
            json!({ "retainer": true, "additional_hours": "custom", "additional_hours_custom": 50 }),
        ),
    ]
}

async fn quote(account: &Account, path: &str) -> Value {
    let answer = account
        .get(&format!("{path}/quote"))
        .await
        .unwrap()
        .expect(200)
        .unwrap();
    answer.body
}

async fn a_cart_is_answered_step_by_step(ours: &Account) -> String {
    let asked = ours.get("/v1/questionnaire").await.unwrap().expect(200).unwrap();
    assert_eq!(asked.body["steps"].as_array().unwrap().len(), 8);
    let new = json!({ "name": "Punctuality", "kpis": ["ON_TIME_RATE", "FLIGHTS"] });
    let created = ours.post("/v1/proposals", &new).await.unwrap().expect(201).unwrap();
    let path = created.headers["location"].to_str().unwrap().to_owned();
    let mut etag = created.etag.unwrap();
    let mut open = created.body["missing"].as_array().unwrap().len();
    for (step, answers) in steps() {
        let answer = ours
            .put(&format!("{path}/answers/{step}"), Some(&etag), &answers)
            .await
            .unwrap();
        let answer = answer.expect(200).unwrap();
        etag = answer.etag.unwrap();
        let left = answer.body["missing"].as_array().unwrap().len();
        assert_eq!(left, open - 1, "{step}: {}", answer.body["missing"]);
        assert_eq!(quote(ours, &path).await["complete"], left == 0, "{step}");
        open = left;
    }
    assert_eq!(open, 0);
    let read = ours.get(&path).await.unwrap().expect(200).unwrap();
    assert_eq!(
        (read.etag.unwrap(), read.body["name"].clone()),
        (etag, json!("Punctuality"))
    );
    let listed = ours.get("/v1/proposals?limit=1").await.unwrap().expect(200).unwrap();
    assert_eq!(
        (&listed.body["proposals"][0]["id"], &listed.body["proposals"][0]["kpis"]),
        (&read.body["id"], &json!(2))
    );
    path
}

/// Amounts in cents: they have two decimals at most.
fn cents(amount: &Value) -> i64 {
    let (whole, part) = amount
        .as_str()
        .unwrap()
        .split_once('.')
        .unwrap_or((amount.as_str().unwrap(), ""));
    format!("{whole}{part:0<2}").parse().unwrap()
}

async fn the_quote_is_the_sum_of_its_lines(ours: &Account, path: &str) {
    let quote = quote(ours, path).await;
    let mut first_year = 0;
    for line in quote["lines"].as_array().unwrap() {
        let times = if line["period"] == "month" { 12 } else { 1 };
        first_year += cents(&line["amount"]["max"]) * times;
    }
    let totals = &quote["totals"];
    assert_eq!(cents(&totals["year_1"]["max"]), first_year);
    assert_eq!(cents(&totals["licensing_per_year"]["min"]), 6_500_000);
    assert_eq!(cents(&totals["environment"]["max"]), 1_050_000);
    let hourly = ["min", "max"].map(|end| cents(&totals["time_and_materials"][end]));
    assert_eq!(hourly, [350_000, 525_000]);
    assert_eq!(cents(&totals["managed_services_per_year"]["max"]), 875_000);
    let lengthened: Vec<&Value> = quote["adjustments"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["to"])
        .collect();
    assert_eq!(lengthened, ["years7", "years7"]);
}

async fn the_work_is_planned(ours: &Account, path: &str) {
    let url = format!("{path}/schedule");
    let plan = async |request: Value| ours.post(&url, &request).await.unwrap();
    let alone = plan(json!({ "start": "2026-12-07" })).await.expect(200).unwrap().body;
    let bars = alone["gantt"]["bars"].as_array().unwrap();
    let days = |bar: &Value| {
        let day = |end: &str| bar[end].as_str().unwrap().to_owned();
        (day("from"), day("to"))
    };
    assert!(
        bars.iter()
            .all(|bar| days(bar).0.as_str() >= "2026-12-07" && days(bar).0 <= days(bar).1),
        "{alone}"
    );
    let integrated = bars.iter().find(|bar| bar["phase"] == "data_integration").unwrap();
    let implemented = bars.iter().filter(|bar| bar["phase"] == "kpi_implementation");
    assert!(
        implemented.into_iter().all(|bar| days(bar).0 >= days(integrated).1),
        "{alone}"
    );
    let last = bars.last().unwrap();
    assert_eq!(
        (&last["phase"], last.get("person")),
        (&json!("go_live"), None),
        "{alone}"
    );
    assert!(!alone["schedule"]["critical_path"].as_array().unwrap().is_empty());
    let more = json!({ "start": "2026-12-07", "what_if": { "add_person": { "id": "second", "roles": ["integration_architect"] } } });
    let more = plan(more).await.expect(200).unwrap().body;
    assert!(more["what_if"]["days_gained"].as_i64().unwrap() >= 0, "{more}");
    for (request, status, pointer) in [
        (json!({ "start": "2026-12-07", "people": [] }), 422, "/tasks/0/skill"),
        (json!({ "start": "yesterday" }), 400, ""),
    ] {
        let refused = plan(request).await;
        assert_eq!(refused.status, status, "{}", refused.body);
        let told = refused.body["issues"][0]["pointer"].as_str().unwrap_or_default();
        assert!(told.starts_with(pointer), "{}", refused.body);
    }
}

async fn two_editors_do_not_lose_answers(ours: &Account, path: &str) {
    let etag = ours.get(path).await.unwrap().expect(200).unwrap().etag.unwrap();
    let put = async |step: &str, if_match: Option<&str>, answers: Value| -> Answer {
        ours.put(&format!("{path}/answers/{step}"), if_match, &answers)
            .await
            .unwrap()
    };
    assert_eq!(put("environment", None, json!({ "platform": "gcp" })).await.status, 428);
    let (one, other) = tokio::join!(
        put("environment", Some(&etag), json!({ "platform": "gcp" })),
        put("licensing", Some(&etag), json!({ "term": "one_year" }))
    );
    let mut statuses = [one.status, other.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 412], "one of two editors of the same version wins");
    let answers = ours.get(path).await.unwrap().expect(200).unwrap().body["answers"].clone();
    let changed = [
        answers["environment"]["platform"] == "gcp",
        answers["licensing"]["term"] == "one_year",
    ];
    assert_eq!(changed.iter().filter(|changed| **changed).count(), 1, "{answers}");
}

async fn what_cannot_be_is_refused(ours: &Account, path: &str) {
    let thousand: Vec<String> = (0..1_000).map(|index| format!("K{index}")).collect();
    for (kpis, pointer) in [
        (json!([]), "/kpis"),
        (json!(thousand), "/kpis"),
        (json!(["GONE"]), "/kpis/0"),
    ] {
        let refused = ours
            .post("/v1/proposals", &json!({ "name": "Cart", "kpis": kpis }))
            .await
            .unwrap();
        assert_eq!(
            (refused.status, &refused.body["issues"][0]["pointer"]),
            (422, &json!(pointer))
        );
    }
    for (step, answers, status, pointer) in [
        (
            "infrastructure",
            json!({ "daily_volume_gb": -1, "concurrent_users": 1e12 }),
            422,
            json!("/daily_volume_gb"),
        ),
        (
            "environment",
            json!({ "platform": "existing", "cloud_architect_hours": 60 }),
            422,
            json!("/cloud_architect_hours"),
        ),
        ("data_integration", json!({ "Train": {} }), 422, json!("/Train")),
        ("discounts", json!({}), 404, Value::Null),
    ] {
        let refused = ours
            .put(&format!("{path}/answers/{step}"), Some("*"), &answers)
            .await
            .unwrap();
        assert_eq!(
            (refused.status, &refused.body["issues"][0]["pointer"]),
            (status, &pointer),
            "{}",
            refused.body
        );
    }
}

async fn proposals_are_for_those_who_may(product: &Product, path: &str) {
    let viewer = product.user("viewer").await.unwrap();
    for path in [path, "/v1/proposals", "/v1/questionnaire"] {
        assert_eq!(viewer.get(path).await.unwrap().status, 403, "{path}");
    }
    let theirs = &product.theirs;
    assert_eq!(theirs.get(path).await.unwrap().status, 404);
    assert_eq!(theirs.get(&format!("{path}/quote")).await.unwrap().status, 404);
    let theft = theirs
        .put(
            &format!("{path}/answers/licensing"),
            Some("*"),
            &json!({ "term": "one_year" }),
        )
        .await;
    assert_eq!(theft.unwrap().status, 404);
    for (action, body) in [
        ("issue", json!({ "revision": 1 })),
        ("accept", json!({ "revision": 1 })),
        ("decline", json!({ "revision": 1 })),
        ("revisions", json!({ "after": 1 })),
    ] {
        let theft = theirs.change(&format!("{path}/{action}"), &body).await;
        assert_eq!(theft.unwrap().status, 404, "{action}");
    }
    assert_eq!(theirs.get("/v1/proposals").await.unwrap().body["proposals"], json!([]));
}

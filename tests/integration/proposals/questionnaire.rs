//! A cart is answered step by step, and every answer changes the quote and the plan.

use serde_json::{Value, json};
use tests::json::JsonExt as _;
use tests::product::Product;

use super::{act, cart, complete_draft, steps};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kpis_say_which_objects_they_need() {
    let product = Product::shared().await;
    let airline = product.airline().await;
    let cart = json!({ "kpis": ["ON_TIME_RATE", "FLIGHTS", "GONE"] });
    let needed = airline.post("/v1/analysis/required-objects", &cart).await.ok();
    assert_eq!(needed["objects"][0]["code"], "Flight");
    let chains = json!([{ "name": "AVIATION", "kpis": ["FLIGHTS", "ON_TIME_RATE"] }]);
    assert_eq!(needed["value_chains"], chains);
    assert_eq!(needed["unknown_kpis"], json!(["GONE"]));
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cart_is_complete_when_every_step_is_answered() {
    let product = Product::shared().await;
    let airline = product.airline().await;
    let questionnaire = airline.get("/v1/questionnaire").await.ok();
    assert_eq!(questionnaire["steps"].list().len(), 8);
    let created = airline.post("/v1/proposals", &cart()).await.created();
    let path = created.header("location");
    let mut etag = created.etag().to_owned();
    let mut open = created["missing"].list().len();
    for (step, answers) in steps() {
        let url = format!("{path}/answers/{step}");
        let answered = airline.put(&url, &answers).if_match(&etag).await.ok();
        etag = answered.etag().to_owned();
        let left = answered["missing"].list().len();
        assert_eq!(left, open - 1, "{step}: {answered}");
        let quote = airline.get(&format!("{path}/quote")).await.ok();
        assert_eq!(quote["complete"], left == 0, "{step}");
        open = left;
    }
    assert_eq!(open, 0);
    let read = airline.get(path).await.ok();
    assert_eq!((read.etag(), &read["name"]), (etag.as_str(), &json!("Punctuality")));
    let listed = airline.get("/v1/proposals?limit=1").await.ok();
    let listed = &listed["proposals"][0];
    assert_eq!((&listed["id"], &listed["kpis"]), (&read["id"], &json!(2)));
    product.stop().await;
}

/// Amounts in cents: they have two decimals at most.
fn cents(amount: &Value) -> i64 {
    let (whole, part) = amount.text().split_once('.').unwrap_or((amount.text(), ""));
    format!("{whole}{part:0<2}").parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_quote_is_the_sum_of_its_lines() {
    let product = Product::shared().await;
    let airline = product.airline().await;
    let path = complete_draft(&airline).await;
    let quote = airline.get(&format!("{path}/quote")).await.ok();
    let mut first_year = 0;
    for line in quote["lines"].list() {
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
    let lengthened: Vec<&Value> = quote["adjustments"].list().iter().map(|one| &one["to"]).collect();
    assert_eq!(lengthened, ["years7", "years7"]);
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_work_of_a_quote_is_planned() {
    let product = Product::shared().await;
    let airline = product.airline().await;
    let url = format!("{}/schedule", complete_draft(&airline).await);
    let plan = async |request: Value| airline.post(&url, &request).await;
    let planned = plan(json!({ "start": "2026-12-07" })).await.ok();
    let bars = planned["gantt"]["bars"].list();
    let days = |bar: &Value| (bar["from"].text().to_owned(), bar["to"].text().to_owned());
    let in_order = |bar: &Value| days(bar).0.as_str() >= "2026-12-07" && days(bar).0 <= days(bar).1;
    assert!(bars.iter().all(in_order), "{planned}");
    let integrated = bars.iter().find(|bar| bar["phase"] == "data_integration").unwrap();
    let mut implemented = bars.iter().filter(|bar| bar["phase"] == "kpi_implementation");
    assert!(implemented.all(|bar| days(bar).0 >= days(integrated).1), "{planned}");
    let last = bars.last().unwrap();
    assert_eq!(
        (&last["phase"], last.get("person")),
        (&json!("go_live"), None),
        "{planned}"
    );
    assert!(!planned["schedule"]["critical_path"].list().is_empty());

    let person = json!({ "id": "second", "roles": ["integration_architect"] });
    let more = plan(json!({ "start": "2026-12-07", "what_if": { "add_person": person } }))
        .await
        .ok();
    assert!(more["what_if"]["days_gained"].integer() >= 0, "{more}");

    for (request, status, pointer) in [
        (json!({ "start": "2026-12-07", "people": [] }), 422, "/tasks/0/skill"),
        (json!({ "start": "yesterday" }), 400, ""),
    ] {
        let refused = plan(request).await.refused(status);
        let told = refused["issues"][0]["pointer"].as_str().unwrap_or_default();
        assert!(told.starts_with(pointer), "{refused}");
    }
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_editors_do_not_lose_each_others_answers() {
    let product = Product::shared().await;
    let airline = product.airline().await;
    let path = complete_draft(&airline).await;
    let read = airline.get(&path).await.ok();
    let put = |step: &str, answers: Value| airline.put(&format!("{path}/answers/{step}"), &answers);
    put("environment", json!({ "platform": "gcp" })).await.refused(428);
    let (one, other) = tokio::join!(
        put("environment", json!({ "platform": "gcp" }))
            .if_match(read.etag())
            .send(),
        put("licensing", json!({ "term": "one_year" }))
            .if_match(read.etag())
            .send()
    );
    let mut statuses = [one.status, other.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 412], "one of two editors of the same version wins");
    let answers = airline.get(&path).await.ok()["answers"].clone();
    let changed = [
        answers["environment"]["platform"] == "gcp",
        answers["licensing"]["term"] == "one_year",
    ];
    assert_eq!(changed.iter().filter(|changed| **changed).count(), 1, "{answers}");
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cart_of_no_too_many_or_unknown_kpis_is_refused() {
    let product = Product::shared().await;
    let airline = product.airline().await;
    let thousand: Vec<String> = (0..1_000).map(|index| format!("K{index}")).collect();
    for (kpis, pointer) in [
        (json!([]), "/kpis"),
        (json!(thousand), "/kpis"),
        (json!(["GONE"]), "/kpis/0"),
    ] {
        let cart = json!({ "name": "Cart", "kpis": kpis });
        let refused = airline.post("/v1/proposals", &cart).await.refused(422);
        assert_eq!(refused["issues"][0]["pointer"], pointer);
    }
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_can_not_be_is_refused_with_its_place() {
    let product = Product::shared().await;
    let airline = product.airline().await;
    let path = complete_draft(&airline).await;
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
        let request = airline.put(&format!("{path}/answers/{step}"), &answers).if_match("*");
        let refused = request.await.refused(status);
        assert_eq!(refused["issues"][0]["pointer"], pointer, "{refused}");
    }
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proposal_is_for_its_client_and_for_roles_that_may_read_it() {
    let product = Product::shared().await;
    let airline = product.airline().await;
    let path = complete_draft(&airline).await;
    let viewer = product.colleague(&airline, "viewer").await;
    for path in [path.as_str(), "/v1/proposals", "/v1/questionnaire"] {
        viewer.get(path).await.refused(403);
    }
    let other = product.client().await;
    other.get(&path).await.refused(404);
    other.get(&format!("{path}/quote")).await.refused(404);
    let theft = json!({ "term": "one_year" });
    other
        .put(&format!("{path}/answers/licensing"), &theft)
        .if_match("*")
        .await
        .refused(404);
    for (action, body) in [
        ("issue", json!({ "revision": 1 })),
        ("accept", json!({ "revision": 1 })),
        ("decline", json!({ "revision": 1 })),
        ("revisions", json!({ "after": 1 })),
    ] {
        act(&other, &path, action, &body).await.refused(404);
    }
    assert_eq!(other.get("/v1/proposals").await.ok()["proposals"], json!([]));
    product.stop().await;
}

//! Many questions at once are answered as each by itself, and all of the same facts.

use serde_json::{Value, json};
use tests::http::User;
use tests::json::JsonExt as _;
use tests::product::Product;

const ONE: &str = "2026-03-28T10:00:00Z";

/// Two days of sales, and KPIs over them and over what was planned.
async fn shop(product: &Product) -> User {
    let client = product.client().await;
    for (code, amount) in [("Sale", "amount"), ("Plan", "planned")] {
        let entity = json!({ "code": code, "domain": "sales", "attributes": [{ "name": amount, "type": "decimal" },
            { "name": "region", "type": "text", "dimension": true }], "groupings": [{ "dimensions": ["region"] }] });
        client.post("/v1/entities", &entity).await.created();
    }
    let kpis = [
        json!({ "code": "PLANNED", "formula": "SUM(Plan.planned)" }),
        json!({ "code": "REVENUE", "formula": "SUM(Sale.amount)", "direction": "higher_is_better", "target": "PLANNED" }),
        json!({ "code": "MIDDLE", "formula": "MEDIAN(Sale.amount)" }),
        json!({ "code": "GROWTH", "formula": "SUM(Sale.amount) / PREVIOUS(SUM(Sale.amount)) - 1" }),
    ];
    for mut kpi in kpis {
        kpi["name"] = kpi["code"].clone();
        client.post("/v1/kpis", &kpi).await.created();
    }
    let at = |day: i64, hour: i64| format!("2026-03-{day}T{hour:02}:00:00Z");
    let sales = (0..40).map(|sale| {
        let region = if sale % 3 == 0 { "south" } else { "north" };
        json!({ "time": at(27 + sale % 2, sale % 23), "amount": sale * sale % 97, "region": region })
    });
    assert_eq!(client.ingest("Sale", &sales.collect()).await, (40, 0));
    let plan = json!([{ "time": at(28, 1), "planned": 900, "region": "north" }]);
    assert_eq!(client.ingest("Plan", &plan).await, (1, 0));
    client
}

/// Asks one question on the route that is for it alone.
async fn alone(client: &User, question: &Value) -> Value {
    let mut query: Vec<String> = Vec::new();
    for (name, value) in question.as_object().unwrap() {
        match (name.as_str(), value) {
            ("kpi", _) => {}
            ("filter", filter) => {
                for (dimension, values) in filter.as_object().unwrap() {
                    let values: Vec<&str> = values.list().iter().map(|value| value.as_str().unwrap()).collect();
                    query.push(format!("filter[{dimension}]={}", values.join(",")));
                }
            }
            ("by", by) => query.push(format!("by={}", by[0].as_str().unwrap())),
            ("status", _) => query.push("status=true".to_owned()),
            (name, value) => query.push(format!("{name}={}", value.as_str().unwrap())),
        }
    }
    let kind = if question["from"].is_null() { "value" } else { "series" };
    let path = format!(
        "/v1/kpis/{}/{kind}?{}",
        question["kpi"].as_str().unwrap(),
        query.join("&")
    );
    json!({ kind: client.get(&path).await.ok().body })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_of_many_questions_is_answered_as_by_itself() {
    let product = Product::shared().await;
    let client = shop(&product).await;
    let (from, to) = ("2026-03-27T00:00:00Z", "2026-03-29T00:00:00Z");
    let questions = [
        json!({ "kpi": "REVENUE", "period": "day", "at": ONE }),
        json!({ "kpi": "REVENUE", "period": "day", "at": ONE, "status": true }),
        json!({ "kpi": "REVENUE", "period": "hour", "from": from, "to": to, "by": ["region"], "gaps": "fill" }),
        json!({ "kpi": "REVENUE", "period": "day", "from": from, "to": to, "status": true, "filter": { "region": ["north"] } }),
        json!({ "kpi": "MIDDLE", "period": "day", "from": from, "to": to, "time_zone": "Asia/Kathmandu" }),
        json!({ "kpi": "GROWTH", "period": "day", "from": from, "to": to, "filter": { "region": ["south", ""] } }),
        json!({ "kpi": "PLANNED", "period": "week", "at": ONE, "mode": "approximate" }),
    ];
    let body = json!({ "questions": questions });
    let answered = client.post("/v1/calculate", &body).await.ok();
    assert_eq!(answered["answers"].list().len(), questions.len());
    for (question, answer) in questions.iter().zip(answered["answers"].list()) {
        assert_eq!(answer, &alone(&client, question).await, "{question}");
    }
    let body = json!({ "questions": [questions[0]], "numbers": "text" });
    let texts = client.post("/v1/calculate", &body).await.ok();
    let value = &answered["answers"][0]["value"]["value"];
    assert_eq!(texts["answers"][0]["value"]["value"], json!(value.to_string()));
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_can_not_be_answered_spoils_no_other_answer() {
    let product = Product::shared().await;
    let client = shop(&product).await;
    let good = json!({ "kpi": "REVENUE", "period": "day", "at": ONE });
    let range =
        |from: &str| json!({ "kpi": "REVENUE", "period": "minute", "from": from, "to": "2026-03-29T00:00:00Z" });
    let with = |name: &str, value: Value| {
        let mut question = good.clone();
        question[name] = value;
        question
    };
    let cases = [
        (with("kpi", json!("REVENU")), 404, "REVENU"),
        (with("filter", json!({ "colour": ["red"] })), 422, "colour"),
        (with("from", json!(ONE)), 422, "`to`"),
        (with("time_zone", json!("Berlin")), 422, "time_zone"),
        (with("by", json!(["region"])), 422, "`by`"),
        (range("2020-01-01T00:00:00Z"), 422, "10080"),
        (
            json!({ "kpi": "PLANNED", "period": "day", "status": true }),
            422,
            "no target",
        ),
    ];
    let questions: Vec<&Value> = cases.iter().flat_map(|(question, ..)| [question, &good]).collect();
    let answered = client
        .post("/v1/calculate", &json!({ "questions": questions }))
        .await
        .ok();
    let expected = alone(&client, &good).await;
    for ((question, status, named), pair) in cases.iter().zip(answered["answers"].list().chunks(2)) {
        let problem = &pair[0]["problem"];
        assert_eq!(problem["status"], json!(status), "{question}: {problem}");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(named), "{question}: {detail}");
        assert_eq!(pair[1], expected);
    }
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_answers_have_no_more_points_together_than_one_may_have() {
    let product = Product::shared().await;
    let client = shop(&product).await;
    let week = json!({ "kpi": "REVENUE", "period": "minute", "from": "2026-03-22T00:00:00Z", "to": "2026-03-29T00:00:00Z", "gaps": "fill" });
    let body = json!({ "questions": [week, week, week, { "kpi": "REVENUE", "period": "day", "at": ONE }] });
    let answered = client.post("/v1/calculate", &body).await.ok();
    let answers = answered["answers"].list();
    assert_eq!(answers[0]["series"]["points"].list().len(), 10_080);
    assert_eq!(answers[1]["series"]["points"].list().len(), 10_080);
    let refused = answers[2]["problem"]["detail"].as_str().unwrap();
    assert!(refused.contains("of which 9840 are left"), "{refused}");
    assert!(!answers[3]["value"].is_null(), "{}", answers[3]);
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_is_not_a_list_of_questions_is_refused_with_its_place() {
    let product = Product::shared().await;
    let client = shop(&product).await;
    let good = json!({ "kpi": "REVENUE", "period": "day" });
    let many = vec![good.clone(); 129];
    for (body, status, named) in [
        (json!({ "questions": [] }), 422, "takes from 1 to 128"),
        (json!({ "questions": many }), 422, "129"),
        (json!({}), 400, "questions"),
        (
            json!({ "questions": [{ "kpi": "REVENUE", "period": "days" }] }),
            400,
            "days",
        ),
        (
            json!({ "questions": [{ "kpi": "REVENUE", "period": "day", "group": 1 }] }),
            400,
            "group",
        ),
        (json!({ "questions": [{ "period": "day" }] }), 400, "kpi"),
    ] {
        let refused = client.post("/v1/calculate", &body).await.refused(status);
        assert!(refused.detail().contains(named), "{named}: {refused}");
    }
    let all = vec![good; 128];
    let answered = client.post("/v1/calculate", &json!({ "questions": all })).await.ok();
    assert_eq!(answered["answers"].list().len(), 128);
    product.stop().await;
}

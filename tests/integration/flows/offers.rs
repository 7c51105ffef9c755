//! From a draft to an offer and what becomes of it: terms, issue, accept, decline, revisions.

use serde_json::{Value, json};
use tests::product::{Account, Answer, Product};

use super::proposals::steps;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_offer_is_issued_once_and_decided_once() {
    let product = Product::start().await.unwrap();
    let ours = &product.ours;
    a_key_begins_one_proposal(ours).await;
    discounts_have_limits(&product).await;
    half_an_offer_is_not_issued(ours).await;
    two_who_issue_make_one_offer(ours).await;
    a_price_that_was_not_read_is_not_issued(ours).await;
    what_is_issued_does_not_change(ours).await;
    a_revision_supersedes_the_one_before(ours).await;
    a_draft_does_not_withdraw_an_offer(ours).await;
    an_expired_offer_is_not_accepted(&product).await;
    product.stop().await.unwrap();
}

fn cart() -> Value {
    json!({ "name": "Punctuality", "kpis": ["ON_TIME_RATE", "FLIGHTS"] })
}

async fn get(account: &Account, path: &str) -> Value {
    account.get(path).await.unwrap().expect(200).unwrap().body
}

async fn post(account: &Account, path: &str, body: Value) -> Answer {
    account.change(path, &body).await.unwrap()
}

/// A draft in which everything is answered.
pub(super) async fn complete(ours: &Account) -> String {
    let created = ours.post("/v1/proposals", &cart()).await.unwrap().expect(201).unwrap();
    let path = created.headers["location"].to_str().unwrap().to_owned();
    for (step, answers) in steps() {
        let answered = ours.put(&format!("{path}/answers/{step}"), Some("*"), &answers).await;
        answered.unwrap().expect(200).unwrap();
    }
    path
}

pub(super) async fn issued(ours: &Account) -> String {
    let path = complete(ours).await;
    post(ours, &format!("{path}/issue"), json!({ "revision": 1 }))
        .await
        .expect(200)
        .unwrap();
    path
}

async fn a_key_begins_one_proposal(ours: &Account) {
    let begin = async |key: &str, body: Value| {
        let headers = [("content-type", "application/json"), ("idempotency-key", key)];
        let answer = ours
            .send(reqwest::Method::POST, "/v1/proposals", &headers, Some(body.to_string()))
            .await;
        answer.unwrap()
    };
    let (one, again) = tokio::join!(begin("cart-1", cart()), begin("cart-1", cart()));
    assert_eq!((one.status, again.status), (201, 201), "{} {}", one.body, again.body);
    assert_eq!(one.body["id"], again.body["id"]);
    let other = begin("cart-1", json!({ "name": "Another", "kpis": ["FLIGHTS"] })).await;
    assert_eq!(other.status, 409, "{}", other.body);
    assert_ne!(begin("cart-2", cart()).await.body["id"], one.body["id"]);
    let path = format!("/v1/proposals/{}/answers/licensing", one.body["id"].as_str().unwrap());
    let answers = json!({ "term": "one_year" });
    let first = ours.put(&path, one.etag.as_deref(), &answers).await.unwrap();
    let repeated = ours.put(&path, one.etag.as_deref(), &answers).await.unwrap();
    assert_eq!(
        (first.status, repeated.status),
        (200, 200),
        "a repeated answer finds its own effect"
    );
    assert_eq!(first.etag, repeated.etag);
}

async fn discounts_have_limits(product: &Product) {
    let path = complete(&product.ours).await;
    let analyst = product.user("analyst").await.unwrap();
    let off =
        |percent: &str| json!({ "discounts": { "licensing": { "percent": percent, "reason": "Reference customer" } } });
    for (who, percent, status) in [
        (&analyst, "5", 200),
        (&analyst, "5.01", 403),
        (&product.ours, "30", 200),
        (&product.ours, "30.01", 403),
        (&product.ours, "-1", 422),
    ] {
        let answer = who
            .put(&format!("{path}/terms"), Some("*"), &off(percent))
            .await
            .unwrap();
        assert_eq!(answer.status, status, "{percent}: {}", answer.body);
    }
    let quote = get(&product.ours, &format!("{path}/quote")).await;
    assert_eq!(
        quote["totals"]["discounts_year_1"]["max"], "-19500.00",
        "30 % of 65,000"
    );
    let mut terms = off("10");
    terms["tax"] = json!({ "name": "VAT", "percent": "19" });
    terms["exchange"] = json!({ "currency": "EUR", "rate": "0.9" });
    let answer = product
        .ours
        .put(&format!("{path}/terms"), Some("*"), &terms)
        .await
        .unwrap();
    let body = answer.expect(200).unwrap().body;
    assert_eq!(body["terms"]["exchange"]["currency"], "EUR");
    for who in ["created_by", "updated_by", "terms_by"] {
        assert_eq!(body[who]["email"], product.ours.email, "{who}");
    }
    let quote = get(&product.ours, &format!("{path}/quote")).await;
    assert_eq!(quote["currency"], "EUR");
    assert_eq!(
        quote["totals"]["licensing_per_year"]["max"], "58500.00",
        "65,000 at 0.9"
    );
    let lines = quote["lines"].as_array().unwrap();
    let kinds: Vec<&str> = lines
        .iter()
        .rev()
        .take(4)
        .map(|line| line["key"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["tax.year", "tax.month", "tax.once", "discount.licensing"]);
}

async fn half_an_offer_is_not_issued(ours: &Account) {
    let created = ours.post("/v1/proposals", &cart()).await.unwrap().expect(201).unwrap();
    let path = format!("/v1/proposals/{}", created.body["id"].as_str().unwrap());
    let refused = post(ours, &format!("{path}/issue"), json!({ "revision": 1 })).await;
    assert_eq!(refused.status, 409, "{}", refused.body);
    assert_eq!(refused.body["issues"][0]["pointer"], "/answers/licensing");
    assert_eq!(get(ours, &path).await["state"], "draft");
    let early = post(ours, &format!("{path}/accept"), json!({ "revision": 1 })).await;
    assert_eq!(early.status, 409, "a draft is no offer: {}", early.body);
    let bare = ours
        .post(&format!("{path}/issue"), &json!({ "revision": 1 }))
        .await
        .unwrap();
    assert_eq!(bare.status, 428);
}

async fn two_who_issue_make_one_offer(ours: &Account) {
    let path = complete(ours).await;
    let action = format!("{path}/issue");
    let issues = (0..6).map(|_| post(ours, &action, json!({ "revision": 1 })));
    for answer in futures::future::join_all(issues).await {
        assert_eq!(
            (answer.status, &answer.body["state"]),
            (200, &json!("issued")),
            "{}",
            answer.body
        );
    }
    let now = get(ours, &path).await;
    assert_eq!((&now["state"], &now["revision"]), (&json!("issued"), &json!(1)));
    assert_eq!(now["issued"]["by"]["email"], ours.email);
    let revisions = get(ours, &format!("{path}/revisions")).await;
    assert_eq!(revisions["revisions"].as_array().unwrap().len(), 1);
}

/// The catalogue prices a draft, and others change it.
async fn a_price_that_was_not_read_is_not_issued(ours: &Account) {
    let path = complete(ours).await;
    let read = ours.get(&path).await.unwrap().etag.unwrap();
    let kpi = ours.get("/v1/kpis/FLIGHTS").await.unwrap().expect(200).unwrap();
    let change = async |chain: &str| {
        let mut definition = kpi.body.clone();
        definition["value_chain"] = json!(chain);
        if let Some(object) = definition.as_object_mut() {
            object.remove("version");
        }
        ours.put("/v1/kpis/FLIGHTS", Some("*"), &definition)
            .await
            .unwrap()
            .expect(200)
            .unwrap();
    };
    let before = kpi.body["value_chain"].as_str().unwrap().to_owned();
    change("Another chain").await;
    let headers = [("content-type", "application/json"), ("if-match", read.as_str())];
    let body = json!({ "revision": 1 }).to_string();
    let refused = ours
        .send(
            reqwest::Method::POST,
            &format!("{path}/issue"),
            &headers,
            Some(body.clone()),
        )
        .await
        .unwrap();
    assert_eq!(
        (refused.status, get(ours, &path).await["state"].as_str()),
        (412, Some("draft")),
        "{}",
        refused.body
    );
    change(&before).await;
    let issued = ours
        .send(reqwest::Method::POST, &format!("{path}/issue"), &headers, Some(body))
        .await
        .unwrap();
    assert_eq!(issued.status, 200, "the price is again what was read: {}", issued.body);
}

async fn what_is_issued_does_not_change(ours: &Account) {
    let path = issued(ours).await;
    let quote = get(ours, &format!("{path}/quote")).await;
    let edited = ours
        .put(
            &format!("{path}/answers/licensing"),
            Some("*"),
            &json!({ "term": "five_years" }),
        )
        .await;
    assert_eq!(edited.unwrap().status, 409);
    let terms = json!({ "tax": { "name": "VAT", "percent": "19" } });
    assert_eq!(
        ours.put(&format!("{path}/terms"), Some("*"), &terms)
            .await
            .unwrap()
            .status,
        409
    );
    assert_eq!(get(ours, &format!("{path}/quote")).await, quote);
    for revision in [0, 2] {
        let wrong = post(ours, &format!("{path}/accept"), json!({ "revision": revision })).await;
        assert_eq!(wrong.status, 409, "a revision that was not read: {}", wrong.body);
    }
    let action = format!("{path}/accept");
    let accept = || post(ours, &action, json!({ "revision": 1 }));
    for answer in futures::future::join_all((0..6).map(|_| accept())).await {
        assert_eq!(
            (answer.status, &answer.body["state"]),
            (200, &json!("accepted")),
            "{}",
            answer.body
        );
    }
    let again = accept().await.expect(200).unwrap();
    assert_eq!(again.body["state"], "accepted");
    assert_eq!(accept().await.etag, again.etag, "accepted once");
    assert_eq!(
        post(ours, &format!("{path}/decline"), json!({ "revision": 1 }))
            .await
            .status,
        409
    );
    assert_eq!(
        post(ours, &format!("{path}/revisions"), json!({ "after": 1 }))
            .await
            .status,
        409
    );
}

async fn a_revision_supersedes_the_one_before(ours: &Account) {
    let path = issued(ours).await;
    let revisions = format!("{path}/revisions");
    let begin = |after: i32| post(ours, &revisions, json!({ "after": after }));
    let draft = begin(1).await.expect(200).unwrap();
    assert_eq!(
        (&draft.body["revision"], &draft.body["state"]),
        (&json!(2), &json!("draft"))
    );
    assert_eq!(
        begin(1).await.expect(200).unwrap().etag,
        draft.etag,
        "it has begun already"
    );
    let longer = json!({ "term": "five_years", "additional_value_chains": ["CRM"] });
    let changed = ours.put(&format!("{path}/answers/licensing"), Some("*"), &longer).await;
    changed.unwrap().expect(200).unwrap();
    let issue = async |revision: i32| post(ours, &format!("{path}/issue"), json!({ "revision": revision })).await;
    issue(2).await.expect(200).unwrap();
    assert_eq!(
        begin(1).await.status,
        409,
        "what is sent again begins no third revision"
    );
    assert_eq!(issue(1).await.status, 409);
    let listed = get(ours, &revisions).await;
    let all = listed["revisions"].as_array().unwrap().iter();
    let states: Vec<&Value> = all.map(|one| &one["state"]).collect();
    assert_eq!(states, ["superseded", "issued"]);
    let first = get(ours, &format!("{revisions}/1")).await;
    assert_eq!(
        (&first["answers"]["licensing"]["term"], &first["changes"]),
        (&json!("three_years"), &json!([]))
    );
    let second = get(ours, &format!("{revisions}/2")).await;
    assert_eq!(second["quote"], get(ours, &format!("{path}/quote")).await);
    let changes = second["changes"].as_array().unwrap();
    let change = |pointer: &str| changes.iter().find(|change| change["pointer"] == pointer).unwrap();
    let term = change("/answers/licensing/term");
    assert_eq!(
        (&term["before"], &term["after"]),
        (&json!("three_years"), &json!("five_years"))
    );
    change("/totals/year_1/max");
    assert_eq!(ours.get(&format!("{revisions}/3")).await.unwrap().status, 404);
    let no = json!({ "revision": 2, "reason": "Too long" });
    let declined = post(ours, &format!("{path}/decline"), no).await.expect(200).unwrap();
    assert_eq!(
        (&declined.body["state"], &declined.body["issued"]["reason"]),
        (&json!("declined"), &json!("Too long"))
    );
    let third = begin(2).await.expect(200).unwrap();
    assert_eq!(third.body["revision"], 3, "a declined offer can be followed by another");
}

async fn a_draft_does_not_withdraw_an_offer(ours: &Account) {
    let path = issued(ours).await;
    let next = json!({ "after": 1 });
    post(ours, &format!("{path}/revisions"), next)
        .await
        .expect(200)
        .unwrap();
    let shorter = json!({ "term": "one_year" });
    let edited = ours
        .put(&format!("{path}/answers/licensing"), Some("*"), &shorter)
        .await;
    edited.unwrap().expect(200).unwrap();
    let accepted = post(ours, &format!("{path}/accept"), json!({ "revision": 1 })).await;
    let accepted = accepted.expect(200).unwrap().body;
    assert_eq!(
        (&accepted["revision"], &accepted["state"]),
        (&json!(1), &json!("accepted"))
    );
    assert_eq!(
        accepted["answers"]["licensing"]["term"], "three_years",
        "the draft is given up"
    );
}

async fn an_expired_offer_is_not_accepted(product: &Product) {
    let ours = &product.ours;
    let path = issued(ours).await;
    let owner = product.database.plain().await.unwrap();
    let id: uuid::Uuid = path.rsplit('/').next().unwrap().parse().unwrap();
    owner
        .execute(
            "UPDATE core.proposal_revisions SET valid_until = current_date - 2 WHERE proposal_id = $1",
            &[&id],
        )
        .await
        .unwrap();
    assert_eq!(get(ours, &path).await["state"], "expired");
    let late = post(ours, &format!("{path}/accept"), json!({ "revision": 1 })).await;
    assert_eq!(late.status, 409, "{}", late.body);
    let listed = get(ours, "/v1/proposals?limit=1").await;
    assert_eq!(listed["proposals"][0]["state"], "expired");
    let next = post(ours, &format!("{path}/revisions"), json!({ "after": 1 }))
        .await
        .expect(200)
        .unwrap();
    assert_eq!(next.body["state"], "draft");
}

//! From a draft to an offer and what becomes of it: terms, issue, accept, decline, revisions.

use serde_json::{Value, json};
use tests::http::User;
use tests::json::{JsonExt as _, without_version};
use tests::product::Product;

use super::{act, cart, complete_draft, issued_offer};

async fn read(user: &User, path: &str) -> Value {
    user.get(path).await.ok().body
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cart_that_is_sent_twice_under_one_key_is_one_proposal() {
    let product = Product::shared().await;
    let airline = product.airline().await;
    let begin = |key: &str, body: Value| airline.post("/v1/proposals", &body).idempotency_key(key).send();
    let (one, again) = tokio::join!(begin("cart-1", cart()), begin("cart-1", cart()));
    let (one, again) = (one.created(), again.created());
    assert_eq!(one["id"], again["id"]);
    let another = json!({ "name": "Another", "kpis": ["FLIGHTS"] });
    begin("cart-1", another).await.refused(409);
    assert_ne!(begin("cart-2", cart()).await.created()["id"], one["id"]);
    // A repeated answer finds its own effect.
    let path = format!("/v1/proposals/{}/answers/licensing", one["id"].text());
    let answers = json!({ "term": "one_year" });
    let first = airline.put(&path, &answers).if_match(one.etag()).await.ok();
    let repeated = airline.put(&path, &answers).if_match(one.etag()).await.ok();
    assert_eq!(first.etag(), repeated.etag());
    product.stop().await;
}

fn discount(percent: &str) -> Value {
    json!({ "discounts": { "licensing": { "percent": percent, "reason": "Reference customer" } } })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_discount_has_the_limit_of_its_role() {
    let product = Product::shared().await;
    let airline = product.airline().await;
    let terms = format!("{}/terms", complete_draft(&airline).await);
    let analyst = product.colleague(&airline, "analyst").await;
    for (user, percent, status) in [
        (&analyst, "5", 200),
        (&analyst, "5.01", 403),
        (&airline, "30", 200),
        (&airline, "30.01", 403),
        (&airline, "-1", 422),
    ] {
        let request = user.put(&terms, &discount(percent)).if_match("*");
        request.await.expect(status);
    }
    let quote = read(&airline, &terms.replace("/terms", "/quote")).await;
    let given = &quote["totals"]["discounts_year_1"]["max"];
    assert_eq!(given, "-19500.00", "30 % of 65,000");
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn terms_bring_a_currency_and_taxes_into_the_quote() {
    let product = Product::shared().await;
    let airline = product.airline().await;
    let path = complete_draft(&airline).await;
    let mut terms = discount("10");
    terms["tax"] = json!({ "name": "VAT", "percent": "19" });
    terms["exchange"] = json!({ "currency": "EUR", "rate": "0.9" });
    let agreed = airline.put(&format!("{path}/terms"), &terms).if_match("*").await.ok();
    assert_eq!(agreed["terms"]["exchange"]["currency"], "EUR");
    for who in ["created_by", "updated_by", "terms_by"] {
        assert_eq!(agreed[who]["email"], airline.email, "{who}");
    }
    let quote = read(&airline, &format!("{path}/quote")).await;
    assert_eq!(quote["currency"], "EUR");
    let licensing = &quote["totals"]["licensing_per_year"]["max"];
    assert_eq!(licensing, "58500.00", "65,000 at 0.9");
    let last = quote["lines"].list().iter().rev().take(4);
    let keys: Vec<&str> = last.map(|line| line["key"].text()).collect();
    assert_eq!(keys, ["tax.year", "tax.month", "tax.once", "discount.licensing"]);
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_draft_with_open_questions_is_not_issued() {
    let product = Product::shared().await;
    let airline = product.airline().await;
    let created = airline.post("/v1/proposals", &cart()).await.created();
    let path = created.header("location");
    let revision = json!({ "revision": 1 });
    let refused = act(&airline, path, "issue", &revision).await.refused(409);
    assert_eq!(refused["issues"][0]["pointer"], "/answers/licensing");
    assert_eq!(read(&airline, path).await["state"], "draft");
    // A draft is no offer.
    act(&airline, path, "accept", &revision).await.refused(409);
    // No version is named.
    airline.post(&format!("{path}/issue"), &revision).await.refused(428);
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn six_who_issue_at_once_make_one_offer() {
    let product = Product::shared().await;
    let airline = product.airline().await;
    let path = complete_draft(&airline).await;
    let revision = json!({ "revision": 1 });
    let issues = (0..6).map(|_| act(&airline, &path, "issue", &revision));
    for answer in futures::future::join_all(issues).await {
        assert_eq!(answer.ok()["state"], "issued");
    }
    let now = read(&airline, &path).await;
    assert_eq!((&now["state"], &now["revision"]), (&json!("issued"), &json!(1)));
    assert_eq!(now["issued"]["by"]["email"], airline.email);
    let revisions = read(&airline, &format!("{path}/revisions")).await;
    assert_eq!(revisions["revisions"].list().len(), 1);
    product.stop().await;
}

/// The catalogue prices a draft, and others change it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_price_that_was_not_read_is_not_issued() {
    let product = Product::shared().await;
    let airline = product.airline().await;
    let path = complete_draft(&airline).await;
    let draft = airline.get(&path).await.ok();
    let kpi = without_version(read(&airline, "/v1/kpis/FLIGHTS").await);
    let change = async |value_chain: &str| {
        let mut definition = kpi.clone();
        definition["value_chain"] = value_chain.into();
        airline.put("/v1/kpis/FLIGHTS", &definition).if_match("*").await.ok();
    };
    let issue = format!("{path}/issue");
    let issue = || airline.post(&issue, &json!({ "revision": 1 })).if_match(draft.etag());
    change("Another chain").await;
    issue().await.refused(412);
    assert_eq!(read(&airline, &path).await["state"], "draft");
    // The price is again what was read.
    change(kpi["value_chain"].text()).await;
    issue().await.ok();
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_issued_does_not_change() {
    let product = Product::shared().await;
    let airline = product.airline().await;
    let path = issued_offer(&airline).await;
    let quote = read(&airline, &format!("{path}/quote")).await;
    for (part, body) in [
        ("answers/licensing", json!({ "term": "five_years" })),
        ("terms", json!({ "tax": { "name": "VAT", "percent": "19" } })),
    ] {
        airline
            .put(&format!("{path}/{part}"), &body)
            .if_match("*")
            .await
            .refused(409);
    }
    assert_eq!(read(&airline, &format!("{path}/quote")).await, quote);
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_offer_is_accepted_once_and_then_decided() {
    let product = Product::shared().await;
    let airline = product.airline().await;
    let path = issued_offer(&airline).await;
    for revision in [0, 2] {
        // A revision that was not read.
        act(&airline, &path, "accept", &json!({ "revision": revision }))
            .await
            .refused(409);
    }
    let revision = json!({ "revision": 1 });
    let accept = || act(&airline, &path, "accept", &revision);
    for answer in futures::future::join_all((0..6).map(|_| accept())).await {
        assert_eq!(answer.ok()["state"], "accepted");
    }
    let again = accept().await.ok();
    assert_eq!(again["state"], "accepted");
    assert_eq!(accept().await.ok().etag(), again.etag(), "accepted once");
    act(&airline, &path, "decline", &revision).await.refused(409);
    act(&airline, &path, "revisions", &json!({ "after": 1 }))
        .await
        .refused(409);
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revision_supersedes_the_one_before() {
    let product = Product::shared().await;
    let airline = product.airline().await;
    let path = issued_offer(&airline).await;
    let begin = async |after: i32| act(&airline, &path, "revisions", &json!({ "after": after })).await;
    let issue = async |revision: i32| act(&airline, &path, "issue", &json!({ "revision": revision })).await;
    let draft = begin(1).await.ok();
    assert_eq!((&draft["revision"], &draft["state"]), (&json!(2), &json!("draft")));
    assert_eq!(begin(1).await.ok().etag(), draft.etag(), "it has begun already");
    let longer = json!({ "term": "five_years", "additional_value_chains": ["CRM"] });
    airline
        .put(&format!("{path}/answers/licensing"), &longer)
        .if_match("*")
        .await
        .ok();
    issue(2).await.ok();
    // What is sent again begins no third revision.
    begin(1).await.refused(409);
    issue(1).await.refused(409);

    let listed = read(&airline, &format!("{path}/revisions")).await;
    let states: Vec<&Value> = listed["revisions"].list().iter().map(|one| &one["state"]).collect();
    assert_eq!(states, ["superseded", "issued"]);
    let first = read(&airline, &format!("{path}/revisions/1")).await;
    let term = &first["answers"]["licensing"]["term"];
    assert_eq!((term, &first["changes"]), (&json!("three_years"), &json!([])));
    let second = read(&airline, &format!("{path}/revisions/2")).await;
    assert_eq!(second["quote"], read(&airline, &format!("{path}/quote")).await);
    let changes = second["changes"].list();
    let change = |pointer: &str| changes.iter().find(|change| change["pointer"] == pointer).unwrap();
    let term = change("/answers/licensing/term");
    assert_eq!(
        (&term["before"], &term["after"]),
        (&json!("three_years"), &json!("five_years"))
    );
    change("/totals/year_1/max");
    airline.get(&format!("{path}/revisions/3")).await.refused(404);
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_declined_offer_can_be_followed_by_another() {
    let product = Product::shared().await;
    let airline = product.airline().await;
    let path = issued_offer(&airline).await;
    let no = json!({ "revision": 1, "reason": "Too long" });
    let declined = act(&airline, &path, "decline", &no).await.ok();
    let (state, reason) = (&declined["state"], &declined["issued"]["reason"]);
    assert_eq!((state, reason), (&json!("declined"), &json!("Too long")));
    let next = act(&airline, &path, "revisions", &json!({ "after": 1 })).await.ok();
    assert_eq!((&next["revision"], &next["state"]), (&json!(2), &json!("draft")));
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_draft_of_the_next_revision_does_not_withdraw_an_offer() {
    let product = Product::shared().await;
    let airline = product.airline().await;
    let path = issued_offer(&airline).await;
    act(&airline, &path, "revisions", &json!({ "after": 1 })).await.ok();
    let shorter = json!({ "term": "one_year" });
    airline
        .put(&format!("{path}/answers/licensing"), &shorter)
        .if_match("*")
        .await
        .ok();
    let accepted = act(&airline, &path, "accept", &json!({ "revision": 1 })).await.ok();
    assert_eq!(
        (&accepted["revision"], &accepted["state"]),
        (&json!(1), &json!("accepted"))
    );
    let term = &accepted["answers"]["licensing"]["term"];
    assert_eq!(term, "three_years", "the draft is given up");
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_expired_offer_is_not_accepted() {
    let product = Product::shared().await;
    let airline = product.airline().await;
    let path = issued_offer(&airline).await;
    let database = product.database.plain().await.unwrap();
    let proposal: uuid::Uuid = path.rsplit('/').next().unwrap().parse().unwrap();
    let expire = "UPDATE core.proposal_revisions SET valid_until = current_date - 2 WHERE proposal_id = $1";
    database.execute(expire, &[&proposal]).await.unwrap();
    assert_eq!(read(&airline, &path).await["state"], "expired");
    act(&airline, &path, "accept", &json!({ "revision": 1 }))
        .await
        .refused(409);
    let listed = read(&airline, "/v1/proposals?limit=1").await;
    assert_eq!(listed["proposals"][0]["state"], "expired");
    let next = act(&airline, &path, "revisions", &json!({ "after": 1 })).await.ok();
    assert_eq!(next["state"], "draft");
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_offer_with_letters_that_its_documents_lack_is_not_issued() {
    let product = Product::shared().await;
    let airline = product.airline().await;
    let branding =
        |conditions: &str| json!({ "primary_colour": "#1f3a5f", "accent_colour": "#2a9d8f", "conditions": conditions });
    let put = async |conditions: &str| {
        airline
            .put("/v1/branding", &branding(conditions))
            .if_match("*")
            .await
            .ok();
    };
    put("Payment within 30 days.\nお支払い 🙂").await;
    let path = complete_draft(&airline).await;
    let refused = act(&airline, &path, "issue", &json!({ "revision": 1 }))
        .await
        .refused(422);
    assert_eq!(refused["type"], "urn:analytics-engine:problem:unprintable-letters");
    let issue = &refused["issues"][0];
    assert_eq!(issue["pointer"], "/conditions");
    let detail = issue["detail"].text();
    assert!(
        detail.contains("支 (U+652F)") && detail.contains("🙂 (U+1F642)"),
        "{detail}"
    );
    assert_eq!(read(&airline, &path).await["state"], "draft");
    // Right-to-left letters are among those that are there.
    put("Payment within 30 days.\nالدفع خلال ثلاثين يوما").await;
    act(&airline, &path, "issue", &json!({ "revision": 1 })).await.ok();
    product.stop().await;
}

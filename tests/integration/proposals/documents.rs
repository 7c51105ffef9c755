//! From an issued offer to its documents: events over the bus, files on S3, and how they look.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tests::http::User;
use tests::json::JsonExt as _;
use tests::product::Product;
use tests::waiting::{eventually, eventually_within};
use uuid::Uuid;

use super::{act, complete_draft, issued_offer};

/// The longest wait for documents: those of other offers may be made first.
const RENDERING: Duration = Duration::from_secs(60);

async fn read(user: &User, path: &str) -> Value {
    user.get(path).await.ok().body
}

/// The documents of an offer, when they are made or can't be.
async fn documents(user: &User, path: &str) -> Value {
    let path = format!("{path}/documents");
    eventually_within(RENDERING, "the documents are made", async || {
        let found = read(user, &path).await;
        (found["state"] != "pending").then_some(found)
    })
    .await
}

/// The domain events about a proposal: names and correlation ids.
fn events_about(product: &Product, path: &str) -> Vec<(String, String)> {
    let text = |value: &Value| value.text().to_owned();
    let events = product.domain_events().into_iter();
    let about = events.filter(|event| {
        event["detail"]["proposal"]
            .as_str()
            .is_some_and(|id| path.ends_with(id))
    });
    about
        .map(|event| (text(&event["detail-type"]), text(&event["detail"]["correlation_id"])))
        .collect()
}

/// What a link of a file leads to.
async fn download(file: &Value) -> Vec<u8> {
    let answer = reqwest::get(file["url"].text()).await.unwrap();
    assert_eq!(answer.status(), 200, "{}", file["name"]);
    assert_eq!(answer.headers()["content-type"], file["media_type"].text());
    answer.bytes().await.unwrap().to_vec()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn branding_is_checked_and_has_versions() {
    let product = Product::shared().await;
    let ours = product.client().await;
    assert_eq!(ours.get("/v1/branding").await.ok().etag(), "\"0\"");
    let put = |etag: &str, body: &Value| ours.put("/v1/branding", body).if_match(etag);
    for (body, pointer) in [
        (
            json!({ "primary_colour": "blue", "accent_colour": "#112233" }),
            "/primary_colour",
        ),
        (
            json!({ "primary_colour": "#112233", "accent_colour": "#11223" }),
            "/accent_colour",
        ),
        (
            json!({ "primary_colour": "#112233", "accent_colour": "#112233", "logo": "?" }),
            "/logo",
        ),
        (
            json!({ "primary_colour": "#112233", "accent_colour": "#112233", "logo": "R0lGODlh" }),
            "/logo",
        ),
    ] {
        let refused = put("*", &body).await.refused(422);
        assert_eq!(refused["issues"][0]["pointer"], pointer, "{refused}");
    }
    let logo = STANDARD.encode(include_bytes!(
        "../../../functions/proposals/render-proposals/tests/documents/logo.png"
    ));
    let branding = json!({ "primary_colour": "#660022", "accent_colour": "#cc8800", "logo": logo });
    let set = put("\"0\"", &branding).await.ok();
    assert_eq!((set.etag(), &set.body), ("\"1\"", &branding));
    // A repeated request finds its own effect; another one over the old version does not replace it.
    put("\"0\"", &branding).await.ok();
    let late = json!({ "primary_colour": "#000000", "accent_colour": "#000000" });
    put("\"0\"", &late).await.refused(412);
    assert_eq!(read(&ours, "/v1/branding").await, branding);
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_issued_offer_has_its_documents() {
    let product = Product::shared().await;
    let airline = product.airline().await;
    let path = complete_draft(&airline).await;
    // A draft has none.
    airline.get(&format!("{path}/documents")).await.refused(409);
    let issue = async || act(&airline, &path, "issue", &json!({ "revision": 1 })).await.ok();
    let first = issue().await;
    issue().await;
    let found = documents(&airline, &path).await;
    assert_eq!(
        (&found["state"], &found["revision"]),
        (&json!("ready"), &json!(1)),
        "{found}"
    );
    let beginnings: [(&str, &[u8]); 2] = [("punctuality-r1.pdf", b"%PDF-"), ("punctuality-r1.docx", b"PK\x03\x04")];
    for ((name, beginning), file) in beginnings.into_iter().zip(found["files"].list()) {
        assert_eq!(file["name"], name);
        let bytes = download(file).await;
        assert!(bytes.starts_with(beginning), "{name}");
        assert_eq!(file["bytes"], bytes.len(), "{name}");
    }
    let pages = found["pages"].list();
    assert!(pages.len() > 3, "{} pages", pages.len());
    assert!(download(&pages[0]).await.starts_with(b"\x89PNG"));
    let request = first.header("apigw-requestid").to_owned();
    let issued = ("ProposalIssued".to_owned(), request);
    assert_eq!(events_about(&product, &path), [issued], "told once");
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_is_good_for_its_own_file_only_and_only_whole() {
    let product = Product::shared().await;
    let airline = product.airline().await;
    let path = issued_offer(&airline).await;
    let found = documents(&airline, &path).await;
    assert_eq!(found["state"], "ready", "{found}");
    let without_query = |file: &Value| file["url"].text().split('?').next().unwrap().to_owned();
    let page = &found["pages"][0];
    let unsigned = without_query(page);
    let of_another = page["url"]
        .text()
        .replacen(&unsigned, &without_query(&found["files"][0]), 1);
    for forged in [unsigned, of_another] {
        let refused = reqwest::get(&forged).await.unwrap().status();
        assert_eq!(refused, 403, "{forged}");
    }
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_acceptance_by_three_at_once_is_told_once() {
    let product = Product::shared().await;
    let airline = product.airline().await;
    let path = issued_offer(&airline).await;
    let accept = || {
        airline
            .post(&format!("{path}/accept"), &json!({ "revision": 1 }))
            .send()
    };
    let (one, two, three) = tokio::join!(accept(), accept(), accept());
    for answer in [one, two, three] {
        answer.ok();
    }
    let events = eventually("the acceptance is told", async || {
        let events = events_about(&product, &path);
        (events.len() > 1).then_some(events)
    })
    .await;
    let names: Vec<_> = events.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["ProposalIssued", "ProposalAccepted"]);
    let database = product.database.plain().await.unwrap();
    eventually("nothing is left in the outbox", async || {
        let sql = "SELECT count(*) FROM core.outbox WHERE client_id = $1";
        let left: i64 = database.query_one(sql, &[&airline.client]).await.unwrap().get(0);
        (left == 0).then_some(())
    })
    .await;
    product.stop().await;
}

/// A message that comes again, and a run that was killed after its files were stored and before that was noted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rendering_again_changes_nothing() {
    let product = Product::shared().await;
    let airline = product.airline().await;
    let path = issued_offer(&airline).await;
    let proposal: Uuid = path.rsplit('/').next().unwrap().parse().unwrap();
    assert_eq!(documents(&airline, &path).await["state"], "ready");
    let database = product.database.plain().await.unwrap();
    let stored = async || -> Value {
        let sql = "SELECT files FROM core.proposal_renderings WHERE proposal_id = $1";
        database.query_one(sql, &[&proposal]).await.unwrap().get(0)
    };
    let first = stored().await;
    let events = product.domain_events();
    let issued = events
        .iter()
        .find(|event| event["detail"]["proposal"] == json!(proposal))
        .unwrap();
    let message =
        json!({ "messageId": "again", "body": issued.to_string(), "attributes": {}, "messageAttributes": {} });
    let again = async || {
        let answer = product
            .invoke("render-proposals", &json!({ "Records": [message] }))
            .await;
        assert_eq!(answer["batchItemFailures"], json!([]));
    };
    again().await;
    assert_eq!(stored().await, first);
    let killed = "UPDATE core.proposal_renderings SET files = NULL WHERE proposal_id = $1";
    database.execute(killed, &[&proposal]).await.unwrap();
    assert_eq!(read(&airline, &format!("{path}/documents")).await["state"], "pending");
    tokio::join!(again(), again());
    assert_eq!(stored().await, first, "the same documents under the same names");
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn documents_are_for_their_client_and_for_roles_that_may_read_them() {
    let product = Product::shared().await;
    let airline = product.airline().await;
    let other = product.client().await;
    let path = format!("{}/documents", issued_offer(&airline).await);
    other.get(&path).await.refused(404);
    airline.get(&format!("{path}?revision=2")).await.refused(404);
    let viewer = product.colleague(&airline, "viewer").await;
    viewer.get(&path).await.refused(403);
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_offer_is_planned_with_the_team_that_was_kept() {
    let product = Product::shared().await;
    let airline = product.airline().await;
    let path = complete_draft(&airline).await;
    let schedule = format!("{path}/schedule");
    let nobody = json!({ "start": "2026-12-07", "people": [] });
    airline.put(&schedule, &nobody).if_match("*").await.refused(422);
    let team = json!({ "start": "2026-12-07", "holidays": [{ "from": "2026-12-24", "to": "2027-01-01" }] });
    let kept = airline.put(&schedule, &team).if_match("*").await.ok();
    assert_eq!(kept["team"], team);
    act(&airline, &path, "issue", &json!({ "revision": 1 })).await.ok();
    let offer = read(&airline, &format!("{path}/revisions/1")).await;
    let expected = airline.post(&schedule, &team).await.ok();
    assert_eq!(
        offer["plan"], expected.body,
        "the plan of the offer is that of its team"
    );
    assert_eq!(documents(&airline, &path).await["state"], "ready");
    // An offer does not change.
    airline.put(&schedule, &nobody).if_match("*").await.refused(409);
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rendering_that_fails_is_told_and_tried_again() {
    let product = Product::shared().await;
    let airline = product.airline().await;
    let colours = json!({ "primary_colour": "#660022", "accent_colour": "#cc8800" });
    airline.put("/v1/branding", &colours).if_match("*").await.ok();
    let database = product.database.plain().await.unwrap();
    let set_logo = async |logo: Option<Vec<u8>>| {
        let update = "UPDATE core.branding SET logo = $2 WHERE client_id = $1";
        let updated = database.execute(update, &[&airline.client, &logo]).await.unwrap();
        assert_eq!(updated, 1);
    };
    // A picture whose head is in order and whose body is not: only who draws it finds out.
    let head = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x08\0\0\0\x08".as_slice();
    set_logo(Some([head, &[7; 40]].concat())).await;
    let path = issued_offer(&airline).await;
    let found = documents(&airline, &path).await;
    assert_eq!(found["state"], "failed", "{found}");
    assert!(found["failure"].text().contains("logo"), "{found}");
    // The message is still there, and its next try succeeds.
    set_logo(None).await;
    let path = format!("{path}/documents");
    let mended = eventually_within(RENDERING, "the documents are made after all", async || {
        let found = read(&airline, &path).await;
        (found["state"] == "ready").then_some(found)
    })
    .await;
    assert_eq!(mended.get("failure"), None, "{mended}");
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_that_was_left_in_the_outbox_is_sent() {
    let product = Product::shared().await;
    let client = product.client().await.client;
    let database = product.database.plain().await.unwrap();
    let (old, young, proposal) = (Uuid::now_v7(), Uuid::now_v7(), Uuid::now_v7());
    let detail = json!({
        "id": old, "client": client, "correlation_id": "left", "occurred_at": "2026-11-21T12:00:00Z",
        "type": "ProposalDeclined", "proposal": proposal, "revision": 1
    });
    let insert = "INSERT INTO core.outbox (client_id, id, kind, detail, created_at) VALUES ($1, $2, 'ProposalDeclined', $3, $4::text::timestamptz)";
    for (id, at) in [(young, "2126-11-21"), (old, "2026-11-21")] {
        database.execute(insert, &[&client, &id, &detail, &at]).await.unwrap();
    }
    // The schedule may be faster.
    product.invoke("publish-events", &json!({})).await;
    let path = format!("/v1/proposals/{proposal}");
    let events = eventually("what was left is sent", async || {
        let events = events_about(&product, &path);
        (!events.is_empty()).then_some(events)
    });
    assert_eq!(events.await, [("ProposalDeclined".to_owned(), "left".to_owned())]);
    let sql = "SELECT id FROM core.outbox WHERE client_id = $1";
    let left = database.query(sql, &[&client]).await.unwrap();
    let left: Vec<Uuid> = left.iter().map(|row| row.get(0)).collect();
    assert_eq!(left, [young], "what is young is left to who wrote it");
    product.stop().await;
}

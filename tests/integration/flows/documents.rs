//! From an issued offer to its documents: events over the bus, files on S3, and how they look.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tests::product::{Account, Product, eventually};
use uuid::Uuid;

use super::offers::{complete, issued};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_offer_has_documents() {
    let product = Product::start().await.unwrap();
    colours_are_checked(&product.ours).await;
    an_issue_makes_documents(&product).await;
    a_render_that_is_repeated_changes_nothing(&product).await;
    others_get_none(&product).await;
    a_kept_team_is_planned_with(&product.ours).await;
    a_failure_is_told(&product).await;
    what_was_left_in_the_outbox_is_sent(&product).await;
    product.stop().await.unwrap();
}

async fn get(account: &Account, path: &str) -> Value {
    account.get(path).await.unwrap().expect(200).unwrap().body
}

/// The documents of an offer, when they are made.
async fn documents(account: &Account, path: &str) -> Value {
    let path = format!("{path}/documents");
    eventually("the documents are made", async || {
        let found = get(account, &path).await;
        (found["state"] != "pending").then_some(found)
    })
    .await
}

/// The events about a proposal: names and correlation ids.
fn told(product: &Product, path: &str) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let events = product.events().unwrap().into_iter();
    let about = events.filter(|event| path.ends_with(event["detail"]["proposal"].as_str().unwrap()));
    about
        .map(|event| (text(&event["detail-type"]), text(&event["detail"]["correlation_id"])))
        .collect()
}

async fn colours_are_checked(ours: &Account) {
    let first = ours.get("/v1/branding").await.unwrap().expect(200).unwrap();
    assert_eq!(first.etag.as_deref(), Some("\"0\""));
    let put = async |etag: &str, body: Value| ours.put("/v1/branding", Some(etag), &body).await.unwrap();
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
        let refused = put("*", body).await;
        assert_eq!(
            (refused.status, &refused.body["issues"][0]["pointer"]),
            (422, &json!(pointer)),
            "{}",
            refused.body
        );
    }
    let logo = STANDARD.encode(include_bytes!(
        "../../../functions/proposals/render-proposals/tests/documents/logo.png"
    ));
    let ours_now = json!({ "primary_colour": "#660022", "accent_colour": "#cc8800", "logo": logo });
    let set = put("\"0\"", ours_now.clone()).await.expect(200).unwrap();
    assert_eq!((set.etag.as_deref(), &set.body), (Some("\"1\""), &ours_now));
    assert_eq!(
        put("\"0\"", ours_now.clone()).await.status,
        200,
        "a repeated request finds its own effect"
    );
    let late = json!({ "primary_colour": "#000000", "accent_colour": "#000000" });
    assert_eq!(put("\"0\"", late).await.status, 412);
    assert_eq!(get(ours, "/v1/branding").await, ours_now);
}

async fn an_issue_makes_documents(product: &Product) {
    let ours = &product.ours;
    let path = complete(ours).await;
    let early = ours.get(&format!("{path}/documents")).await.unwrap();
    assert_eq!(early.status, 409, "a draft has none: {}", early.body);
    let issue = async || {
        ours.change(&format!("{path}/issue"), &json!({ "revision": 1 }))
            .await
            .unwrap()
    };
    let first = issue().await.expect(200).unwrap();
    issue().await.expect(200).unwrap();
    let found = documents(ours, &path).await;
    assert_eq!(
        (&found["state"], &found["revision"]),
        (&json!("ready"), &json!(1)),
        "{found}"
    );
    let beginnings: [(&str, &[u8]); 2] = [("punctuality-r1.pdf", b"%PDF-"), ("punctuality-r1.docx", b"PK\x03\x04")];
    for ((name, beginning), file) in beginnings.into_iter().zip(found["files"].as_array().unwrap()) {
        assert_eq!(file["name"], name);
        let bytes = linked(file).await;
        assert!(
            bytes.starts_with(beginning) && json!(bytes.len()) == file["bytes"],
            "{name}"
        );
    }
    let pages = found["pages"].as_array().unwrap();
    assert!(pages.len() > 3, "{} pages", pages.len());
    assert!(linked(&pages[0]).await.starts_with(b"\x89PNG"));
    // A link is good for its own file only, and only whole.
    let url = pages[0]["url"].as_str().unwrap();
    let key = url.split('?').next().unwrap();
    for forged in [
        key.to_owned(),
        url.replacen(
            key,
            found["files"][0]["url"].as_str().unwrap().split('?').next().unwrap(),
            1,
        ),
    ] {
        let refused = reqwest::get(&forged).await.unwrap().status();
        assert_eq!(refused, 403, "{forged}");
    }
    let id = first.headers["apigw-requestid"].to_str().unwrap();
    assert_eq!(
        told(product, &path),
        [("ProposalIssued".to_owned(), id.to_owned())],
        "once"
    );

    let accept = async || ours.post(&format!("{path}/accept"), &json!({ "revision": 1 })).await;
    let (one, two, three) = tokio::join!(accept(), accept(), accept());
    for answer in [one, two, three] {
        answer.unwrap().expect(200).unwrap();
    }
    let events = eventually("the acceptance is told", async || {
        let events = told(product, &path);
        (events.len() > 1).then_some(events)
    })
    .await;
    let names: Vec<_> = events.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["ProposalIssued", "ProposalAccepted"]);
}

async fn linked(file: &Value) -> Vec<u8> {
    let answer = reqwest::get(file["url"].as_str().unwrap()).await.unwrap();
    assert_eq!(answer.status(), 200, "{}", file["name"]);
    assert_eq!(answer.headers()["content-type"], file["media_type"].as_str().unwrap());
    answer.bytes().await.unwrap().to_vec()
}

/// A message that comes again, and a run that was killed after its files were stored and before that was noted.
async fn a_render_that_is_repeated_changes_nothing(product: &Product) {
    let ours = &product.ours;
    let path = issued(ours).await;
    let proposal: Uuid = path.rsplit('/').next().unwrap().parse().unwrap();
    assert_eq!(documents(ours, &path).await["state"], "ready");
    let owner = product.database.plain().await.unwrap();
    let stored = async || -> Value {
        let sql = "SELECT files FROM core.proposal_renderings WHERE proposal_id = $1";
        owner.query_one(sql, &[&proposal]).await.unwrap().get(0)
    };
    let first = stored().await;
    let events = product.events().unwrap().into_iter();
    let mut told = events.filter(|event| event["detail"]["proposal"] == json!(proposal));
    let message = json!({ "messageId": "again", "body": told.next().unwrap().to_string(), "attributes": {}, "messageAttributes": {} });
    let again = async || {
        let answer = product
            .cloud
            .invoke("render-proposals", &json!({ "Records": [message] }))
            .await;
        assert_eq!(answer.unwrap()["batchItemFailures"], json!([]));
    };
    again().await;
    assert_eq!(stored().await, first);
    let killed = "UPDATE core.proposal_renderings SET files = NULL WHERE proposal_id = $1";
    owner.execute(killed, &[&proposal]).await.unwrap();
    assert_eq!(get(ours, &format!("{path}/documents")).await["state"], "pending");
    tokio::join!(again(), again());
    assert_eq!(stored().await, first, "the same documents under the same names");
}

async fn others_get_none(product: &Product) {
    let path = issued(&product.ours).await;
    for (account, suffix) in [(&product.theirs, "documents"), (&product.ours, "documents?revision=2")] {
        let refused = account.get(&format!("{path}/{suffix}")).await.unwrap();
        assert_eq!(refused.status, 404, "{suffix}: {}", refused.body);
    }
    let viewer = product.user("viewer").await.unwrap();
    assert_eq!(viewer.get(&format!("{path}/documents")).await.unwrap().status, 403);
}

async fn a_kept_team_is_planned_with(ours: &Account) {
    let path = complete(ours).await;
    let schedule = format!("{path}/schedule");
    let nobody = json!({ "start": "2026-12-07", "people": [] });
    assert_eq!(ours.put(&schedule, Some("*"), &nobody).await.unwrap().status, 422);
    let team = json!({ "start": "2026-12-07", "holidays": [{ "from": "2026-12-24", "to": "2027-01-01" }] });
    let kept = ours
        .put(&schedule, Some("*"), &team)
        .await
        .unwrap()
        .expect(200)
        .unwrap();
    assert_eq!(kept.body["team"], team);
    ours.change(&format!("{path}/issue"), &json!({ "revision": 1 }))
        .await
        .unwrap()
        .expect(200)
        .unwrap();
    let plan = get(ours, &format!("{path}/revisions/1")).await["plan"].clone();
    let expected = ours.post(&schedule, &team).await.unwrap().expect(200).unwrap();
    assert_eq!(plan, expected.body, "the plan of the offer is that of its team");
    assert_eq!(documents(ours, &path).await["state"], "ready");
    assert_eq!(
        ours.put(&schedule, Some("*"), &nobody).await.unwrap().status,
        409,
        "an offer does not change"
    );
}

async fn a_failure_is_told(product: &Product) {
    let owner = product.database.plain().await.unwrap();
    let client = product.ours.client;
    // A picture whose head is in order and whose body is not: only who draws it finds out.
    let broken = [
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x08\0\0\0\x08".as_slice(),
        &[7; 40],
    ]
    .concat();
    let update = "UPDATE core.branding SET logo = $2 WHERE client_id = $1";
    owner.execute(update, &[&client, &broken]).await.unwrap();
    let path = issued(&product.ours).await;
    let found = documents(&product.ours, &path).await;
    assert_eq!(found["state"], "failed", "{found}");
    assert!(found["failure"].as_str().unwrap().contains("logo"), "{found}");
    // The message is still there, and its next try succeeds.
    owner.execute(update, &[&client, &None::<Vec<u8>>]).await.unwrap();
    let path = format!("{path}/documents");
    let mended = eventually("the documents are made after all", async || {
        let found = get(&product.ours, &path).await;
        (found["state"] == "ready").then_some(found)
    })
    .await;
    assert_eq!(mended.get("failure"), None, "{mended}");
}

async fn what_was_left_in_the_outbox_is_sent(product: &Product) {
    let owner = product.database.plain().await.unwrap();
    let (id, proposal) = (Uuid::now_v7(), Uuid::now_v7());
    let detail = json!({
        "id": id, "client": product.ours.client, "correlation_id": "left", "occurred_at": "2026-11-21T12:00:00Z",
        "type": "ProposalDeclined", "proposal": proposal, "revision": 1
    });
    let insert = "INSERT INTO core.outbox (client_id, id, kind, detail, created_at) VALUES ($1, $2, 'ProposalDeclined', $3, $4::text::timestamptz)";
    let (young, old) = (Uuid::now_v7(), id);
    for (id, at) in [(young, "2126-11-21"), (old, "2026-11-21")] {
        owner
            .execute(insert, &[&product.ours.client, &id, &detail, &at])
            .await
            .unwrap();
    }
    // The schedule may be faster.
    product.cloud.invoke("publish-events", &json!({})).await.unwrap();
    let path = format!("/v1/proposals/{proposal}");
    let events = eventually("what was left is sent", async || {
        let events = told(product, &path);
        (!events.is_empty()).then_some(events)
    });
    assert_eq!(events.await, [("ProposalDeclined".to_owned(), "left".to_owned())]);
    let left = owner.query("SELECT id FROM core.outbox", &[]).await.unwrap();
    let left: Vec<Uuid> = left.iter().map(|row| row.get(0)).collect();
    assert_eq!(
        left,
        [young],
        "what is young is left to who wrote it, and all else was sent"
    );
}

//! Mails with a secret that the mail service does not take.

use std::time::Duration;

use serde_json::{Value, json};
use tests::http::User;
use tests::json::JsonExt as _;
use tests::lone_function::LoneFunction;
use tests::mailbox::Mailbox;
use tests::product::Product;

/// The function alone, with a mail service of the test's own.
async fn sender(product: &Product, mailbox: &Mailbox) -> LoneFunction {
    let services = product.services();
    let (queue, database) = (
        product.queue_url("analytics-engine-mails"),
        product.database.url.clone(),
    );
    let mut environment: Vec<(&str, &str)> = services
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    environment.extend([
        ("DATABASE_URL", database.as_str()),
        ("DATABASE_ROLE", "analytics_users"),
        ("MAILS_QUEUE_URL", &queue),
        ("REGISTRY_TABLE", "analytics-engine-registry-dev"),
        ("MAIL_FROM", "engine@example.com"),
        ("AWS_ENDPOINT_URL_SESV2", mailbox.url()),
    ]);
    LoneFunction::start("send-mails", Duration::from_secs(30), &environment)
        .await
        .unwrap()
}

/// Messages that come back.
async fn failures(function: &LoneFunction, mail: &Value) -> Value {
    let attributes = json!({ "ApproximateReceiveCount": "1" });
    let record = json!({
        "messageId": "1", "receiptHandle": "none", "body": mail.to_string(), "attributes": attributes, "messageAttributes": {}
    });
    let (answer, _) = function
        .answer(&json!({ "Records": [record] }).to_string())
        .await
        .unwrap();
    answer["batchItemFailures"].clone()
}

async fn invited(admin: &User, id: &str) -> Value {
    let listed = admin.get("/v1/users").await.ok();
    let user = listed["users"].list().iter().find(|user| user["id"] == id);
    user.unwrap().clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mail_that_is_not_taken_comes_back_and_administrators_see_that_there_is_no_secret() {
    let product = Product::shared().await;
    let admin = product.client().await;
    let new = json!({ "email": format!("grace-{}", admin.email), "role": "viewer" });
    let added = admin.post("/v1/users", &new).await.created();
    // What the product sends itself is over.
    product.secret_of(new["email"].text(), 1).await;
    let id = added["id"].text();
    assert!(invited(&admin, id).await["secret_until"].is_string());
    let mailbox = Mailbox::open().await.unwrap();
    let function = sender(&product, &mailbox).await;
    let mail = json!({ "occasion": "added", "client": admin.client, "user": id });
    mailbox.refuse(true);
    assert_eq!(failures(&function, &mail).await, json!([{ "itemIdentifier": "1" }]));
    assert!(invited(&admin, id).await["secret_until"].is_null());
    mailbox.refuse(false);
    assert_eq!(failures(&function, &mail).await, json!([]));
    assert!(invited(&admin, id).await["secret_until"].is_string());
    assert_eq!(mailbox.take().len(), 1);
    // Of whom nothing is known any more none is sent, and what is no message of ours comes back.
    let gone = json!({ "occasion": "taken_back", "client": admin.client, "user": admin.client });
    assert_eq!(failures(&function, &gone).await, json!([]));
    let unknown = json!({ "occasion": "forgotten", "email": format!("nobody-{}", admin.email) });
    assert_eq!(failures(&function, &unknown).await, json!([]));
    assert_ne!(failures(&function, &json!({ "occasion": "other" })).await, json!([]));
    assert!(mailbox.take().is_empty());
    function.stop().await;
    product.stop().await;
}

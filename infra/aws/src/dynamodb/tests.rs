//! A table as a client over HTTP sees it.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use serde_json::{Value, json};

use super::*;
use crate::template::AttributeDefinition;
use crate::testing;

#[tokio::test]
async fn a_table_of_the_template_takes_items() {
    let mut tasks = Tasks::default();
    let (listener, endpoint) = testing::listener().await;
    let tables = Tables::start(&mut tasks, listener).unwrap();
    let key = |name: &str, kind: &str| KeyElement {
        attribute_name: name.to_owned(),
        key_type: kind.to_owned(),
    };
    let attribute = |name: &str| AttributeDefinition {
        attribute_name: name.to_owned(),
        attribute_type: "S".to_owned(),
    };
    let table = Table {
        logical_id: "Registry".to_owned(),
        name: "registry".to_owned(),
        key_schema: vec![key("pk", "HASH"), key("sk", "RANGE")],
        attributes: vec![attribute("pk"), attribute("sk")],
        indexes: Vec::new(),
        ttl_attribute: Some("expires_at".to_owned()),
    };
    tables.create(&table).unwrap();

    let call = |operation: &str, body: Value| {
        let request = reqwest::Client::new()
            .post(&endpoint)
            .header("x-amz-target", format!("DynamoDB_20120810.{operation}"));
        let signed = "AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0";
        request
            .header("content-type", "application/x-amz-json-1.0")
            .header("authorization", signed)
            .header("x-amz-date", "20260101T000000Z")
            .body(body.to_string())
            .send()
    };
    let item = json!({"pk": {"S": "a"}, "sk": {"S": "b"}, "expires_at": {"N": "1"}});
    let put = call("PutItem", json!({"TableName": "registry", "Item": item}))
        .await
        .unwrap();
    assert!(put.status().is_success(), "{}", put.text().await.unwrap());
    let time_to_live = call("DescribeTimeToLive", json!({"TableName": "registry"}))
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert!(
        time_to_live.contains("expires_at") && time_to_live.contains("ENABLED"),
        "{time_to_live}"
    );
    assert_eq!(tables.sweep().unwrap(), 1);
    tasks.shutdown().await;
}

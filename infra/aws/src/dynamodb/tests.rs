//! A table as a client over HTTP sees it.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use serde_json::{Value, json};

use super::*;
use crate::account::AUTHORIZATION;
use crate::template::{AttributeDefinition, Index};
use crate::testing::{self, TempFolder};

fn key(name: &str, kind: &str) -> KeyElement {
    KeyElement {
        attribute_name: name.to_owned(),
        key_type: kind.to_owned(),
    }
}

fn registry() -> Table {
    let attribute = |name: &str| AttributeDefinition {
        attribute_name: name.to_owned(),
        attribute_type: "S".to_owned(),
    };
    Table {
        logical_id: "Registry".to_owned(),
        name: "registry".to_owned(),
        key_schema: vec![key("pk", "HASH"), key("sk", "RANGE")],
        attributes: vec![attribute("pk"), attribute("sk")],
        indexes: Vec::new(),
        ttl_attribute: Some("expires_at".to_owned()),
    }
}

async fn call(endpoint: &str, operation: &str, body: Value) -> Value {
    let request = reqwest::Client::new()
        .post(endpoint)
        .header("x-amz-target", format!("DynamoDB_20120810.{operation}"));
    let answer = request
        .header("content-type", "application/x-amz-json-1.0")
        .header("authorization", AUTHORIZATION)
        .header("x-amz-date", "20260101T000000Z")
        .body(body.to_string())
        .send()
        .await
        .unwrap();
    let (status, text) = (answer.status(), answer.text().await.unwrap());
    assert!(status.is_success(), "{text}");
    serde_json::from_str(&text).unwrap()
}

#[tokio::test]
async fn a_table_of_the_template_takes_items() {
    let folder = TempFolder::create();
    let mut tasks = Tasks::default();
    let (listener, endpoint) = testing::listener().await;
    let tables = Tables::start(
        &mut tasks,
        listener,
        &folder.path().join("tables.sqlite"),
        &Template::default(),
    )
    .unwrap();
    tables.create(&registry()).unwrap();
    let item = json!({"pk": {"S": "a"}, "sk": {"S": "b"}, "expires_at": {"N": "1"}});
    call(&endpoint, "PutItem", json!({"TableName": "registry", "Item": item})).await;
    let described = call(&endpoint, "DescribeTimeToLive", json!({"TableName": "registry"})).await;
    assert_eq!(
        described["TimeToLiveDescription"],
        json!({"AttributeName": "expires_at", "TimeToLiveStatus": "ENABLED"})
    );
    assert_eq!(tables.sweep().unwrap(), 1);
    tasks.shutdown().await;
}

#[tokio::test]
async fn a_second_run_finds_the_items_and_adapts_the_table() {
    let folder = TempFolder::create();
    let file = folder.path().join("tables.sqlite");
    let item = json!({"pk": {"S": "a"}, "sk": {"S": "b"}});
    let mut tasks = Tasks::default();
    let (listener, endpoint) = testing::listener().await;
    let tables = Tables::start(&mut tasks, listener, &file, &Template::default()).unwrap();
    tables.create(&registry()).unwrap();
    call(&endpoint, "PutItem", json!({"TableName": "registry", "Item": item})).await;
    tasks.shutdown().await;

    let mut tasks = Tasks::default();
    let (listener, endpoint) = testing::listener().await;
    let tables = Tables::start(&mut tasks, listener, &file, &Template::default()).unwrap();
    let indexed = Table {
        indexes: vec![Index {
            index_name: "by_sk".to_owned(),
            key_schema: vec![key("sk", "HASH")],
            projection: json!({"ProjectionType": "ALL"}),
        }],
        ..registry()
    };
    tables.create(&indexed).unwrap();
    tables.create(&indexed).unwrap();
    let key_of = json!({"TableName": "registry", "Key": item});
    assert_eq!(call(&endpoint, "GetItem", key_of).await["Item"], item);
    let query = json!({"TableName": "registry", "IndexName": "by_sk", "KeyConditionExpression": "sk = :b",
        "ExpressionAttributeValues": {":b": {"S": "b"}}});
    assert_eq!(call(&endpoint, "Query", query).await["Count"], 1);
    let [_, sk] = registry().attributes.try_into().unwrap();
    let other = Table {
        key_schema: vec![key("sk", "HASH")],
        attributes: vec![sk],
        ..registry()
    };
    let error = tables.create(&other).unwrap_err().to_string();
    assert!(error.contains("registry") && error.contains("state folder"), "{error}");
    tasks.shutdown().await;
}

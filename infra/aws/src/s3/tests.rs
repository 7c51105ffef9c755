//! Objects as aws-sdk-s3 sees them, and what queues hear of them.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::error::ProvideErrorMetadata as _;
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use bytes::Bytes;
use serde_json::Value;

use super::*;
use crate::sqs::{Queue, Received, Want};
use crate::tasks::Tasks;
use crate::template::BucketNotification;
use crate::testing::{self, TempFolder};

const HOUR: Duration = Duration::from_secs(3_600);

async fn start(folder: &TempFolder) -> (Tasks, Client, Arc<Queue>) {
    let mut tasks = Tasks::default();
    let (listener, endpoint) = testing::listener().await;
    let queue = Arc::new(Queue::new("files".to_owned(), HOUR, HOUR));
    let notification = BucketNotification {
        bucket: "incoming".to_owned(),
        event: "s3:ObjectCreated:*".to_owned(),
        prefix: None,
        suffix: None,
        queue: "Files".to_owned(),
    };
    let destinations = Destinations::new(vec![(notification, Arc::clone(&queue))]);
    let objects = ObjectStore::start(&mut tasks, listener, folder.path(), destinations).unwrap();
    objects.create_bucket("incoming").unwrap();
    let config = aws_sdk_s3::config::Builder::from(&testing::sdk_config(&endpoint)).force_path_style(true);
    (tasks, Client::from_conf(config.build()), queue)
}

/// The name, key and size that so many messages of the queue tell of; each has a tag.
async fn seen(queue: &Queue, count: usize) -> Vec<(String, String, u64)> {
    let mut seen = Vec::new();
    while seen.len() < count {
        let received = queue.receive(Want::messages(10, HOUR), Duration::from_secs(5)).await;
        assert!(!received.is_empty(), "only {seen:?}");
        for Received { message, .. } in received {
            let event: Value = serde_json::from_str(&message.body).unwrap();
            let record = &event["Records"][0];
            let object = &record["s3"]["object"];
            assert!(object["eTag"].as_str().is_some_and(|tag| tag.len() >= 32), "{record}");
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            seen.push((
                text(&record["eventName"]),
                text(&object["key"]),
                object["size"].as_u64().unwrap(),
            ));
        }
    }
    seen.sort();
    seen
}

#[tokio::test]
async fn every_way_to_create_an_object_is_notified() {
    let folder = TempFolder::reserve();
    let (tasks, client, queue) = start(&folder).await;
    client
        .put_object()
        .bucket("incoming")
        .key("a b/plain.csv")
        .body(Bytes::from_static(b"abc").into())
        .send()
        .await
        .unwrap();

    let presigned = PresigningConfig::expires_in(Duration::from_secs(60)).unwrap();
    let request = client
        .put_object()
        .bucket("incoming")
        .key("signed.csv")
        .presigned(presigned)
        .await
        .unwrap();
    let answer = reqwest::Client::new()
        .put(request.uri())
        .body("abcd")
        .send()
        .await
        .unwrap();
    assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
    let tampered = request.uri().replace("signed.csv", "other.csv");
    assert_eq!(
        reqwest::Client::new()
            .put(tampered)
            .body("abcd")
            .send()
            .await
            .unwrap()
            .status(),
        403
    );

    client
        .copy_object()
        .bucket("incoming")
        .key("copy.csv")
        .copy_source("incoming/signed.csv")
        .send()
        .await
        .unwrap();

    let upload = client
        .create_multipart_upload()
        .bucket("incoming")
        .key("parts.csv")
        .send()
        .await
        .unwrap();
    let upload_id = upload.upload_id().unwrap();
    let part = client
        .upload_part()
        .bucket("incoming")
        .key("parts.csv")
        .upload_id(upload_id)
        .part_number(1);
    let part = part.body(Bytes::from_static(b"abcde").into()).send().await.unwrap();
    let part = CompletedPart::builder()
        .part_number(1)
        .set_e_tag(part.e_tag().map(str::to_owned))
        .build();
    let parts = CompletedMultipartUpload::builder().parts(part).build();
    let complete = client
        .complete_multipart_upload()
        .bucket("incoming")
        .key("parts.csv")
        .upload_id(upload_id);
    complete.multipart_upload(parts).send().await.unwrap();

    let expected = [
        ("ObjectCreated:CompleteMultipartUpload", "parts.csv", 5),
        ("ObjectCreated:Copy", "copy.csv", 4),
        ("ObjectCreated:Put", "a+b/plain.csv", 3),
        ("ObjectCreated:Put", "signed.csv", 4),
    ]
    .map(|(event, key, size)| (event.to_owned(), key.to_owned(), size));
    assert_eq!(seen(&queue, 4).await, expected);
    tasks.shutdown().await;
}

/// The engine answers all of these with an internal error.
#[tokio::test]
async fn keys_that_are_no_names_of_files_are_refused_and_not_found() {
    let folder = TempFolder::reserve();
    let (tasks, client, _) = start(&folder).await;
    let put = |key: &str| {
        let object = client.put_object().bucket("incoming").key(key);
        object.body(Bytes::from_static(b"abc").into()).send()
    };
    put("a/b.csv").await.unwrap();
    // As long as the folder can take it: 255 bytes less 30, less 11 for the bucket, are 160 of the key in base64.
    put(&"k".repeat(160)).await.unwrap();
    let (long, name) = ("k".repeat(161), "n".repeat(256));
    let odd = [
        "a",
        "a/b.csv/c.csv",
        "a//b.csv",
        "a/./b.csv",
        "a/../b.csv",
        "../../b.csv",
        &long,
        &name,
    ];
    for key in odd {
        let refused = put(key).await.unwrap_err();
        assert_eq!(refused.code(), Some("NotImplemented"), "PUT {key}: {refused:?}");
        let parts = client
            .create_multipart_upload()
            .bucket("incoming")
            .key(key)
            .send()
            .await;
        assert_eq!(parts.unwrap_err().code(), Some("NotImplemented"), "POST {key}");
        let found = client.get_object().bucket("incoming").key(key).send().await;
        assert_eq!(found.unwrap_err().code(), Some("NoSuchKey"), "GET {key}");
        let head = client.head_object().bucket("incoming").key(key).send().await;
        assert!(head.unwrap_err().into_service_error().is_not_found(), "HEAD {key}");
        client.delete_object().bucket("incoming").key(key).send().await.unwrap();
    }
    let kept = client
        .get_object()
        .bucket("incoming")
        .key("a/b.csv")
        .send()
        .await
        .unwrap();
    assert_eq!(kept.body.collect().await.unwrap().into_bytes(), "abc");
    tasks.shutdown().await;
}

#[tokio::test]
async fn objects_survive_a_restart() {
    let folder = TempFolder::reserve();
    let (tasks, client, _) = start(&folder).await;
    client
        .put_object()
        .bucket("incoming")
        .key("kept.csv")
        .body(Bytes::from_static(b"abc").into())
        .send()
        .await
        .unwrap();
    tasks.shutdown().await;
    let (tasks, client, _) = start(&folder).await;
    let object = client
        .get_object()
        .bucket("incoming")
        .key("kept.csv")
        .send()
        .await
        .unwrap();
    assert_eq!(object.body.collect().await.unwrap().into_bytes(), "abc");
    tasks.shutdown().await;
}

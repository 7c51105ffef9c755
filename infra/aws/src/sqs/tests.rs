//! The queues as aws-sdk-sqs sees them.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::ProvideErrorMetadata as _;
use aws_sdk_sqs::types::{
    ChangeMessageVisibilityBatchRequestEntry, DeleteMessageBatchRequestEntry, MessageAttributeValue,
    MessageSystemAttributeName, QueueAttributeName, SendMessageBatchRequestEntry,
};

use super::*;
use crate::{template, testing};

struct Fixture {
    tasks: Tasks,
    client: Client,
    url: String,
    dead_url: String,
}

async fn fixture() -> Fixture {
    let queue = |logical_id: &str, redrive| template::Queue {
        logical_id: logical_id.to_owned(),
        name: logical_id.to_lowercase(),
        visibility_timeout_s: 1,
        retention_s: 345_600,
        message_bytes: MESSAGE_BYTES,
        redrive,
    };
    let template = Template {
        queues: vec![queue("Events", Some(("Dead".to_owned(), 2))), queue("Dead", None)],
        ..Template::default()
    };
    let mut tasks = Tasks::default();
    let (listener, endpoint) = testing::listener().await;
    let queues = Queues::start(&mut tasks, listener, &template, None, None).unwrap();
    Fixture {
        tasks,
        client: Client::new(&testing::sdk_config(&endpoint)),
        url: queues.url("events"),
        dead_url: queues.url("dead"),
    }
}

#[tokio::test]
async fn a_message_is_sent_received_hidden_and_deleted() {
    let Fixture { tasks, client, url, .. } = fixture().await;
    assert_eq!(
        client
            .get_queue_url()
            .queue_name("events")
            .send()
            .await
            .unwrap()
            .queue_url(),
        Some(url.as_str())
    );
    let attribute = MessageAttributeValue::builder()
        .data_type("String")
        .string_value("v")
        .build()
        .unwrap();
    let sent = client
        .send_message()
        .queue_url(&url)
        .message_body("hello")
        .message_attributes("k", attribute)
        .send()
        .await
        .unwrap();
    assert_eq!(sent.md5_of_message_body(), Some("5d41402abc4b2a76b9719d911017c592"));
    assert!(sent.md5_of_message_attributes().is_some());

    let receive = || client.receive_message().queue_url(&url).max_number_of_messages(10);
    let received = receive()
        .message_attribute_names("All")
        .message_system_attribute_names(MessageSystemAttributeName::All)
        .send()
        .await
        .unwrap();
    let [message] = received.messages() else {
        panic!("{received:?}")
    };
    assert_eq!(
        (message.body(), message.message_id()),
        (Some("hello"), sent.message_id())
    );
    assert_eq!(message.md5_of_message_attributes(), sent.md5_of_message_attributes());
    assert_eq!(
        message.attributes().unwrap()[&MessageSystemAttributeName::ApproximateReceiveCount],
        "1"
    );
    assert!(receive().send().await.unwrap().messages().is_empty());

    let receipt = message.receipt_handle().unwrap();
    client
        .change_message_visibility()
        .queue_url(&url)
        .receipt_handle(receipt)
        .visibility_timeout(0)
        .send()
        .await
        .unwrap();
    let again = receive()
        .message_system_attribute_names(MessageSystemAttributeName::All)
        .send()
        .await
        .unwrap();
    assert_eq!(
        again.messages()[0].attributes().unwrap()[&MessageSystemAttributeName::ApproximateReceiveCount],
        "2"
    );
    client
        .delete_message()
        .queue_url(&url)
        .receipt_handle(again.messages()[0].receipt_handle().unwrap())
        .send()
        .await
        .unwrap();
    assert!(
        receive()
            .wait_time_seconds(2)
            .send()
            .await
            .unwrap()
            .messages()
            .is_empty()
    );
    tasks.shutdown().await;
}

#[tokio::test]
async fn batches_and_dead_letters() {
    let Fixture {
        tasks,
        client,
        url,
        dead_url,
    } = fixture().await;
    let entry = |id: &str| {
        SendMessageBatchRequestEntry::builder()
            .id(id)
            .message_body(format!("body {id}"))
            .message_group_id(format!("group-{id}"))
            .build()
            .unwrap()
    };
    let sent = client
        .send_message_batch()
        .queue_url(&url)
        .entries(entry("a"))
        .entries(entry("b"))
        .send()
        .await
        .unwrap();
    assert_eq!((sent.successful().len(), sent.failed().len()), (2, 0));

    let receive = |url: &str| {
        client
            .receive_message()
            .queue_url(url)
            .max_number_of_messages(10)
            .message_system_attribute_names(MessageSystemAttributeName::All)
            .wait_time_seconds(3)
    };
    let received = receive(&url).send().await.unwrap();
    let first = received.messages()[0].receipt_handle().unwrap();
    let delete = |id: &str, receipt: &str| {
        DeleteMessageBatchRequestEntry::builder()
            .id(id)
            .receipt_handle(receipt)
            .build()
            .unwrap()
    };
    let hide = |id: &str, receipt: &str| {
        ChangeMessageVisibilityBatchRequestEntry::builder()
            .id(id)
            .receipt_handle(receipt)
            .visibility_timeout(1)
            .build()
            .unwrap()
    };
    let hidden = client
        .change_message_visibility_batch()
        .queue_url(&url)
        .entries(hide("a", first))
        .entries(hide("b", "nonsense"))
        .send()
        .await
        .unwrap();
    assert_eq!(hidden.successful()[0].id(), "a");
    assert_eq!(hidden.failed()[0].code(), "ReceiptHandleIsInvalid");
    let deleted = client
        .delete_message_batch()
        .queue_url(&url)
        .entries(delete("a", first))
        .entries(delete("b", "nonsense"))
        .send()
        .await
        .unwrap();
    assert_eq!(deleted.failed()[0].code(), "ReceiptHandleIsInvalid");

    // The other is received a second time after its timeout of 1 s, and moves away at the third look.
    assert_eq!(receive(&url).send().await.unwrap().messages().len(), 1);
    let attributes = client
        .get_queue_attributes()
        .queue_url(&url)
        .attribute_names(QueueAttributeName::All)
        .send()
        .await
        .unwrap();
    assert_eq!(
        attributes.attributes().unwrap()[&QueueAttributeName::ApproximateNumberOfMessagesNotVisible],
        "1"
    );
    assert!(receive(&url).send().await.unwrap().messages().is_empty());
    let dead = receive(&dead_url).send().await.unwrap();
    assert_eq!(dead.messages()[0].body(), Some("body b"));
    let group = &dead.messages()[0].attributes().unwrap()[&MessageSystemAttributeName::MessageGroupId];
    assert_eq!(group, "group-b", "it is still the group's");
    tasks.shutdown().await;
}

#[tokio::test]
async fn what_is_wrong_is_refused_with_the_codes_of_sqs() {
    let Fixture { tasks, client, url, .. } = fixture().await;
    let unknown = client
        .send_message()
        .queue_url(format!("{url}-unknown"))
        .message_body("a")
        .send()
        .await
        .unwrap_err();
    assert!(unknown.into_service_error().is_queue_does_not_exist());
    let too_long = "x".repeat(MESSAGE_BYTES + 1);
    let refused = client
        .send_message()
        .queue_url(&url)
        .message_body(&too_long)
        .send()
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Some("InvalidParameterValue"));
    client
        .send_message()
        .queue_url(&url)
        .message_body(&too_long[1..])
        .send()
        .await
        .unwrap();

    let grouped = client.send_message().queue_url(&url).message_body("a");
    let refused = grouped.message_group_id("two words").send().await.unwrap_err();
    assert_eq!(refused.code(), Some("InvalidParameterValue"));

    let entry = |id: &str, body: &str| {
        SendMessageBatchRequestEntry::builder()
            .id(id)
            .message_body(body)
            .build()
            .unwrap()
    };
    let batch = |entries: Vec<SendMessageBatchRequestEntry>| {
        client
            .send_message_batch()
            .queue_url(&url)
            .set_entries(Some(entries))
            .send()
    };
    let half = &too_long[..MESSAGE_BYTES / 2 + 1];
    let refused = batch(vec![entry("a", half), entry("b", half)]).await.unwrap_err();
    assert!(refused.into_service_error().is_batch_request_too_long());
    let refused = batch(vec![entry("a", "a"), entry("a", "b")]).await.unwrap_err();
    assert!(refused.into_service_error().is_batch_entry_ids_not_distinct());
    let refused = batch((0..11).map(|id| entry(&id.to_string(), "a")).collect())
        .await
        .unwrap_err();
    assert!(refused.into_service_error().is_too_many_entries_in_batch_request());
    for body in ["nul \0", "\u{b}", "\u{1f}", "last of the plane \u{fffe}", "\u{ffff}"] {
        let refused = client.send_message().queue_url(&url).message_body(body).send().await;
        let refused = refused.unwrap_err().into_service_error();
        assert!(refused.is_invalid_message_contents(), "{body:?}: {refused:?}");
    }
    let mixed = batch(vec![
        entry("a", "\t\r\n \u{7f}\u{d7ff}\u{e000}\u{fffd}\u{10ffff}"),
        entry("b", "\u{ffff}"),
    ]);
    let mixed = mixed.await.unwrap();
    assert_eq!(mixed.successful()[0].id(), "a");
    assert_eq!(
        (mixed.failed()[0].id(), mixed.failed()[0].code()),
        ("b", "InvalidMessageContents")
    );
    let never = uuid::Uuid::new_v4().to_string();
    let refused = client
        .change_message_visibility()
        .queue_url(&url)
        .receipt_handle(never)
        .visibility_timeout(1)
        .send()
        .await;
    assert!(refused.unwrap_err().into_service_error().is_message_not_inflight());
    let purge = client.purge_queue().queue_url(&url).send().await.unwrap_err();
    assert_eq!(purge.code(), Some("AWS.SimpleQueueService.UnsupportedOperation"));
    tasks.shutdown().await;
}

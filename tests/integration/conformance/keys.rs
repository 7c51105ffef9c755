//! Idempotency keys: the first body of a key counts once, every other one becomes dead letters, and nothing is lost.

use api::{EventSource, QueuedEvents};
use aws_lambda_events::sqs::{SqsEvent, SqsMessage};
use ingest_events::{Context, handle};
use lambda_runtime::LambdaEvent;
use records::batches::{self, BatchReport};
use records::dead_letters::{self, Wanted};
use serde_json::value::to_raw_value;
use tests::databases::servers;
use uuid::Uuid;

use super::shop::{Shop, sale};

fn queued(shop: &Shop, entity: &str, (batch, key): (u128, Option<u128>), receipts: &[&str]) -> QueuedEvents {
    let events = receipts
        .iter()
        .map(|receipt| to_raw_value(&sale(receipt, "2026-03-28T10:00:00Z", "5.00", 1)).unwrap())
        .collect();
    QueuedEvents {
        batch_id: Uuid::from_u128(batch),
        client: shop.ours,
        entity: entity.to_owned(),
        source: EventSource::Events,
        key: key.map(Uuid::from_u128),
        events,
        broken: Vec::new(),
        time_zone: None,
    }
}

pub(super) async fn deliver(context: &Context, messages: &[QueuedEvents]) {
    assert_eq!(
        delivered(context, messages, "arn:events", "1").await,
        0,
        "no message comes again"
    );
}

/// Delivers messages of a queue, each for the time that `tries` says, and counts those that come again.
pub(super) async fn delivered(context: &Context, messages: &[QueuedEvents], queue: &str, tries: &str) -> usize {
    let mut event = SqsEvent::default();
    event.records = messages
        .iter()
        .map(|queued| {
            let mut message = SqsMessage::default();
            message.message_id = Some(Uuid::now_v7().to_string());
            message.body = Some(serde_json::to_string(queued).unwrap());
            message.event_source_arn = Some(queue.to_owned());
            message
                .attributes
                .insert("ApproximateReceiveCount".to_owned(), tries.to_owned());
            message
        })
        .collect();
    let answer = handle(context, LambdaEvent::new(event, lambda_runtime::Context::default()))
        .await
        .unwrap();
    answer.batch_item_failures.len()
}

async fn outcome(shop: &Shop, batch: u128) -> (i32, i32) {
    let report: BatchReport = batches::find(&shop.database.app, shop.ours, Uuid::from_u128(batch))
        .await
        .unwrap()
        .expect("the batch is marked");
    (report.accepted, report.rejected)
}

async fn a_second_body_is_told(server: &str, key: &[&str], entity: &str, accepted: i32) {
    let shop = Shop::open(server, "UTC", key).await;
    let context = Context::new(shop.database.app.clone(), String::new());
    let refused = 1 - accepted;
    let first = queued(&shop, entity, (1, Some(77)), &["a"]);
    let second = queued(&shop, entity, (2, Some(77)), &["b", "c"]);
    let third = queued(&shop, entity, (3, Some(77)), &["d"]);
    let others = [
        queued(&shop, entity, (4, Some(78)), &["e"]),
        queued(&shop, entity, (5, None), &["f"]),
        queued(&shop, entity, (6, None), &["g"]),
    ];
    // In one delivery, in a later one, and all of it again.
    deliver(&context, &[first, second]).await;
    deliver(&context, std::slice::from_ref(&third)).await;
    deliver(&context, &others).await;
    for queued in [&third, &others[0]] {
        deliver(&context, std::slice::from_ref(queued)).await;
    }
    let second = queued(&shop, entity, (2, Some(77)), &["b", "c"]);
    deliver(&context, &[second]).await;
    for (batch, expected) in [(1, accepted), (4, accepted), (5, accepted), (6, accepted)] {
        assert_eq!(outcome(&shop, batch).await, (expected, refused), "{entity} {batch}");
    }
    assert_eq!(outcome(&shop, 2).await, (0, 2), "{entity}: accepted + rejected = sent");
    assert_eq!(outcome(&shop, 3).await, (0, 1), "{entity}");
    let all = dead_letters::list(&shop.database.app, shop.ours, Wanted::default(), dead_letters::MAX_PAGE)
        .await
        .unwrap();
    let told = all.iter().filter(|letter| letter.reason.contains("Idempotency-Key"));
    let mut told: Vec<&str> = told.map(|letter| letter.original.as_str()).collect();
    told.sort_unstable();
    assert_eq!(told.len(), 3, "{entity}: each event once");
    for (original, receipt) in told.iter().zip(["b", "c", "d"]) {
        assert!(original.contains(&format!("\"{receipt}\"")), "{original}");
    }
    shop.database.drop_it().await.unwrap();
}

#[tokio::test]
async fn a_key_that_is_used_again_with_another_body_loses_nothing() {
    for server in servers() {
        a_second_body_is_told(&server, &[], "Sale", 1).await;
        a_second_body_is_told(&server, &["receipt"], "Sale", 1).await;
        a_second_body_is_told(&server, &[], "Nothing", 0).await;
    }
}

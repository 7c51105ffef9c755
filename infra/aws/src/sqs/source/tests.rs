//! Batches: their size, what comes back, and whose they are, on a clock that the tests move.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::sync::Mutex;

use super::*;
use crate::tasks::Tasks;

type Answer = fn(&Value) -> Result<Value, String>;

const VISIBILITY: Duration = Duration::from_secs(30);

fn source(batch_size: usize, window_s: u64, report: bool) -> EventSource {
    EventSource {
        queue: Arc::new(Queue::new(
            "events".to_owned(),
            VISIBILITY,
            Duration::from_secs(345_600),
        )),
        function: "work".to_owned(),
        batch_size,
        window: Duration::from_secs(window_s),
        max_concurrency: 2,
        report_item_failures: report,
    }
}

async fn send(source: &EventSource, count: usize) {
    for number in 0..count {
        let message = Message::new(number.to_string(), BTreeMap::new());
        source.queue.send(message, Duration::ZERO).await.unwrap();
    }
}

/// Runs the source against a function that answers with `answer`; gives the bodies of each batch it saw.
async fn run(source: EventSource, seconds: u64, answer: Answer) -> Vec<Vec<String>> {
    let batches = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&batches);
    let invoker = Invoker::new(move |_, payload| {
        let event: Value = serde_json::from_slice(&payload).unwrap();
        let bodies = event["Records"]
            .as_array()
            .unwrap()
            .iter()
            .map(|record| record["body"].as_str().unwrap().to_owned());
        seen.lock().unwrap().push(bodies.collect());
        let answer = answer(&event).map(|answer| Bytes::from(answer.to_string()));
        async move { answer }
    });
    let mut tasks = Tasks::default();
    tasks.spawn_attentive(source.run(invoker, tasks.stopped()));
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    tasks.shutdown().await;
    Arc::into_inner(batches).unwrap().into_inner().unwrap()
}

#[tokio::test(start_paused = true)]
async fn batches_keep_their_size_and_what_succeeds_is_deleted() {
    for (batch_size, window, sizes) in [
        (1, 0, vec![1; 12]),
        (100, 0, vec![10, 2]),
        (100, 1, vec![12]),
        (5, 1, vec![5, 5, 2]),
    ] {
        let source = source(batch_size, window, false);
        let queue = Arc::clone(&source.queue);
        send(&source, 12).await;
        let batches = run(source, 120, |_| Ok(Value::Null)).await;
        assert_eq!(
            batches.iter().map(Vec::len).collect::<Vec<_>>(),
            sizes,
            "size {batch_size}, window {window}"
        );
        assert_eq!(queue.counts().in_flight + queue.counts().visible, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn only_what_failed_comes_back_after_the_visibility_timeout() {
    let source = source(10, 0, true);
    send(&source, 3).await;
    let batches = run(source, 45, |event| {
        let records = event["Records"].as_array().unwrap();
        let failed = records
            .iter()
            .filter(|record| record["body"] == "1" && record["attributes"]["ApproximateReceiveCount"] == "1");
        Ok(
            json!({"batchItemFailures": failed.map(|record| json!({"itemIdentifier": record["messageId"]})).collect::<Vec<_>>()}),
        )
    });
    assert_eq!(batches.await, vec![vec!["0", "1", "2"], vec!["1"]]);
}

#[tokio::test(start_paused = true)]
async fn an_unknown_id_a_crash_and_nonsense_fail_the_whole_batch() {
    let answers: [Answer; 4] = [
        |_| Ok(json!({"batchItemFailures": [{"itemIdentifier": "unknown"}]})),
        |_| Ok(json!({"batchItemFailures": [{"id": ""}]})),
        |_| Ok(json!({"batchItemFailures": "all"})),
        |_| Err("the function crashed".to_owned()),
    ];
    for answer in answers {
        let source = source(10, 0, true);
        send(&source, 2).await;
        assert_eq!(run(source, 45, answer).await, vec![vec!["0", "1"]; 2]);
    }
}

#[test]
fn a_record_has_what_lambda_gives() {
    let binary = Attribute {
        data_type: "Binary".to_owned(),
        string_value: None,
        binary_value: Some("AQI=".to_owned()),
    };
    let mut message = Message::new("{\"a\":1}".to_owned(), BTreeMap::from([("b".to_owned(), binary)]));
    message.receives = 1;
    message.first_received_ms = Some(1);
    let record = record(
        "events",
        &Received {
            message,
            receipt: "r".to_owned(),
        },
    );
    assert_eq!(record["eventSourceARN"], "arn:aws:sqs:us-east-1:000000000000:events");
    assert_eq!(record["attributes"]["ApproximateReceiveCount"], "1");
    assert_eq!(record["messageAttributes"]["b"]["binaryValue"], "AQI=");
    assert_eq!(record["md5OfBody"].as_str().unwrap().len(), 32);
}

/// A batch that was invoked: of which groups, when, and how many of its first group ran then.
#[derive(Debug)]
struct Began {
    groups: BTreeSet<String>,
    at: Instant,
    running: usize,
}

/// A function that takes so long, and what it saw.
fn slow(takes: Duration) -> (Invoker, Arc<Mutex<Vec<Began>>>) {
    let began = Arc::new(Mutex::new(Vec::new()));
    let running = Arc::new(Mutex::new(BTreeMap::<String, usize>::new()));
    let seen = Arc::clone(&began);
    let invoker = Invoker::new(move |_, payload| {
        let event: Value = serde_json::from_slice(&payload).unwrap();
        let group = |record: &Value| record["attributes"]["MessageGroupId"].as_str().unwrap().to_owned();
        let groups: BTreeSet<String> = event["Records"].as_array().unwrap().iter().map(group).collect();
        let first = groups.first().unwrap().clone();
        let count = {
            let mut running = running.lock().unwrap();
            let count = running.entry(first.clone()).or_default();
            *count += 1;
            *count
        };
        let at = Instant::now();
        seen.lock().unwrap().push(Began {
            groups,
            at,
            running: count,
        });
        let running = Arc::clone(&running);
        async move {
            tokio::time::sleep(takes).await;
            *running.lock().unwrap().get_mut(&first).unwrap() -= 1;
            Ok(Bytes::new())
        }
    });
    (invoker, began)
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_one_group_delays_no_other() {
    const FLOOD: u32 = 10_000;
    let takes = Duration::from_secs(1);
    let source = EventSource {
        max_concurrency: 4,
        ..source(10, 0, false)
    };
    let queue = Arc::clone(&source.queue);
    let send = async |group: &str, count: u32| {
        let message = || Message::new("{}".to_owned(), BTreeMap::new()).in_group(Some(group.to_owned()));
        let messages = (0..count).map(|_| (message(), Duration::ZERO));
        queue.send_all(messages.collect()).await.unwrap();
    };
    send("noisy", FLOOD).await;
    let (invoker, began) = slow(takes);
    let mut tasks = Tasks::default();
    tasks.spawn_attentive(source.run(invoker, tasks.stopped()));
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    let sent = Instant::now();
    for group in ["quiet", "calm", "still"] {
        send(group, 1).await;
    }
    tokio::time::sleep(takes * FLOOD / 10).await;
    tasks.shutdown().await;

    let began = began.lock().unwrap();
    let waited = |group: &str| {
        let batch = began.iter().find(|batch| batch.groups.contains(group)).unwrap();
        batch.at - sent
    };
    assert_eq!(waited("quiet"), Duration::ZERO, "one place is never the flood's");
    assert!(
        waited("calm") <= takes && waited("still") <= takes,
        "{:?} {:?}",
        waited("calm"),
        waited("still")
    );
    assert!(
        began.iter().all(|batch| batch.groups.len() == 1),
        "no batch mixes groups"
    );
    let most = began.iter().map(|batch| batch.running).max();
    assert_eq!(most, Some(3), "the flood has all places but one");
    assert_eq!(
        queue.counts().visible + queue.counts().in_flight,
        0,
        "and is worked off"
    );
}

//! A process with queues is killed, for real, and another goes on with what it kept.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{Message, MessageSystemAttributeName};

use super::*;
use crate::sqs::{MESSAGE_BYTES, Queues};
use crate::store::Store;
use crate::tasks::Tasks;
use crate::template::{self, Template};
use crate::testing::{self, TempFolder};

/// The variable that tells the process its folder.
const FOLDER: &str = "KILLED_QUEUES";
const ENDPOINT: &str = "endpoint";

fn template() -> Template {
    let queue = |logical_id: &str, redrive| template::Queue {
        logical_id: logical_id.to_owned(),
        name: logical_id.to_lowercase(),
        visibility_timeout_s: 600,
        retention_s: 345_600,
        message_bytes: MESSAGE_BYTES,
        redrive,
    };
    Template {
        queues: vec![queue("Events", Some(("Dead".to_owned(), 2))), queue("Dead", None)],
        ..Template::default()
    }
}

/// Not run by `cargo test`: the process that the other test starts and kills.
#[tokio::test]
#[ignore = "a process that another test starts"]
async fn process() {
    let Some(folder) = std::env::var_os(FOLDER).map(std::path::PathBuf::from) else {
        return;
    };
    let store = Store::open(&folder.join("services.sqlite"), &[TABLES]).unwrap();
    let (listener, endpoint) = testing::listener().await;
    let mut tasks = Tasks::default();
    let _queues = Queues::start(&mut tasks, listener, &template(), None, Some(&store)).unwrap();
    std::fs::write(folder.join("new"), endpoint).unwrap();
    std::fs::rename(folder.join("new"), folder.join(ENDPOINT)).unwrap();
    std::future::pending().await
}

/// The process, which dies with the test.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn start(folder: &TempFolder) -> (Killed, Client) {
    let endpoint = folder.path().join(ENDPOINT);
    let _ = std::fs::remove_file(&endpoint);
    let this = std::env::current_exe().unwrap();
    let child = Command::new(this)
        .args(["--exact", "sqs::kept::tests::process", "--ignored", "--nocapture"])
        .env(FOLDER, folder.path())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let killed = Killed(child);
    for _ in 0..500 {
        if let Ok(endpoint) = std::fs::read_to_string(&endpoint) {
            return (killed, Client::new(&testing::sdk_config(&endpoint)));
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the process does not start");
}

async fn receive(client: &Client, queue: &str) -> Vec<Message> {
    let received = client
        .receive_message()
        .queue_url(queue)
        .max_number_of_messages(10)
        .message_system_attribute_names(MessageSystemAttributeName::All)
        .send()
        .await;
    received.unwrap().messages.unwrap_or_default()
}

/// Everything that is there, by body.
async fn drain(client: &Client, queue: &str) -> BTreeMap<String, Message> {
    let mut all = BTreeMap::new();
    loop {
        let received = receive(client, queue).await;
        if received.is_empty() {
            return all;
        }
        for message in received {
            let twice = all.insert(message.body().unwrap().to_owned(), message);
            assert!(twice.is_none(), "{twice:?}");
        }
    }
}

fn attribute(message: &Message, name: MessageSystemAttributeName) -> Option<&str> {
    message.attributes().unwrap().get(&name).map(String::as_str)
}

/// Sends from eight sides until the process is killed in the middle, and says which were answered.
async fn send_until_killed(killed: Killed, client: &Client) -> BTreeSet<String> {
    let is_over = AtomicBool::new(false);
    let send = async |sender: usize| {
        let mut sent = BTreeSet::new();
        while !is_over.load(Ordering::Relaxed) {
            let body = format!("{sender}-{}", sent.len());
            let send = client.send_message().queue_url("events").message_body(&body);
            if send.message_group_id(format!("group-{sender}")).send().await.is_err() {
                break;
            }
            sent.insert(body);
        }
        sent
    };
    let kill = async {
        tokio::time::sleep(Duration::from_millis(600)).await;
        drop(killed);
        is_over.store(true, Ordering::Relaxed);
    };
    let (sent, ()) = tokio::join!(futures::future::join_all((0..8).map(send)), kill);
    sent.into_iter().flatten().collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_answered_as_sent_survives_a_kill() {
    let folder = TempFolder::create();
    let (killed, client) = start(&folder).await;
    let early = ["deleted", "in flight", "in flight too"];
    for body in early {
        client
            .send_message()
            .queue_url("events")
            .message_body(body)
            .send()
            .await
            .unwrap();
    }
    let later = client.send_message().queue_url("events").message_body("later");
    later.delay_seconds(900).send().await.unwrap();
    for message in receive(&client, "events").await {
        if message.body() == Some("deleted") {
            let receipt = message.receipt_handle().unwrap();
            client
                .delete_message()
                .queue_url("events")
                .receipt_handle(receipt)
                .send()
                .await
                .unwrap();
        }
    }
    let sent = send_until_killed(killed, &client).await;
    assert!(sent.len() > 20, "only {} were sent", sent.len());

    let (killed, client) = start(&folder).await;
    let found = drain(&client, "events").await;
    let missing: Vec<_> = sent.iter().filter(|body| !found.contains_key(*body)).collect();
    assert!(
        missing.is_empty(),
        "{} of {} are gone: {missing:?}",
        missing.len(),
        sent.len()
    );
    let is_there = |body: &str| found.contains_key(body);
    assert!(is_there("in flight") && is_there("in flight too") && !is_there("deleted") && !is_there("later"));
    for (body, message) in &found {
        let was_received = body.starts_with("in flight");
        let receives = attribute(message, MessageSystemAttributeName::ApproximateReceiveCount);
        assert_eq!(receives, Some(if was_received { "2" } else { "1" }), "{body}");
        let group = body.split_once('-').map(|(sender, _)| format!("group-{sender}"));
        assert_eq!(
            attribute(message, MessageSystemAttributeName::MessageGroupId),
            group.as_deref(),
            "{body}"
        );
    }

    // What comes a third time has come too often, and what moved to the dead letters is there after the next kill.
    drop(killed);
    let (killed, client) = start(&folder).await;
    let found = drain(&client, "events").await;
    assert!(!found.contains_key("in flight") && found.len() >= sent.len());
    drop(killed);
    let (killed, client) = start(&folder).await;
    let dead = drain(&client, "dead").await;
    assert!(
        dead.contains_key("in flight") && dead.contains_key("in flight too"),
        "{dead:?}"
    );
    drop(killed);
}

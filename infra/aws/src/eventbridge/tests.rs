//! The buses as aws-sdk-eventbridge sees them, and what arrives at the targets.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::error::ProvideErrorMetadata as _;
use aws_sdk_eventbridge::primitives::DateTime;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use serde_json::json;

use super::*;
use crate::sqs::{Message, Want};
use crate::template::Addresses;
use crate::testing::{self, TempFolder};

/// `small` takes less than the bus does; `late` hears of nothing, and `letters` of what was not taken.
const TEMPLATE: &str = r#"
Resources:
  Bus: { Type: AWS::Events::EventBus, Properties: { Name: domain-events } }
  Items: { Type: AWS::SQS::Queue, Properties: { QueueName: items } }
  Small: { Type: AWS::SQS::Queue, Properties: { QueueName: small, MaximumMessageSize: 1024 } }
  Late: { Type: AWS::SQS::Queue, Properties: { QueueName: late } }
  Letters: { Type: AWS::SQS::Queue, Properties: { QueueName: letters } }
  Log: { Type: AWS::Logs::LogGroup, Properties: { LogGroupName: /aws/events/domain } }
  Breaches:
    Type: AWS::Events::Rule
    Properties:
      Name: breaches
      EventBusName: !Ref Bus
      EventPattern: { source: [shop], detail: { severity: [{ prefix: hi }] } }
      Targets:
        - { Id: items, Arn: !GetAtt Items.Arn }
        - { Id: small, Arn: !GetAtt Small.Arn, DeadLetterConfig: { Arn: !GetAtt Letters.Arn } }
  Everything:
    Type: AWS::Events::Rule
    Properties:
      Name: everything
      EventBusName: !GetAtt Bus.Arn
      EventPattern: { source: [{ exists: true }] }
      Targets:
        - Id: log
          Arn: !Sub "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:${Log}"
          DeadLetterConfig: { Arn: !GetAtt Letters.Arn }
  Asleep:
    Type: AWS::Events::Rule
    Properties:
      EventBusName: !Ref Bus
      State: DISABLED
      EventPattern: { source: [shop] }
      Targets: [{ Id: late, Arn: !GetAtt Late.Arn }]
  Unnamed:
    Type: AWS::Events::Rule
    Properties:
      EventPattern: { source: [shop], detail-type: [Default] }
      Targets: [{ Id: late, Arn: !GetAtt Late.Arn }]
"#;

struct Fixture {
    tasks: Tasks,
    client: Client,
    queues: Queues,
    folder: TempFolder,
}

async fn fixture() -> Fixture {
    let addresses = Addresses {
        http: String::new(),
        websocket: String::new(),
        sqs: String::new(),
    };
    let template = Template::parse(TEMPLATE, &addresses, &BTreeMap::new(), &|_, _| None).unwrap();
    let folder = TempFolder::create();
    let mut tasks = Tasks::default();
    let (for_queues, _) = testing::listener().await;
    let queues = Queues::start(&mut tasks, for_queues, &template, None, None).unwrap();
    let (listener, endpoint) = testing::listener().await;
    Buses::start(&mut tasks, listener, &template, &queues, folder.path()).unwrap();
    Fixture {
        tasks,
        client: Client::new(&testing::sdk_config(&endpoint)),
        queues,
        folder,
    }
}

impl Fixture {
    /// What the queue holds, the bodies as JSON.
    async fn received(&self, queue: &str) -> Vec<(Value, Message)> {
        let queue = self.queues.by_name(queue).unwrap();
        let want = Want::messages(10, Duration::from_secs(60));
        let received = queue.receive(want, Duration::ZERO).await;
        let messages = received.into_iter().map(|received| received.message);
        messages
            .map(|message| (serde_json::from_str(&message.body).unwrap(), message))
            .collect()
    }

    async fn put(&self, entries: Vec<PutEventsRequestEntry>) -> Result<Vec<String>, (String, String)> {
        let put = self.client.put_events().set_entries(Some(entries)).send().await;
        let put = put.map_err(|error| {
            (
                error.code().unwrap_or_default().to_owned(),
                error.message().unwrap_or_default().to_owned(),
            )
        })?;
        let results = put.entries().iter().map(|entry| {
            assert_eq!(entry.event_id().is_some(), entry.error_message().is_none(), "{entry:?}");
            entry.error_code().unwrap_or("ok").to_owned()
        });
        let results: Vec<_> = results.collect();
        let failed = results.iter().filter(|result| *result != "ok").count();
        assert_eq!(usize::try_from(put.failed_entry_count()).unwrap(), failed);
        Ok(results)
    }

    async fn end(self) {
        self.tasks.shutdown().await;
    }
}

fn entry(detail: &Value) -> PutEventsRequestEntry {
    PutEventsRequestEntry::builder()
        .event_bus_name("domain-events")
        .source("shop")
        .detail_type("OrderPlaced")
        .detail(detail.to_string())
        .build()
}

#[tokio::test]
async fn an_event_reaches_the_targets_of_the_rules_that_match() {
    let fixture = fixture().await;
    let detail = json!({ "severity": "high", "note": "two\nlines" });
    let full = PutEventsRequestEntry::builder()
        .event_bus_name("arn:aws:events:us-east-1:000000000000:event-bus/domain-events")
        .source("shop")
        .detail_type("OrderPlaced")
        .detail(detail.to_string())
        .resources("arn:x")
        .time(DateTime::from_millis(1_767_323_045_678))
        .build();
    let low = entry(&json!({ "severity": "low" }));
    assert_eq!(fixture.put(vec![full, low]).await.unwrap(), ["ok", "ok"]);

    let received = fixture.received("items").await;
    let [(event, message)] = received.as_slice() else {
        panic!("{received:?}")
    };
    let expected = json!({
        "version": "0",
        "id": event["id"],
        "detail-type": "OrderPlaced",
        "source": "shop",
        "account": "000000000000",
        "time": "2026-01-02T03:04:05Z",
        "region": "us-east-1",
        "resources": ["arn:x"],
        "detail": detail,
    });
    assert_eq!(*event, expected);
    assert!(event["id"].as_str().is_some_and(|id| uuid::Uuid::parse_str(id).is_ok()));
    assert!(message.attributes.is_empty());
    assert_eq!(fixture.received("small").await.len(), 1);
    for queue in ["late", "letters"] {
        assert!(fixture.received(queue).await.is_empty(), "{queue}");
    }
    let log = std::fs::read_to_string(fixture.folder.path().join("events.ndjson")).unwrap();
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2);
    assert_eq!((&lines[0], &lines[1]["detail"]["severity"]), (event, &json!("low")));
    fixture.end().await;
}

#[tokio::test]
async fn an_entry_without_a_bus_is_for_the_default_one_and_an_unknown_bus_takes_everything() {
    let fixture = fixture().await;
    let base = || {
        PutEventsRequestEntry::builder()
            .source("shop")
            .detail_type("Default")
            .detail("{}")
    };
    let before = crate::clock::now();
    let entries = vec![base().build(), base().event_bus_name("no-such-bus").build()];
    assert_eq!(fixture.put(entries).await.unwrap(), ["ok", "ok"]);
    let received = fixture.received("late").await;
    assert_eq!(received.len(), 1);
    let time: jiff::Timestamp = received[0].0["time"].as_str().unwrap().parse().unwrap();
    assert!((0..60).contains(&(time.as_second() - before.as_second())), "{time}");
    assert!(!fixture.folder.path().join("events.ndjson").exists());
    fixture.end().await;
}

#[tokio::test]
async fn what_a_target_does_not_take_is_in_its_dead_letters() {
    let fixture = fixture().await;
    // A folder in the place of the file: the log group takes nothing either.
    std::fs::create_dir(fixture.folder.path().join("events.ndjson")).unwrap();
    let detail = json!({ "severity": "high", "note": "x".repeat(1_024) });
    assert_eq!(fixture.put(vec![entry(&detail)]).await.unwrap(), ["ok"]);
    assert_eq!(
        fixture.received("items").await.len(),
        1,
        "one target does not hold up another"
    );
    assert!(fixture.received("small").await.is_empty());
    let letters = fixture.received("letters").await;
    let mut told: Vec<_> = letters
        .iter()
        .map(|(event, message)| {
            assert_eq!(event["detail"], detail);
            let attribute = |name: &str| message.attributes[name].string_value.clone().unwrap();
            assert!(!attribute("ERROR_MESSAGE").is_empty());
            ["ERROR_CODE", "RULE_ARN", "TARGET_ARN"].map(attribute)
        })
        .collect();
    told.sort();
    let rule = "arn:aws:events:us-east-1:000000000000:rule/domain-events";
    let expected = [
        [
            "ERROR_FROM_TARGET".to_owned(),
            format!("{rule}/everything"),
            "arn:aws:logs:us-east-1:000000000000:log-group:/aws/events/domain".to_owned(),
        ],
        [
            "INVALID_PARAMETER".to_owned(),
            format!("{rule}/breaches"),
            "arn:aws:sqs:us-east-1:000000000000:small".to_owned(),
        ],
    ];
    assert_eq!(told, expected);
    fixture.end().await;
}

#[tokio::test]
async fn entries_fail_one_by_one_with_the_codes_of_eventbridge() {
    let fixture = fixture().await;
    let good = || entry(&json!({ "severity": "high" }));
    let builder = || {
        PutEventsRequestEntry::builder()
            .event_bus_name("domain-events")
            .source("shop")
            .detail_type("t")
            .detail("{}")
    };
    let cases = [
        (builder().set_source(None).build(), "InvalidArgument"),
        (builder().source("").build(), "InvalidArgument"),
        (builder().set_detail_type(None).build(), "InvalidArgument"),
        (builder().set_detail(None).build(), "InvalidArgument"),
        (builder().detail("{").build(), "MalformedDetail"),
        (builder().detail("[1]").build(), "MalformedDetail"),
        (builder().detail("\"text\"").build(), "MalformedDetail"),
        (builder().source("aws.s3").build(), "NotAuthorizedForSourceException"),
    ];
    let (mut entries, mut expected): (Vec<_>, Vec<_>) = cases.into_iter().unzip();
    entries.push(good());
    expected.push("ok");
    assert_eq!(fixture.put(entries).await.unwrap(), expected);
    assert_eq!(fixture.received("items").await.len(), 1);
    fixture.end().await;
}

#[tokio::test]
async fn a_request_that_breaks_a_limit_is_refused_whole() {
    let fixture = fixture().await;
    let sized = |bytes: usize| {
        let rest = "shop".len() + "OrderPlaced".len() + json!({ "n": "" }).to_string().len();
        entry(&json!({ "n": "x".repeat(bytes - rest) }))
    };
    let most = 1_048_576;
    let cases = [
        (vec![], "1 to 10"),
        ((0..11).map(|_| sized(100)).collect(), "1 to 10"),
        (vec![sized(most + 1)], "over the limit"),
        (vec![sized(most / 2), sized(most / 2 + 1)], "over the limit"),
    ];
    for (entries, told) in cases {
        let (code, message) = fixture.put(entries).await.unwrap_err();
        assert_eq!(code, "ValidationException");
        assert!(message.contains(told), "{message}");
    }
    assert!(!fixture.folder.path().join("events.ndjson").exists());
    let ten: Vec<_> = (0..10).map(|_| sized(most / 10)).collect();
    assert_eq!(fixture.put(ten).await.unwrap(), ["ok"; 10]);
    let unknown = fixture.client.list_rules().send().await.unwrap_err();
    assert_eq!(unknown.code(), Some("UnknownOperationException"));
    fixture.end().await;
}

//! `queue-files`: queues each dropped file again, by its client.
//!
//! S3's notifications say nothing of clients, so a queue gives them in the order in which they came: who drops a thousand files would keep everybody
//! else waiting. From the queue that this function fills, files of other clients come first. What it sends is what S3 wrote, an object at a time.

use anyhow::{Context as _, Result, bail};
use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use futures::future::{join_all, try_join_all};
use lambda_runtime::LambdaEvent;
use platform::queue::Queue;
use serde_json::{Value, json};
use uuid::Uuid;

/// The name of the message with which S3 tests a queue.
const TEST_EVENT: &str = "s3:TestEvent";

/// The group of files that are no client's: `load-files` leaves them alone, and says so.
const NOBODY: &str = "nobody";

/// What the function has from its environment.
pub struct Context {
    files: Queue,
}

impl Context {
    /// Reads the environment.
    ///
    /// # Errors
    /// When a variable is missing.
    pub async fn from_environment() -> Result<Self> {
        Ok(Self {
            files: Queue::from_environment("FILES_QUEUE_URL").await?,
        })
    }
}

/// Takes messages of S3, each of which tells of dropped objects.
///
/// # Errors
/// Never: failures are reported per message. One that comes again may queue its objects twice, and `load-files` loads each once.
pub async fn handle(
    context: &Context,
    event: LambdaEvent<SqsEvent>,
) -> Result<SqsBatchResponse, lambda_runtime::Error> {
    let mut response = SqsBatchResponse::default();
    let messages = &event.payload.records;
    let queued = join_all(messages.iter().map(|message| queue(context, message))).await;
    for (message, result) in messages.iter().zip(queued) {
        let Err(error) = result else {
            continue;
        };
        let id = message.message_id.clone().unwrap_or_default();
        let cause = format!("{error:#}");
        tracing::error!(
            message = id,
            cause,
            "files are not queued; their message stays in the queue"
        );
        response.add_failure(id);
    }
    Ok(response)
}

async fn queue(context: &Context, message: &SqsMessage) -> Result<()> {
    let files = files(message.body.as_deref().unwrap_or_default())?;
    let sends = files
        .into_iter()
        .map(|(group, body)| context.files.send_in_group(group, body));
    try_join_all(sends).await?;
    Ok(())
}

/// A message for each object that a notification tells of, and its group; none in S3's test of the queue.
fn files(body: &str) -> Result<Vec<(String, String)>> {
    let notification: Value = serde_json::from_str(body).context("the message is not a notification from S3")?;
    if notification["Event"] == TEST_EVENT {
        tracing::info!("S3 has tried the queue of dropped files");
        return Ok(Vec::new());
    }
    let records = notification["Records"].as_array().filter(|records| !records.is_empty());
    let Some(records) = records else {
        bail!("the message tells of no objects");
    };
    let message = |record: &Value| {
        let key = record["s3"]["object"]["key"]
            .as_str()
            .context("the message names no key")?;
        Ok((group(key), json!({ "Records": [record] }).to_string()))
    };
    records.iter().map(message).collect()
}

/// The client that an object's key begins with, in the one spelling that is a client's folder. S3 writes keys as forms do, which leaves that as it is.
fn group(key: &str) -> String {
    let folder = key.split('/').next().unwrap_or_default();
    let is_client = folder.parse::<Uuid>().is_ok_and(|client| client.to_string() == folder);
    if is_client { folder } else { NOBODY }.to_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]
    use super::*;

    const SAMPLE: &str = include_str!("../../../../events/ingest/queue-files.json");

    fn sample() -> Value {
        let event: Value = serde_json::from_str(SAMPLE).unwrap();
        serde_json::from_str(event["Records"][0]["body"].as_str().unwrap()).unwrap()
    }

    #[test]
    fn each_object_is_queued_as_s3_told_of_it() {
        let mut notification = sample();
        let first = notification["Records"][0].clone();
        let mut second = first.clone();
        second["s3"]["object"]["key"] = "nobody/Flight/a+b.csv".into();
        notification["Records"].as_array_mut().unwrap().push(second.clone());
        let files = files(&notification.to_string()).unwrap();
        let client = "018f4e2a-7c1b-7d3e-9a52-3f6f1c2a5201";
        for ((group, body), (record, expected)) in files.iter().zip([(first, client), (second, NOBODY)]) {
            assert_eq!(group, expected);
            assert_eq!(
                serde_json::from_str::<Value>(body).unwrap(),
                json!({ "Records": [record] })
            );
        }
        assert_eq!(files.len(), 2);
    }

    #[test]
    fn only_the_folder_of_a_client_is_its_group() {
        let client = Uuid::from_u128(0xabc);
        assert_eq!(group(&format!("{client}/Flight/a.csv")), client.to_string());
        let upper = client.to_string().to_uppercase();
        for other in [
            upper,
            client.simple().to_string(),
            client.urn().to_string(),
            client.braced().to_string(),
        ] {
            assert_eq!(group(&format!("{other}/Flight/a.csv")), NOBODY, "{other}");
        }
    }

    #[test]
    fn what_is_no_notification_stays_in_the_queue() {
        let test = json!({ "Service": "Amazon S3", "Event": TEST_EVENT }).to_string();
        assert_eq!(files(&test).unwrap(), []);
        let mut nameless = sample();
        nameless["Records"][0]["s3"]["object"]["key"] = Value::Null;
        for body in ["", "{}", "{\"Records\": []}", &nameless.to_string()] {
            assert!(files(body).is_err(), "{body}");
        }
    }
}

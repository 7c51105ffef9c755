//! What a message of the files' queue tells of.

use anyhow::{Context as _, Result, bail};
use aws_lambda_events::s3::S3EventRecord;
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use uuid::Uuid;

/// The name of the message with which S3 tests a queue.
const TEST_EVENT: &str = "s3:TestEvent";

/// An object that was put on the bucket.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Dropped {
    pub(crate) bucket: String,
    pub(crate) key: String,
    /// What tells its bytes from others.
    pub(crate) etag: String,
    /// What tells this time that it was put from others, also of the same bytes: later ones are greater. Empty where S3 does not say.
    pub(crate) sequencer: String,
}

/// The body of a message from S3, or of one that tells of the rest of a file.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Notification {
    /// Only in the message with which S3 tests the queue when notifications are set up.
    event: Option<String>,
    #[serde(default)]
    records: Vec<S3EventRecord>,
}

/// The objects that a message tells of; none in S3's test of the queue.
pub(crate) fn dropped(body: &str) -> Result<Vec<Dropped>> {
    let notification: Notification = serde_json::from_str(body).context("the message is not a notification from S3")?;
    if notification.event.as_deref() == Some(TEST_EVENT) {
        tracing::info!("S3 has tried the queue of files");
        return Ok(Vec::new());
    }
    if notification.records.is_empty() {
        bail!("the message tells of no objects");
    }
    let object = |record: S3EventRecord| {
        let bucket = record.s3.bucket.name.context("the message names no bucket")?;
        let key = record.s3.object.key.context("the message names no key")?;
        let [etag, sequencer] = [record.s3.object.e_tag, record.s3.object.sequencer].map(Option::unwrap_or_default);
        Ok(Dropped {
            bucket,
            key: decoded(&key),
            etag: etag.trim_matches('"').to_owned(),
            sequencer,
        })
    };
    notification.records.into_iter().map(object).collect()
}

/// An object's key: S3 writes it into its events as forms do, a space as a plus.
fn decoded(key: &str) -> String {
    let spaced = key.replace('+', " ");
    percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
}

/// The parts of an object's key.
#[derive(Clone, Copy)]
pub(crate) struct Address<'a> {
    pub(crate) client: Uuid,
    pub(crate) entity: &'a str,
}

/// The client in whose folder an object is, in the one spelling of its id.
pub(crate) fn folder(key: &str) -> Option<Uuid> {
    let (client, _) = key.split_once('/')?;
    client.parse().ok().filter(|id: &Uuid| id.to_string() == client)
}

pub(crate) fn address(key: &str) -> Result<Address<'_>> {
    let mut parts = key.splitn(3, '/');
    let (Some(client), Some(entity), Some(_name)) = (parts.next(), parts.next(), parts.next()) else {
        bail!("the key {key:?} is not of the form client/Entity/name");
    };
    let id: Uuid = client
        .parse()
        .with_context(|| format!("the key {key:?} does not begin with a client's id"))?;
    // Other spellings are other folders, which nobody would find when the client goes.
    if id.to_string() != client {
        bail!("the key {key:?} does not begin with a client's id as it is written: {id}");
    }
    Ok(Address { client: id, entity })
}

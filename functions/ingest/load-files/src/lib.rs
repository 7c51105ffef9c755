//! `load-files`: CSV, NDJSON and Parquet files dropped on S3 take the path of events.
//!
//! S3 tells a queue of each object, and a message of that queue is done when its file is loaded or refused. A file's key is
//! `{client}/{Entity}/{name}`. Each chunk of it is a batch of its own, named after the object's version and the chunk's
//! number, so a run that is repeated goes on where the first one stopped. A file that could not be loaded too often comes a last time through the
//! queue's dead-letter queue, and is a dead letter then.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use answer::Definitions;
use anyhow::{Context as _, Result, bail};
use archive::store::Store;
use archive::{Chunk, Chunks, FileError, Format};
use aws_lambda_events::s3::S3EventRecord;
use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use database::{Database, Error};
use facts::Placed;
use facts::batch::{Batch, Reject};
use facts::ingest::{self, Effort};
use identity::Feature;
use lambda_runtime::LambdaEvent;
use percent_encoding::percent_decode_str;
use platform::clock;
use platform::queue::{Backoff, Queue, receives};
use records::licences;
use serde::Deserialize;
use series::Mapper;
use uuid::Uuid;

/// The name of the message with which S3 tests a queue.
const TEST_EVENT: &str = "s3:TestEvent";

/// A file that fails is tried again after 20 s, 2 min, 12 min, 72 min. The queue gives five tries, so the database may be gone
/// for almost an hour and a half before a file is given up.
const BACKOFF: Backoff = Backoff {
    first: Duration::from_secs(20),
    factor: 6,
    steps: 3,
};

/// Longest that a message is worked on: the 900 s that the template gives, and a minute.
const LONGEST: Duration = Duration::from_secs(960);

/// Names the batch of what is refused of a file as a whole; chunks are named by their number.
const REFUSED: &str = "refused";

/// Names the batch of a file that is given up.
const GIVEN_UP: &str = "given up";

/// What the function has from its environment.
pub struct Context {
    database: Database,
    definitions: Definitions,
    store: Store,
    /// Where the messages come from.
    queue: Queue,
    /// ARN of the queue of those that came too often.
    dead_letters: String,
}

impl Context {
    /// Reads the environment.
    ///
    /// # Errors
    /// When a variable is missing or malformed.
    pub async fn from_environment() -> Result<Self> {
        let database = platform::database::from_environment()?;
        Ok(Self {
            database,
            definitions: Definitions::default(),
            store: Store::new(&platform::aws_configuration().await),
            queue: Queue::from_environment("FILES_QUEUE_URL").await?,
            dead_letters: platform::environment::required("FILES_DEAD_LETTER_QUEUE_ARN")?,
        })
    }
}

/// What became of a file.
#[derive(Debug, Default)]
struct Loaded {
    /// Rows that became facts, in this run or one before.
    accepted: usize,
    /// Rows that became dead letters.
    rejected: usize,
}

/// Takes messages of the files' queue, each of which tells of dropped objects.
///
/// # Errors
/// Never: failures are reported per message. What was loaded of a file stays loaded, and its message comes back.
pub async fn handle(
    context: &Context,
    event: LambdaEvent<SqsEvent>,
) -> Result<SqsBatchResponse, lambda_runtime::Error> {
    let is_last = |message: &SqsMessage| message.event_source_arn.as_deref() == Some(&context.dead_letters);
    let (last, messages): (Vec<_>, Vec<_>) = event.payload.records.into_iter().partition(is_last);
    let mut payload = SqsEvent::default();
    payload.records = messages;
    let mut response = context
        .queue
        .work(payload, BACKOFF, async |message| load_all(context, message).await)
        .await;
    for message in last {
        if let Err(error) = give_up_all(context, body(&message)).await {
            let cause = format!("{error:#}");
            tracing::error!(
                message = message.message_id,
                cause,
                "a file is not given up; its message stays in the dead-letter queue"
            );
            response.add_failure(message.message_id.unwrap_or_default());
        }
    }
    Ok(response)
}

fn body(message: &SqsMessage) -> &str {
    message.body.as_deref().unwrap_or_default()
}

/// Files that could not be loaded, each time in which the queue gave them. Nothing of them is read: that may be what ends the function.
async fn give_up_all(context: &Context, body: &str) -> Result<()> {
    for Dropped { key, version, .. } in dropped(body)? {
        let Ok(Address { client, entity }) = address(&key) else {
            tracing::error!(
                key,
                "the key is not of the form client/Entity/name: the file is left alone"
            );
            continue;
        };
        let reason = "the file, or the rest of it, could not be loaded in several tries, and the reason is not known to be its own: \
            what was loaded of it counts; put it on the bucket again to try again, or in smaller files";
        let id = batch_id(client, &key, &version, GIVEN_UP);
        refuse_as(context, client, entity, &key, id, reason).await?;
        tracing::error!(key, %client, "a file is given up");
    }
    Ok(())
}

async fn load_all(context: &Context, message: &SqsMessage) -> Result<()> {
    context.queue.hold(message, LONGEST).await;
    for Dropped { bucket, key, .. } in dropped(body(message))? {
        let loaded = load(context, &bucket, &key, receives(message))
            .await
            .with_context(|| format!("load {key}"))?;
        tracing::info!(key, accepted = loaded.accepted, rejected = loaded.rejected, "loaded");
    }
    Ok(())
}

/// An object that was put on the bucket.
#[derive(Debug, PartialEq, Eq)]
struct Dropped {
    bucket: String,
    key: String,
    /// What tells this time that it was put from others, also of the same bytes; empty where S3 does not say.
    version: String,
}

/// The body of a message from S3.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Notification {
    /// Only in the message with which S3 tests the queue when notifications are set up.
    event: Option<String>,
    #[serde(default)]
    records: Vec<S3EventRecord>,
}

/// The objects that a message tells of; none in S3's test of the queue.
fn dropped(body: &str) -> Result<Vec<Dropped>> {
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
        Ok(Dropped {
            bucket,
            key: decoded(&key),
            version: [record.s3.object.e_tag, record.s3.object.sequencer]
                .map(Option::unwrap_or_default)
                .join("/"),
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
struct Address<'a> {
    client: Uuid,
    entity: &'a str,
}

fn address(key: &str) -> Result<Address<'_>> {
    let mut parts = key.splitn(3, '/');
    let (Some(client), Some(entity), Some(_name)) = (parts.next(), parts.next(), parts.next()) else {
        bail!("the key {key:?} is not of the form client/Entity/name");
    };
    let client = client
        .parse()
        .with_context(|| format!("the key {key:?} does not begin with a client's id"))?;
    Ok(Address { client, entity })
}

async fn load(context: &Context, bucket: &str, key: &str, tries: u32) -> Result<Loaded> {
    let Ok(Address { client, entity }) = address(key) else {
        // There is no client to tell, and another try would fail the same way.
        tracing::error!(
            key,
            "the key is not of the form client/Entity/name: the file is left alone"
        );
        return Ok(Loaded::default());
    };
    let Some(catalog) = context.definitions.current(&context.database, client).await? else {
        tracing::error!(key, %client, "there is no such client: the file is left alone");
        return Ok(Loaded::default());
    };
    let licensed = licences::features(&context.database, client, clock::now()).await?;
    let (bytes, version) = match context.store.get(bucket, key).await {
        Ok(object) => object,
        Err(error) => {
            let FileError::TooLarge { etag, .. } = &error else {
                return Err(error.into());
            };
            return Ok(refuse(context, client, entity, key, etag, &error.to_string()).await?);
        }
    };
    if !licensed.contains(Feature::Ingest) {
        let reason = format!(
            "there is no valid licence with the feature {}: put the file on the bucket again when there is one",
            Feature::Ingest
        );
        return Ok(refuse(context, client, entity, key, &version, &reason).await?);
    }
    let Some(placed) = catalog.placed.get(entity).cloned() else {
        let reason = format!("there is no entity {entity:?}");
        return Ok(refuse(context, client, entity, key, &version, &reason).await?);
    };
    let file = File {
        context,
        client,
        key,
        version: &version,
        placed,
        tries,
    };
    let mapper = Mapper::new(file.placed.entity.clone());
    let open = |format| guarded(|| Chunks::open(format, bytes, &mapper, clock::now()));
    match Format::of(key).and_then(open) {
        Ok(chunks) => file.load(chunks).await,
        Err(error) => Ok(refuse(context, client, entity, key, &version, &error.to_string()).await?),
    }
}

struct File<'a> {
    context: &'a Context,
    client: Uuid,
    key: &'a str,
    version: &'a str,
    placed: Placed,
    /// How often its message has come, this time included.
    tries: u32,
}

impl File<'_> {
    async fn load(&self, mut chunks: Chunks<'_>) -> Result<Loaded> {
        let mut loaded = Loaded::default();
        for number in 0_usize.. {
            let Some(chunk) = guarded(|| chunks.next().transpose()).transpose() else {
                break;
            };
            match chunk {
                Ok(chunk) => self.write(number, chunk, &mut loaded).await?,
                Err(error) => {
                    let reason = format!("after {} rows: {error}", loaded.accepted + loaded.rejected);
                    let Self {
                        context,
                        client,
                        key,
                        version,
                        placed,
                        ..
                    } = self;
                    loaded.rejected += refuse(context, *client, placed.entity.code(), key, version, &reason)
                        .await?
                        .rejected;
                    break;
                }
            }
        }
        Ok(loaded)
    }

    async fn write(&self, number: usize, chunk: Chunk, loaded: &mut Loaded) -> Result<()> {
        loaded.accepted += chunk.facts.len();
        loaded.rejected += chunk.refused.len();
        let id = batch_id(self.client, self.key, self.version, &number.to_string());
        let (database, batches) = (&self.context.database, [batch(id, chunk)]);
        let effort = Effort {
            tries: self.tries,
            ..Effort::default()
        };
        ingest::ingest(database, self.client, &self.placed, self.key, &batches, effort).await?;
        Ok(())
    }
}

/// Reads of a file. Its readers are libraries, and one that panics on a file would do so each time, and end the function with the other files: it
/// is a file that can't be read.
fn guarded<T>(read: impl FnOnce() -> Result<T, FileError>) -> Result<T, FileError> {
    // What was being read is not used any more.
    std::panic::catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| Err(FileError::ReaderFailed))
}

fn batch_id(client: Uuid, key: &str, version: &str, part: &str) -> Uuid {
    Uuid::new_v5(&client, format!("{key}#{version}#{part}").as_bytes())
}

fn batch(id: Uuid, chunk: Chunk) -> Batch {
    let mut batch = Batch::new(id, None);
    for (position, fact) in chunk.positions.into_iter().zip(chunk.facts) {
        batch.accept(position, fact);
    }
    for row in chunk.refused {
        batch.refuse(Reject {
            position: i32::try_from(row.position).unwrap_or(i32::MAX),
            field: row.rejection.field,
            reason: row.rejection.reason,
            original: row.original,
        });
    }
    batch
}

/// A file, or the rest of one, that can't be read is one dead letter with its key.
async fn refuse(
    context: &Context,
    client: Uuid,
    entity: &str,
    key: &str,
    version: &str,
    reason: &str,
) -> Result<Loaded, Error> {
    let id = batch_id(client, key, version, REFUSED);
    refuse_as(context, client, entity, key, id, reason).await
}

async fn refuse_as(
    context: &Context,
    client: Uuid,
    entity: &str,
    key: &str,
    id: Uuid,
    reason: &str,
) -> Result<Loaded, Error> {
    let mut batch = Batch::new(id, None);
    batch.refuse(Reject {
        position: 0,
        field: String::new(),
        reason: reason.to_owned(),
        original: key.to_owned(),
    });
    ingest::refuse(&context.database, client, entity, key, &[batch]).await?;
    Ok(Loaded {
        accepted: 0,
        rejected: 1,
    })
}

#[cfg(test)]
mod tests;

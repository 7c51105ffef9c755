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
use platform::queue::{Backoff, Beat, Queue, receives};
use records::files::{self, Progress};
use records::licences;
use registry::Registry;
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

/// Names the batch of what is refused of a file as a whole; chunks are named by their number.
const REFUSED: &str = "refused";

/// Names the batch of a file that is given up.
const GIVEN_UP: &str = "given up";

/// Names the file itself, which is no batch.
const WHOLE: &str = "file";

/// How long the registry may take to say what a client may have. A file is loaded without, where it does not answer: it was taken, and counts.
const QUOTA_WITHIN: Duration = Duration::from_secs(2);

/// What the function has from its environment.
pub struct Context {
    database: Database,
    definitions: Definitions,
    store: Store,
    registry: Registry,
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
        let configuration = platform::aws_configuration().await;
        let registry = platform::environment::required("REGISTRY_TABLE")?;
        Ok(Self {
            database,
            definitions: Definitions::default(),
            store: Store::new(&configuration),
            registry: Registry::connect_to(&configuration, registry),
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
    for Dropped { key, etag, version, .. } in dropped(body)? {
        let Ok(address) = address(&key) else {
            tracing::error!(
                key,
                "the key is not of the form client/Entity/name: the file is left alone"
            );
            continue;
        };
        let client = address.client;
        let reason = "the file, or the rest of it, could not be loaded in several tries, and the reason is not known to be its own: \
            what was loaded of it counts; put it on the bucket again to try again, or in smaller files";
        let id = batch_id(client, &key, &version, GIVEN_UP);
        let target = Target {
            address,
            key: &key,
            version: &etag,
        };
        refuse_as(context, target, id, reason, &Loaded::default()).await?;
        tracing::error!(key, %client, "a file is given up");
    }
    Ok(())
}

async fn load_all(context: &Context, message: &SqsMessage) -> Result<()> {
    let work = Box::pin(load_each(context, message));
    context.queue.held(message, Beat::MINUTE, work).await
}

async fn load_each(context: &Context, message: &SqsMessage) -> Result<()> {
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
    /// What tells its bytes from others.
    etag: String,
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
        let [etag, sequencer] = [record.s3.object.e_tag, record.s3.object.sequencer].map(Option::unwrap_or_default);
        Ok(Dropped {
            bucket,
            key: decoded(&key),
            version: format!("{etag}/{sequencer}"),
            etag,
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

/// A file that is told of, also where it can't be read.
#[derive(Clone, Copy)]
struct Target<'a> {
    address: Address<'a>,
    key: &'a str,
    /// Its `ETag`.
    version: &'a str,
}

impl Target<'_> {
    fn file(&self) -> files::File<'_> {
        let Self { address, key, version } = *self;
        files::File {
            client: address.client,
            id: batch_id(address.client, key, version, WHOLE),
            key,
            entity: address.entity,
        }
    }
}

async fn load(context: &Context, bucket: &str, key: &str, tries: u32) -> Result<Loaded> {
    let Ok(address) = address(key) else {
        // There is no client to tell, and another try would fail the same way.
        tracing::error!(
            key,
            "the key is not of the form client/Entity/name: the file is left alone"
        );
        return Ok(Loaded::default());
    };
    let Address { client, entity } = address;
    let Some(catalog) = context.definitions.current(&context.database, client).await? else {
        tracing::error!(key, %client, "there is no such client: the file is left alone");
        return Ok(Loaded::default());
    };
    let (bytes, version) = match context.store.get(bucket, key).await {
        Ok(object) => object,
        Err(error) => {
            let FileError::TooLarge { etag: version, .. } = &error else {
                return Err(error.into());
            };
            let target = Target { address, key, version };
            return Ok(refuse(context, target, &error.to_string(), &Loaded::default()).await?);
        }
    };
    let target = Target {
        address,
        key,
        version: &version,
    };
    if let Some(reason) = unwelcome(context, client).await? {
        return Ok(refuse(context, target, &reason, &Loaded::default()).await?);
    }
    let Some(placed) = catalog.placed.get(entity).cloned() else {
        let reason = format!("there is no entity {entity:?}");
        return Ok(refuse(context, target, &reason, &Loaded::default()).await?);
    };
    let file = File {
        context,
        target,
        placed,
        tries,
    };
    file.keep(Progress::Writing, &Loaded::default()).await?;
    let mapper = Mapper::new(file.placed.entity.clone());
    let open = |format| guarded(|| Chunks::open(format, bytes, &mapper, clock::now()));
    match Format::of(key).and_then(open) {
        Ok(chunks) => Box::pin(file.load(chunks)).await,
        Err(error) => Ok(refuse(context, target, &error.to_string(), &Loaded::default()).await?),
    }
}

/// Why a client's files are not loaded for now.
async fn unwelcome(context: &Context, client: Uuid) -> Result<Option<String>> {
    let licensed = licences::features(&context.database, client, clock::now()).await?;
    if !licensed.contains(Feature::Ingest) {
        return Ok(Some(format!(
            "there is no valid licence with the feature {}: put the file on the bucket again when there is one",
            Feature::Ingest
        )));
    }
    match tokio::time::timeout(QUOTA_WITHIN, context.registry.limits(client)).await {
        Ok(Ok(limits)) if limits.facts_counted >= limits.facts => Ok(Some(format!(
            "facts: your organisation has {} facts, and may have {}: ask your provider for more, then put the file on the bucket again",
            limits.facts_counted, limits.facts
        ))),
        Ok(Ok(_)) => Ok(None),
        Ok(Err(error)) => {
            tracing::error!(%client, cause = %error, "the quota is not checked: the file is loaded without");
            Ok(None)
        }
        Err(_) => {
            tracing::error!(%client, "the registry does not answer: the file is loaded without a quota");
            Ok(None)
        }
    }
}

struct File<'a> {
    context: &'a Context,
    target: Target<'a>,
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
                    return Ok(refuse(self.context, self.target, &reason, &loaded).await?);
                }
            }
            self.keep(Progress::Writing, &loaded).await?;
        }
        self.keep(Progress::Finished, &loaded).await?;
        Ok(loaded)
    }

    async fn write(&self, number: usize, chunk: Chunk, loaded: &mut Loaded) -> Result<()> {
        let Target { address, key, version } = self.target;
        loaded.accepted += chunk.facts.len();
        loaded.rejected += chunk.refused.len();
        let id = batch_id(address.client, key, version, &number.to_string());
        let (database, batches) = (&self.context.database, [batch(id, chunk)]);
        let effort = Effort {
            tries: self.tries,
            ..Effort::default()
        };
        ingest::ingest(database, address.client, &self.placed, key, &batches, effort).await?;
        Ok(())
    }

    async fn keep(&self, progress: Progress<'_>, loaded: &Loaded) -> Result<(), Error> {
        keep(self.context, self.target, progress, loaded).await
    }
}

/// Keeps how far a file is, for who asks.
async fn keep(context: &Context, target: Target<'_>, progress: Progress<'_>, loaded: &Loaded) -> Result<(), Error> {
    let count = |rows: usize| i64::try_from(rows).unwrap_or(i64::MAX);
    let (accepted, rejected) = (count(loaded.accepted), count(loaded.rejected));
    files::keep(&context.database, target.file(), progress, accepted, rejected).await
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

/// A file, or the rest of one behind what is loaded, that can't be read is one dead letter with its key.
async fn refuse(context: &Context, target: Target<'_>, reason: &str, loaded: &Loaded) -> Result<Loaded, Error> {
    let id = batch_id(target.address.client, target.key, target.version, REFUSED);
    refuse_as(context, target, id, reason, loaded).await
}

async fn refuse_as(
    context: &Context,
    target: Target<'_>,
    id: Uuid,
    reason: &str,
    loaded: &Loaded,
) -> Result<Loaded, Error> {
    let Address { client, entity } = target.address;
    let mut batch = Batch::new(id, None);
    batch.refuse(Reject {
        position: 0,
        field: String::new(),
        reason: reason.to_owned(),
        original: target.key.to_owned(),
    });
    ingest::refuse(&context.database, client, entity, target.key, &[batch]).await?;
    let loaded = Loaded {
        accepted: loaded.accepted,
        rejected: loaded.rejected + 1,
    };
    keep(context, target, Progress::Refused(reason), &loaded).await?;
    Ok(loaded)
}

#[cfg(test)]
mod tests;

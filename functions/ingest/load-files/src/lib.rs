//! `load-files`: CSV, NDJSON and Parquet files dropped on S3 take the path of events.
//!
//! S3 tells a queue of each object, and a message of that queue is done when its file is loaded or refused. A file's key is
//! `{client}/{Entity}/{name}`. Each chunk of it is a batch of its own, named after the object's version and the chunk's
//! number, so a run that is repeated goes on where the first one stopped.

use std::time::Duration;

use answer::Definitions;
use anyhow::{Context as _, Result, bail};
use archive::store::Store;
use archive::{Chunk, Chunks, FileError, Format};
use aws_lambda_events::s3::S3EventRecord;
use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use database::{Database, Error};
use facts::Placed;
use facts::batch::{self, Batch, Reject};
use facts::ingest;
use identity::Feature;
use lambda_runtime::LambdaEvent;
use percent_encoding::percent_decode_str;
use platform::clock;
use platform::queue::{Backoff, Queue};
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

/// Names the batch of what is refused of a file as a whole; chunks are named by their number.
const REFUSED: &str = "refused";

/// What the function has from its environment.
pub struct Context {
    database: Database,
    definitions: Definitions,
    store: Store,
    /// Where the messages come from.
    queue: Queue,
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
    let queue = &context.queue;
    Ok(queue
        .work(event.payload, BACKOFF, async |body| load_all(context, body).await)
        .await)
}

async fn load_all(context: &Context, body: &str) -> Result<()> {
    for Dropped { bucket, key } in dropped(body)? {
        let loaded = load(context, &bucket, &key)
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

async fn load(context: &Context, bucket: &str, key: &str) -> Result<Loaded> {
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
            return refuse(context, client, entity, key, etag, &error.to_string()).await;
        }
    };
    if !licensed.contains(Feature::Ingest) {
        let reason = format!(
            "there is no valid licence with the feature {}: put the file on the bucket again when there is one",
            Feature::Ingest
        );
        return refuse(context, client, entity, key, &version, &reason).await;
    }
    let Some(placed) = catalog.placed.get(entity).cloned() else {
        return refuse(
            context,
            client,
            entity,
            key,
            &version,
            &format!("there is no entity {entity:?}"),
        )
        .await;
    };
    let file = File {
        context,
        client,
        key,
        version: &version,
        placed,
    };
    let mapper = Mapper::new(file.placed.entity.clone());
    match Format::of(key).and_then(|format| Chunks::open(format, bytes, &mapper, clock::now())) {
        Ok(chunks) => file.load(chunks).await,
        Err(error) => refuse(context, client, entity, key, &version, &error.to_string()).await,
    }
}

struct File<'a> {
    context: &'a Context,
    client: Uuid,
    key: &'a str,
    version: &'a str,
    placed: Placed,
}

impl File<'_> {
    async fn load(&self, chunks: Chunks<'_>) -> Result<Loaded> {
        let mut loaded = Loaded::default();
        for (number, chunk) in chunks.enumerate() {
            match chunk {
                Ok(chunk) => {
                    loaded.accepted += chunk.facts.len();
                    loaded.rejected += chunk.refused.len();
                    let batch = batch(
                        batch_id(self.client, self.key, self.version, &number.to_string()),
                        chunk,
                    );
                    ingest::ingest(&self.context.database, self.client, &self.placed, self.key, &[batch]).await?;
                }
                Err(error) => {
                    let rest = refuse(
                        self.context,
                        self.client,
                        self.placed.entity.code(),
                        self.key,
                        self.version,
                        &format!("after {} rows: {error}", loaded.accepted + loaded.rejected),
                    )
                    .await?;
                    loaded.rejected += rest.rejected;
                    break;
                }
            }
        }
        Ok(loaded)
    }
}

fn batch_id(client: Uuid, key: &str, version: &str, part: &str) -> Uuid {
    Uuid::new_v5(&client, format!("{key}#{version}#{part}").as_bytes())
}

fn batch(id: Uuid, chunk: Chunk) -> Batch {
    let rejects = chunk
        .refused
        .into_iter()
        .map(|row| Reject {
            position: i32::try_from(row.position).unwrap_or(i32::MAX),
            field: row.rejection.field,
            reason: row.rejection.reason,
            original: row.original,
        })
        .collect();
    Batch {
        id,
        key: None,
        facts: chunk.facts,
        rejects,
    }
}

/// A file, or the rest of one, that can't be read is one dead letter with its key.
async fn refuse(
    context: &Context,
    client: Uuid,
    entity: &str,
    key: &str,
    version: &str,
    reason: &str,
) -> Result<Loaded, anyhow::Error> {
    let reject = Reject {
        position: 0,
        field: String::new(),
        reason: reason.to_owned(),
        original: key.to_owned(),
    };
    let batch = Batch {
        id: batch_id(client, key, version, REFUSED),
        key: None,
        facts: Vec::new(),
        rejects: vec![reject],
    };
    batch::refuse(&context.database, client, entity, key, &[batch])
        .await
        .map_err(|error: Error| anyhow::Error::from(error))?;
    Ok(Loaded {
        accepted: 0,
        rejected: 1,
    })
}

#[cfg(test)]
mod tests;

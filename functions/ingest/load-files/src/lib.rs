//! `load-files`: CSV, NDJSON and Parquet files dropped on S3 take the path of events.
//!
//! S3 tells a queue of each object, and a message of that queue is done when its file is loaded or refused. A file's key is
//! `{client}/{Entity}/{name}`. Each chunk of it is a batch of its own, named after the object's version and the chunk's
//! number, so a run that is repeated goes on where the first one stopped. A file that could not be loaded too often comes a last time through the
//! queue's dead-letter queue, and is a dead letter then. A long file is loaded in turns (`turn.rs`).

mod dropped;
mod turn;

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use answer::Definitions;
use anyhow::{Context as _, Result};
use archive::store::Store;
use archive::{Chunk, Chunks, FileError, Format};
use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use database::{Database, Error, Timeouts};
use facts::Placed;
use facts::batch::{Batch, Reject};
use facts::ingest::{self, Effort};
use identity::Feature;
use lambda_runtime::LambdaEvent;
use platform::clock;
use platform::queue::{Backoff, Beat, Queue, receives};
use records::files::{self, Progress};
use records::licences;
use registry::Registry;
use series::Mapper;
use uuid::Uuid;

use crate::dropped::{Address, Done, Dropped, address, dropped};
use crate::turn::Turn;

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
    /// How long a file goes on when something else waits.
    turn: Duration,
}

impl Context {
    /// Reads the environment.
    ///
    /// # Errors
    /// When a variable is missing or malformed.
    pub async fn from_environment() -> Result<Self> {
        let database = platform::database::from_environment()?.with_timeouts(Timeouts::WORK);
        let configuration = platform::aws_configuration().await;
        let registry = platform::environment::required("REGISTRY_TABLE")?;
        let turn = platform::environment::required("FILE_TURN_SECONDS")?;
        Ok(Self {
            database,
            definitions: Definitions::default(),
            store: Store::new(&configuration),
            registry: Registry::connect_to(&configuration, registry),
            queue: Queue::from_environment("FILES_QUEUE_URL").await?,
            dead_letters: platform::environment::required("FILES_DEAD_LETTER_QUEUE_ARN")?,
            turn: turn
                .parse()
                .map(Duration::from_secs)
                .context("FILE_TURN_SECONDS is no number")?,
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
    /// What is loaded of a file whose turn is over and that has more.
    rest_after: Option<Done>,
}

impl Loaded {
    fn count(&mut self, chunk: &Chunk) {
        self.accepted += chunk.facts.len();
        self.rejected += chunk.refused.len();
    }
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
    for (position, file) in dropped(body(message))?.iter().enumerate() {
        let key = file.key.as_str();
        let loaded = load(context, file, receives(message))
            .await
            .with_context(|| format!("load {key}"))?;
        let Loaded { accepted, rejected, .. } = loaded;
        let Some(done) = loaded.rest_after else {
            tracing::info!(key, accepted, rejected, "loaded");
            continue;
        };
        // Its message is done once the rest has one of its own. Where both are there for a moment, each part counts once.
        let rest = turn::rest(body(message), position, done)?;
        context.queue.send_in_group(address(key)?.client, rest).await?;
        tracing::info!(
            key,
            accepted,
            rejected,
            rows = done.rows,
            "a file makes way: its rest is queued"
        );
        break;
    }
    Ok(())
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

async fn load(context: &Context, dropped: &Dropped, tries: u32) -> Result<Loaded> {
    let Dropped { bucket, key, .. } = dropped;
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
        // Another object that was put under the key since has a message of its own.
        done: if dropped.etag.trim_matches('"') == version {
            dropped.done
        } else {
            Done::default()
        },
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
    /// What earlier turns have loaded.
    done: Done,
}

impl File<'_> {
    async fn load(&self, mut chunks: Chunks<'_>) -> Result<Loaded> {
        let mut loaded = Loaded::default();
        let (mut turn, mut done) = (Turn::new(self.context.turn), self.done);
        while let Some(chunk) = guarded(|| chunks.next().transpose()).transpose() {
            let mut chunk = match chunk {
                Ok(chunk) => chunk,
                Err(error) => {
                    let reason = format!("after {} rows: {error}", loaded.accepted + loaded.rejected);
                    return Ok(refuse(self.context, self.target, &reason, &loaded).await?);
                }
            };
            loaded.count(&chunk);
            let rows = chunk.end();
            chunk.begin_at(done.rows);
            if chunk.is_empty() {
                continue;
            }
            turn.begin();
            self.write(done.parts, chunk).await?;
            done = Done {
                parts: done.parts + 1,
                rows,
            };
            self.keep(Progress::Writing, &loaded).await?;
            if turn.is_over(&self.context.queue).await {
                loaded.rest_after = Some(done);
                return Ok(loaded);
            }
        }
        self.keep(Progress::Finished, &loaded).await?;
        Ok(loaded)
    }

    async fn write(&self, number: usize, chunk: Chunk) -> Result<()> {
        let Target { address, key, version } = self.target;
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
        rest_after: None,
    };
    keep(context, target, Progress::Refused(reason), &loaded).await?;
    Ok(loaded)
}

#[cfg(test)]
mod tests;

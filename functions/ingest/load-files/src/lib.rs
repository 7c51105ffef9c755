//! `load-files`: CSV, NDJSON and Parquet files dropped on S3 take the path of events.
//!
//! S3 tells a queue of each object, and a message of that queue is done when its file is loaded or refused. A file's key is
//! `{client}/{Entity}/{name}`. A file is one batch, which is written in pieces and says in each of their transactions how many rows have had their
//! effect: a run that is repeated goes on at that row, whatever definition cuts its pieces meanwhile. A file that could not be loaded too often comes a last
//! time through the queue's dead-letter queue, and is a dead letter then. A long file is loaded in turns (`turn.rs`).

mod dropped;
mod rows;
mod turn;

use std::time::Duration;

use answer::Definitions;
use anyhow::{Context as _, Error, Result};
use archive::store::Store;
use archive::{Declared, FileError};
use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use bytes::Bytes;
use catalog::FilesMode;
use database::{Database, Timeouts};
use facts::Placed;
use identity::Feature;
use lambda_runtime::LambdaEvent;
use platform::clock;
use platform::queue::{Backoff, Beat, Queue, receives};
use platform::quota::told;
use records::files::{self, Attempt, Begun, End};
use records::{licences, unplaced_files};
use registry::Registry;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::dropped::{Address, Dropped, address, dropped, folder};
use crate::rows::{Loaded, Loading};

pub use crate::rows::{MAX_DEFINITION_TRIES, MAX_REFUSED_ROWS};

/// A file that fails is tried again after 20 s, 2 min, 12 min, 72 min. The queue gives five tries, so the database may be gone
/// for almost an hour and a half before a file is given up.
const BACKOFF: Backoff = Backoff {
    first: Duration::from_secs(20),
    factor: 6,
    steps: 3,
};

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
    for dropped in dropped(body)? {
        let key = dropped.key.as_str();
        let Ok(address) = address(key) else {
            tracing::error!(
                key,
                "the key is not of the form client/Entity/name: the file is left alone"
            );
            continue;
        };
        let client = address.client;
        let mut file = file(address, &dropped, &dropped.etag);
        let Some(catalog) = context.definitions.current(&context.database, client).await? else {
            tracing::error!(key, %client, "there is no such client: the file is left alone");
            continue;
        };
        let placed = catalog.placed_by(address.entity);
        file.replaces = replaces(placed);
        file.entity = placed.map_or(address.entity, |placed| placed.entity.code());
        if let Begun::At(attempt) = files::begin_of(&context.database, placed, file).await? {
            let reason = "the file, or the rest of it, could not be loaded in several tries, and the reason is not known to be its own: \
                what was loaded of it counts; put it on the bucket again, and it goes on there, or in smaller files";
            refuse(context, placed, file, attempt, reason).await?;
            tracing::error!(key, %client, "a file is given up");
        }
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
        if let Loaded::Paused(rows) = loaded {
            // Its message is done once the rest has one of its own. Where both are there for a moment, each row counts once.
            let rest = turn::rest(body(message), position)?;
            context.queue.send_in_group(address(key)?.client, rest).await?;
            tracing::info!(key, rows, "a file makes way: its rest is queued");
            break;
        }
    }
    Ok(())
}

const fn file<'a>(address: Address<'a>, dropped: &'a Dropped, etag: &'a str) -> files::File<'a> {
    let Address { client, entity } = address;
    files::File {
        client,
        key: dropped.key.as_str(),
        entity,
        etag,
        digest: "",
        replaces: true,
        sequencer: dropped.sequencer.as_str(),
    }
}

async fn load(context: &Context, dropped: &Dropped, tries: u32) -> Result<Loaded> {
    let Dropped { bucket, key, .. } = dropped;
    let address = match address(key) {
        Ok(address) => address,
        Err(reason) => return misplaced(context, dropped, &reason).await,
    };
    let client = address.client;
    let Some(catalog) = context.definitions.current(&context.database, client).await? else {
        return nobodys(context, key, &format!("there is no client {client}")).await;
    };
    // A file in the folder of a code that an entity had is its own.
    let placed = catalog.placed_by(address.entity);
    let (content, etag) = match context.store.get(bucket, key).await {
        Ok(object) => {
            let declared = Declared::of(key, &object.metadata).map_err(|error| error.to_string());
            (declared.map(|declared| (object.bytes, declared)), object.etag)
        }
        Err(ref error @ FileError::TooLarge { ref etag, .. }) => (Err(error.to_string()), etag.clone()),
        Err(error) => return Err(error.into()),
    };
    let is_replaced = !dropped.etag.is_empty() && dropped.etag != etag;
    let digest = content
        .as_ref()
        .ok()
        .filter(|_| !is_replaced)
        .map(|(bytes, _)| digest_of(bytes));
    let digest = digest.unwrap_or_default();
    let file = files::File {
        digest: &digest,
        replaces: replaces(placed),
        entity: placed.map_or(address.entity, |placed| placed.entity.code()),
        ..file(address, dropped, if is_replaced { &dropped.etag } else { &etag })
    };
    let Begun::At(attempt) = files::begin_of(&context.database, placed, file).await? else {
        tracing::info!(key, "the file was loaded or refused before");
        return Ok(Loaded::Done);
    };
    let content = match content {
        // What was put has a message of its own.
        _ if is_replaced => {
            Err("another file was put under its key before this one was loaded: that one counts".to_owned())
        }
        Ok(content) => unwelcome(context, client).await?.map_or(Ok(content), Err),
        Err(reason) => Err(reason),
    };
    load_content(context, placed, file, attempt, content, tries).await
}

/// Tells of a file whose key is not as it should be: the client in whose folder it is, or those who run the system. Another try would fail the same way.
async fn misplaced(context: &Context, dropped: &Dropped, reason: &Error) -> Result<Loaded> {
    let key = dropped.key.as_str();
    let Some(client) = folder(key) else {
        return nobodys(context, key, &reason.to_string()).await;
    };
    if context.definitions.current(&context.database, client).await?.is_none() {
        return nobodys(context, key, &format!("there is no client {client}")).await;
    }
    let file = file(Address { client, entity: "" }, dropped, &dropped.etag);
    if let Begun::At(attempt) = files::begin(&context.database, file).await? {
        let reason = format!("{reason}: put it into the folder of an entity");
        refuse(context, None, file, attempt, &reason).await?;
    }
    Ok(Loaded::Done)
}

/// Tells those who run the system of a file that is no client's.
async fn nobodys(context: &Context, key: &str, reason: &str) -> Result<Loaded> {
    tracing::error!(key, reason, "a file is no client's: it is left alone");
    unplaced_files::note(&context.database, key, reason).await?;
    Ok(Loaded::Done)
}

/// Whether a file of an entity takes the place of what was under its key.
fn replaces(placed: Option<&Placed>) -> bool {
    placed.is_none_or(|placed| placed.entity.definition().files == FilesMode::Replace)
}

/// What tells bytes from all others: the same bytes have another ETag when they come in parts.
fn digest_of(bytes: &Bytes) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Loads a file's bytes by what it declares, or says why it is refused.
async fn load_content(
    context: &Context,
    placed: Option<&Placed>,
    file: files::File<'_>,
    attempt: Attempt,
    content: Result<(Bytes, Declared), String>,
    tries: u32,
) -> Result<Loaded> {
    let (bytes, declared) = match content {
        Ok(content) => content,
        Err(reason) => {
            refuse(context, placed, file, attempt, &reason).await?;
            return Ok(Loaded::Done);
        }
    };
    let loading = Loading::new(context, file, attempt, tries);
    Ok(Box::pin(loading.run(&bytes, &declared)).await?)
}

/// A file, or the rest of one behind what is loaded, that can't be read is one dead letter with its key.
async fn refuse(
    context: &Context,
    placed: Option<&Placed>,
    file: files::File<'_>,
    attempt: Attempt,
    reason: &str,
) -> Result<(), database::Error> {
    let change = files::end(&context.database, placed, file, attempt, End::Refused(reason)).await?;
    if let Some((change, placed)) = change.zip(placed) {
        rows::put_in_place(context, file, placed, change).await;
    }
    Ok(())
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
        Ok(Ok(limits)) => Ok(limits.used_up().map(|used_up| {
            let (told, way_out) = told(used_up, &limits);
            format!("{told}: {way_out}, then put the file on the bucket again")
        })),
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

#[cfg(test)]
mod tests;

//! `ingest-events`: queued events into facts, partials and dead letters, one transaction per client and entity.
//!
//! An event that is refused for good becomes a dead letter; a message whose transaction fails goes back to the queue.

use std::collections::BTreeMap;
use std::sync::Arc;

use answer::Definitions;
use anyhow::Result;
use api::{EventSource, QueuedEvents};
use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent, SqsMessage};
use database::{Database, Error};
use facts::Placed;
use facts::batch::{self, Batch, Outcome, Reject};
use facts::ingest;
use lambda_runtime::LambdaEvent;
use platform::clock;
use records::definitions::ClientCatalog;
use serde::de::IgnoredAny;
use series::{Mapper, Rejection};
use uuid::Uuid;

/// How often events are mapped again because their definition was replaced meanwhile.
const MAX_DEFINITION_TRIES: usize = 4;

/// What the function has from its environment.
pub struct Context {
    database: Database,
    /// The transaction checks their version, so an old one is only a try lost.
    definitions: Definitions,
}

impl Context {
    /// Reads the environment.
    ///
    /// # Errors
    /// When a variable is missing or malformed.
    pub fn from_environment() -> Result<Self> {
        let database = platform::database::from_environment()?;
        Ok(Self::new(database))
    }

    /// A context with this database.
    #[must_use]
    pub fn new(database: Database) -> Self {
        Self {
            database,
            definitions: Definitions::default(),
        }
    }

    /// The definition of a client's entity, kept or loaded; `None` when there is no such entity.
    async fn placed(&self, client: Uuid, entity: &str, again: bool) -> Result<Option<Placed>, Error> {
        // One that is not known may have been defined since.
        let is_known = |catalog: Arc<ClientCatalog>| catalog.placed.contains_key(entity);
        if again || !self.definitions.known(client).is_some_and(is_known) {
            self.definitions.forget(client);
        }
        let catalog = self.definitions.recent(&self.database, client).await?;
        Ok(catalog.and_then(|catalog| catalog.placed.get(entity).cloned()))
    }
}

/// Takes a batch of messages.
///
/// # Errors
/// Never: failures are reported per message.
pub async fn handle(
    context: &Context,
    event: LambdaEvent<SqsEvent>,
) -> Result<SqsBatchResponse, lambda_runtime::Error> {
    let mut failed: Vec<String> = Vec::new();
    let mut groups: BTreeMap<(Uuid, String, EventSource), Vec<(String, QueuedEvents)>> = BTreeMap::new();
    for message in event.payload.records {
        let id = message.message_id.clone().unwrap_or_default();
        match parse(&message) {
            Ok(queued) => groups
                .entry((queued.client, queued.entity.clone(), queued.source))
                .or_default()
                .push((id, queued)),
            Err(error) => {
                // Not written by accept-events: after its last try it goes to the dead-letter queue.
                tracing::error!(message = id, cause = format!("{error:#}"), "message can't be read");
                failed.push(id);
            }
        }
    }
    for ((client, entity, source), messages) in groups {
        if let Err(error) = ingest(context, client, &entity, source, &messages).await {
            tracing::error!(%client, entity, cause = %error, "batch failed; it stays in the queue");
            failed.extend(messages.into_iter().map(|(id, _)| id));
        }
    }
    let mut response = SqsBatchResponse::default();
    response.batch_item_failures = failed
        .into_iter()
        .map(|id| {
            let mut failure = BatchItemFailure::default();
            failure.item_identifier = id;
            failure
        })
        .collect();
    Ok(response)
}

fn parse(message: &SqsMessage) -> Result<QueuedEvents> {
    Ok(serde_json::from_str(message.body.as_deref().unwrap_or_default())?)
}

async fn ingest(
    context: &Context,
    client: Uuid,
    entity: &str,
    source: EventSource,
    messages: &[(String, QueuedEvents)],
) -> Result<(), Error> {
    let outcomes = write(context, client, entity, source, messages).await?;
    let messages = messages.iter().map(|(_, queued)| queued).zip(&outcomes);
    let second: Vec<Batch> = messages
        .filter(|(_, outcome)| outcome.key_taken)
        .map(|(queued, _)| used_key(queued))
        .collect();
    if !second.is_empty() {
        // A transaction of its own: when it fails the message comes again, and nothing of it was written.
        batch::refuse(&context.database, client, entity, source.name(), &second).await?;
        tracing::warn!(%client, entity, batches = second.len(), "an Idempotency-Key was used again with another body");
    }
    Ok(())
}

async fn write(
    context: &Context,
    client: Uuid,
    entity: &str,
    source: EventSource,
    messages: &[(String, QueuedEvents)],
) -> Result<Vec<Outcome>, Error> {
    let mut tries = 1;
    loop {
        let Some(placed) = context.placed(client, entity, tries > 1).await? else {
            let batches: Vec<Batch> = messages.iter().map(|(_, queued)| unknown_entity(queued)).collect();
            return batch::refuse(&context.database, client, entity, source.name(), &batches).await;
        };
        let mapper = Mapper::new(placed.entity.clone());
        let batches: Vec<Batch> = messages.iter().map(|(_, queued)| batch(&mapper, queued)).collect();
        match ingest::ingest(&context.database, client, &placed, source.name(), &batches).await {
            Err(Error::DefinitionChanged(_)) if tries < MAX_DEFINITION_TRIES => tries += 1,
            Err(error) => return Err(error),
            Ok(outcomes) => {
                let written: usize = outcomes.iter().map(|outcome| outcome.written).sum();
                let duplicates = outcomes.iter().filter(|outcome| outcome.duplicate).count();
                let rejected: usize = batches.iter().map(|batch| batch.rejects.len()).sum();
                tracing::info!(%client, entity, batches = batches.len(), duplicates, written, rejected, "ingested");
                return Ok(outcomes);
            }
        }
    }
}

/// Maps the events of a message.
#[must_use]
pub fn batch(mapper: &Mapper, queued: &QueuedEvents) -> Batch {
    let now = clock::now();
    let mut batch = Batch {
        id: queued.batch_id,
        key: queued.key,
        facts: Vec::with_capacity(queued.events.len()),
        rejects: Vec::new(),
    };
    for (position, event) in queued.events.iter().enumerate() {
        let mapped = match broken_line(queued, position) {
            Some(line) => Err(reject(position, no_json(&line), &line)),
            None => mapper
                .json(now, event.get())
                .map_err(|rejection| reject(position, rejection, event.get())),
        };
        match mapped {
            Ok(fact) => batch.facts.push(fact),
            Err(reject) => batch.rejects.push(reject),
        }
    }
    batch
}

/// The text of a line that was not JSON.
fn broken_line(queued: &QueuedEvents, position: usize) -> Option<String> {
    queued.broken.binary_search(&position).ok()?;
    serde_json::from_str(queued.events.get(position)?.get()).ok()
}

fn no_json(line: &str) -> Rejection {
    let cause = serde_json::from_str::<IgnoredAny>(line).err();
    whole(cause.map_or_else(String::new, |error| format!("the line is not JSON: {error}")))
}

fn whole(reason: String) -> Rejection {
    Rejection {
        field: String::new(),
        reason,
    }
}

fn reject(position: usize, rejection: Rejection, original: &str) -> Reject {
    Reject {
        position: i32::try_from(position).unwrap_or(i32::MAX),
        field: rejection.field,
        reason: rejection.reason,
        original: original.to_owned(),
    }
}

fn unknown_entity(queued: &QueuedEvents) -> Batch {
    let reason = format!(
        "there is no entity {:?}: define it with POST /v1/entities, then replay this event",
        queued.entity
    );
    refused(queued, queued.key, &reason)
}

/// A batch whose key another one used. It has no claim on the key, so that it can be marked as what it is.
fn used_key(queued: &QueuedEvents) -> Batch {
    let reason = "Idempotency-Key was used before with another body: if this event is meant to count, replay it";
    refused(queued, None, reason)
}

/// A batch whose events are all refused for one reason, but for the lines that have their own.
fn refused(queued: &QueuedEvents, key: Option<Uuid>, reason: &str) -> Batch {
    let rejects = queued
        .events
        .iter()
        .enumerate()
        .map(|(position, event)| match broken_line(queued, position) {
            Some(line) => reject(position, no_json(&line), &line),
            None => reject(position, whole(reason.to_owned()), event.get()),
        })
        .collect();
    Batch {
        id: queued.batch_id,
        key,
        facts: Vec::new(),
        rejects,
    }
}

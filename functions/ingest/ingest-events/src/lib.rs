//! `ingest-events`: queued events into facts, partials and dead letters.
//!
//! Every event ends as a fact or as a dead letter. One that is refused for good is a dead letter at once; a message that can't be written comes back,
//! and goes on where it was cut off; one that came too often comes through the queue's dead-letter queue, where an event that still can't be written
//! becomes a dead letter too.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use answer::Definitions;
use anyhow::Result;
use api::{EventSource, QueuedEvents};
use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use database::{Database, Error, Timeouts};
use facts::Placed;
use facts::batch::{Batch, Outcome, Reject};
use facts::ingest::{self, Effort};
use lambda_runtime::LambdaEvent;
use platform::clock;
use platform::queue::{Backoff, Queue, receives};
use records::definitions::ClientCatalog;
use serde::de::IgnoredAny;
use series::{Mapper, Rejection};
use uuid::Uuid;

/// How often events are mapped again because their definition was replaced meanwhile.
const MAX_DEFINITION_TRIES: usize = 4;

/// A transaction begins only this long after the function was called. To connect (5 s) and the longest that it may wait for a lock and a statement
/// are within the 30 s that the template gives.
const BEGIN_WITHIN: Duration = Duration::from_secs(6);

const TIMEOUTS: Timeouts = Timeouts {
    statement: Duration::from_secs(10),
    lock: Duration::from_secs(6),
};

/// In the last tries a transaction writes as little as after so many more tries.
const LAST_TRIES: u32 = 2;

/// Tries after which a message of a client that is being moved comes back soon.
const MOVING_TRIES: u32 = 2;

/// A message that could not be written comes back after 1 s, 5 s, 25 s, 125 s. Where the database is gone, it comes back after the queue's own
/// timeout, so that it is not given to the dead-letter queue within minutes.
const BACKOFF: Backoff = Backoff {
    first: Duration::from_secs(1),
    factor: 5,
    steps: 3,
};

/// What the function has from its environment.
pub struct Context {
    database: Database,
    /// The transaction checks their version, so an old one is only a try lost.
    definitions: Definitions,
    /// Where messages come from; `None` where they are handed over without a queue.
    queue: Option<Queue>,
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
        let dead_letters = platform::environment::required("EVENTS_DEAD_LETTER_QUEUE_ARN")?;
        Ok(Self {
            queue: Some(Queue::from_environment("EVENTS_QUEUE_URL").await?),
            ..Self::new(database, dead_letters)
        })
    }

    /// A context with this database, to which messages are handed without a queue: none comes back earlier than its queue says. `dead_letters` is the
    /// ARN of the dead-letter queue.
    #[must_use]
    pub fn new(database: Database, dead_letters: String) -> Self {
        Self {
            database: database.with_timeouts(TIMEOUTS),
            definitions: Definitions::default(),
            queue: None,
            dead_letters,
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

    /// Whether a message came too often, and comes for the last times.
    fn is_last(&self, message: &SqsMessage) -> bool {
        message.event_source_arn.as_deref() == Some(&self.dead_letters)
    }

    /// Has a message come back soon, and not only after the queue's own timeout. The dead-letter queue keeps its own.
    async fn return_soon(&self, message: &SqsMessage) {
        if let Some(queue) = &self.queue
            && !self.is_last(message)
        {
            queue.return_after(message, BACKOFF).await;
        }
    }
}

/// Messages of one client and entity that are written together.
struct Group {
    client: Uuid,
    entity: String,
    source: EventSource,
    is_last: bool,
    /// How often they have come.
    tries: u32,
    messages: Vec<(SqsMessage, QueuedEvents)>,
}

impl Group {
    fn events(&self) -> usize {
        self.messages.iter().map(|(_, queued)| queued.events.len()).sum()
    }

    fn queued(&self) -> impl Iterator<Item = &QueuedEvents> {
        self.messages.iter().map(|(_, queued)| queued)
    }

    /// An event as it was sent.
    fn original(&self, batch: Uuid, position: i32) -> Option<String> {
        let queued = self.queued().find(|queued| queued.batch_id == batch)?;
        let event = queued.events.get(usize::try_from(position).ok()?)?;
        Some(event.get().to_owned())
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
    let until = Instant::now() + BEGIN_WITHIN;
    let mut response = SqsBatchResponse::default();
    let (groups, unreadable) = grouped(context, event.payload.records);
    for message in unreadable {
        response.add_failure(message.message_id.unwrap_or_default());
    }
    for group in groups {
        let Err(error) = ingest(context, &group, until).await else {
            continue;
        };
        let (client, entity) = (group.client, group.entity.as_str());
        tracing::error!(%client, entity, tries = group.tries, cause = %error, "messages are not done; they stay in the queue");
        // A move to another database takes a moment, or some minutes: then the message waits for as long as where the database is gone.
        let is_moving = error.is_being_moved() && group.tries <= MOVING_TRIES;
        let comes_soon = matches!(error, Error::Unfinished) || error.is_of_statement() || is_moving;
        for (message, _) in group.messages {
            if comes_soon {
                context.return_soon(&message).await;
            }
            response.add_failure(message.message_id.unwrap_or_default());
        }
    }
    Ok(response)
}

/// Messages by what is written together, those with the fewest events first: they don't wait for the others. Then those that can't be read.
fn grouped(context: &Context, messages: Vec<SqsMessage>) -> (Vec<Group>, Vec<SqsMessage>) {
    let mut groups = BTreeMap::new();
    let mut unreadable = Vec::new();
    for message in messages {
        let queued = match parse(&message) {
            Ok(queued) => queued,
            Err(error) => {
                // Not written by accept-events: it stays in the dead-letter queue, which has an alarm.
                let id = message.message_id.as_deref();
                tracing::error!(message = id, cause = format!("{error:#}"), "message can't be read");
                unreadable.push(message);
                continue;
            }
        };
        let (is_last, tries) = (context.is_last(&message), receives(&message));
        // Those that came again by themselves: what keeps one from being written does not keep others.
        let group = groups
            .entry((queued.client, queued.entity.clone(), queued.source, is_last, tries))
            .or_insert_with(|| Group {
                client: queued.client,
                entity: queued.entity.clone(),
                source: queued.source,
                is_last,
                tries,
                messages: Vec::new(),
            });
        group.messages.push((message, queued));
    }
    let mut groups: Vec<Group> = groups.into_values().collect();
    groups.sort_by_key(Group::events);
    (groups, unreadable)
}

fn parse(message: &SqsMessage) -> Result<QueuedEvents> {
    Ok(serde_json::from_str(message.body.as_deref().unwrap_or_default())?)
}

async fn ingest(context: &Context, group: &Group, until: Instant) -> Result<(), Error> {
    let outcomes = write(context, group, until).await?;
    let queued = group.queued().zip(&outcomes);
    let second: Vec<Batch> = queued
        .filter(|(_, outcome)| outcome.key_taken)
        .map(|(queued, _)| used_key(queued))
        .collect();
    if !second.is_empty() {
        let (client, entity) = (group.client, group.entity.as_str());
        // A transaction of its own: when it fails the message comes again, and nothing of it was written.
        ingest::refuse(&context.database, client, entity, group.source.name(), &second).await?;
        tracing::warn!(%client, entity, batches = second.len(), "an Idempotency-Key was used again with another body");
    }
    Ok(())
}

async fn write(context: &Context, group: &Group, until: Instant) -> Result<Vec<Outcome>, Error> {
    let (client, entity, source) = (group.client, group.entity.as_str(), group.source.name());
    let original = |batch, position| group.original(batch, position);
    let effort = Effort {
        until: Some(until),
        tries: group.tries + if group.is_last { LAST_TRIES } else { 0 },
        is_last: group.is_last,
        original: Some(&original),
    };
    let mut tries = 1;
    loop {
        let Some(placed) = context.placed(client, entity, tries > 1).await? else {
            let batches: Vec<Batch> = group.queued().map(unknown_entity).collect();
            return ingest::refuse(&context.database, client, entity, source, &batches).await;
        };
        let mapper = Mapper::new(placed.entity.clone());
        let batches: Vec<Batch> = group.queued().map(|queued| batch(&mapper, queued)).collect();
        match ingest::ingest(&context.database, client, &placed, source, &batches, effort).await {
            Err(Error::DefinitionChanged(_)) if tries < MAX_DEFINITION_TRIES => tries += 1,
            Err(error) => return Err(error),
            Ok(outcomes) => {
                let written: usize = outcomes.iter().map(|outcome| outcome.written).sum();
                let duplicates = outcomes.iter().filter(|outcome| outcome.duplicate).count();
                let rejected: usize = batches.iter().map(Batch::rejected).sum();
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
    let mut batch = Batch::new(queued.batch_id, queued.key);
    for (position, event) in queued.events.iter().enumerate() {
        let mapped = match broken_line(queued, position) {
            Some(line) => Err(reject(position, no_json(&line), &line)),
            None => mapper
                .json(now, event.get())
                .map_err(|rejection| reject(position, rejection, event.get())),
        };
        match mapped {
            Ok(fact) => batch.accept(position, fact),
            Err(reject) => batch.refuse(reject),
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
    let mut batch = Batch::new(queued.batch_id, key);
    for (position, event) in queued.events.iter().enumerate() {
        batch.refuse(match broken_line(queued, position) {
            Some(line) => reject(position, no_json(&line), &line),
            None => reject(position, whole(reason.to_owned()), event.get()),
        });
    }
    batch
}

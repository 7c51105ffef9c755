//! `ingest-events`: queued events into facts, partials and dead letters.
//!
//! Every event ends as a fact or as a dead letter. One that is refused for good is a dead letter at once; a message that can't be written comes back,
//! and goes on where it was cut off; one that came too often comes through the queue's dead-letter queue, where an event that still can't be written
//! becomes a dead letter too.

use std::borrow::Cow;
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
use facts::stream;
use jiff::tz::TimeZone;
use lambda_runtime::LambdaEvent;
use platform::clock;
use platform::queue::{Backoff, Queue, receives};
use records::definitions::ClientCatalog;
use serde::de::IgnoredAny;
use series::{Calendar, Mapper, Rejection};
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

/// Messages are hidden for so long while they are worked on, and not for the six times the function's 30 s that Lambda asks of a queue: one whose function is
/// killed is taken up again as soon as that function can't be at work on it any more. Lambda refuses a queue's own timeout only below the function's.
pub const HIDDEN: Duration = Duration::from_secs(40);

/// In the last tries a transaction writes as little as after so many more tries.
const LAST_TRIES: u32 = 2;

/// Tries after which a message no longer comes back soon that met what takes a moment, or some minutes: a client that is being moved to another database, a
/// server without a free connection, or one that is starting. Then it waits for as long as where the database is gone.
const SOON_TRIES: u32 = 2;

/// A message that could not be written comes back after 1 s, 5 s, 25 s, 125 s.
const BACKOFF: Backoff = Backoff {
    first: Duration::from_secs(1),
    factor: 5,
    steps: 3,
};

/// Where the database is gone, a message comes back after 3 min, as the queue itself has it, so that it is not given to the dead-letter queue within minutes.
const LONG: Backoff = Backoff {
    first: Duration::from_secs(180),
    factor: 1,
    steps: 0,
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

    /// The definitions of a client, kept or loaded, with the entity if there is one; `None` when there is no such client.
    async fn catalog(&self, client: Uuid, entity: &str, again: bool) -> Result<Option<Arc<ClientCatalog>>, Error> {
        // One that is not known may have been defined since.
        let is_known = |catalog: Arc<ClientCatalog>| catalog.placed_by(entity).is_some();
        if again || !self.definitions.known(client).is_some_and(is_known) {
            self.definitions.forget(client);
        }
        self.definitions.recent(&self.database, client).await
    }

    /// Whether a message came too often, and comes for the last times.
    fn is_last(&self, message: &SqsMessage) -> bool {
        message.event_source_arn.as_deref() == Some(&self.dead_letters)
    }

    /// Has a message come back after its pause. The dead-letter queue keeps its own.
    async fn return_after(&self, message: &SqsMessage, backoff: Backoff) {
        if let Some(queue) = &self.queue
            && !self.is_last(message)
        {
            queue.return_after(message, backoff).await;
        }
    }

    /// Hides messages while they are worked on.
    async fn hide(&self, receipts: &[String]) {
        if let Some(queue) = &self.queue {
            queue.hide_all(receipts, HIDDEN).await;
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
    messages: Arc<[(SqsMessage, QueuedEvents)]>,
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
    let messages = event.payload.records;
    let passing = messages.iter().filter(|message| !context.is_last(message));
    let receipts: Vec<String> = passing.filter_map(|message| message.receipt_handle.clone()).collect();
    // Nobody waits for it but those that fail: they are hidden anew.
    let (failed, ()) = tokio::join!(write_each(context, messages, until), context.hide(&receipts));
    let mut response = SqsBatchResponse::default();
    for (message, backoff) in failed {
        context.return_after(&message, backoff).await;
        response.add_failure(message.message_id.unwrap_or_default());
    }
    Ok(response)
}

/// Writes messages, and gives those that are not done, with how long they pause.
async fn write_each(context: &Context, messages: Vec<SqsMessage>, until: Instant) -> Vec<(SqsMessage, Backoff)> {
    let (groups, unreadable) = grouped(context, messages);
    let mut failed: Vec<_> = unreadable.into_iter().map(|message| (message, LONG)).collect();
    for group in groups {
        let Err(error) = ingest(context, &group, until).await else {
            continue;
        };
        let (client, entity) = (group.client, group.entity.as_str());
        tracing::error!(%client, entity, tries = group.tries, cause = %error, "messages are not done; they stay in the queue");
        let backoff = pause(&error, group.tries);
        let messages = group.messages.iter();
        failed.extend(messages.map(|(message, _)| (message.clone(), backoff)));
    }
    failed
}

/// How long messages pause that have come so often and met this.
fn pause(error: &Error, tries: u32) -> Backoff {
    let is_passing = (error.is_being_moved() || error.passes_soon()) && tries <= SOON_TRIES;
    if matches!(error, Error::Unfinished) || error.is_of_statement() || is_passing {
        BACKOFF
    } else {
        LONG
    }
}

/// Messages by what is written together, those with the fewest events first: they don't wait for the others. Then those that can't be read.
fn grouped(context: &Context, messages: Vec<SqsMessage>) -> (Vec<Group>, Vec<SqsMessage>) {
    let mut groups: BTreeMap<_, Vec<_>> = BTreeMap::new();
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
        // Those that came again by themselves: what keeps one from being written does not keep others.
        let (is_last, tries) = (context.is_last(&message), receives(&message));
        let key = (queued.client, queued.entity.clone(), queued.source, is_last, tries);
        groups.entry(key).or_default().push((message, queued));
    }
    let group = |((client, entity, source, is_last, tries), messages): (_, Vec<_>)| Group {
        client,
        entity,
        source,
        is_last,
        tries,
        messages: messages.into(),
    };
    let mut groups: Vec<Group> = groups.into_iter().map(group).collect();
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
        let client = group.client;
        // Under a code that the entity had they would stay there for good.
        let catalog = context.catalog(client, &group.entity, true).await?;
        let placed = catalog.as_ref().and_then(|catalog| catalog.placed_by(&group.entity));
        let entity = placed.map_or(group.entity.as_str(), |placed| placed.entity.code());
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
        let Some(catalog) = context.catalog(client, entity, tries > 1).await? else {
            tracing::warn!(%client, entity, "there is no such client: its events are let go of");
            return Ok(Vec::new());
        };
        let Some(placed) = catalog.placed_by(entity).cloned() else {
            let batches: Vec<Batch> = group.queued().map(unknown_entity).collect();
            return ingest::refuse(&context.database, client, entity, source, &batches).await;
        };
        match map_and_write(context, group, (&placed, &catalog.calendar), effort).await {
            Err(Error::DefinitionChanged(_)) if tries < MAX_DEFINITION_TRIES => tries += 1,
            Err(error) => return Err(error),
            Ok((batches, outcomes)) => {
                let written: usize = outcomes.iter().map(|outcome| outcome.written).sum();
                let duplicates = outcomes.iter().filter(|outcome| outcome.duplicate).count();
                let rejected: usize = batches.iter().map(Batch::rejected).sum();
                tracing::info!(%client, entity, batches = batches.len(), duplicates, written, rejected, "ingested");
                // To free ten thousand facts takes some milliseconds, for which nobody need wait.
                tokio::task::spawn_blocking(move || drop(batches));
                return Ok(outcomes);
            }
        }
    }
}

/// Maps the events of messages and writes them: at the same time where they come for the first time.
async fn map_and_write(
    context: &Context,
    group: &Group,
    (placed, calendar): (&Placed, &Calendar),
    effort: Effort<'_>,
) -> Result<(Vec<Batch>, Vec<Outcome>), Error> {
    let (database, client, source) = (&context.database, group.client, group.source.name());
    let mapper = Mapper::new(placed.entity.clone()).of_client(calendar);
    let messages = Arc::clone(&group.messages);
    let mapped = (0..messages.len()).map(move |index| batch(&mapper, &messages[index].1));
    // Of a single message there is nothing to be sent while others are mapped.
    let is_first = effort.tries == 1 && group.messages.len() > 1;
    let batches = if is_first && stream::is_fit(&placed.entity, group.events()) {
        let streamed = stream::ingest(database, client, placed, source, mapped).await?;
        if let Some(outcomes) = streamed.outcomes {
            return Ok((streamed.batches, outcomes));
        }
        streamed.batches
    } else {
        mapped.collect()
    };
    let outcomes = ingest::ingest(database, client, placed, source, &batches, effort).await?;
    Ok((batches, outcomes))
}

/// Maps the events of a message.
#[must_use]
pub fn batch(mapper: &Mapper, queued: &QueuedEvents) -> Batch {
    let mapper = match in_zone(mapper, queued) {
        Ok(mapper) => mapper,
        Err(reason) => return refused(queued, queued.key, &reason),
    };
    let now = clock::now();
    let mut batch = empty(queued, queued.key);
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

/// The mapper of a message's events: those of a file that declared a time zone are read in it.
fn in_zone<'a>(mapper: &'a Mapper, queued: &QueuedEvents) -> Result<Cow<'a, Mapper>, String> {
    let Some(name) = &queued.time_zone else {
        return Ok(Cow::Borrowed(mapper));
    };
    match TimeZone::get(name) {
        Ok(zone) => Ok(Cow::Owned(mapper.clone().in_zone(zone))),
        Err(error) => Err(format!(
            "its file declared the time zone {name:?}, which is not known: {error}"
        )),
    }
}

/// A message's batch without its events. What is refused of it is read by what its file declared when it is replayed, however often.
fn empty(queued: &QueuedEvents, key: Option<Uuid>) -> Batch {
    let mut batch = Batch::new(queued.batch_id, key);
    batch.time_zone.clone_from(&queued.time_zone);
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
    let mut batch = empty(queued, key);
    for (position, event) in queued.events.iter().enumerate() {
        batch.refuse(match broken_line(queued, position) {
            Some(line) => reject(position, no_json(&line), &line),
            None => reject(position, whole(reason.to_owned()), event.get()),
        });
    }
    batch
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The server could not be reached, or it refused with this SQLSTATE.
    fn unreachable(code: Option<&str>) -> Error {
        Error::Unreachable {
            place: "localhost:5432".to_owned(),
            cause: "sorry".to_owned(),
            code: code.map(str::to_owned),
        }
    }

    #[test]
    fn what_passes_soon_is_tried_soon() {
        for (name, error, tries, expected) in [
            ("all connections in use", unreachable(Some("53300")), 1, BACKOFF),
            ("all connections in use still", unreachable(Some("53300")), 2, BACKOFF),
            ("all connections in use for long", unreachable(Some("53300")), 3, LONG),
            ("the server is starting", unreachable(Some("57P03")), 1, BACKOFF),
            ("no such login", unreachable(Some("28P01")), 1, LONG),
            ("the server is gone", unreachable(None), 1, LONG),
            ("the time was over", Error::Unfinished, 4, BACKOFF),
        ] {
            assert_eq!(pause(&error, tries).first, expected.first, "{name}");
        }
    }
}

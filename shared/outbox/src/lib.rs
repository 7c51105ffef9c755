//! Domain events from the database to the event bus.
//!
//! An event is stored in the transaction of what it tells of ([`records::outbox`]) and stays there until the bus has it: what is sent is
//! sent at least once. Whoever stored one sends it right after the commit; what is left is sent by `publish-events`.

use std::time::Duration;

use anyhow::{Context as _, Result};
use api::domain_events::{DomainEvent, EVENT_SOURCE};
use database::Database;
use platform::bus::{Bus, Entry, MAX_ENTRIES};
use records::outbox::{self, PendingEvent};
use uuid::Uuid;

/// How long a caller waits for [`send_now`] at most.
const SEND_NOW_TIMEOUT: Duration = Duration::from_secs(3);

/// An event as the database keeps it.
///
/// # Errors
/// When it can't be written as JSON.
pub fn pending(event: &DomainEvent) -> Result<PendingEvent> {
    Ok(PendingEvent {
        client_id: event.client,
        id: event.id,
        kind: event.what.name().to_owned(),
        detail: serde_json::to_value(event).context("write an event")?,
    })
}

/// Sends the next events of a client's outbox, one request's worth. What fails or takes too long is logged and stays
/// there, for `publish-events`.
pub async fn send_now(database: &Database, bus: &Bus, client: Uuid) {
    let sent = async {
        let mut events = outbox::of_client(database, client).await.context("read the outbox")?;
        events.truncate(MAX_ENTRIES);
        send(database, bus, events).await
    };
    let sent = tokio::time::timeout(SEND_NOW_TIMEOUT, sent).await;
    if let Err(cause) = sent.context("it took too long").flatten() {
        tracing::warn!(%client, cause = format!("{cause:#}"), "events are not sent yet: they wait in the outbox");
    }
}

/// Sends events of the outbox and forgets those that the bus has; says how many those are. What the bus refuses, one by one
/// or a request as a whole, has its try counted, and keeps the rest from nothing.
///
/// # Errors
/// When the bus refused one or could not be reached, after the rest had its turn; when the database fails, at once.
pub async fn send(database: &Database, bus: &Bus, events: Vec<PendingEvent>) -> Result<usize> {
    let mut sent = 0;
    let mut refusal = None;
    for part in events.chunks(MAX_ENTRIES) {
        let entries: Vec<Entry<'_>> = part.iter().map(entry).collect();
        let answers = bus.put(&entries).await;
        let answers = answers.unwrap_or_else(|cause| vec![Some(format!("{cause:#}")); part.len()]);
        for (event, refused) in part.iter().zip(answers) {
            let ids = [event.id];
            let (had, not): (&[Uuid], &[Uuid]) = if refused.is_none() { (&ids, &[]) } else { (&[], &ids) };
            outbox::settle(database, event.client_id, had, not)
                .await
                .context("settle an event")?;
            sent += had.len();
            refusal = refusal.or_else(|| refused.map(|why| format!("{} {}: {why}", event.kind, event.id)));
        }
    }
    match refusal {
        None => Ok(sent),
        Some(refusal) => anyhow::bail!("the event bus has not taken {refusal}"),
    }
}

fn entry(event: &PendingEvent) -> Entry<'_> {
    Entry {
        source: EVENT_SOURCE,
        kind: &event.kind,
        detail: &event.detail,
    }
}

//! The event bus: domain events to EventBridge.
//!
//! Events come from the outbox of the database and stay there until the bus has them: what is sent is sent at least once.

use anyhow::{Context as _, Result};
use api::domain_events::{DomainEvent, EVENT_SOURCE};
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use database::Database;
use database::outbox::{self, Pending};
use uuid::Uuid;

use crate::environment;

/// Most events of one request, as EventBridge has it. The largest event of ours has a few hundred bytes, far from its limit.
const MAX_ENTRIES: usize = 10;

/// A bus by its name.
#[derive(Clone)]
pub struct Bus {
    client: aws_sdk_eventbridge::Client,
    name: String,
}

/// An event as the outbox keeps it.
///
/// # Errors
/// When it can't be written as JSON.
pub fn pending(event: &DomainEvent) -> Result<Pending> {
    Ok(Pending {
        client: event.client,
        id: event.id,
        kind: event.what.name().to_owned(),
        detail: serde_json::to_value(event).context("write an event")?,
    })
}

impl Bus {
    /// The bus that the environment variable `EVENT_BUS` names.
    ///
    /// # Errors
    /// When the variable is not set.
    pub async fn from_environment() -> Result<Self> {
        let name = environment::required("EVENT_BUS")?;
        let configuration = crate::aws_configuration().await;
        Ok(Self {
            client: aws_sdk_eventbridge::Client::new(&configuration),
            name,
        })
    }

    /// Sends what a client's outbox has. What fails is logged and stays there, for `publish-events`.
    pub async fn send_now(&self, database: &Database, client: Uuid) {
        let sent = async {
            let events = outbox::of_client(database, client).await.context("read the outbox")?;
            self.send(database, events).await
        };
        if let Err(cause) = sent.await {
            tracing::warn!(%client, cause = format!("{cause:#}"), "events are not sent yet: they wait in the outbox");
        }
    }

    /// Sends events of the outbox and forgets those that the bus has; says how many those are.
    ///
    /// # Errors
    /// When the bus or the database can't be reached, or the bus refused one: the rest was sent.
    pub async fn send(&self, database: &Database, events: Vec<Pending>) -> Result<usize> {
        let mut sent = 0;
        let mut refusal = None;
        for part in events.chunks(MAX_ENTRIES) {
            for (event, refused) in part.iter().zip(self.put(part).await?) {
                let ids = [event.id];
                let (had, not): (&[Uuid], &[Uuid]) = if refused.is_none() { (&ids, &[]) } else { (&[], &ids) };
                outbox::settle(database, event.client, had, not)
                    .await
                    .context("settle an event")?;
                sent += had.len();
                refusal = refusal.or_else(|| refused.map(|why| format!("{} {}: {why}", event.kind, event.id)));
            }
        }
        match refusal {
            None => Ok(sent),
            Some(refusal) => anyhow::bail!("the event bus refused {refusal}"),
        }
    }

    /// Puts up to [`MAX_ENTRIES`] on the bus; for each, why it was refused.
    async fn put(&self, events: &[Pending]) -> Result<Vec<Option<String>>> {
        let entries = events.iter().map(|event| {
            PutEventsRequestEntry::builder()
                .event_bus_name(&self.name)
                .source(EVENT_SOURCE)
                .detail_type(&event.kind)
                .detail(event.detail.to_string())
                .build()
        });
        let answer = self
            .client
            .put_events()
            .set_entries(Some(entries.collect()))
            .send()
            .await
            .context("put events on the bus")?;
        let results = answer.entries();
        anyhow::ensure!(
            results.len() == events.len(),
            "the bus answered for {} of {} events",
            results.len(),
            events.len()
        );
        let refusal = |code: &str, text: Option<&str>| format!("{code}: {}", text.unwrap_or_default());
        Ok(results
            .iter()
            .map(|result| result.error_code().map(|code| refusal(code, result.error_message())))
            .collect())
    }
}

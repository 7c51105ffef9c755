//! The event bus: domain events to EventBridge.
//!
//! Events come from the outbox of the database and stay there until the bus has them: what is sent is sent at least once.

use std::time::Duration;

use anyhow::{Context as _, Result};
use api::domain_events::{DomainEvent, EVENT_SOURCE};
use aws_config::SdkConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use database::Database;
use database::outbox::{self, Pending};
use uuid::Uuid;

use crate::environment;

/// Most events of one request, as EventBridge has it. The largest event of ours has a few hundred bytes, far from its limit.
const MAX_ENTRIES: usize = 10;

/// How long one request may take, the SDK's own retries included: a caller waits for it.
const PUT_TIMEOUT: Duration = Duration::from_secs(2);

/// How long a caller waits for [`Bus::send_now`] at most.
const SEND_NOW_TIMEOUT: Duration = Duration::from_secs(3);

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
        Ok(Self::new(&crate::aws_configuration().await, name))
    }

    /// The bus of this name.
    #[must_use]
    pub fn new(configuration: &SdkConfig, name: String) -> Self {
        let timeouts = TimeoutConfig::builder().operation_timeout(PUT_TIMEOUT).build();
        let configuration = aws_sdk_eventbridge::config::Builder::from(configuration)
            .timeout_config(timeouts)
            .build();
        Self {
            client: aws_sdk_eventbridge::Client::from_conf(configuration),
            name,
        }
    }

    /// Sends the next events of a client's outbox, one request's worth. What fails or takes too long is logged and stays
    /// there, for `publish-events`.
    pub async fn send_now(&self, database: &Database, client: Uuid) {
        let sent = async {
            let mut events = outbox::of_client(database, client).await.context("read the outbox")?;
            events.truncate(MAX_ENTRIES);
            self.send(database, events).await
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
    pub async fn send(&self, database: &Database, events: Vec<Pending>) -> Result<usize> {
        let mut sent = 0;
        let mut refusal = None;
        for part in events.chunks(MAX_ENTRIES) {
            let answers = self.put(part).await;
            let answers = answers.unwrap_or_else(|cause| vec![Some(format!("{cause:#}")); part.len()]);
            for (event, refused) in part.iter().zip(answers) {
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
            Some(refusal) => anyhow::bail!("the event bus has not taken {refusal}"),
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

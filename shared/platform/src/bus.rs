//! The event bus: EventBridge.

use std::time::Duration;

use anyhow::{Context as _, Result};
use aws_config::SdkConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use serde_json::Value;
use service::{Failure, Service};

use crate::environment;

/// Most events of one request, as EventBridge has it. The largest event of ours has a few hundred bytes, far from its limit.
pub const MAX_ENTRIES: usize = 10;

/// How long one request may take, the SDK's own retries included: a caller waits for it.
const PUT_TIMEOUT: Duration = Duration::from_secs(2);

/// A bus by its name.
#[derive(Clone)]
pub struct Bus {
    client: aws_sdk_eventbridge::Client,
    name: String,
}

/// An event as the bus takes it.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// Who sends it.
    pub source: &'a str,
    /// Its name, by which rules select.
    pub kind: &'a str,
    /// What it says.
    pub detail: &'a Value,
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

    /// Puts up to [`MAX_ENTRIES`] on the bus; for each, why it was refused.
    ///
    /// # Errors
    /// When the bus can't be reached, or does not answer for each.
    pub async fn put(&self, events: &[Entry<'_>]) -> Result<Vec<Option<String>>> {
        let entries = events.iter().map(|event| {
            PutEventsRequestEntry::builder()
                .event_bus_name(&self.name)
                .source(event.source)
                .detail_type(event.kind)
                .detail(event.detail.to_string())
                .build()
        });
        let answer = self
            .client
            .put_events()
            .set_entries(Some(entries.collect()))
            .send()
            .await
            .map_err(Failure::from_call(Service::Bus))
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

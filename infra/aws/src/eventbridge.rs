//! EventBridge in this process: the buses and rules of the template, and the endpoint that functions put events to.
//!
//! Of the API there is `PutEvents`, with AWS's limits and answers. Each rule whose pattern matches (see
//! [`Pattern`]) sends the event to its targets: to queues as one message, to log groups as one line of
//! `events.ndjson` in the state folder, whichever the group. `tail -F .local/events.ndjson` follows the bus; a file that has
//! grown over 16 MB becomes `events.1.ndjson`, in the place of the one before.
//!
//! What a target does not take goes to its dead letters with the attributes `RULE_ARN`, `TARGET_ARN`, `ERROR_CODE` and
//! `ERROR_MESSAGE`. There are no retries (and so no `RETRY_ATTEMPTS` and `EXHAUSTED_RETRY_CONDITION`): everything is in this
//! process, where a second attempt would end as the first. Events are delivered before `PutEvents` answers, and once, so that
//! none is under way that a restart could lose; on AWS it may be later, and more than once. Neither archives, replays, schemas, pipes, cross-account buses nor permissions.

mod delivery;
mod entries;
mod log;
mod pattern;
mod protocol;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use serde_json::Value;
use tokio::net::TcpListener;

use self::delivery::{Destination, Target};
use self::log::EventLog;
pub use self::pattern::{Pattern, PatternError};
use crate::account::{DEFAULT_BUS, rule_arn};
use crate::gate::Gate;
use crate::sqs::Queues;
use crate::store::StoreError;
use crate::tasks::Tasks;
use crate::template::{self, TargetKind, Template};

/// All buses of a stand-in; cheap to clone.
#[derive(Debug, Clone)]
pub struct Buses {
    names: Arc<BTreeSet<String>>,
    rules: Arc<Vec<Rule>>,
}

#[derive(Debug)]
struct Rule {
    bus: String,
    pattern: Pattern,
    targets: Vec<Target>,
}

impl Buses {
    /// Makes the template's buses and serves them on `listener`; log groups are a file in the folder `state`.
    ///
    /// # Errors
    /// When a rule names a queue that is not there, or the listener has no address.
    pub fn start(
        tasks: &mut Tasks,
        listener: TcpListener,
        template: &Template,
        queues: &Queues,
        state: &Path,
    ) -> anyhow::Result<Self> {
        let log = Arc::new(EventLog::new(state, log::FILE_BYTES));
        let enabled = template.event_rules.iter().filter(|rule| rule.enabled);
        let rules = enabled.map(|rule| {
            let targets = rule.targets.iter().map(|target| to_target(rule, target, queues, &log));
            anyhow::Ok(Rule {
                bus: rule.bus.clone(),
                pattern: rule.pattern.clone(),
                targets: targets.collect::<Result<_, _>>()?,
            })
        });
        let names = template.event_buses.iter().cloned().chain([DEFAULT_BUS.to_owned()]);
        let buses = Self {
            names: Arc::new(names.collect()),
            rules: Arc::new(rules.collect::<Result<_, _>>()?),
        };
        tasks.serve(listener, protocol::router(buses.clone()), Gate::Signed)?;
        Ok(buses)
    }

    /// Sends an event, envelope included, to every target that wants it. A bus that is not there has no rules, as on AWS. When a
    /// queue can't keep it the event was not taken: who sends it again reaches targets twice that have it already.
    async fn publish(&self, bus: &str, event: &Value) -> Result<(), StoreError> {
        if !self.names.contains(bus) {
            tracing::warn!(
                bus,
                "an event for a bus that is not there is dropped, as EventBridge would do"
            );
        }
        let body = event.to_string();
        let rules = self
            .rules
            .iter()
            .filter(|rule| rule.bus == bus && rule.pattern.matches(event));
        for target in rules.flat_map(|rule| &rule.targets) {
            target.deliver(&body).await?;
        }
        Ok(())
    }
}

fn to_target(
    rule: &template::EventRule,
    target: &template::EventTarget,
    queues: &Queues,
    log: &Arc<EventLog>,
) -> anyhow::Result<Target> {
    let queue = |id: &String| {
        let queue = queues.by_id(id);
        queue.with_context(|| format!("rule {}, target {} has no queue {id}", rule.name, target.id))
    };
    Ok(Target {
        rule_arn: rule_arn(&rule.bus, &rule.name),
        arn: target.arn.clone(),
        destination: match &target.kind {
            TargetKind::Queue(id) => Destination::Queue(queue(id)?),
            TargetKind::LogGroup => Destination::Log(Arc::clone(log)),
        },
        dead_letters: target.dead_letters.as_ref().map(queue).transpose()?,
    })
}

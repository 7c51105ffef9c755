//! Reads a template's event buses, and the rules that send their events on.
//!
//! A rule's targets are queues and log groups, and get the whole event. Rules on a schedule, other targets, and targets that
//! want a part of the event (`Input`, `InputPath`, `InputTransformer`) are refused. `RetryPolicy` is only checked: what a
//! queue in this process does not take now, it does not take later.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;

use super::functions::queue_of_arn;
use super::{EventRule, EventTarget, Properties, Reader, TargetKind, Template, TemplateError, unresolved};
use crate::account::{DEFAULT_BUS, bus_name, log_group_arn};
use crate::eventbridge::Pattern;

/// Targets of one rule.
const TARGETS: usize = 5;
/// The most attempts and the ages, in seconds, that a `RetryPolicy` may name.
const RETRIES: u32 = 185;
const EVENT_AGES_S: std::ops::RangeInclusive<u32> = 60..=86_400;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct BusProperties {
    name: String,
}

impl Properties for BusProperties {
    const NAMES: &'static [&'static str] = &["Name"];
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RuleProperties {
    event_bus_name: Option<String>,
    event_pattern: Option<Value>,
    schedule_expression: Option<Value>,
    state: Option<String>,
    #[serde(default)]
    targets: Vec<TargetProperties>,
}

impl Properties for RuleProperties {
    const NAMES: &'static [&'static str] = &["EventBusName", "EventPattern", "ScheduleExpression", "State", "Targets"];
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TargetProperties {
    id: String,
    arn: String,
    retry_policy: Option<RetryPolicy>,
    dead_letter_config: Option<DeadLetterConfig>,
    #[serde(flatten)]
    others: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct RetryPolicy {
    maximum_retry_attempts: Option<u32>,
    maximum_event_age_in_seconds: Option<u32>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct DeadLetterConfig {
    arn: String,
}

/// Reads the buses and their rules.
pub(super) fn read(reader: &Reader<'_>, template: &mut Template) -> Result<(), TemplateError> {
    for (_, bus) in reader.resources::<BusProperties>("AWS::Events::EventBus")? {
        template.event_buses.push(bus.name);
    }
    let log_groups = log_groups(reader)?;
    for (id, properties) in reader.resources::<RuleProperties>("AWS::Events::Rule")? {
        let rule = read_rule(reader, &log_groups, &id, properties)?;
        if rule.bus != DEFAULT_BUS && !template.event_buses.contains(&rule.bus) {
            return Err(TemplateError::invalid(
                &id,
                format!("there is no event bus {}", rule.bus),
            ));
        }
        template.event_rules.push(rule);
    }
    Ok(())
}

/// The ARNs of the template's log groups.
fn log_groups(reader: &Reader<'_>) -> Result<BTreeSet<String>, TemplateError> {
    let groups = reader.resolver.resources();
    let groups = groups.filter(|(_, kind)| *kind == "AWS::Logs::LogGroup");
    groups
        .map(|(id, _)| {
            let name = reader.resolver.physical_name(id, 0);
            name.map(|name| log_group_arn(&name))
                .map_err(|source| unresolved(id, source))
        })
        .collect()
}

fn read_rule(
    reader: &Reader<'_>,
    log_groups: &BTreeSet<String>,
    id: &str,
    properties: RuleProperties,
) -> Result<EventRule, TemplateError> {
    let refuse = |message: String| Err(TemplateError::invalid(id, message));
    if properties.schedule_expression.is_some() {
        return refuse("the stand-in runs schedules of functions, not of rules".to_owned());
    }
    let Some(pattern) = properties.event_pattern else {
        return refuse("a rule needs an EventPattern".to_owned());
    };
    let pattern = Pattern::parse(&pattern).map_err(|error| TemplateError::invalid(id, error))?;
    let enabled = match properties.state.as_deref() {
        None | Some("ENABLED") => true,
        Some("DISABLED") => false,
        Some(other) => return refuse(format!("State is {other}, it may be ENABLED or DISABLED")),
    };
    if properties.targets.len() > TARGETS {
        return refuse(format!("a rule has at most {TARGETS} targets"));
    }
    let mut targets: Vec<EventTarget> = Vec::new();
    for target in properties.targets {
        if targets.iter().any(|other| other.id == target.id) {
            return refuse(format!("two targets have the Id {}", target.id));
        }
        targets.push(read_target(reader, log_groups, id, target)?);
    }
    let name = reader.resolver.physical_name(id, 0);
    Ok(EventRule {
        name: name.map_err(|source| unresolved(id, source))?,
        bus: bus_name(properties.event_bus_name.as_deref().unwrap_or(DEFAULT_BUS)).to_owned(),
        pattern,
        enabled,
        targets,
    })
}

fn read_target(
    reader: &Reader<'_>,
    log_groups: &BTreeSet<String>,
    rule: &str,
    target: TargetProperties,
) -> Result<EventTarget, TemplateError> {
    let place = format!("rule {rule}, target {}", target.id);
    let refuse = |message: String| Err(TemplateError::invalid(&place, message));
    if let Some(other) = target.others.keys().next() {
        return refuse(format!(
            "the stand-in does not know {other}: a target gets the whole event"
        ));
    }
    if let Some(policy) = &target.retry_policy {
        check_retries(&place, policy)?;
    }
    let dead_letters = match &target.dead_letter_config {
        Some(config) => Some(queue_of_arn(reader, &place, &config.arn)?),
        None => None,
    };
    let kind = match target.arn.split(':').nth(2) {
        Some("sqs") => TargetKind::Queue(queue_of_arn(reader, &place, &target.arn)?),
        Some("logs") if log_groups.contains(&target.arn) => TargetKind::LogGroup,
        // EventBridge takes it, and then no event arrives.
        Some("logs") if target.arn.ends_with(":*") => {
            return refuse(format!(
                "{} ends with :*, as !GetAtt gives it; EventBridge needs the ARN without it: \
                 !Sub \"arn:${{AWS::Partition}}:logs:${{AWS::Region}}:${{AWS::AccountId}}:log-group:${{LogGroup}}\"",
                target.arn
            ));
        }
        Some("logs") => return refuse(format!("there is no log group {}", target.arn)),
        _ => {
            return refuse(format!(
                "the stand-in sends events to queues and log groups, not to {}",
                target.arn
            ));
        }
    };
    Ok(EventTarget {
        id: target.id,
        arn: target.arn,
        kind,
        dead_letters,
    })
}

fn check_retries(place: &str, policy: &RetryPolicy) -> Result<(), TemplateError> {
    if let Some(attempts) = policy.maximum_retry_attempts.filter(|attempts| *attempts > RETRIES) {
        let message = format!("MaximumRetryAttempts is {attempts}, it may be 0 to {RETRIES}");
        return Err(TemplateError::invalid(place, message));
    }
    match policy.maximum_event_age_in_seconds {
        Some(age_s) if !EVENT_AGES_S.contains(&age_s) => {
            let message = format!(
                "MaximumEventAgeInSeconds is {age_s}, it may be {} to {}",
                EVENT_AGES_S.start(),
                EVENT_AGES_S.end()
            );
            Err(TemplateError::invalid(place, message))
        }
        _ => Ok(()),
    }
}

//! Reads a template's queues, tables and buckets.

use serde::Deserialize;

use super::functions::queue_of_arn;
use super::{
    AttributeDefinition, Bucket, BucketNotification, Index, KeyElement, Properties, Queue, Reader, Table, Template,
    TemplateError, unresolved,
};
use crate::sqs::MESSAGE_BYTES;

/// What SQS takes when the template does not say.
const DEFAULT_VISIBILITY_TIMEOUT_S: u64 = 30;
/// Four days.
const DEFAULT_RETENTION_S: u64 = 345_600;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct QueueProperties {
    visibility_timeout: Option<u64>,
    message_retention_period: Option<u64>,
    maximum_message_size: Option<usize>,
    redrive_policy: Option<RedrivePolicy>,
}

impl Properties for QueueProperties {
    const NAMES: &'static [&'static str] = &[
        "VisibilityTimeout",
        "MessageRetentionPeriod",
        "MaximumMessageSize",
        "RedrivePolicy",
    ];
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RedrivePolicy {
    dead_letter_target_arn: String,
    max_receive_count: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TableProperties {
    key_schema: Vec<KeyElement>,
    attribute_definitions: Vec<AttributeDefinition>,
    #[serde(default)]
    global_secondary_indexes: Vec<Index>,
    time_to_live_specification: Option<TimeToLive>,
}

impl Properties for TableProperties {
    const NAMES: &'static [&'static str] = &[
        "KeySchema",
        "AttributeDefinitions",
        "GlobalSecondaryIndexes",
        "TimeToLiveSpecification",
    ];
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TimeToLive {
    attribute_name: String,
    enabled: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct BucketProperties {
    #[serde(default)]
    notification_configuration: Notifications,
}

impl Properties for BucketProperties {
    const NAMES: &'static [&'static str] = &["NotificationConfiguration"];
}

/// Any other destination is refused: it would silently hear of nothing here.
#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Notifications {
    #[serde(default)]
    queue_configurations: Vec<QueueConfiguration>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct QueueConfiguration {
    event: String,
    queue: String,
    filter: Option<KeyFilter>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct KeyFilter {
    s3_key: KeyRules,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct KeyRules {
    rules: Vec<KeyRule>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct KeyRule {
    name: String,
    value: String,
}

/// Reads the queues, tables and buckets.
pub(super) fn read(reader: &Reader<'_>, template: &mut Template) -> Result<(), TemplateError> {
    let name = |id: &str| {
        reader
            .resolver
            .physical_name(id, 0)
            .map_err(|source| unresolved(id, source))
    };
    for (id, properties) in reader.resources::<QueueProperties>("AWS::SQS::Queue")? {
        let redrive = match properties.redrive_policy {
            Some(policy) => Some((
                queue_of_arn(reader, &id, &policy.dead_letter_target_arn)?,
                policy.max_receive_count,
            )),
            None => None,
        };
        let visibility_timeout_s = properties.visibility_timeout.unwrap_or(DEFAULT_VISIBILITY_TIMEOUT_S);
        template.queues.push(Queue {
            name: name(&id)?,
            visibility_timeout_s,
            retention_s: properties.message_retention_period.unwrap_or(DEFAULT_RETENTION_S),
            message_bytes: properties.maximum_message_size.unwrap_or(MESSAGE_BYTES),
            redrive,
            logical_id: id,
        });
    }
    for (id, properties) in reader.resources::<TableProperties>("AWS::DynamoDB::Table")? {
        let ttl = properties.time_to_live_specification.filter(|ttl| ttl.enabled);
        template.tables.push(Table {
            name: name(&id)?,
            key_schema: properties.key_schema,
            attributes: properties.attribute_definitions,
            indexes: properties.global_secondary_indexes,
            ttl_attribute: ttl.map(|ttl| ttl.attribute_name),
            logical_id: id,
        });
    }
    for (id, properties) in reader.resources::<BucketProperties>("AWS::S3::Bucket")? {
        let bucket = name(&id)?;
        for configuration in properties.notification_configuration.queue_configurations {
            let queue = queue_of_arn(reader, &id, &configuration.queue)?;
            let notification = notification(bucket.clone(), queue, configuration);
            template.bucket_notifications.push(notification);
        }
        template.buckets.push(Bucket {
            name: bucket,
            logical_id: id,
        });
    }
    Ok(())
}

fn notification(bucket: String, queue: String, configuration: QueueConfiguration) -> BucketNotification {
    let rules = configuration
        .filter
        .map(|filter| filter.s3_key.rules)
        .unwrap_or_default();
    let rule = |name: &str| {
        let found = rules.iter().find(|rule| rule.name.eq_ignore_ascii_case(name));
        found.map(|rule| rule.value.clone())
    };
    BucketNotification {
        bucket,
        prefix: rule("prefix"),
        suffix: rule("suffix"),
        event: configuration.event,
        queue,
    }
}

//! Queues, tables and buckets.

use serde::Deserialize;

use super::functions::queue_of_arn;
use super::{
    AttributeDefinition, Bucket, Index, KeyElement, Properties, Queue, Reader, Table, Template, TemplateError,
    unresolved,
};

/// What SQS takes when the template does not say.
const DEFAULT_VISIBILITY_TIMEOUT_S: u64 = 30;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct QueueProperties {
    visibility_timeout: Option<u64>,
    redrive_policy: Option<RedrivePolicy>,
}

impl Properties for QueueProperties {
    const NAMES: &'static [&'static str] = &["VisibilityTimeout", "RedrivePolicy"];
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
struct BucketProperties {}

impl Properties for BucketProperties {
    const NAMES: &'static [&'static str] = &[];
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
    for (id, BucketProperties {}) in reader.resources("AWS::S3::Bucket")? {
        template.buckets.push(Bucket {
            name: name(&id)?,
            logical_id: id,
        });
    }
    Ok(())
}

//! S3 event notifications: from a created object to the queues that the template names.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::Created;
use crate::account::{ACCOUNT, REGION};
use crate::sqs::{Message, Queue};
use crate::store::StoreError;
use crate::template::BucketNotification;

/// S3 encodes keys as a form does, but leaves the slashes.
const KEY: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'*')
    .remove(b'/')
    .remove(b' ');

fn wants(destination: &BucketNotification, created: &Created) -> bool {
    let wanted = destination.event.strip_prefix("s3:").unwrap_or(&destination.event);
    let event = match wanted.strip_suffix('*') {
        Some(beginning) => created.event.starts_with(beginning),
        None => created.event == wanted,
    };
    let prefix = destination.prefix.as_deref().unwrap_or_default();
    let suffix = destination.suffix.as_deref().unwrap_or_default();
    event && destination.bucket == created.bucket && created.key.starts_with(prefix) && created.key.ends_with(suffix)
}

/// The queues that hear of created objects.
#[derive(Debug, Clone, Default)]
pub struct Destinations(Arc<[(BucketNotification, Arc<Queue>)]>);

impl Destinations {
    /// Each with what it wants to hear of.
    #[must_use]
    pub fn new(destinations: Vec<(BucketNotification, Arc<Queue>)>) -> Self {
        Self(destinations.into())
    }

    /// Tells every destination that matches.
    ///
    /// # Errors
    /// When a queue can't keep the message.
    pub(super) async fn tell(&self, created: &Created) -> Result<(), StoreError> {
        let event = event(created).to_string();
        for (_, queue) in self.0.iter().filter(|(destination, _)| wants(destination, created)) {
            queue
                .send(Message::new(event.clone(), BTreeMap::new()), Duration::ZERO)
                .await?;
        }
        Ok(())
    }
}

/// The event as S3 writes it; the key is encoded, and readers are expected to decode it.
fn event(created: &Created) -> Value {
    let key = utf8_percent_encode(&created.key, KEY).to_string().replace(' ', "+");
    let now = crate::clock::now();
    json!({"Records": [{
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": REGION,
        "eventTime": format!("{now:.3}"),
        "eventName": created.event,
        "userIdentity": {"principalId": ACCOUNT},
        "requestParameters": {"sourceIPAddress": "127.0.0.1"},
        "responseElements": {"x-amz-request-id": uuid::Uuid::new_v4().simple().to_string(), "x-amz-id-2": "local"},
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": "local",
            "bucket": {
                "name": created.bucket,
                "ownerIdentity": {"principalId": ACCOUNT},
                "arn": format!("arn:aws:s3:::{}", created.bucket),
            },
            "object": {
                "key": key,
                "size": created.size,
                "eTag": created.e_tag,
                "sequencer": format!("{:018X}", now.as_nanosecond()),
            },
        },
    }]})
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

    use super::*;

    fn created(key: &str) -> Created {
        Created {
            event: "ObjectCreated:Put",
            bucket: "in".to_owned(),
            key: key.to_owned(),
            size: 3,
            e_tag: "t".to_owned(),
        }
    }

    #[test]
    fn keys_are_encoded_as_in_a_form_but_for_slashes() {
        for (key, encoded) in [
            ("a/b.csv", "a/b.csv"),
            ("a b", "a+b"),
            ("a+b", "a%2Bb"),
            ("ü*", "%C3%BC*"),
            ("50%", "50%25"),
        ] {
            assert_eq!(
                event(&created(key))["Records"][0]["s3"]["object"]["key"],
                encoded,
                "{key}"
            );
        }
    }

    #[test]
    fn a_destination_wants_its_bucket_events_prefix_and_suffix() {
        let all = BucketNotification {
            bucket: "in".to_owned(),
            queue: "Files".to_owned(),
            event: "s3:ObjectCreated:*".to_owned(),
            prefix: None,
            suffix: None,
        };
        let object = created("a/b.csv");
        assert!(wants(&all, &object));
        let cases = [
            (
                BucketNotification {
                    event: "s3:ObjectCreated:Put".to_owned(),
                    ..all.clone()
                },
                true,
            ),
            (
                BucketNotification {
                    event: "s3:ObjectCreated:Copy".to_owned(),
                    ..all.clone()
                },
                false,
            ),
            (
                BucketNotification {
                    event: "s3:ObjectRemoved:*".to_owned(),
                    ..all.clone()
                },
                false,
            ),
            (
                BucketNotification {
                    bucket: "out".to_owned(),
                    ..all.clone()
                },
                false,
            ),
            (
                BucketNotification {
                    prefix: Some("a/".to_owned()),
                    suffix: Some(".csv".to_owned()),
                    ..all.clone()
                },
                true,
            ),
            (
                BucketNotification {
                    suffix: Some(".parquet".to_owned()),
                    ..all.clone()
                },
                false,
            ),
        ];
        for (destination, expected) in cases {
            assert_eq!(wants(&destination, &object), expected, "{destination:?}");
        }
    }
}

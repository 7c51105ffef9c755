//! A registry on an embedded DynamoDB, with the table as `template.yaml` has it.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType, TimeToLiveSpecification,
};
use aws_sdk_dynamodb::{Client, Config};
use catalog::Period;
use jiff::Timestamp;
use live::{Mode, Subscription, Topic};
use uuid::Uuid;

use crate::{Connection, Peer, Registry};

const TABLE: &str = "registry";

/// A new, empty registry; it ends with the test's runtime.
pub(crate) async fn registry() -> Registry {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(dynoxide::server::serve_on(
        listener,
        dynoxide::Database::memory().unwrap(),
    ));
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .endpoint_url(format!("http://{address}"))
        .build();
    let client = Client::from_conf(config);
    create_table(&client).await;
    Registry::new(client, TABLE.to_owned())
}

async fn create_table(client: &Client) {
    let attribute = |name| {
        AttributeDefinition::builder()
            .attribute_name(name)
            .attribute_type(ScalarAttributeType::S)
            .build()
            .unwrap()
    };
    let key = |name, kind| {
        KeySchemaElement::builder()
            .attribute_name(name)
            .key_type(kind)
            .build()
            .unwrap()
    };
    client
        .create_table()
        .table_name(TABLE)
        .billing_mode(BillingMode::PayPerRequest)
        .attribute_definitions(attribute("pk"))
        .attribute_definitions(attribute("sk"))
        .key_schema(key("pk", KeyType::Hash))
        .key_schema(key("sk", KeyType::Range))
        .send()
        .await
        .unwrap();
    let expiry = TimeToLiveSpecification::builder()
        .attribute_name("expires_at")
        .enabled(true)
        .build()
        .unwrap();
    client
        .update_time_to_live()
        .table_name(TABLE)
        .time_to_live_specification(expiry)
        .send()
        .await
        .unwrap();
}

/// A second of a test's day.
pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_772_366_400 + second).unwrap()
}

/// A client of shard 0.
pub(crate) const CLIENT: Uuid = Uuid::from_u128(0x3);

/// Another client of shard 0.
pub(crate) const OTHER: Uuid = Uuid::from_u128(0x8);

pub(crate) fn peer(id: &str) -> Peer<'_> {
    Peer { client: CLIENT, id }
}

pub(crate) fn connection(id: &str) -> Connection {
    Connection {
        id: id.to_owned(),
        client: CLIENT,
        user: Uuid::from_u128(0xA),
        role: "viewer".to_owned(),
        session: None,
        connected_at: at(0),
    }
}

pub(crate) fn topic(kpi: &str) -> Topic {
    Topic {
        client: CLIENT,
        kpi: kpi.to_owned(),
        period: Period::Minute,
        time_zone: None,
        filter: BTreeMap::new(),
    }
}

/// Subscriptions to KPIs of these numbers.
pub(crate) fn topics(kpis: impl IntoIterator<Item = usize>) -> Vec<Subscription> {
    kpis.into_iter()
        .map(|kpi| Subscription {
            channel: 0,
            topic: topic(&format!("KPI_{kpi}")),
            mode: Mode::Live,
            buckets: 60,
        })
        .collect()
}

pub(crate) fn channels(subscriptions: &[Subscription]) -> Vec<u32> {
    subscriptions.iter().map(|subscription| subscription.channel).collect()
}

impl Registry {
    /// How many items there are of one shard whose sort keys begin so.
    pub(crate) async fn stored(&self, prefix: &str) -> usize {
        self.query(0, prefix).await.unwrap().len()
    }
}

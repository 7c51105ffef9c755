//! `remove-client`: removes a client with all that there is of it: in the database, in the buckets, in the registry, and its open connections. An operator invokes it,
//! and says the name along, so that nobody removes another by a slip of an identifier. What takes longer than an invocation is done by the next one.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use database::Database;
use lambda_runtime::LambdaEvent;
use platform::bucket::Bucket;
use platform::connections::{CLOSE_WITHIN, Connections};
use platform::{clock, environment};
use records::client_removal::{self, Leaving};
use registry::Registry;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// How long an invocation goes on with what can be left for the next: half of the 900 s that it has, since what is left of the database then is removed in one go.
const RUN: Duration = Duration::from_secs(450);

/// What the function has from its environment.
pub struct Context {
    database: Database,
    registry: Registry,
    connections: Connections,
    /// All buckets with files of clients, each in a folder of its client's.
    buckets: [Bucket; 2],
}

impl Context {
    /// Reads the environment.
    ///
    /// # Errors
    /// When a variable is missing or malformed.
    pub async fn from_environment() -> Result<Self> {
        let configuration = platform::aws_configuration().await;
        let endpoint = environment::required("CONNECTIONS_ENDPOINT")?;
        Ok(Self {
            database: platform::database::from_environment()?,
            registry: Registry::connect_to(&configuration, environment::required("REGISTRY_TABLE")?),
            connections: Connections::new(&configuration, &endpoint, CLOSE_WITHIN)?,
            buckets: [
                Bucket::from_environment("INCOMING_BUCKET").await?,
                Bucket::from_environment("DOCUMENTS_BUCKET").await?,
            ],
        })
    }
}

/// Which client.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// The client.
    #[serde(deserialize_with = "identity::ids::of_json")]
    pub client: Uuid,
    /// Its name.
    pub name: String,
}

/// What became of a client.
#[derive(Debug, Serialize)]
pub struct Answer {
    /// The client.
    pub client: Uuid,
    /// Whether nothing is left of it; otherwise the same request goes on.
    pub removed: bool,
}

/// Removes a client. One that the database does not know any more is removed from everywhere else.
///
/// # Errors
/// When the client has another name, or something does not answer; the same request goes on there.
pub async fn handle(context: &Context, event: LambdaEvent<Request>) -> Result<Answer, lambda_runtime::Error> {
    let Request { client, name } = event.payload;
    let removed = Box::pin(removed(context, client, &name, Instant::now() + RUN)).await?;
    Ok(Answer { client, removed })
}

async fn removed(context: &Context, client: Uuid, name: &str, until: Instant) -> Result<bool> {
    let leaving = client_removal::leaving(&context.database, client).await?;
    if leaving.as_ref().is_some_and(|leaving| leaving.name != name) {
        bail!("client {client} does not have the name {name:?}");
    }
    let addresses = leaving.as_ref().map_or(&[][..], |leaving| &leaving.addresses);
    if !Box::pin(elsewhere(context, client, addresses, until)).await? {
        return Ok(false);
    }
    if let Some(Leaving { name, .. }) = &leaving {
        let database = &context.database;
        if !client_removal::clear(database, client, until).await? {
            return Ok(false);
        }
        client_removal::remove(database, client, name).await?;
    }
    // What came until the database knew the client no more.
    Box::pin(elsewhere(context, client, addresses, until)).await
}

/// Removes what is not in the database; whether that was all.
async fn elsewhere(context: &Context, client: Uuid, addresses: &[String], until: Instant) -> Result<bool> {
    loop {
        let forgotten = Box::pin(context.registry.forget_client(client, addresses, clock::now())).await;
        let forgotten = forgotten.context("forget in the registry")?;
        for id in &forgotten.connections {
            context.connections.close(id).await?;
        }
        let mut is_more = forgotten.is_more;
        for bucket in &context.buckets {
            is_more |= bucket.clear(&format!("{client}/")).await? > 0;
        }
        if !is_more {
            return Ok(true);
        }
        if Instant::now() >= until {
            return Ok(false);
        }
    }
}

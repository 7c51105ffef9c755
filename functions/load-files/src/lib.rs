//! `load-files`: CSV, NDJSON and Parquet files dropped on S3 take the path of events.
//!
//! A file's key is `{client}/{Entity}/{name}`. Each chunk of it is a batch of its own, named after the object's version
//! and the chunk's number, so a run that is repeated goes on where the first one stopped.

use anyhow::{Context as _, Result, bail};
use archive::store::Store;
use archive::{Chunk, Chunks, FileError, Format};
use aws_lambda_events::s3::S3Event;
use database::ingest::{self, Batch, Reject};
use database::relation::Placed;
use database::{Database, Error, definitions};
use lambda_runtime::LambdaEvent;
use percent_encoding::percent_decode_str;
use platform::clock;
use serde::Serialize;
use series::Mapper;
use uuid::Uuid;

/// What the function has from its environment.
pub struct Context {
    database: Database,
    store: Store,
}

impl Context {
    /// Reads the environment.
    ///
    /// # Errors
    /// When a variable is missing or malformed.
    pub async fn from_environment() -> Result<Self> {
        let database = platform::database::from_environment()?;
        Ok(Self {
            database,
            store: Store::new(&platform::aws_configuration().await),
        })
    }
}

/// What became of a file.
#[derive(Debug, Default, Serialize)]
pub struct Loaded {
    /// Rows that became facts, in this run or one before.
    pub accepted: usize,
    /// Rows that became dead letters.
    pub rejected: usize,
}

/// Takes the notification of dropped objects.
///
/// # Errors
/// When the database or the bucket fails: Lambda tries again, and what was loaded stays loaded.
pub async fn handle(context: &Context, event: LambdaEvent<S3Event>) -> Result<Vec<Loaded>, lambda_runtime::Error> {
    let mut loaded = Vec::new();
    for record in event.payload.records {
        let bucket = record.s3.bucket.name.unwrap_or_default();
        let key = decoded(&record.s3.object.key.unwrap_or_default());
        let report = load(context, &bucket, &key)
            .await
            .with_context(|| format!("load {key}"))?;
        tracing::info!(key, accepted = report.accepted, rejected = report.rejected, "loaded");
        loaded.push(report);
    }
    Ok(loaded)
}

/// An object's key: S3 writes it into its events as forms do, a space as a plus.
fn decoded(key: &str) -> String {
    let spaced = key.replace('+', " ");
    percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
}

/// The parts of an object's key.
struct Address<'a> {
    client: Uuid,
    entity: &'a str,
}

fn address(key: &str) -> Result<Address<'_>> {
    let mut parts = key.splitn(3, '/');
    let (Some(client), Some(entity), Some(_name)) = (parts.next(), parts.next(), parts.next()) else {
        bail!("the key {key:?} is not of the form client/Entity/name");
    };
    let client = client
        .parse()
        .with_context(|| format!("the key {key:?} does not begin with a client's id"))?;
    Ok(Address { client, entity })
}

async fn load(context: &Context, bucket: &str, key: &str) -> Result<Loaded> {
    let Ok(Address { client, entity }) = address(key) else {
        // There is no client to tell; a repeated try would fail alike.
        tracing::error!(
            key,
            "the key is not of the form client/Entity/name: the file is left alone"
        );
        return Ok(Loaded::default());
    };
    let Some(mut catalog) = definitions::load_one(&context.database, client).await? else {
        tracing::error!(key, %client, "there is no such client: the file is left alone");
        return Ok(Loaded::default());
    };
    let (bytes, version) = match context.store.get(bucket, key).await {
        Ok(object) => object,
        Err(error @ FileError::TooLarge { .. }) => {
            return refuse(context, client, entity, key, "too-large", &error.to_string()).await;
        }
        Err(error) => return Err(error.into()),
    };
    let Some(placed) = catalog.placed.remove(entity) else {
        return refuse(
            context,
            client,
            entity,
            key,
            &version,
            &format!("there is no entity {entity:?}"),
        )
        .await;
    };
    let file = File {
        context,
        client,
        key,
        version: &version,
        placed,
    };
    let mapper = Mapper::new(file.placed.entity.clone());
    match Format::of(key).and_then(|format| Chunks::open(format, bytes, &mapper, clock::now())) {
        Ok(chunks) => file.load(chunks).await,
        Err(error) => refuse(context, client, entity, key, &version, &error.to_string()).await,
    }
}

struct File<'a> {
    context: &'a Context,
    client: Uuid,
    key: &'a str,
    version: &'a str,
    placed: Placed,
}

impl File<'_> {
    async fn load(&self, chunks: Chunks<'_>) -> Result<Loaded> {
        let mut loaded = Loaded::default();
        for (number, chunk) in chunks.enumerate() {
            match chunk {
                Ok(chunk) => {
                    loaded.accepted += chunk.facts.len();
                    loaded.rejected += chunk.refused.len();
                    let batch = batch(
                        batch_id(self.client, self.key, self.version, &number.to_string()),
                        chunk,
                    );
                    ingest::ingest(&self.context.database, self.client, &self.placed, self.key, &[batch]).await?;
                }
                Err(error) => {
                    let rest = refuse(
                        self.context,
                        self.client,
                        self.placed.entity.code(),
                        self.key,
                        self.version,
                        &format!("after {} rows: {error}", loaded.accepted + loaded.rejected),
                    )
                    .await?;
                    loaded.rejected += rest.rejected;
                    break;
                }
            }
        }
        Ok(loaded)
    }
}

fn batch_id(client: Uuid, key: &str, version: &str, part: &str) -> Uuid {
    Uuid::new_v5(&client, format!("{key}#{version}#{part}").as_bytes())
}

fn batch(id: Uuid, chunk: Chunk) -> Batch {
    let rejects = chunk
        .refused
        .into_iter()
        .map(|row| Reject {
            position: i32::try_from(row.position).unwrap_or(i32::MAX),
            field: row.rejection.field,
            reason: row.rejection.reason,
            original: row.original,
        })
        .collect();
    Batch {
        id,
        key: None,
        facts: chunk.facts,
        rejects,
    }
}

/// A file, or the rest of one, that can't be read is one dead letter with its key.
async fn refuse(
    context: &Context,
    client: Uuid,
    entity: &str,
    key: &str,
    version: &str,
    reason: &str,
) -> Result<Loaded, anyhow::Error> {
    let reject = Reject {
        position: 0,
        field: String::new(),
        reason: reason.to_owned(),
        original: key.to_owned(),
    };
    let batch = Batch {
        id: batch_id(client, key, version, "refused"),
        key: None,
        facts: Vec::new(),
        rejects: vec![reject],
    };
    ingest::refuse(&context.database, client, entity, key, &[batch])
        .await
        .map_err(|error: Error| anyhow::Error::from(error))?;
    Ok(Loaded {
        accepted: 0,
        rejected: 1,
    })
}

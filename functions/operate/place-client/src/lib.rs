//! `place-client`: gives a client tables of its own, or moves one of its entities, or all, from one volume to another; or moves the client to another
//! database. An operator invokes it.

mod cell;

use anyhow::{Context as _, Result, bail};
use database::{Database, Scope, Session};
use facts::Volume;
use facts::ready_made::create_views;
use facts::relocate::relocate;
use facts::volume::{add_volume, own_volume, volume_for};
use lambda_runtime::LambdaEvent;
use records::definitions;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

/// What the function has from its environment.
pub struct Context {
    database: Database,
}

impl Context {
    /// Reads the environment.
    ///
    /// # Errors
    /// When a variable is missing or malformed.
    pub fn from_environment() -> Result<Self> {
        Ok(Self {
            database: platform::database::from_environment()?,
        })
    }
}

/// What is to be moved, and where to.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// The client.
    pub client: Uuid,
    /// Code of the one entity that is moved; all of them when absent.
    pub entity: Option<String>,
    /// Name of the volume; one that is made for the client, where its new entities are placed too, when absent.
    pub volume: Option<String>,
    /// Name of the cell that the whole client is moved to, or `home`; neither an entity nor a volume is named then.
    pub cell: Option<String>,
}

/// What was moved.
#[derive(Debug, Serialize)]
pub struct Answer {
    /// Name of the volume.
    pub volume: String,
    /// Codes of the entities that are there now.
    pub entities: Vec<String>,
}

/// Moves entities. Each is moved as a whole; what was moved before a failure stays moved, and the same request goes on there.
///
/// # Errors
/// When there is no such client, entity or volume, or the database fails.
pub async fn handle(context: &Context, event: LambdaEvent<Request>) -> Result<Value, lambda_runtime::Error> {
    let Context { database } = context;
    if let Some(cell) = &event.payload.cell {
        return Ok(serde_json::to_value(
            cell::place(database, &event.payload, cell).await?,
        )?);
    }
    Ok(serde_json::to_value(place(database, event.payload).await?)?)
}

async fn place(database: &Database, request: Request) -> Result<Answer> {
    let Request {
        client, entity, volume, ..
    } = request;
    let known = definitions::load_one(database, client).await?;
    let known = known.with_context(|| format!("there is no client {client}"))?;
    if let Some(code) = entity.as_ref().filter(|code| !known.placed.contains_key(*code)) {
        bail!("client {client} has no entity {code:?}");
    }
    let volume = match volume {
        Some(name) => existing(database, client, &name).await?,
        None => own(database, client).await?,
    };
    let wanted = known
        .placed
        .iter()
        .filter(|(code, _)| entity.as_ref().is_none_or(|entity| entity == *code));
    let mut entities = Vec::new();
    for (code, placed) in wanted {
        relocate(database, client, placed, &volume)
            .await
            .with_context(|| format!("move {code}"))?;
        tracing::info!(%client, entity = code, volume = volume.name(), "moved");
        entities.push(code.clone());
    }
    Ok(Answer {
        volume: volume.name().to_owned(),
        entities,
    })
}

async fn existing(database: &Database, client: Uuid, name: &str) -> Result<Volume> {
    let work = async |session: &Session| volume_for(session, client, name).await;
    let found = database.transaction(client, work).await?;
    found.with_context(|| format!("there is no volume {name:?} that client {client} may be placed in"))
}

/// The client's own volume, made now if there is none.
async fn own(database: &Database, client: Uuid) -> Result<Volume> {
    let work = async |session: &Session| {
        if let Some(volume) = own_volume(session, client).await? {
            return Ok(volume);
        }
        let volume = add_volume(session, Some(client)).await?;
        create_views(session).await?;
        Ok(volume)
    };
    let scope = Scope {
        client: Some(client),
        ..Scope::default()
    };
    Ok(database.transaction_in(scope, work).await?)
}

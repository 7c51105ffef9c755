//! `place-client`: gives a client tables of its own, or has one of its entities, or all, moved from one volume to another, tells how far that is, and gives it up
//! on wish; or moves the client to another database. An operator invokes it.

mod cell;

use anyhow::{Context as _, Result, bail};
use database::{Database, Scope, Session};
use facts::moves::{self, Begun};
use facts::ready_made::create_views;
use facts::volume::{add_volume, own_volume, volume_for};
use facts::{Placed, Volume};
use jiff::Timestamp;
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
    #[serde(deserialize_with = "identity::ids::of_json")]
    pub client: Uuid,
    /// Code of the one entity that is moved; all of them when absent.
    pub entity: Option<String>,
    /// Name of the volume; one that is made for the client, where its new entities are placed too, when absent.
    pub volume: Option<String>,
    /// Name of the cell that the whole client is moved to, or `home`; neither an entity nor a volume is named then, and there is nothing to cancel.
    pub cell: Option<String>,
    /// Gives moves that go on up instead.
    #[serde(default)]
    pub cancel: bool,
}

/// What is where. The same request later tells how far it is by then.
#[derive(Debug, Default, Serialize)]
pub struct Answer {
    /// Codes of the entities that are where they are wanted.
    pub there: Vec<String>,
    /// Entities that are being moved.
    pub moving: Vec<Moving>,
    /// Codes of the entities whose moves were given up: they stay where they are.
    pub cancelled: Vec<String>,
    /// Why others are neither.
    pub refused: Vec<String>,
}

/// An entity that is being moved.
#[derive(Debug, Serialize)]
pub struct Moving {
    /// Its code.
    pub entity: String,
    /// Name of the volume that it is moved to.
    pub volume: String,
    /// How many of its facts are copied, in percent.
    pub percent: i64,
    /// When it began.
    pub since: Timestamp,
    /// How often it failed since a step ended well: it is tried again in each run.
    pub failures: i32,
    /// Why it failed the last time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Begins moves, which `fill-groupings` goes on with, or gives them up; tells how far those are that go on.
///
/// # Errors
/// When there is no such client, entity, volume or cell, or the database fails; the same request goes on there.
pub async fn handle(context: &Context, event: LambdaEvent<Request>) -> Result<Value, lambda_runtime::Error> {
    let (database, request) = (&context.database, event.payload);
    let answer = match &request.cell {
        Some(cell) => serde_json::to_value(cell::place(database, &request, cell).await?),
        None => serde_json::to_value(place(database, request).await?),
    };
    Ok(answer?)
}

async fn place(database: &Database, request: Request) -> Result<Answer> {
    let client = request.client;
    let known = definitions::load_one(database, client).await?;
    let known = known.with_context(|| format!("there is no client {client}"))?;
    if let Some(code) = request.entity.as_ref().filter(|code| !known.placed.contains_key(*code)) {
        bail!("client {client} has no entity {code:?}");
    }
    let is_wanted = |code: &String| request.entity.as_ref().is_none_or(|entity| entity == code);
    let wanted = known.placed.iter().filter(|(code, _)| is_wanted(code));
    let wanted: Vec<(&String, &Placed)> = wanted.collect();
    let mut answer = Answer::default();
    if request.cancel {
        cancel(database, client, &wanted, &mut answer).await?;
    } else {
        let volume = match &request.volume {
            Some(name) => existing(database, client, name).await?,
            None => own(database, client).await?,
        };
        begin(database, client, &wanted, &volume, &mut answer).await?;
    }
    for moving in moves::moves(database, client).await? {
        let of = |(_, placed): &&(&String, &Placed)| placed.place.id == moving.entity_id;
        answer.moving.extend(wanted.iter().find(of).map(|(code, _)| Moving {
            entity: (*code).clone(),
            volume: moving.to_volume.clone(),
            percent: moving.percent(),
            since: moving.began_at,
            failures: moving.failures,
            reason: moving.reason.clone(),
        }));
    }
    Ok(answer)
}

async fn begin(
    database: &Database,
    client: Uuid,
    wanted: &[(&String, &Placed)],
    volume: &Volume,
    answer: &mut Answer,
) -> Result<()> {
    for (code, placed) in wanted {
        let begun = moves::begin(database, client, placed, volume).await;
        let name = volume.name();
        match begun.with_context(|| format!("move {code}"))? {
            Begun::There => answer.there.push((*code).clone()),
            Begun::Now => tracing::info!(%client, entity = code, volume = name, "a move begins"),
            Begun::Before(other) if other == *volume => {}
            Begun::Before(other) => answer
                .refused
                .push(format!("{code} is being moved to {}: cancel that first", other.name())),
            Begun::NotCleared => answer.refused.push(format!(
                "what {code} left behind in {name} is not cleared yet: try again in some minutes"
            )),
            Begun::Replacing => answer.refused.push(format!(
                "a file of {code} is being read that is put in the place of another one: try again when it is finished"
            )),
        }
    }
    Ok(())
}

async fn cancel(database: &Database, client: Uuid, wanted: &[(&String, &Placed)], answer: &mut Answer) -> Result<()> {
    for (code, placed) in wanted {
        if moves::cancel(database, client, placed.place.id).await? {
            tracing::info!(%client, entity = code, "a move is given up");
            answer.cancelled.push((*code).clone());
        }
    }
    Ok(())
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

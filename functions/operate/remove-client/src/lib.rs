//! `remove-client`: removes a client with all that the database has of it. An operator invokes it, and says the name along, so that nobody removes another by a
//! slip of an identifier.

use anyhow::{Result, anyhow};
use database::Database;
use lambda_runtime::LambdaEvent;
use records::client_removal::remove;
use serde::{Deserialize, Serialize};
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

/// Which client.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// The client.
    pub client: Uuid,
    /// Its name.
    pub name: String,
}

/// Which client was removed.
#[derive(Debug, Serialize)]
pub struct Answer {
    /// The client.
    pub removed: Uuid,
}

/// Removes a client.
///
/// # Errors
/// When there is no client of that identity and name, or the database fails; nothing is removed then.
pub async fn handle(context: &Context, event: LambdaEvent<Request>) -> Result<Answer, lambda_runtime::Error> {
    let Request { client, name } = event.payload;
    if remove(&context.database, client, &name).await? {
        return Ok(Answer { removed: client });
    }
    Err(anyhow!("there is no client {client} with the name {name:?}").into())
}

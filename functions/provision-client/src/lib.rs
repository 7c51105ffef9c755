//! `provision-client`: creates a client with its first administrator, or another user of it; invoked by an operator.

use anyhow::{Context as _, Result};
use database::Database;
use database::clients;
use identity::{Email, Role, hash_password};
use lambda_runtime::LambdaEvent;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

/// Most characters of an organisation's name.
const MAX_NAME: usize = 120;

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

/// What is asked: with a `client` a user of it, else a new client.
#[derive(Deserialize)]
#[serde(try_from = "Value")]
pub enum Request {
    /// A new client with its administrator.
    Client(NewClient),
    /// Another user of a client.
    User(NewUser),
}

/// A new client with its administrator.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewClient {
    /// Name of the organisation.
    pub name: String,
    /// IANA time zone of its days.
    #[serde(default = "utc")]
    pub time_zone: String,
    /// E-mail address of the administrator.
    pub email: String,
    /// Password of the administrator.
    pub password: String,
}

/// Another user of a client.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewUser {
    /// The client.
    pub client: Uuid,
    /// E-mail address.
    pub email: String,
    /// Password.
    pub password: String,
    /// Role.
    pub role: Role,
}

impl TryFrom<Value> for Request {
    type Error = serde_json::Error;

    /// Not left to an untagged enum, which would not say what is wrong.
    fn try_from(event: Value) -> Result<Self, Self::Error> {
        if event.get("client").is_some() {
            return serde_json::from_value(event).map(Self::User);
        }
        serde_json::from_value(event).map(Self::Client)
    }
}

fn utc() -> String {
    "UTC".to_owned()
}

/// What there is now.
#[derive(Debug, Serialize)]
pub struct Answer {
    /// The client.
    pub client: Uuid,
    /// The user, when a client was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<Uuid>,
    /// Whether it was created now.
    pub created: bool,
}

/// Provisions.
///
/// # Errors
/// When the input is not valid or the database fails; nothing is created then.
pub async fn handle(context: &Context, event: LambdaEvent<Request>) -> Result<Answer, lambda_runtime::Error> {
    let result = match event.payload {
        Request::Client(new) => provision(context, new).await,
        Request::User(new) => add_user(context, new).await,
    };
    // With its causes: the operator sees this text only.
    result.map_err(|error| format!("{error:#}").into())
}

async fn provision(context: &Context, new: NewClient) -> Result<Answer> {
    let NewClient {
        name,
        time_zone,
        email,
        password,
    } = new;
    let email = self::email(&email)?;
    let name = name.trim();
    let length = name.chars().count();
    anyhow::ensure!(
        (1..=MAX_NAME).contains(&length) && !name.chars().any(char::is_control),
        "the field `name`: {name:?} is no line of 1 to {MAX_NAME} characters"
    );
    anyhow::ensure!(
        series::Calendar::of(&time_zone).is_some(),
        "the field `time_zone`: {time_zone:?} is no IANA time zone, such as Europe/Berlin"
    );
    let password_hash = hash(password).await?;
    let new = clients::NewClient {
        name,
        time_zone: &time_zone,
        email: &email,
        password_hash: &password_hash,
        role: Role::Admin.name(),
    };
    let provisioned = clients::provision(&context.database, &new).await?;
    Ok(Answer {
        client: provisioned.client,
        user: Some(provisioned.user),
        created: provisioned.created,
    })
}

async fn add_user(context: &Context, new: NewUser) -> Result<Answer> {
    let NewUser {
        client,
        email,
        password,
        role,
    } = new;
    let email = self::email(&email)?;
    let password_hash = hash(password).await?;
    let added = clients::add_user(&context.database, client, &email, &password_hash, role.name()).await?;
    let created = added.with_context(|| format!("the field `client`: there is no client {client}"))?;
    Ok(Answer {
        client,
        user: None,
        created,
    })
}

/// The address, refused here before a password is hashed for it.
fn email(text: &str) -> Result<Email> {
    text.parse().context("the field `email`")
}

/// Hashing takes tens of milliseconds of processor: off the async threads.
async fn hash(password: String) -> Result<String> {
    tokio::task::spawn_blocking(move || hash_password(&password))
        .await
        .context("hash password")?
        .context("the field `password`")
}

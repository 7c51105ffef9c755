//! `provision-client`: creates a client with its first administrator, or another user of it; invoked by an operator.

use anyhow::{Context as _, Result};
use database::Database;
use database::clients::{self, NewClient};
use identity::{Email, Role, hash_password};
use lambda_runtime::LambdaEvent;
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

/// What is asked.
#[derive(Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub enum Request {
    /// A new client with its administrator.
    Client {
        /// Name of the organisation.
        name: String,
        /// IANA time zone of its days.
        #[serde(default = "utc")]
        time_zone: String,
        /// E-mail address of the administrator.
        email: String,
        /// Password of the administrator.
        password: String,
    },
    /// Another user of a client.
    User {
        /// The client.
        client: Uuid,
        /// E-mail address.
        email: String,
        /// Password.
        password: String,
        /// Role.
        role: Role,
    },
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
    Ok(provision(context, event.payload).await?)
}

async fn provision(context: &Context, request: Request) -> Result<Answer> {
    match request {
        Request::Client {
            name,
            time_zone,
            email,
            password,
        } => {
            let email = self::email(&email)?;
            anyhow::ensure!(
                series::Calendar::of(&time_zone).is_some(),
                "{time_zone:?} is no IANA time zone, such as Europe/Berlin"
            );
            let password_hash = hash(password).await?;
            let new = NewClient {
                name: &name,
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
        Request::User {
            client,
            email,
            password,
            role,
        } => {
            let email = self::email(&email)?;
            let password_hash = hash(password).await?;
            let created = clients::add_user(&context.database, client, &email, &password_hash, role.name()).await?;
            Ok(Answer {
                client,
                user: None,
                created,
            })
        }
    }
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
        .context("password")
}

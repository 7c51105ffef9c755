//! `provision-client`: creates a client with its first administrator and its first licence, or another user of a client.
//!
//! It has no route: whoever invokes it has permissions on AWS. So operators, who issue licences to every client, are made here and
//! nowhere else: as users with the role `operator` of the client that stands for the provider.

use anyhow::{Context as _, Result};
use catalog::{UnknownZone, Zone};
use database::Database;
use identity::licence::key::LicenceSigningKey;
use identity::licence::{Licence, Terms};
use identity::{Email, Role, hash_password, verify_password};
use jiff::civil::Date;
use lambda_runtime::LambdaEvent;
use platform::{clock, environment};
use records::clients::{self, Added, NO_PASSWORD};
use records::licences::{self, Issuance};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use series::calendar::Rules;
use uuid::Uuid;

/// The most characters of an organisation's name.
const MAX_NAME: usize = 120;

/// What the function has from its environment.
pub struct Context {
    database: Database,
    signing_key: LicenceSigningKey,
}

impl Context {
    /// Reads the environment.
    ///
    /// # Errors
    /// When a variable is missing or malformed.
    pub fn from_environment() -> Result<Self> {
        let signing_key = LicenceSigningKey::from_pem(&environment::required("LICENCE_SIGNING_KEY")?);
        Ok(Self {
            database: platform::database::from_environment()?,
            signing_key: signing_key.context("read LICENCE_SIGNING_KEY")?,
        })
    }
}

/// What is asked for: a user of the `client` that is named, or else a new client.
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
    /// The day that its weeks begin with, and its fiscal year.
    #[serde(default)]
    pub calendar: Rules,
    /// E-mail address of the administrator.
    pub email: String,
    /// Password of the administrator. Without one, the administrator asks for a mail by which to set it (`POST /v1/password-resets`).
    pub password: Option<String>,
    /// Its first licence; when absent, everything for thirty days ([`Terms::evaluation`]).
    pub licence: Option<Terms>,
}

/// Another user of a client.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewUser {
    /// The client.
    #[serde(deserialize_with = "identity::ids::of_json")]
    pub client: Uuid,
    /// E-mail address.
    pub email: String,
    /// Password; without one as that of an administrator.
    pub password: Option<String>,
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
    /// The last day of the licence that it was provisioned with, when a client was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub licence_ends_on: Option<Date>,
}

/// Provisions.
///
/// # Errors
/// When the input is not valid, the user is there with another password, or the database fails; nothing is created then.
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
        calendar: rules,
        email,
        password,
        licence,
    } = new;
    let email = self::email(&email)?;
    let name = name.trim();
    let length = name.chars().count();
    anyhow::ensure!(
        (1..=MAX_NAME).contains(&length) && !name.chars().any(char::is_control),
        "the field `name`: {name:?} is not a line of 1 to {MAX_NAME} characters"
    );
    let zone: Zone = time_zone
        .parse()
        .map_err(|unknown: UnknownZone| anyhow::anyhow!("the field `time_zone`: {unknown}: {}", unknown.hint()))?;
    let calendar = series::Calendar::new(zone.time_zone().clone());
    let terms = licence.unwrap_or_else(|| Terms::evaluation(calendar.date(clock::now())));
    if let Some(problem) = terms.problems().first() {
        anyhow::bail!("the field `licence{}`: {}", problem.pointer, problem.message);
    }
    let password_hash = hash(password.clone()).await?;
    let new = clients::NewClient {
        name,
        time_zone: zone.name(),
        calendar: rules,
        email: &email,
        password_hash: &password_hash,
        role: Role::Admin.name(),
    };
    let provisioned = clients::provision(&context.database, &new).await?;
    if !provisioned.created {
        same_password(context, &email, password).await?;
    }
    let licence = first_licence(context, provisioned.client, terms).await?;
    Ok(Answer {
        client: provisioned.client,
        user: Some(provisioned.user),
        created: provisioned.created,
        licence_ends_on: Some(licence.terms.ends_on),
    })
}

/// The licence that a client begins with: issued at the first call, found at every later one, whatever that asks for. A crash
/// before it is mended by the next call.
async fn first_licence(context: &Context, client: Uuid, terms: Terms) -> Result<Licence> {
    let licence = Licence {
        id: Uuid::new_v5(&client, b"first licence"),
        client,
        issued_at: clock::now(),
        terms,
    };
    let key = context.signing_key.sign(&licence).context("sign the first licence")?;
    let new = licences::LicenceToStore {
        licence: &licence,
        key: &key,
        signed_by: context.signing_key.verifying_key(),
        request: None,
        user: None,
    };
    match licences::issue(&context.database, &new).await? {
        Issuance::As(issued) => Ok(issued.licence),
        refused => anyhow::bail!("the client {client} exists, but its first licence can't be issued: {refused:?}"),
    }
}

async fn add_user(context: &Context, new: NewUser) -> Result<Answer> {
    let NewUser {
        client,
        email,
        password,
        role,
    } = new;
    let email = self::email(&email)?;
    let password_hash = hash(password.clone()).await?;
    let added = clients::add_user(&context.database, client, &email, &password_hash, role.name()).await?;
    let added = added.with_context(|| format!("the field `client`: there is no client {client}"))?;
    anyhow::ensure!(
        added != Added::Otherwise,
        "the field `email`: it belongs to a user of another client, with another role, or who was invited and has set no password yet; they stay as they are"
    );
    let created = added == Added::Now;
    if !created {
        same_password(context, &email, password).await?;
    }
    Ok(Answer {
        client,
        user: None,
        created,
        licence_ends_on: None,
    })
}

/// The address, refused here before a password is hashed for it.
fn email(text: &str) -> Result<Email> {
    text.parse().context("the field `email`")
}

/// Refuses to pass over a password that an existing user does not have: it is not set here, since whoever runs this again means no harm to who has changed it.
async fn same_password(context: &Context, email: &Email, password: Option<String>) -> Result<()> {
    let Some(password) = password else { return Ok(()) };
    let user = clients::user_for_sign_in(&context.database, email).await?;
    let user = user.context("the field `email`: its user was removed meanwhile")?;
    let same = tokio::task::spawn_blocking(move || verify_password(&password, &user.password_hash)).await;
    anyhow::ensure!(
        same.context("verify password")?,
        "the field `password`: there is a user with this e-mail address, whose password is another one and stays so. Leave the field out to go on without it; the user \
         changes the password with PUT /v1/me/password, or resets it with POST /v1/password-resets"
    );
    Ok(())
}

/// Hashing takes tens of milliseconds of processor: off the async threads. Without a password there is a hash that nothing matches.
async fn hash(password: Option<String>) -> Result<String> {
    let Some(password) = password else {
        return Ok(NO_PASSWORD.to_owned());
    };
    tokio::task::spawn_blocking(move || hash_password(&password))
        .await
        .context("hash password")?
        .context("the field `password`")
}

//! Clients and their users, who are at home wherever their client lives: a cell has copies of them without what they sign in with, for their names.

use database::{Database, Error, Scope, Session};
use facts::ready_made;
use identity::Email;
use series::Calendar;
use series::calendar::Rules;
use uuid::Uuid;

use crate::definitions;

database::row! {
    /// A user as signing in needs it.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct User {
        /// Identity.
        pub id: Uuid,
        /// Client.
        pub client_id: Uuid,
        /// Password hash in PHC format.
        pub password_hash: String,
        /// Role's name.
        pub role: String,
    }
}

database::row! {
    struct RoleName {
        role: String,
    }
}

database::row! {
    struct ClientName {
        name: String,
    }
}

database::row! {
    struct TimeZone {
        time_zone: String,
    }
}

/// The user with an e-mail address, whatever its client; none who was invited and has set no password.
///
/// # Errors
/// When the statement fails.
pub async fn user_for_sign_in(database: &Database, email: &Email) -> Result<Option<User>, Error> {
    let sql = "SELECT id, client_id, password_hash, role FROM core.user_for_sign_in($1)";
    database.session().await?.row(sql, &[&email.as_str()]).await
}

/// The role that a user has now; `None` when the user is gone.
///
/// # Errors
/// When the statement fails.
pub async fn role_of(database: &Database, client: Uuid, user: Uuid) -> Result<Option<String>, Error> {
    let sql = "SELECT role FROM core.users WHERE client_id = $1 AND id = $2";
    let found: Option<RoleName> = database.at_home().of(client).row(sql, &[&client, &user]).await?;
    Ok(found.map(|found| found.role))
}

/// What a client is called; `None` when it is gone.
///
/// # Errors
/// When the statement fails.
pub async fn name(database: &Database, client: Uuid) -> Result<Option<String>, Error> {
    let sql = "SELECT name FROM core.clients WHERE id = $1";
    let found: Option<ClientName> = database.at_home().of(client).row(sql, &[&client]).await?;
    Ok(found.map(|found| found.name))
}

/// A client's calendar; `None` when the client is gone.
///
/// # Errors
/// When the statement fails or the time zone is none.
pub async fn calendar(database: &Database, client: Uuid) -> Result<Option<Calendar>, Error> {
    let sql = "SELECT time_zone FROM core.clients WHERE id = $1";
    let found: Option<TimeZone> = database.at_home().of(client).row(sql, &[&client]).await?;
    let Some(TimeZone { time_zone: zone }) = found else {
        return Ok(None);
    };
    let calendar = Calendar::of(&zone).ok_or_else(|| Error::Stored {
        place: format!("time zone of client {client}"),
        cause: format!("{zone:?} is no IANA time zone"),
    })?;
    Ok(Some(calendar))
}

/// A client to create, with its first administrator.
#[derive(Clone, Debug)]
pub struct NewClient<'a> {
    /// Name of the organisation.
    pub name: &'a str,
    /// IANA time zone of its days.
    pub time_zone: &'a str,
    /// What it declares of its calendar beside.
    pub calendar: Rules,
    /// E-mail address of the administrator.
    pub email: &'a Email,
    /// Password hash of the administrator.
    pub password_hash: &'a str,
    /// Role of the user.
    pub role: &'a str,
}

/// A client that exists.
#[derive(Clone, Copy, Debug)]
pub struct Provisioned {
    /// Client.
    pub client: Uuid,
    /// User.
    pub user: Uuid,
    /// Whether it was created now.
    pub created: bool,
}

/// Creates a client with its first user and the built-in entity; with an e-mail address that exists, returns what is there.
///
/// # Errors
/// When a statement fails; nothing is created then.
pub async fn provision(database: &Database, new: &NewClient<'_>) -> Result<Provisioned, Error> {
    // Of no client: there may be none yet.
    let work = async |session: &Session| find_or_create(session, new).await;
    let provisioned = database.transaction_in(Scope::default(), work).await?;
    // Its own transaction; running twice changes nothing, so a crash in between is mended by the next call.
    definitions::create_entity(database, provisioned.client, &ready_made::built_in()?).await?;
    Ok(provisioned)
}

async fn find_or_create(session: &Session, new: &NewClient<'_>) -> Result<Provisioned, Error> {
    session.lock("provision-client").await?;
    let email = new.email.as_str();
    let sql = "SELECT client_id, id FROM core.users WHERE email = $1 AND has_accepted";
    if let Some(Membership { client_id, id }) = session.row(sql, &[&email]).await? {
        return Ok(Provisioned {
            client: client_id,
            user: id,
            created: false,
        });
    }
    let (client, user) = (Uuid::now_v7(), Uuid::now_v7());
    let calendar = serde_json::json!(new.calendar);
    session
        .execute(
            "INSERT INTO core.clients (id, name, time_zone, calendar) VALUES ($1, $2, $3, $4)",
            &[&client, &new.name, &new.time_zone, &calendar],
        )
        .await?;
    session
        .execute(
            "INSERT INTO core.users (id, client_id, email, password_hash, role) VALUES ($1, $2, $3, $4, $5)",
            &[&user, &client, &email, &new.password_hash, &new.role],
        )
        .await?;
    Ok(Provisioned {
        client,
        user,
        created: true,
    })
}

database::row! {
    struct Membership {
        client_id: Uuid,
        id: Uuid,
    }
}

database::row! {
    struct Addition {
        is_new: bool,
        is_alike: bool,
    }
}

/// What became of a user who was to be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Added {
    /// It is there now.
    Now,
    /// It was there before: the same client, the same role. Its password stays.
    Before,
    /// The address is a user's of another client or in another role, or was invited and has set no password; who it is stays as it is.
    Otherwise,
}

/// Adds a user to a client, unless there is one with the e-mail address; `None` when there is no such client. It takes the owner's login.
///
/// # Errors
/// When a statement fails: the same call goes on there.
pub async fn add_user(
    database: &Database,
    client: Uuid,
    email: &Email,
    password_hash: &str,
    role: &str,
) -> Result<Option<Added>, Error> {
    let sql = "WITH added AS (
             INSERT INTO core.users (id, client_id, email, password_hash, role)
             SELECT $1, id, $3, $4, $5 FROM core.clients WHERE id = $2 ON CONFLICT DO NOTHING RETURNING id
         )
         SELECT EXISTS (SELECT FROM added) AS is_new,
             EXISTS (SELECT FROM core.users WHERE email = $3 AND client_id = $2 AND role = $5 AND has_accepted) AS is_alike
         FROM core.clients WHERE id = $2";
    let parameters: [&(dyn tokio_postgres::types::ToSql + Sync); 5] =
        [&Uuid::now_v7(), &client, &email.as_str(), &password_hash, &role];
    let found: Option<Addition> = database.session().await?.row(sql, &parameters).await?;
    if let Some(Addition { is_alike: true, .. }) | Some(Addition { is_new: true, .. }) = found {
        name_in_cell(database, client, email).await?;
    }
    Ok(found.map(|found| match (found.is_new, found.is_alike) {
        (true, _) => Added::Now,
        (false, true) => Added::Before,
        (false, false) => Added::Otherwise,
    }))
}

database::row! {
    struct Person {
        id: Uuid,
        role: String,
    }
}

/// What a user who has set no password has for a hash, and the copy of one in a cell: nothing matches it.
pub const NO_PASSWORD: &str = "none";

/// Copies a user to the cell in which its client lives, if it lives in one.
async fn name_in_cell(database: &Database, client: Uuid, email: &Email) -> Result<(), Error> {
    let sql = "SELECT id, role FROM core.users WHERE client_id = $1 AND email = $2";
    let person: Option<Person> = database
        .at_home()
        .of(client)
        .row(sql, &[&client, &email.as_str()])
        .await?;
    let Some(Person { id, role }) = person else {
        return Ok(());
    };
    let sql = "INSERT INTO core.users (id, client_id, email, password_hash, role, has_accepted) VALUES ($1, $2, $3, $4, $5, false) ON CONFLICT DO NOTHING";
    database
        .of(client)
        .execute(sql, &[&id, &client, &email.as_str(), &NO_PASSWORD, &role])
        .await
        .map(drop)
}

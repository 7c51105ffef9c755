//! Clients and their users.

use identity::Email;
use series::Calendar;
use uuid::Uuid;

use crate::connect::{Database, Error, Isolation};
use crate::definitions;

/// A user as signing in needs it.
#[derive(Clone, Debug)]
pub struct User {
    /// Identity.
    pub id: Uuid,
    /// Client.
    pub client: Uuid,
    /// Password hash in PHC format.
    pub password_hash: String,
    /// Role's name.
    pub role: String,
}

/// The user with an e-mail address, whatever its client.
///
/// # Errors
/// When the statement fails.
pub async fn user_for_sign_in(database: &Database, email: &Email) -> Result<Option<User>, Error> {
    let session = database.session().await?;
    let rows = session
        .query(
            "SELECT id, client_id, password_hash, role FROM core.user_for_sign_in($1)",
            &[&email.as_str()],
        )
        .await?;
    Ok(rows.first().map(|row| User {
        id: row.get(0),
        client: row.get(1),
        password_hash: row.get(2),
        role: row.get(3),
    }))
}

/// The role that a user has now; `None` when the user is gone.
///
/// # Errors
/// When the statement fails.
pub async fn role_of(database: &Database, client: Uuid, user: Uuid) -> Result<Option<String>, Error> {
    let session = database.session().await?;
    session.begin(Some(client), Isolation::ReadCommitted).await?;
    let result = session
        .query(
            "SELECT role FROM core.users WHERE client_id = $1 AND id = $2",
            &[&client, &user],
        )
        .await;
    let rows = session.finish(result).await?;
    Ok(rows.first().map(|row| row.get(0)))
}

/// A client's calendar; `None` when the client is gone.
///
/// # Errors
/// When the statement fails or the time zone is none.
pub async fn calendar(database: &Database, client: Uuid) -> Result<Option<Calendar>, Error> {
    let session = database.session().await?;
    session.begin(Some(client), Isolation::ReadCommitted).await?;
    let result = session
        .query("SELECT time_zone FROM core.clients WHERE id = $1", &[&client])
        .await;
    let rows = session.finish(result).await?;
    let Some(zone) = rows.first().map(|row| row.get::<_, &str>(0)) else {
        return Ok(None);
    };
    let calendar = Calendar::of(zone).ok_or_else(|| Error::Stored {
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
    let session = database.session().await?;
    session.begin(None, Isolation::ReadCommitted).await?;
    let result = async {
        session
            .execute(
                "SELECT pg_advisory_xact_lock(hashtextextended('provision-client', 0))",
                &[],
            )
            .await?;
        let email = new.email.as_str();
        let rows = session
            .query("SELECT client_id, id FROM core.users WHERE email = $1", &[&email])
            .await?;
        if let Some(row) = rows.first() {
            return Ok(Provisioned {
                client: row.get(0),
                user: row.get(1),
                created: false,
            });
        }
        let (client, user) = (Uuid::now_v7(), Uuid::now_v7());
        session
            .execute(
                "INSERT INTO core.clients (id, name, time_zone) VALUES ($1, $2, $3)",
                &[&client, &new.name, &new.time_zone],
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
    .await;
    let provisioned = session.finish(result).await?;
    // Its own transaction; running twice changes nothing, so a crash in between is mended by the next call.
    definitions::create_entity(database, provisioned.client, &definitions::built_in()?).await?;
    Ok(provisioned)
}

/// What became of a user who was to be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Added {
    /// It is there now.
    Now,
    /// It was there before: the same client, the same role. Its password stays.
    Before,
    /// The address is a user's of another client or in another role, who stays as it is.
    Otherwise,
}

/// Adds a user to a client, unless there is one with the e-mail address; `None` when there is no such client.
///
/// # Errors
/// When the statement fails.
pub async fn add_user(
    database: &Database,
    client: Uuid,
    email: &Email,
    password_hash: &str,
    role: &str,
) -> Result<Option<Added>, Error> {
    let session = database.session().await?;
    let rows = session
        .query(
            "WITH added AS (
                 INSERT INTO core.users (id, client_id, email, password_hash, role)
                 SELECT $1, id, $3, $4, $5 FROM core.clients WHERE id = $2 ON CONFLICT DO NOTHING RETURNING id
             )
             SELECT EXISTS (SELECT FROM added),
                 EXISTS (SELECT FROM core.users WHERE email = $3 AND client_id = $2 AND role = $5)
             FROM core.clients WHERE id = $2",
            &[&Uuid::now_v7(), &client, &email.as_str(), &password_hash, &role],
        )
        .await?;
    Ok(rows.first().map(|row| match (row.get(0), row.get(1)) {
        (true, _) => Added::Now,
        (false, true) => Added::Before,
        (false, false) => Added::Otherwise,
    }))
}

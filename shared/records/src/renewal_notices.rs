//! Renewal notices: whom to look at, whom to tell, and what was told already.

use database::{Database, Error, Session};
use identity::Role;
use jiff::Timestamp;
use jiff::civil::Date;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

/// Most clients of one page.
pub const MAX_PAGE: i64 = 500;

/// Most people of one client who are told.
const MAX_RECIPIENTS: i64 = 50;

/// Most notices that are read: three of each of the people, for the licences that a client may have at once.
const MAX_SENT: i64 = 10_000;

database::row! {
    /// A renewal notice to one person.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct RenewalNotice {
        /// The licence that ends.
        pub licence_id: Uuid,
        /// Which notice: so many days before the end.
        pub days_before: i32,
        /// Who is told.
        pub user_id: Uuid,
    }
}

database::row! {
    /// An administrator of a client.
    #[derive(Clone, Debug)]
    pub struct Administrator {
        /// The user.
        pub id: Uuid,
        /// Its address.
        pub email: String,
    }
}

database::row! {
    struct ClientName {
        name: String,
    }
}

database::row! {
    struct ClientId {
        client_id: Uuid,
    }
}

/// Who is told about a client's licences, and what was sent.
#[derive(Clone, Debug)]
pub struct Audience {
    /// The organisation's name.
    pub client_name: String,
    /// Its administrators.
    pub administrators: Vec<Administrator>,
    /// Notices that were sent to any of them.
    pub sent: Vec<RenewalNotice>,
}

/// A page of the clients that have a licence which ends within the days, after the last one of the page before.
///
/// # Errors
/// When the statement fails.
pub async fn clients_to_remind(
    database: &Database,
    (first, last): (Date, Date),
    previous: Option<Uuid>,
) -> Result<Vec<Uuid>, Error> {
    let sql = "SELECT client_id FROM core.clients_to_remind($1, $2, $3, $4)";
    let session = database.session().await?;
    let found: Vec<ClientId> = session.rows(sql, &[&first, &last, &previous, &MAX_PAGE]).await?;
    Ok(found.into_iter().map(|found| found.client_id).collect())
}

/// Whom to tell; nobody when the client is gone.
///
/// # Errors
/// When a statement fails.
pub async fn audience(database: &Database, client: Uuid) -> Result<Audience, Error> {
    database
        .at_home()
        .transaction(client, async |session| audience_in(session, client).await)
        .await
}

async fn audience_in(session: &Session, client: Uuid) -> Result<Audience, Error> {
    let name = "SELECT name FROM core.clients WHERE id = $1";
    let name: Option<ClientName> = session.row(name, &[&client]).await?;
    let people = "SELECT id, email FROM core.users WHERE client_id = $1 AND role = $2 AND has_accepted ORDER BY created_at, id LIMIT $3";
    let administrators: Vec<Administrator> = session
        .rows(people, &[&client, &Role::Admin.name(), &MAX_RECIPIENTS])
        .await?;
    let sent = "SELECT licence_id, days_before, user_id FROM core.licence_notices
        WHERE client_id = $1 AND sent_at IS NOT NULL ORDER BY sent_at DESC LIMIT $2";
    if i64::try_from(administrators.len()).is_ok_and(|count| count == MAX_RECIPIENTS) {
        tracing::warn!(%client, most = MAX_RECIPIENTS, "no more administrators of a client than these are told");
    }
    Ok(Audience {
        client_name: name.map(|found| found.name).unwrap_or_default(),
        administrators,
        sent: session.rows(sent, &[&client, &MAX_SENT]).await?,
    })
}

/// Takes a notice on, until a time at which another run may; `false` when it was sent, or another run is at it.
///
/// # Errors
/// When the statement fails.
pub async fn claim(
    database: &Database,
    client: Uuid,
    notice: RenewalNotice,
    (now, until): (Timestamp, Timestamp),
) -> Result<bool, Error> {
    let sql = "INSERT INTO core.licence_notices AS n (client_id, licence_id, days_before, user_id, claimed_until)
        VALUES ($1, $2, $3, $4, $6)
        ON CONFLICT (client_id, licence_id, days_before, user_id) DO UPDATE SET claimed_until = $6
            WHERE n.sent_at IS NULL AND n.claimed_until <= $5";
    let RenewalNotice {
        licence_id: licence,
        days_before,
        user_id: user,
    } = notice;
    let parameters: [&(dyn ToSql + Sync); 6] = [&client, &licence, &days_before, &user, &now, &until];
    Ok(database.at_home().of(client).execute(sql, &parameters).await? == 1)
}

/// What became of a notice that was claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// It is on its way.
    Sent(Timestamp),
    /// It is not, and the next run may try at once.
    Failed(Timestamp),
}

/// Remembers what became of a claimed notice.
///
/// # Errors
/// When the statement fails: then a notice that was sent is sent once more when its claim has ended.
pub async fn settle(database: &Database, client: Uuid, notice: RenewalNotice, delivery: Delivery) -> Result<(), Error> {
    let (sent_at, claimed_until) = match delivery {
        Delivery::Sent(at) => (Some(at), at),
        Delivery::Failed(at) => (None, at),
    };
    let sql = "UPDATE core.licence_notices SET sent_at = $5, claimed_until = $6
        WHERE client_id = $1 AND licence_id = $2 AND days_before = $3 AND user_id = $4 AND sent_at IS NULL";
    let RenewalNotice {
        licence_id: licence,
        days_before,
        user_id: user,
    } = notice;
    let parameters: [&(dyn ToSql + Sync); 6] = [&client, &licence, &days_before, &user, &sent_at, &claimed_until];
    database.at_home().of(client).execute(sql, &parameters).await.map(drop)
}

//! Users of a client, as its administrators manage them. They are at home wherever their client lives; a cell has copies of them without what they sign in with, for
//! their names.

use database::{Database, Error, Session};
use identity::{Email, Role};
use jiff::Timestamp;
use uuid::Uuid;

use crate::clients::NO_PASSWORD;
use crate::lists::{Found, List, Selection};

/// Users of one client: ten times what a large one has, and a page of 150 KB.
pub const MAX_USERS: i64 = 1_000;

database::row! {
    /// A user as administrators see it.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct ListedUser {
        /// Identity.
        pub id: Uuid,
        /// E-mail address.
        pub email: String,
        /// Role's name.
        pub role: String,
        /// When it was added.
        pub created_at: Timestamp,
        /// Whether it has a password: one who was added sets it by a one-time secret.
        pub has_password: bool,
        /// Whether the address is its own: a password was set with it once.
        pub has_accepted: bool,
    }
}

/// What a [`ListedUser`] is read from.
const LISTED: &str = "id, email, role, created_at, password_hash <> 'none' AS has_password, has_accepted";

database::row! {
    /// What a user signs in with.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Credentials {
        /// E-mail address.
        pub email: String,
        /// Password hash in PHC format, or what is none.
        pub password_hash: String,
    }
}

database::row! {
    /// Who has an e-mail address.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Owner {
        /// The client.
        pub client_id: Uuid,
        /// The user.
        pub id: Uuid,
    }
}

database::row! {
    struct Name {
        name: String,
    }
}

database::row! {
    struct Number {
        number: i64,
    }
}

/// What became of a user who was to be added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Added {
    /// It is there now, without a password.
    Now(ListedUser),
    /// It was there before in the same role, and has no password.
    Before(ListedUser),
    /// The address is another user's: of this client, or of another who has set a password with it.
    Taken,
    /// The client has [`MAX_USERS`].
    TooMany,
    /// Who asks is no administrator of the client any more.
    NotAllowed,
}

/// What became of a change to a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Changed {
    /// It is made: the user as it is now, or was when it was removed.
    Made(ListedUser),
    /// There is no such user.
    NotFound,
    /// The client would have no administrator any more.
    LastAdministrator,
    /// Who is an operator is none of the client's to say.
    Operator,
    /// Who asks is no administrator of the client any more.
    NotAllowed,
}

/// What became of a password that was set by a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetBySecret {
    /// It is set, and the address is the user's.
    Set,
    /// The user is gone.
    Gone,
    /// The address has become another client's user's since the user was added.
    Taken,
}

/// Which users are asked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wanted<'a> {
    /// Only in this role.
    pub role: Option<&'a str>,
    /// Only those who have set a password, or only those who have not.
    pub has_password: Option<bool>,
    /// Only those with this text in their address, in upper or lower case.
    pub search: Option<&'a str>,
    /// Only those whose addresses follow this one.
    pub after: Option<&'a str>,
}

const LIST: List = List {
    table: "core.users",
    name: "users",
    order: "users.email",
    columns: LISTED,
    joins: "",
};

/// A page of the users of a client, by their addresses.
///
/// # Errors
/// When the statement fails.
pub async fn list(
    database: &Database,
    client: Uuid,
    wanted: &Wanted<'_>,
    most: i64,
) -> Result<Found<ListedUser, String>, Error> {
    let mut selection = Selection::of(&client);
    selection.found("users.email > {}", wanted.after.as_ref());
    selection.matching("users.role = {}", wanted.role.as_ref());
    selection.matching("(users.password_hash <> 'none') = {}", wanted.has_password.as_ref());
    selection.matching(
        "strpos(lower(users.email), lower({}::text)) > 0",
        wanted.search.as_ref(),
    );
    let key = |user: &ListedUser| user.email.clone();
    selection.read(&database.at_home(), &LIST, most, key).await
}

/// Adds a user who has no password yet, as an administrator asks. Until one is set, the address is not the user's: other clients may add it too, and the first
/// whose user sets a password has it.
///
/// # Errors
/// When a statement fails: the same call goes on there.
pub async fn add(database: &Database, client: Uuid, by: Uuid, email: &Email, role: Role) -> Result<Added, Error> {
    let work = async |session: &Session| {
        if !begin(session, client, by).await? {
            return Ok(Added::NotAllowed);
        }
        let sql = "SELECT count(*) AS number FROM core.users WHERE client_id = $1";
        let found: Option<Number> = session.row(sql, &[&client]).await?;
        let is_full = found.is_some_and(|found| found.number >= MAX_USERS);
        let sql = format!(
            "INSERT INTO core.users (id, client_id, email, password_hash, role, has_accepted)
             SELECT $1, $2, $3, $4, $5, false WHERE NOT $6 AND NOT EXISTS (SELECT FROM core.user_by_email($3))
             ON CONFLICT DO NOTHING RETURNING {LISTED}"
        );
        let (id, address, role) = (Uuid::now_v7(), email.as_str(), role.name());
        let added: Option<ListedUser> = session
            .row(&sql, &[&id, &client, &address, &NO_PASSWORD, &role, &is_full])
            .await?;
        if let Some(added) = added {
            return Ok(Added::Now(added));
        }
        let sql = format!("SELECT {LISTED} FROM core.users WHERE client_id = $1 AND email = $2");
        let before: Option<ListedUser> = session.row(&sql, &[&client, &address]).await?;
        let owner = owner_in(session, email).await?;
        Ok(match before {
            // Who waits can't come any more once the address is another's.
            Some(before)
                if !before.has_password && before.role == role && owner.is_none_or(|owner| owner.id == before.id) =>
            {
                Added::Before(before)
            }
            None if is_full && owner.is_none() => Added::TooMany,
            _ => Added::Taken,
        })
    };
    let added = database.at_home().transaction(client, work).await?;
    if let Added::Now(user) | Added::Before(user) = &added {
        copy(database, client, user).await?;
    }
    Ok(added)
}

/// Gives a user another role, as an administrator asks.
///
/// # Errors
/// When a statement fails: the same call goes on there.
pub async fn change_role(
    database: &Database,
    client: Uuid,
    by: Uuid,
    user: Uuid,
    role: Role,
) -> Result<Changed, Error> {
    let work = async |session: &Session| {
        if !begin(session, client, by).await? {
            return Ok(Changed::NotAllowed);
        }
        let found = match changeable(session, client, user).await? {
            Ok(found) => found,
            Err(refused) => return Ok(refused),
        };
        if found.role == Role::Operator.name() {
            return Ok(Changed::Operator);
        }
        if role != Role::Admin && is_last_administrator(session, client, &found).await? {
            return Ok(Changed::LastAdministrator);
        }
        let sql = format!("UPDATE core.users SET role = $3 WHERE client_id = $1 AND id = $2 RETURNING {LISTED}");
        let changed: Option<ListedUser> = session.row(&sql, &[&client, &user, &role.name()]).await?;
        Ok(changed.map_or(Changed::NotFound, Changed::Made))
    };
    let changed = database.at_home().transaction(client, work).await?;
    if matches!(changed, Changed::Made(_)) && database.has_cells() {
        let sql = "UPDATE core.users SET role = $3 WHERE client_id = $1 AND id = $2";
        database
            .of(client)
            .execute(sql, &[&client, &user, &role.name()])
            .await?;
    }
    Ok(changed)
}

/// Removes a user, as an administrator asks. Proposals that name it have its name no longer.
///
/// # Errors
/// When a statement fails: the same call goes on there.
pub async fn remove(database: &Database, client: Uuid, by: Uuid, user: Uuid) -> Result<Changed, Error> {
    let work = async |session: &Session| {
        if !begin(session, client, by).await? {
            return Ok(Changed::NotAllowed);
        }
        let found = match changeable(session, client, user).await? {
            Ok(found) => found,
            Err(refused) => return Ok(refused),
        };
        if is_last_administrator(session, client, &found).await? {
            return Ok(Changed::LastAdministrator);
        }
        let sql = "DELETE FROM core.users WHERE client_id = $1 AND id = $2";
        session.execute(sql, &[&client, &user]).await?;
        Ok(Changed::Made(found))
    };
    let changed = database.at_home().transaction(client, work).await?;
    if matches!(changed, Changed::Made(_) | Changed::NotFound) && database.has_cells() {
        let sql = "DELETE FROM core.users WHERE client_id = $1 AND id = $2";
        database.of(client).execute(sql, &[&client, &user]).await?;
    }
    Ok(changed)
}

/// What a user of a client signs in with; `None` when the user is gone.
///
/// # Errors
/// When the statement fails.
pub async fn credentials(database: &Database, client: Uuid, user: Uuid) -> Result<Option<Credentials>, Error> {
    let sql = "SELECT email, password_hash FROM core.users WHERE client_id = $1 AND id = $2";
    database.at_home().of(client).row(sql, &[&client, &user]).await
}

/// Sets a password by its hash, or none; `false` when the user is gone, or has another than `before`.
///
/// # Errors
/// When the statement fails.
pub async fn set_password(
    database: &Database,
    client: Uuid,
    user: Uuid,
    before: &str,
    password_hash: Option<&str>,
) -> Result<bool, Error> {
    let sql = "UPDATE core.users SET password_hash = $3 WHERE client_id = $1 AND id = $2 AND password_hash = $4";
    let hash = password_hash.unwrap_or(NO_PASSWORD);
    let home = database.at_home();
    let set = home.of(client).execute(sql, &[&client, &user, &hash, &before]).await?;
    Ok(set > 0)
}

/// Sets a password by its hash, as whoever has the secret of a mail asks. The address is the user's from then on.
///
/// # Errors
/// When a statement fails: the password is as it was.
pub async fn set_by_secret(
    database: &Database,
    client: Uuid,
    user: Uuid,
    password_hash: &str,
) -> Result<SetBySecret, Error> {
    let work = async |session: &Session| {
        let sql = "SELECT email, password_hash FROM core.users WHERE client_id = $1 AND id = $2";
        let Some(Credentials { email, .. }) = session.row(sql, &[&client, &user]).await? else {
            return Ok(SetBySecret::Gone);
        };
        // One at a time for an address: an index refuses the second, and could not say it to anybody.
        session.lock(&format!("address {email}")).await?;
        let sql = "UPDATE core.users SET password_hash = $3, has_accepted = true
             WHERE client_id = $1 AND id = $2
               AND NOT EXISTS (SELECT FROM core.user_by_email($4) AS owner WHERE owner.id <> $2)";
        let set = session.execute(sql, &[&client, &user, &password_hash, &email]).await?;
        if set > 0 {
            return Ok(SetBySecret::Set);
        }
        let sql = "SELECT email, password_hash FROM core.users WHERE client_id = $1 AND id = $2";
        let still: Option<Credentials> = session.row(sql, &[&client, &user]).await?;
        Ok(still.map_or(SetBySecret::Gone, |_| SetBySecret::Taken))
    };
    database.at_home().transaction(client, work).await
}

/// Who has an e-mail address, whatever its client: who has set a password with it, or was made by the provider.
///
/// # Errors
/// When the statement fails.
pub async fn owner_of(database: &Database, email: &Email) -> Result<Option<Owner>, Error> {
    owner_in(&database.session().await?, email).await
}

/// Whether an e-mail address is another user's than this one's, who has set a password with it first.
///
/// # Errors
/// When the statement fails.
pub async fn is_anothers(database: &Database, email: &Email, user: Uuid) -> Result<bool, Error> {
    let owner = owner_of(database, email).await?;
    Ok(owner.is_some_and(|owner| owner.id != user))
}

async fn owner_in(session: &Session, email: &Email) -> Result<Option<Owner>, Error> {
    let sql = "SELECT client_id, id FROM core.user_by_email($1)";
    session.row(sql, &[&email.as_str()]).await
}

/// A client's name; `None` when the client is gone.
///
/// # Errors
/// When the statement fails.
pub async fn client_name(database: &Database, client: Uuid) -> Result<Option<String>, Error> {
    let sql = "SELECT name FROM core.clients WHERE id = $1";
    let found: Option<Name> = database.at_home().of(client).row(sql, &[&client]).await?;
    Ok(found.map(|found| found.name))
}

/// Begins a change, one of a client's users at a time: two administrators who demote each other would leave none. Whether who asks still is an administrator: a
/// token says what was so a minute ago, in which one who goes could have made another.
async fn begin(session: &Session, client: Uuid, by: Uuid) -> Result<bool, Error> {
    session.lock(&format!("users {client}")).await?;
    let sql = "SELECT count(*) AS number FROM core.users WHERE client_id = $1 AND id = $2 AND role = $3";
    let found: Option<Number> = session.row(sql, &[&client, &by, &Role::Admin.name()]).await?;
    Ok(found.is_some_and(|found| found.number > 0))
}

/// The user as it is, or why nothing is changed.
async fn changeable(session: &Session, client: Uuid, user: Uuid) -> Result<Result<ListedUser, Changed>, Error> {
    let sql = format!("SELECT {LISTED} FROM core.users WHERE client_id = $1 AND id = $2");
    let found: Option<ListedUser> = session.row(&sql, &[&client, &user]).await?;
    Ok(found.ok_or(Changed::NotFound))
}

async fn is_last_administrator(session: &Session, client: Uuid, user: &ListedUser) -> Result<bool, Error> {
    let admin = Role::Admin.name();
    if user.role != admin {
        return Ok(false);
    }
    // One who was added and has set no password yet can't do anything.
    let sql = "SELECT count(*) AS number FROM core.users WHERE client_id = $1 AND role = $2 AND id <> $3 AND password_hash <> $4";
    let others: Option<Number> = session.row(sql, &[&client, &admin, &user.id, &NO_PASSWORD]).await?;
    Ok(others.is_none_or(|others| others.number == 0))
}

/// Copies a user to the cell in which its client lives, if it lives in one.
async fn copy(database: &Database, client: Uuid, user: &ListedUser) -> Result<(), Error> {
    if !database.has_cells() {
        return Ok(());
    }
    let sql = "INSERT INTO core.users (id, client_id, email, password_hash, role, has_accepted) VALUES ($1, $2, $3, $4, $5, false) ON CONFLICT DO NOTHING";
    let ListedUser { id, email, role, .. } = user;
    database
        .of(client)
        .execute(sql, &[id, &client, email, &NO_PASSWORD, role])
        .await
        .map(drop)
}

//! The one way to hold a transaction, or a lock of the connection: as long as a closure works, and no longer.
//!
//! A future may be dropped at any `.await`, by a timeout around it or a caller that goes away. A connection that was in a
//! transaction then would go back to the pool with it, and the next event would work inside. So a connection that
//! may have a transaction or a lock never goes back: it is closed, and the server rolls back and gives its locks up. A single statement
//! outside of a transaction is its own: where its future is dropped, the next user of the connection waits for its end.

use std::ops::{Deref, DerefMut};

use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::row::FromRow;
use crate::{Database, Error, Residence, Session};

/// What a transaction may see.
#[derive(Clone, Copy, Debug, Default)]
pub struct Scope {
    /// The client that row-level security lets it see, and to whose database it goes; `None` for the owner's work over all clients, at home.
    pub client: Option<Uuid>,
    /// What it sees of others that commit while it runs.
    pub isolation: Isolation,
}

/// What a transaction sees of others that commit while it runs.
#[derive(Clone, Copy, Debug, Default)]
pub enum Isolation {
    /// Each statement sees what is committed when it starts.
    #[default]
    ReadCommitted,
    /// All statements see what was committed when the first started.
    RepeatableRead,
}

impl Isolation {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::ReadCommitted => "READ COMMITTED",
            Self::RepeatableRead => "REPEATABLE READ",
        }
    }
}

/// A session that is closed, unless it is released with nothing open in it.
pub(crate) struct Held(Option<Session>);

impl Held {
    pub(crate) const fn new(session: Session) -> Self {
        Self(Some(session))
    }

    /// Lets the connection go back to the pool.
    fn release(mut self) {
        self.0.take();
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(session) = self.0.take() {
            session.close();
        }
    }
}

impl Database {
    /// Works in a transaction of one client: commits what the closure did when it ends well, and undoes it when it fails, panics,
    /// or is dropped half way.
    ///
    /// # Errors
    /// The closure's; or when the transaction can't begin or be committed.
    pub async fn transaction<T>(
        &self,
        client: Uuid,
        work: impl AsyncFnOnce(&Session) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let scope = Scope {
            client: Some(client),
            ..Scope::default()
        };
        self.transaction_in(scope, work).await
    }

    /// As [`Self::transaction`], in a scope of the caller's.
    ///
    /// # Errors
    /// As [`Self::transaction`].
    pub async fn transaction_in<T>(
        &self,
        scope: Scope,
        work: impl AsyncFnOnce(&Session) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let held = self.begun(scope, None).await?;
        within(held, None, work).await
    }

    /// As [`Self::transaction_in`], while no other connection has the lock of this name: it is taken before the transaction
    /// begins, so that the transaction's snapshot comes after whatever the last holder did.
    ///
    /// # Errors
    /// As [`Self::transaction`].
    pub async fn locked_transaction<T>(
        &self,
        lock: &str,
        scope: Scope,
        work: impl AsyncFnOnce(&Session) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let held = self.begun(scope, Some(lock)).await?;
        within(held, Some(lock), work).await
    }

    /// A transaction that has begun where its client lives, after the lock was taken there. One that has moved away is followed.
    async fn begun(&self, scope: Scope, lock: Option<&str>) -> Result<Held, Error> {
        let client = scope.client.filter(|_| self.enters);
        let mut forwards = 0;
        loop {
            let residence = client.map_or_else(Residence::default, |client| self.residence(client));
            let held = Held::new(self.session_at(residence).await?);
            if let Some(lock) = lock {
                let sql = "SELECT pg_advisory_lock(hashtextextended($1, 0))";
                held.execute(sql, &[&lock]).await?;
            }
            let begun = held.begin(scope, client.map(|_| residence.generation)).await;
            let Err(error) = begun else { return Ok(held) };
            let Some((client, moved)) = client.zip(error.moved()) else {
                return Err(error);
            };
            self.follow(client, &moved, forwards)?;
            forwards += 1;
            if lock.is_none() && held.roll_back().await.is_ok() {
                held.release();
            }
        }
    }

    /// Works while no other connection has the lock of this name, each statement a transaction of its own. `None`, at once, when
    /// another has it.
    ///
    /// # Errors
    /// The closure's; or when a statement fails.
    pub async fn alone<T>(
        &self,
        lock: &str,
        work: impl AsyncFnOnce(&Session) -> Result<T, Error>,
    ) -> Result<Option<T>, Error> {
        let held = Held::new(self.session().await?);
        let sql = "SELECT pg_try_advisory_lock(hashtextextended($1, 0)) AS is_taken";
        let lock_row: Option<Lock> = held.row(sql, &[&lock]).await?;
        if !lock_row.is_some_and(|lock| lock.is_taken) {
            held.release();
            return Ok(None);
        }
        let done = work(&held).await?;
        if unlock(&held, lock).await.is_ok() {
            held.release();
        }
        Ok(Some(done))
    }

    /// The database as one client sees it.
    #[must_use]
    pub fn of(&self, client: Uuid) -> OfClient<'_> {
        OfClient { database: self, client }
    }
}

crate::row! {
    struct Lock {
        is_taken: bool,
    }
}

async fn unlock(session: &Session, lock: &str) -> Result<(), Error> {
    let sql = "SELECT pg_advisory_unlock(hashtextextended($1, 0))";
    session.execute(sql, &[&lock]).await.map(drop)
}

/// Works in a transaction that has begun, commits or rolls back, and gives up the lock that was taken before. Every way out but the last line of each arm
/// closes the connection.
async fn within<T>(
    held: Held,
    lock: Option<&str>,
    work: impl AsyncFnOnce(&Session) -> Result<T, Error>,
) -> Result<T, Error> {
    match work(&held).await {
        // The server answers the COMMIT of a transaction that it has undone without an error.
        Ok(_) if held.has_failed() => Err(Error::Server(
            "a statement of a transaction was refused, and what it was for went on nevertheless".to_owned(),
        )),
        Ok(value) => {
            held.commit().await?;
            let is_unlocked = match lock {
                Some(lock) => unlock(&held, lock).await.is_ok(),
                None => true,
            };
            // It is committed, whatever became of the lock; a connection that is closed gives it up.
            if is_unlocked {
                held.release();
            }
            Ok(value)
        }
        Err(error) => {
            // After a refused statement a connection may be unusable (a refused COPY: rust-postgres #1337), and one that is closed
            // gives its lock up.
            let is_usable = lock.is_none() && !error.is_after_connecting();
            if is_usable && held.roll_back().await.is_ok() {
                held.release();
            }
            Err(error)
        }
    }
}

impl Deref for Held {
    type Target = Session;

    fn deref(&self) -> &Session {
        // Only `release` and `drop`, which consume it, take the session out.
        let Some(session) = &self.0 else { unreachable!() };
        session
    }
}

impl DerefMut for Held {
    fn deref_mut(&mut self) -> &mut Session {
        let Some(session) = &mut self.0 else { unreachable!() };
        session
    }
}

/// Single statements of one client, each in a transaction of its own in which row-level security lets it see that client only.
#[derive(Clone, Copy)]
pub struct OfClient<'a> {
    database: &'a Database,
    client: Uuid,
}

impl OfClient<'_> {
    /// Runs a statement and returns its rows, see [`Session::rows`].
    ///
    /// # Errors
    /// When the statement fails.
    pub async fn rows<R: FromRow>(&self, sql: &str, parameters: &[&(dyn ToSql + Sync)]) -> Result<Vec<R>, Error> {
        let work = async |session: &Session| session.rows(sql, parameters).await;
        self.database.transaction(self.client, work).await
    }

    /// Runs a statement that finds one row at most, see [`Session::row`].
    ///
    /// # Errors
    /// When the statement fails.
    pub async fn row<R: FromRow>(&self, sql: &str, parameters: &[&(dyn ToSql + Sync)]) -> Result<Option<R>, Error> {
        Ok(self.rows(sql, parameters).await?.pop())
    }

    /// Runs a statement and returns the number of rows it touched.
    ///
    /// # Errors
    /// When the statement fails.
    pub async fn execute(&self, sql: &str, parameters: &[&(dyn ToSql + Sync)]) -> Result<u64, Error> {
        let work = async |session: &Session| session.execute(sql, parameters).await;
        self.database.transaction(self.client, work).await
    }
}

//! The transaction in which a client's definitions change.

use catalog::Catalog;
use uuid::Uuid;

use crate::connect::{Database, Edition, Error, Isolation, Session};
use crate::definitions::{Written, load, writers_lock};
use crate::relation::Relation;

/// Most milliseconds that a change of definitions may take, waiting included: two thirds of the 30 seconds of a request.
pub const MAX_CHANGE_MS: u32 = 20_000;

/// A change of a client's definitions: a transaction that has the client's definitions for itself and ends in time.
pub(crate) struct Change {
    pub(crate) session: Session,
    pub(crate) edition: Edition,
    pub(crate) client: Uuid,
}

impl Change {
    pub(crate) async fn begin(database: &Database, client: Uuid) -> Result<Self, Error> {
        let session = database.session().await?;
        let edition = session.edition().await?;
        session.begin(None, Isolation::ReadCommitted).await?;
        Ok(Self {
            session,
            edition,
            client,
        })
    }

    /// The client's definitions as they are until this change ends.
    pub(crate) async fn known(&self) -> Result<Catalog, Error> {
        self.lock(&format!("definitions of {}", self.client)).await?;
        let loaded = load(&self.session, &[self.client]).await?.remove(&self.client);
        let loaded = loaded.ok_or_else(|| Error::Stored {
            place: format!("client {}", self.client),
            cause: "it does not exist".to_owned(),
        })?;
        Ok(loaded?.catalog)
    }

    /// Waits for changes of other clients' entities: clients share tables.
    pub(crate) async fn lock_tables(&self) -> Result<(), Error> {
        self.lock("definitions").await
    }

    /// Waits for batches that run, and makes those that come wait, so that none is written by the old definition.
    pub(crate) async fn lock_writers(&self, relation: &Relation) -> Result<(), Error> {
        self.lock(&writers_lock(self.client, relation)).await
    }

    async fn lock(&self, name: &str) -> Result<(), Error> {
        bound(&self.session).await?;
        self.session
            .execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", &[&name])
            .await?;
        bound(&self.session).await
    }

    /// Ends the transaction, and tells processes that know the old definitions when something was stored.
    pub(crate) async fn end(self, result: Result<Written, Error>) -> Result<Written, Error> {
        let told = match &result {
            Ok(Written::Stored(_)) => changed(&self.session, self.client).await,
            _ => Ok(()),
        };
        match self.session.finish(told.and(result)).await {
            Err(error) if error.is_out_of_time() => Ok(Written::TooLong),
            ended => ended,
        }
    }
}

async fn changed(session: &Session, client: Uuid) -> Result<(), Error> {
    session
        .execute("SELECT pg_notify('catalog', $1)", &[&client.to_string()])
        .await?;
    Ok(())
}

/// Leaves each of the next statements of a transaction what is left of [`MAX_CHANGE_MS`] since it began. Asked again before
/// every statement that may wait or work for long, it bounds the transaction.
pub(crate) async fn bound(session: &Session) -> Result<(), Error> {
    let sql = format!(
        "SELECT set_config('statement_timeout', greatest(1, {MAX_CHANGE_MS} - round(extract(epoch FROM clock_timestamp() - now()) * 1000))::text, true)"
    );
    session.query(&sql, &[]).await?;
    Ok(())
}

//! The transaction in which a client's definitions change.

use std::sync::OnceLock;
use std::time::Duration;

use catalog::Catalog;
use database::{Database, Error, Session};
use facts::Place;
use facts::notifications::definitions_changed;
use facts::place::writers_lock;
use jiff::Timestamp;
use uuid::Uuid;

use super::{Author, Written, load};

/// Longest that a change may take, waiting included: two thirds of the 30 seconds of a request. It holds for its transaction as a whole, see
/// [`Session::limit_transaction`].
pub const MAX_CHANGE: Duration = Duration::from_secs(20);

/// A change of a client's definitions: a transaction that can have the client's definitions for itself, and ends in time.
pub(super) struct Change<'a> {
    pub(super) session: &'a Session,
    pub(super) client: Uuid,
    /// Who makes it, where one is known.
    pub(super) user: Option<Uuid>,
    /// When its versions were kept, once some are.
    pub(super) at: OnceLock<Timestamp>,
}

database::row! {
    /// The version of a definition as it is stored.
    pub(super) struct Version {
        pub(super) version: i32,
    }
}

/// Changes a client's definitions, and tells processes that know the old ones when something was stored.
pub(super) async fn change(
    database: &Database,
    author: impl Into<Author>,
    work: impl AsyncFnOnce(Change<'_>) -> Result<Written, Error>,
) -> Result<Written, Error> {
    let Author { client, user } = author.into();
    let written = database.transaction(client, async |session: &Session| {
        let written = work(Change {
            session,
            client,
            user,
            at: OnceLock::new(),
        })
        .await?;
        if matches!(written, Written::Stored(_)) {
            definitions_changed(session, client).await?;
        }
        Ok(written)
    });
    match written.await {
        Err(error) if error.is_out_of_time() => Ok(Written::TooLong),
        ended => ended,
    }
}

impl Change<'_> {
    /// The client's definitions as they are until this change ends.
    pub(super) async fn known(&self) -> Result<Catalog, Error> {
        self.lock(&format!("definitions of {}", self.client)).await?;
        let loaded = load(self.session, &[self.client]).await?.remove(&self.client);
        let loaded = loaded.ok_or_else(|| Error::Stored {
            place: format!("client {}", self.client),
            cause: "it does not exist".to_owned(),
        })?;
        Ok(loaded?.catalog)
    }

    /// Waits for batches that run, and makes those that come wait, so that none is written by the old definition.
    pub(super) async fn lock_writers(&self, place: &Place) -> Result<(), Error> {
        self.lock(&writers_lock(self.client, place)).await
    }

    async fn lock(&self, name: &str) -> Result<(), Error> {
        self.session.limit_transaction(MAX_CHANGE).await?;
        self.session.lock(name).await?;
        self.session.limit_transaction(MAX_CHANGE).await
    }
}

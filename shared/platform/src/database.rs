//! The database of a function, and what nearly every request reads first.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context as _, Result};
use database::Database;
use database::definitions::{self, ClientCatalog, Mark};
use uuid::Uuid;

use crate::{Problem, environment};

/// The database at `DATABASE_URL`, in the role `DATABASE_ROLE`.
///
/// # Errors
/// When a variable is missing or the address can't be read.
pub fn from_environment() -> Result<Database> {
    let url = environment::required("DATABASE_URL")?;
    let role = environment::required("DATABASE_ROLE")?;
    Ok(Database::new(&url, &role)?)
}

/// The definitions of the token's client.
///
/// # Errors
/// 401 when the client is gone: its tokens live on for a while. 500 when the database fails.
pub async fn client_catalog(database: &Database, client: Uuid) -> Result<ClientCatalog, Problem> {
    let loaded = definitions::load_one(database, client)
        .await
        .context("load definitions")?;
    loaded.ok_or_else(client_is_gone)
}

fn client_is_gone() -> Problem {
    Problem::unauthenticated("the token's client does not exist any more")
}

/// Most clients whose definitions a function keeps: the largest have a few megabytes.
const MAX_KEPT: usize = 16;

type Kept = BTreeMap<Uuid, (Mark, Arc<ClientCatalog>)>;

/// Definitions that were asked for, kept until they change: to read hundreds of formulas takes longer than to answer.
#[derive(Clone, Default)]
pub struct CatalogCache {
    kept: Arc<Mutex<Kept>>,
}

impl CatalogCache {
    /// The definitions of the token's client as they are now.
    ///
    /// # Errors
    /// As [`client_catalog`].
    pub async fn client(&self, database: &Database, client: Uuid) -> Result<Arc<ClientCatalog>, Problem> {
        let mark = definitions::mark(database, client)
            .await
            .context("look at definitions")?;
        let mark = mark.ok_or_else(client_is_gone)?;
        if let Some((kept, catalog)) = self.lock().get(&client)
            && *kept == mark
        {
            return Ok(Arc::clone(catalog));
        }
        // A change in between makes these newer than their mark, and then they are read once more.
        let catalog = Arc::new(client_catalog(database, client).await?);
        let mut kept = self.lock();
        if kept.len() >= MAX_KEPT {
            kept.clear();
        }
        kept.insert(client, (mark, Arc::clone(&catalog)));
        Ok(catalog)
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        // What is kept is whole at every moment, whoever panicked.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

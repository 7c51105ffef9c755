//! Definitions of clients, kept until they change: to read hundreds of formulas takes longer than to answer.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use database::{Database, Error, Residence};
use records::definitions::{self, ClientCatalog, Fingerprint};
use uuid::Uuid;

/// Most clients whose definitions a function that answers requests keeps: the largest have a few megabytes.
const MAX_KEPT: usize = 16;

/// Most clients whose definitions ingestion keeps: 64 of the largest are half of its 512 MB.
const MAX_RECENT: usize = 64;

/// Most clients whose definitions are kept by who learns of changes otherwise; with more, those that are not asked for just now are let go.
const MAX_FOLLOWED: usize = 1_000;

/// The cache of definitions; clones share it.
///
/// A function that answers requests asks [`Definitions::current`], which looks each time whether they changed. Ingestion asks
/// [`Definitions::recent`], because its transaction refuses what was mapped by an old definition. The publisher is told of changes: it asks
/// [`Definitions::load_missing`] and [`Definitions::known`]. Both let go of what changed with [`Definitions::forget`].
#[derive(Clone, Default)]
pub struct Definitions {
    kept: Arc<Mutex<BTreeMap<Uuid, Kept>>>,
}

struct Kept {
    /// What they were when they were read; `None` where changes are told.
    fingerprint: Option<Fingerprint>,
    /// `None` where they can't be read: they are not asked for again until they change.
    catalog: Option<Arc<ClientCatalog>>,
}

impl Definitions {
    /// The definitions of a client as they are now; `None` when there is no such client.
    ///
    /// # Errors
    /// When a statement fails or a stored definition can't be read.
    pub async fn current(&self, database: &Database, client: Uuid) -> Result<Option<Arc<ClientCatalog>>, Error> {
        let Some(fingerprint) = definitions::fingerprint(database, client).await? else {
            return Ok(None);
        };
        if let Some(kept) = self.lock().get(&client)
            && kept.fingerprint.as_ref() == Some(&fingerprint)
            && let Some(catalog) = &kept.catalog
        {
            return Ok(Some(Arc::clone(catalog)));
        }
        // A change in between makes these newer than their fingerprint, and then they are read once more.
        let Some(catalog) = definitions::load_one(database, client).await?.map(Arc::new) else {
            return Ok(None);
        };
        let mut kept = self.lock();
        if kept.len() >= MAX_KEPT {
            kept.clear();
        }
        let entry = Kept {
            fingerprint: Some(fingerprint),
            catalog: Some(Arc::clone(&catalog)),
        };
        kept.insert(client, entry);
        Ok(Some(catalog))
    }

    /// The definitions of a client as they are or were; `None` when there is no such client. The caller finds out when they are old,
    /// and forgets them.
    ///
    /// # Errors
    /// When the statement fails or a stored definition can't be read.
    pub async fn recent(&self, database: &Database, client: Uuid) -> Result<Option<Arc<ClientCatalog>>, Error> {
        if let Some(catalog) = self.known(client) {
            return Ok(Some(catalog));
        }
        let loaded = definitions::load_one(database, client).await?.map(Arc::new);
        if let Some(catalog) = &loaded {
            let mut kept = self.lock();
            if kept.len() >= MAX_RECENT {
                kept.clear();
            }
            let entry = Kept {
                fingerprint: None,
                catalog: Some(Arc::clone(catalog)),
            };
            kept.insert(client, entry);
        }
        Ok(loaded)
    }

    /// Loads the definitions of clients that are not known, in one statement of each database that they live in; none when all are. A client whose
    /// definitions can't be read is logged and left out; the others are served.
    ///
    /// # Errors
    /// When a statement fails: after those of other databases had their turn.
    pub async fn load_missing(&self, database: &Database, wanted: &BTreeSet<Uuid>) -> Result<(), Error> {
        let missing: Vec<Uuid> = {
            let kept = self.lock();
            let missing = wanted.iter().filter(|client| !kept.contains_key(*client));
            missing.copied().collect()
        };
        if missing.is_empty() {
            return Ok(());
        }
        let (residences, mut outcome) = database.residences_of_each(&missing).await;
        let mut by_place: BTreeMap<Residence, Vec<Uuid>> = BTreeMap::new();
        for (client, residence) in residences {
            by_place.entry(residence.place()).or_default().push(client);
        }
        for (place, clients) in by_place {
            let session = database.session_at(place).await;
            let loaded = match session {
                Ok(session) => definitions::load(&session, &clients).await,
                Err(error) => Err(error),
            };
            match loaded {
                Ok(loaded) => self.follow(wanted, clients, loaded),
                Err(error) => outcome = Err(error),
            }
        }
        outcome
    }

    /// Keeps what was loaded of clients.
    fn follow(
        &self,
        wanted: &BTreeSet<Uuid>,
        clients: Vec<Uuid>,
        loaded: BTreeMap<Uuid, Result<ClientCatalog, Error>>,
    ) {
        let mut kept = self.lock();
        if kept.len() + loaded.len() > MAX_FOLLOWED {
            kept.retain(|client, _| wanted.contains(client));
        }
        // A client that is gone is not asked for again either.
        for client in clients {
            kept.entry(client).or_insert(Kept {
                fingerprint: None,
                catalog: None,
            });
        }
        for (client, loaded) in loaded {
            if let Err(cause) = &loaded {
                tracing::error!(%client, %cause, "a client's definitions can't be read; it is left out");
            }
            let entry = Kept {
                fingerprint: None,
                catalog: loaded.ok().map(Arc::new),
            };
            kept.insert(client, entry);
        }
    }

    /// A client's definitions as they were loaded; `None` when they were not, or can't be read.
    #[must_use]
    pub fn known(&self, client: Uuid) -> Option<Arc<ClientCatalog>> {
        self.lock().get(&client)?.catalog.clone()
    }

    /// Whether a client's definitions were loaded, also when they can't be read.
    #[must_use]
    pub fn is_loaded(&self, client: Uuid) -> bool {
        self.lock().contains_key(&client)
    }

    /// Forgets a client's definitions, which changed.
    pub fn forget(&self, client: Uuid) {
        self.lock().remove(&client);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Uuid, Kept>> {
        // What is kept is whole at every moment, whoever panicked.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

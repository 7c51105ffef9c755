//! Definitions of the clients that watch, loaded together and kept until they change.

use std::collections::{BTreeMap, BTreeSet};

use catalog::{Kpi, Level};
use database::definitions::{self, ClientCatalog};
use database::{Error, Session};
use jiff::Timestamp;
use live::Topic;
use uuid::Uuid;

/// The definitions.
#[derive(Default)]
pub struct Catalogs {
    /// `None` where they can't be read: they are not asked for again until they change.
    clients: BTreeMap<Uuid, Option<ClientCatalog>>,
}

impl Catalogs {
    /// Loads the definitions of clients that are not known, in one statement; none when all are. A client whose
    /// definitions can't be read is logged and left out; the others are served.
    ///
    /// # Errors
    /// When the statement fails.
    pub async fn load(&mut self, session: &Session, wanted: &BTreeSet<Uuid>) -> Result<(), Error> {
        let missing: Vec<Uuid> = wanted
            .iter()
            .filter(|client| !self.clients.contains_key(*client))
            .copied()
            .collect();
        if !missing.is_empty() {
            for (client, loaded) in definitions::load(session, &missing).await? {
                if let Err(cause) = &loaded {
                    tracing::error!(%client, %cause, "a client's definitions can't be read; its topics are left out");
                }
                self.clients.insert(client, loaded.ok());
            }
        }
        Ok(())
    }

    /// Forgets a client's definitions, which changed.
    pub fn forget(&mut self, client: Uuid) {
        self.clients.remove(&client);
    }

    /// A client's definitions.
    #[must_use]
    pub fn client(&self, client: Uuid) -> Option<&ClientCatalog> {
        self.clients.get(&client)?.as_ref()
    }

    /// A topic's KPI with its client's definitions.
    #[must_use]
    pub fn kpi(&self, topic: &Topic) -> Option<(&ClientCatalog, &Kpi)> {
        let catalog = self.client(topic.client)?;
        Some((catalog, catalog.catalog.kpi(&topic.kpi)?))
    }

    fn calendar(&self, client: Uuid) -> series::Calendar {
        self.client(client)
            .map_or_else(series::Calendar::utc, |catalog| catalog.calendar.clone())
    }
}

impl live::Calendar for Catalogs {
    fn start(&self, client: Uuid, period: Level, at: Timestamp) -> Timestamp {
        self.calendar(client).start(period, at)
    }

    fn next(&self, client: Uuid, period: Level, start: Timestamp) -> Timestamp {
        self.calendar(client).next(period, start)
    }

    fn uses(&self, topic: &Topic, entity: &str) -> bool {
        self.kpi(topic)
            .is_none_or(|(_, kpi)| kpi.formula.entities().contains(entity))
    }
}

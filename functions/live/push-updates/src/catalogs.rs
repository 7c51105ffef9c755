//! Definitions of the clients that watch, as the publisher asks for them.

use std::collections::BTreeSet;
use std::sync::Arc;

use answer::Definitions;
use catalog::{Kpi, Level};
use database::{Database, Error, Residence};
use jiff::Timestamp;
use live::Topic;
use records::definitions::ClientCatalog;
use uuid::Uuid;

/// The definitions.
#[derive(Default)]
pub struct Catalogs(Definitions);

impl Catalogs {
    /// Loads the definitions of clients that are not known, in one statement of each database that they live in; none when all are.
    ///
    /// # Errors
    /// When a statement fails.
    pub async fn load(&self, database: &Database, wanted: &BTreeSet<Uuid>) -> Result<(), Error> {
        self.0.load_missing(database, wanted).await
    }

    /// Forgets a client's definitions, which changed.
    pub fn forget(&self, client: Uuid) {
        self.0.forget(client);
    }

    /// A topic's KPI with its client's definitions.
    #[must_use]
    pub fn kpi(&self, topic: &Topic) -> Option<(Arc<ClientCatalog>, Arc<Kpi>)> {
        let definitions = self.0.known(topic.client)?;
        let kpi = Arc::clone(definitions.catalog.kpi(&topic.kpi)?);
        Some((definitions, kpi))
    }

    /// The database in which a client's facts are read; `None` while its definitions are not known.
    #[must_use]
    pub fn place(&self, client: Uuid) -> Option<Residence> {
        Some(self.0.known(client)?.residence.place())
    }

    fn calendar(&self, client: Uuid) -> series::Calendar {
        self.0
            .known(client)
            .map_or_else(series::Calendar::utc, |definitions| definitions.calendar.clone())
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

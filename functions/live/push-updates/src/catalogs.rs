//! Definitions of the clients that watch, as the publisher asks for them.

use std::collections::BTreeSet;
use std::sync::Arc;

use answer::Definitions;
use database::{Database, Error, Residence};
use formula::Basis;
use jiff::Timestamp;
use live::{Reach, Topic};
use records::definitions::ClientCatalog;
use uuid::Uuid;

/// The definitions; clones share them.
#[derive(Clone, Default)]
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

    /// Whether the definitions of a client were loaded, also when they can't be read.
    #[must_use]
    pub fn has(&self, client: Uuid) -> bool {
        self.0.is_loaded(client)
    }

    /// The definitions of a client, if they are loaded and can be read.
    #[must_use]
    pub fn of(&self, client: Uuid) -> Option<Arc<ClientCatalog>> {
        self.0.known(client)
    }

    /// The database in which a client's facts are read; `None` while its definitions are not known.
    #[must_use]
    pub fn place(&self, client: Uuid) -> Option<Residence> {
        Some(self.0.known(client)?.residence.place())
    }

    /// The calendar that a topic is asked in.
    fn calendar(&self, topic: &Topic) -> series::Calendar {
        let known = self.0.known(topic.client);
        let own = known.map_or_else(series::Calendar::utc, |definitions| definitions.calendar.clone());
        own.asked(topic.time_zone.as_ref())
    }
}

impl live::Calendar for Catalogs {
    fn knows(&self, client: Uuid) -> bool {
        self.has(client)
    }

    fn start(&self, topic: &Topic, at: Timestamp) -> Timestamp {
        self.calendar(topic).start(topic.period, at)
    }

    fn next(&self, topic: &Topic, start: Timestamp) -> Timestamp {
        self.calendar(topic).next(topic.period, start)
    }

    fn uses(&self, topic: &Topic, entity: &str) -> bool {
        let definitions = self.of(topic.client);
        let kpi = definitions.as_ref().and_then(|known| known.catalog.kpi(&topic.kpi));
        kpi.is_none_or(|kpi| kpi.formula.entities().contains(entity))
    }

    fn reach(&self, topic: &Topic) -> Reach {
        let definitions = self.of(topic.client);
        let Some(kpi) = definitions.as_ref().and_then(|known| known.catalog.kpi(&topic.kpi)) else {
            return Reach::Back;
        };
        let reaches = kpi.formula.measures.iter().map(|measure| match &measure.window {
            window if window.moves_with_time() => Reach::Clock,
            // What was told of an object is so until something else is told.
            window if window.is_own() && measure.basis == Basis::Facts => Reach::Own,
            _ => Reach::Back,
        });
        reaches.max().unwrap_or(Reach::Own)
    }
}

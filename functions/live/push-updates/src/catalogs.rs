//! Definitions of the clients that watch, as the publisher asks for them.

use std::collections::BTreeSet;
use std::sync::Arc;

use answer::Definitions;
use catalog::Resolution;
use database::{Database, Error, Residence};
use formula::{Basis, Entities as _};
use jiff::Timestamp;
use live::{Reach, Topic, Touches};
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

    fn touches(&self, topic: &Topic, entity: Option<&str>) -> Touches {
        let definitions = self.of(topic.client);
        let Some((definitions, kpi)) = definitions
            .as_ref()
            .and_then(|known| Some((known, known.catalog.kpi(&topic.kpi)?)))
        else {
            return Touches::All;
        };
        let catalog = &definitions.catalog;
        let own = kpi
            .formula
            .entities()
            .into_iter()
            .filter(|own| entity.is_none_or(|entity| *own == entity));
        let of_own = match series::windows::reach_beyond(kpi, topic.period) {
            true => Touches::All,
            false => Touches::Own,
        };
        let own = own.map(|_| of_own);
        let filtered = topic.filter.keys().flat_map(|name| {
            let entities = kpi.formula.entities().into_iter();
            entities.flat_map(move |entity| formula::path_steps(catalog, entity, name))
        });
        let steps = kpi.formula.steps().iter().cloned().chain(filtered);
        let looked_up = steps.filter(|step| entity.is_none_or(|entity| step.to == entity));
        let looked_up = looked_up.map(|step| {
            let relationship = catalog.relationship_of(&step.entity, &step.attribute);
            let is_of_history = relationship.is_some_and(|known| known.resolved == Resolution::AsOfFact);
            match is_of_history && catalog.is_state(&step.to) {
                true => Touches::Later,
                false => Touches::All,
            }
        });
        own.chain(looked_up).max().unwrap_or(Touches::Nothing)
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

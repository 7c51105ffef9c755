//! Where an entity's facts are, and how they lie there.

use std::sync::Arc;

use catalog::{Entity, GroupingDefinition};
use database::identifier;
use uuid::Uuid;

use crate::layout::Layout;
use crate::volume::Volume;

/// Code of the built-in entity of ready-made KPI values.
pub const KPI_VALUE: &str = "KpiValue";

/// The physical place of an entity of one client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its tables, which it shares with others.
    pub volume: Volume,
    /// Identity in them. It is never another client's.
    pub id: i32,
    /// What holds its attributes there.
    pub layout: Arc<Layout>,
}

/// An entity where it lives.
#[derive(Clone, Debug)]
pub struct Placed {
    /// Definition.
    pub entity: Arc<Entity>,
    /// The same without groupings that are still being filled or kept no longer: what questions are planned with.
    pub readable: Arc<Entity>,
    /// Numbers of the groupings that batches bring no more.
    pub unwritten: Vec<i16>,
    /// Place.
    pub place: Place,
    /// Version of the definition, for `ETag`.
    pub version: i32,
    /// Grows when the entity is moved or a grouping becomes readable.
    pub generation: i32,
}

/// The lock that each batch of a client and entity, and each change of its definition, takes alone.
#[must_use]
pub fn writers_lock(client: Uuid, place: &Place) -> String {
    writers_lock_of(client, place.id)
}

/// The same, by the entity's identity.
pub(crate) fn writers_lock_of(client: Uuid, id: i32) -> String {
    format!("{client}/{id}")
}

impl Placed {
    /// The groupings that are kept, by which facts are summed up on their way in.
    pub fn kept(&self) -> impl Iterator<Item = &GroupingDefinition> {
        let is_unwritten = |grouping: &GroupingDefinition| {
            let id = self.place.layout.grouping_id(grouping);
            id.is_ok_and(|id| self.unwritten.contains(&id))
        };
        self.entity
            .groupings()
            .iter()
            .filter(move |grouping| !is_unwritten(grouping))
    }

    /// The facts of a client's entity as a table of their own, for people: `time` and the attributes by their names. It is the right side of a `FROM`.
    ///
    /// # Errors
    /// When the layout lacks an attribute.
    pub fn table(&self, client: Uuid) -> Result<String, database::Error> {
        let Place { volume, id, layout } = &self.place;
        let columns = self.entity.stored_attributes().iter().map(|attribute| {
            let value = layout.slot(attribute)?.value();
            Ok(format!(", {value} AS {}", identifier(&attribute.name)))
        });
        let columns: String = columns.collect::<Result<_, database::Error>>()?;
        Ok(format!(
            "(SELECT client_id, time{columns} FROM {} WHERE client_id = '{client}' AND entity_id = {id}) AS {}",
            volume.facts(),
            identifier(self.entity.code())
        ))
    }
}

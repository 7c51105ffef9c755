//! Facts that a filter finds: counted first, and deleted by the number that the count was told with.

use std::collections::{BTreeMap, BTreeSet};

use database::{Database, Error};
use jiff::Timestamp;
use series::plan::Filter;
use sha2::{Digest as _, Sha256};
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::Change;
use crate::layout::Slot;
use crate::place::{Place, Placed};

/// What is to be deleted: facts of a range of time with these values, which were there by a commit.
#[derive(Clone, Debug)]
pub struct Deleted {
    /// From this time on.
    pub from: Timestamp,
    /// Before this time.
    pub to: Timestamp,
    /// Values of dimensions; all where it names none.
    pub filter: Filter,
    /// The number of the last commit whose facts are meant.
    pub up_to: i64,
}

/// What a deletion would take out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preview {
    /// Facts.
    pub facts: i64,
    /// Time of the first.
    pub first: Option<Timestamp>,
    /// Time of the last.
    pub last: Option<Timestamp>,
    /// What the deletion names, so that nothing else is deleted than was told.
    pub confirmation: String,
}

database::row! {
    struct Last {
        last: i64,
    }
}

database::row! {
    struct Found {
        facts: i64,
        first: Option<Timestamp>,
        last: Option<Timestamp>,
    }
}

/// What a stored filter has before the name of a slot, which no attribute's name has.
const OF_SLOT: &str = "slot ";

impl Deleted {
    /// The filter as it was asked.
    ///
    /// # Errors
    /// Never: texts can be written.
    pub fn filter_json(&self) -> Result<String, Error> {
        filter_json(&self.filter)
    }

    /// The filter as the change keeps it: by slots, so that it means the same when an attribute gets another name meanwhile.
    pub(super) fn stored_filter(&self, placed: &Placed) -> Result<String, Error> {
        let by_slots = self.filter.iter().map(|(name, values)| {
            let slot = placed.place.layout.slot_of(&placed.entity, name)?;
            Ok((format!("{OF_SLOT}{}", slot.name()), values.clone()))
        });
        filter_json(&by_slots.collect::<Result<Filter, Error>>()?)
    }

    /// A deletion of what is there by now, or was by the commit of a confirmation.
    fn digest(&self, client: Uuid, placed: &Placed, facts: i64) -> Result<String, Error> {
        let mut digest = Sha256::new();
        let what = format!(
            "{client}/{}/{}/{}/{}/{}/{facts}",
            placed.place.id,
            self.from.as_microsecond(),
            self.to.as_microsecond(),
            self.filter_json()?,
            self.up_to
        );
        digest.update(what);
        let digest: String = digest
            .finalize()
            .iter()
            .take(8)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        Ok(format!("{}-{digest}", self.up_to))
    }
}

fn filter_json(filter: &BTreeMap<String, BTreeSet<String>>) -> Result<String, Error> {
    serde_json::to_string(filter).map_err(|error| Error::Stored {
        place: "filter".to_owned(),
        cause: error.to_string(),
    })
}

/// The commit that a confirmation names; `None` where it is none.
#[must_use]
pub fn commit_of(confirmation: &str) -> Option<i64> {
    confirmation
        .split_once('-')?
        .0
        .parse()
        .ok()
        .filter(|number| *number >= 0)
}

/// The number of the entity's last commit.
///
/// # Errors
/// When the statement fails.
pub async fn last_commit(database: &Database, client: Uuid, placed: &Placed) -> Result<i64, Error> {
    let sql = "SELECT last FROM core.clocks WHERE client_id = $1 AND entity_id = $2";
    let last: Option<Last> = database.of(client).row(sql, &[&client, &placed.place.id]).await?;
    Ok(last.map_or(0, |last| last.last))
}

/// Counts what a deletion would take out.
///
/// # Errors
/// When the filter names what is no attribute of the layout, or the statement fails.
pub async fn preview(database: &Database, client: Uuid, placed: &Placed, deleted: &Deleted) -> Result<Preview, Error> {
    let Place { volume, id, .. } = &placed.place;
    let sql = format!(
        "SELECT count(*) AS facts, min(f.time) AS first, max(f.time) AS last FROM {} f
         WHERE f.client_id = $1 AND f.entity_id = $2 AND f.time >= $3 AND f.time < $4 AND {}",
        volume.facts(),
        condition_of(placed, &deleted.filter)?
    );
    let numbers = vec![deleted.up_to];
    let filter = deleted.filter_json()?;
    let parameters: [&(dyn ToSql + Sync); 6] = [&client, id, &deleted.from, &deleted.to, &numbers, &filter];
    let found: Option<Found> = database.of(client).row(&sql, &parameters).await?;
    let (facts, first, last) = found.map_or((0, None, None), |found| (found.facts, found.first, found.last));
    Ok(Preview {
        facts,
        first,
        last,
        confirmation: deleted.digest(client, placed, facts)?,
    })
}

/// The condition of a change that deletes, over facts that are called `f`: $5 is the number of the last commit, $6 the filter.
pub(super) fn condition(placed: &Placed, change: &Change) -> Result<String, Error> {
    let filter = change.filter.as_deref().unwrap_or("{}");
    let filter: Filter = serde_json::from_str(filter).map_err(|error| Error::Stored {
        place: "filter of a change".to_owned(),
        cause: error.to_string(),
    })?;
    condition_of(placed, &filter)
}

fn condition_of(placed: &Placed, filter: &Filter) -> Result<String, Error> {
    let mut condition = "f.batch_number <= ALL ($5) AND $6::text IS NOT NULL".to_owned();
    for name in filter.keys() {
        let slot = match name.strip_prefix(OF_SLOT).and_then(Slot::named) {
            Some(slot) => slot,
            None => placed.place.layout.slot_of(&placed.entity, name)?,
        };
        let text = slot.text();
        let name = name.replace('\'', "''");
        // "" and no value are one, as in questions.
        condition.push_str(&format!(
            " AND coalesce({text}, '') = ANY (ARRAY(SELECT jsonb_array_elements_text(($6::text)::jsonb->'{name}')))"
        ));
    }
    Ok(condition)
}

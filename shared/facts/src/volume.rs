//! Volumes: sets of tables of one fixed shape, which hold the facts and rollups of many clients' entities.
//!
//! No definition changes a table. What holds which attribute is written in the [`Layout`](crate::Layout) of each entity, so what one client defines is
//! nothing that another one's tables have, need or wait for.

use catalog::{Level, MAX_GROUPING_DIMENSIONS};
use database::{Database, Edition, Error, Scope, Session, identifier};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::ready_made::create_views;
use crate::states::{STATES, merges, state_names};

const VOLUME: &str = include_str!("../../../migrations/volumes/volume.sql");
const APACHE_LEVEL: &str = include_str!("../../../migrations/volumes/apache/level.sql");
const APACHE_HISTORY: &str = include_str!("../../../migrations/volumes/apache/history.sql");
const APACHE_COMPACT: &str = include_str!("../../../migrations/volumes/apache/compact.sql");
const APACHE_COMPACT_LEVEL: &str = include_str!("../../../migrations/volumes/apache/compact_level.sql");
const COMMUNITY_LEVEL: &str = include_str!("../../../migrations/volumes/community/level.sql");

/// Slots of each family of attributes in a volume's facts. With the six columns that every fact has, one of them for what is beyond the slots, these are
/// 70 columns: PostgreSQL's row header stays at 32 bytes for up to 72.
pub const SLOTS: u16 = 24;

/// Slots for booleans.
pub const FLAG_SLOTS: u16 = 16;

const _: () = assert!(
    6 + 2 * SLOTS + FLAG_SLOTS < 72,
    "a row header of 32 bytes counts 72 columns"
);

/// Numeric attributes whose states are in one row of a rollup. An entity with more has several rows, its pages, for each group.
pub const PAGE: u16 = 8;

/// Entities of a volume that is for all, after which new ones are placed in the next: five times the 2,000 of `make bench-clients`, beside which a question
/// and a batch cost what they cost beside ten, and one more level of the indexes, which begin with the entity. A volume gets some 350 relations a year (a
/// chunk a week of facts with two indexes, one a month of partials), so 100,000 entities in ten volumes are 3,500 a year.
pub const MAX_ENTITIES_OF_VOLUME: i64 = 10_000;

/// Which partials, called `part`, may be moved up: not those of groupings that are being filled, which are replaced, nor of those that are kept no longer,
/// which are cleared.
pub(crate) const MOVABLE: &str = "NOT EXISTS (
            SELECT FROM core.fillings f
            WHERE f.client_id = part.client_id AND f.entity_id = part.entity_id AND f.grouping_id = part.grouping_id
        ) AND NOT EXISTS (
            SELECT FROM core.stopped_groupings s
            WHERE s.client_id = part.client_id AND s.entity_id = part.entity_id AND s.grouping_id = part.grouping_id
        )";

/// A set of tables, by its schema's name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Volume(String);

/// Length of a level's buckets as an interval of SQL.
#[must_use]
pub const fn width(level: Level) -> &'static str {
    match level {
        Level::Minute => "1 minute",
        Level::QuarterHour => "15 minutes",
        Level::Hour => "1 hour",
        Level::QuarterDay => "6 hours",
        Level::Day => "1 day",
    }
}

/// The hour of the day that an instant is in, in UTC: as quarters of an hour are found by, so that it must be written as their index has it.
pub(crate) fn hour_of_day(column: &str) -> String {
    format!("date_part('hour', {column} AT TIME ZONE 'UTC')")
}

/// The levels that a rollup is read at, finest first.
pub fn levels(finest: Level) -> impl DoubleEndedIterator<Item = Level> {
    Level::ALL.into_iter().filter(move |level| *level >= finest)
}

impl Volume {
    /// The volume of a name.
    #[must_use]
    pub fn named(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// Name, as it is stored.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0
    }

    /// The facts' hypertable, quoted.
    #[must_use]
    pub fn facts(&self) -> String {
        self.qualified("facts")
    }

    /// Facts that others replaced.
    #[must_use]
    pub fn replaced(&self) -> String {
        self.qualified("replaced")
    }

    /// What batches brought to rollups.
    #[must_use]
    pub fn partials(&self) -> String {
        self.qualified("partials")
    }

    /// One level of the rollups, as everyone may read it.
    #[must_use]
    pub fn rollup(&self, level: Level) -> String {
        self.qualified(level.name())
    }

    /// What was moved up to a level (Apache edition).
    #[must_use]
    pub fn rows(&self, level: Level) -> String {
        self.qualified(&format!("{level}_rows"))
    }

    /// All tables that have rows of clients.
    #[must_use]
    pub fn tables(&self, edition: Edition) -> Vec<String> {
        let mut tables = vec![self.facts(), self.replaced()];
        tables.extend(self.rollups(edition));
        tables
    }

    /// Those of them that have rows of groupings. Their order stays: a move that goes on counts them, so what came later is last.
    #[must_use]
    pub fn rollups(&self, edition: Edition) -> Vec<String> {
        let mut tables = vec![self.partials()];
        if edition == Edition::Apache {
            tables.push(self.qualified("history"));
            let order = [
                Level::Minute,
                Level::Hour,
                Level::Day,
                Level::QuarterHour,
                Level::QuarterDay,
            ];
            tables.extend(order.map(|level| self.rows(level)));
        }
        tables
    }

    fn qualified(&self, name: &str) -> String {
        format!("{}.{}", identifier(&self.0), identifier(name))
    }

    /// The statements that create its tables.
    #[must_use]
    pub fn create(&self, edition: Edition) -> String {
        let mut sql = self.fill(VOLUME, Level::Minute);
        if edition == Edition::Apache {
            sql.push_str(&self.fill(APACHE_HISTORY, Level::Minute));
        }
        for level in levels(Level::Minute) {
            sql.push_str(&self.create_level(edition, level));
        }
        sql
    }

    /// Those that create one level of its rollups.
    pub(crate) fn create_level(&self, edition: Edition, level: Level) -> String {
        let template = match edition {
            Edition::Apache => APACHE_LEVEL,
            Edition::Community => COMMUNITY_LEVEL,
        };
        let mut sql = self.fill(template, level);
        sql.push_str(&self.index_by_hour(edition, level));
        sql
    }

    /// That which creates the index by which rows of the same hours of many days are found, of levels that are asked so.
    pub(crate) fn index_by_hour(&self, edition: Edition, level: Level) -> String {
        if !matches!(level, Level::QuarterHour | Level::Hour) {
            return String::new();
        }
        let indexed = match edition {
            Edition::Apache => self.rows(level),
            Edition::Community => self.rollup(level),
        };
        let hour = hour_of_day("bucket");
        format!("CREATE INDEX ON {indexed} (entity_id, grouping_id, ({hour}), bucket);\n")
    }

    /// The statement that moves closed buckets of some entities up (Apache edition): from, to, clients, entities and the most groups are its parameters.
    #[must_use]
    pub fn compact(&self) -> String {
        self.compact_where("")
    }

    /// The same for one grouping, and of it what some commits brought: its number, the first commit and the one after the last are further parameters.
    #[must_use]
    pub fn compact_part(&self) -> String {
        self.compact_where(" AND part.grouping_id = $6 AND part.batch_number >= $7 AND part.batch_number < $8")
    }

    fn compact_where(&self, part: &str) -> String {
        let each = |level| self.fill(APACHE_COMPACT_LEVEL, level).trim_end().to_owned();
        let all: String = levels(Level::Minute).map(each).collect();
        let text = self.fill(APACHE_COMPACT, Level::Minute);
        text.replace("{{levels}}", &all).replace("{{part}}", part)
    }

    /// An index for each dimension that a grouping can have, which holds the groupings that have so many.
    fn indexes_by_dimension(&self, level: Level) -> String {
        if !is_found_by_dimension(level) {
            return String::new();
        }
        let index = |place| {
            let (rows, hash) = (self.rows(level), hash_of(place));
            format!(
                "\nCREATE INDEX ON {rows} (entity_id, grouping_id, {hash}, bucket) WHERE dimensions[{place}] IS NOT NULL;"
            )
        };
        (1..=MAX_GROUPING_DIMENSIONS).map(index).collect()
    }

    fn fill(&self, template: &str, level: Level) -> String {
        let below = match level {
            Level::Minute => self.partials(),
            Level::QuarterHour | Level::Hour => self.rollup(Level::Minute),
            Level::QuarterDay | Level::Day => self.rollup(Level::Hour),
        };
        let (chunk, start_offset, compress_after) = match level {
            Level::Minute => ("30 days", "2 days", "30 days"),
            Level::QuarterHour => ("180 days", "3 days", "60 days"),
            Level::Hour => ("180 days", "7 days", "90 days"),
            Level::QuarterDay => ("1800 days", "14 days", "200 days"),
            Level::Day => ("3650 days", "30 days", "400 days"),
        };
        let values = [
            ("volume", identifier(&self.0)),
            ("facts", self.facts()),
            ("replaced", self.replaced()),
            ("partials", self.partials()),
            ("history", self.qualified("history")),
            ("rows", self.rows(level)),
            ("rollup", self.rollup(level)),
            ("below", below),
            ("movable", MOVABLE.to_owned()),
            ("level", level.name().to_owned()),
            ("width", width(level).to_owned()),
            ("finest", finest_of(level)),
            ("chunk", chunk.to_owned()),
            ("start_offset", start_offset.to_owned()),
            ("compress_after", compress_after.to_owned()),
            ("slots", slots()),
            ("states", state_columns()),
            ("state_names", state_names(1..=PAGE)),
            ("merges", merges(1..=PAGE)),
            ("by_dimension", self.indexes_by_dimension(level)),
        ];
        values.iter().fold(template.to_owned(), |text, (name, value)| {
            text.replace(&format!("{{{{{name}}}}}"), value)
        })
    }
}

/// Whether rows of a level are found by the values of single dimensions (Apache edition): minutes are asked of short times, and many are written.
pub(crate) fn is_found_by_dimension(level: Level) -> bool {
    level >= Level::Hour
}

/// What stands for the text of a dimension in an index, by its place in the grouping: texts may be longer than an index takes.
pub(crate) fn hash_of(place: usize) -> String {
    format!("hashtext(dimensions[{place}])")
}

/// The levels from which the groupings are kept that a level has, as a list of SQL.
pub(crate) fn finest_of(level: Level) -> String {
    let finest = Level::ALL.into_iter().filter(|finest| *finest <= level);
    finest
        .map(|finest| format!("'{finest}'"))
        .collect::<Vec<_>>()
        .join(", ")
}

/// Definitions of the slots' columns of facts.
fn slots() -> String {
    let family = |letter: char, count: u16, kind: &str| -> Vec<String> {
        (1..=count).map(|slot| format!("{letter}{slot} {kind}")).collect()
    };
    let mut slots = family('n', SLOTS, "numeric");
    slots.extend(family('t', SLOTS, "text"));
    slots.extend(family('f', FLAG_SLOTS, "boolean"));
    slots.join(", ")
}

/// Definitions of the states' columns of rollups.
fn state_columns() -> String {
    let states = (1..=PAGE).flat_map(|slot| STATES.map(|(state, kind, _)| format!("n{slot}_{state} {kind}")));
    states.collect::<Vec<_>>().join(", ")
}

database::row! {
    struct VolumeRow {
        name: String,
    }
}

/// All volumes.
///
/// # Errors
/// When the statement fails.
pub async fn volumes(session: &Session) -> Result<Vec<Volume>, Error> {
    let sql = "SELECT name FROM core.volumes ORDER BY created_at, name";
    let rows: Vec<VolumeRow> = session.rows(sql, &[]).await?;
    Ok(rows.into_iter().map(|row| Volume(row.name)).collect())
}

/// The volume of a name, if a client may be placed in it: one for all, or its own.
///
/// # Errors
/// When the statement fails.
pub async fn volume_for(session: &Session, client: Uuid, name: &str) -> Result<Option<Volume>, Error> {
    let sql = "SELECT name FROM core.volumes WHERE name = $1 AND (client_id = $2 OR client_id IS NULL)";
    let row: Option<VolumeRow> = session.row(sql, &[&name, &client]).await?;
    Ok(row.map(|row| Volume(row.name)))
}

/// The volume that is a client's own, if it has one.
///
/// # Errors
/// When the statement fails.
pub async fn own_volume(session: &Session, client: Uuid) -> Result<Option<Volume>, Error> {
    let sql = "SELECT name FROM core.volumes WHERE client_id = $1 ORDER BY created_at DESC LIMIT 1";
    let row: Option<VolumeRow> = session.row(sql, &[&client]).await?;
    Ok(row.map(|row| Volume(row.name)))
}

/// Where a client's new entities are placed: in its own volume, or in the one that is open to all.
///
/// # Errors
/// When the statement fails, or no volume is open.
pub async fn open_volume(session: &Session, client: Uuid) -> Result<Volume, Error> {
    let sql = "SELECT name FROM core.volumes WHERE is_open AND (client_id = $1 OR client_id IS NULL)
        ORDER BY client_id IS NULL, created_at DESC LIMIT 1";
    let row: Option<VolumeRow> = session.row(sql, &[&client]).await?;
    row.map(|row| Volume(row.name)).ok_or_else(|| Error::Stored {
        place: "volumes".to_owned(),
        cause: "none is open: migrate-database adds one".to_owned(),
    })
}

/// Adds a volume for all when the open one is full: ahead of need, because no request may create tables. It takes the owner's login.
///
/// # Errors
/// When a statement fails; nothing is added then.
pub async fn make_room(database: &Database) -> Result<Option<Volume>, Error> {
    if !is_full(&database.session().await?).await? {
        return Ok(None);
    }
    let work = async |session: &Session| {
        session.lock(VOLUMES_LOCK).await?;
        if !is_full(session).await? {
            return Ok(None);
        }
        let volume = add_volume(session, None).await?;
        create_views(session).await?;
        Ok(Some(volume))
    };
    let added = database.transaction_in(Scope::default(), work).await?;
    if let Some(volume) = &added {
        tracing::warn!(
            volume = volume.name(),
            "the volume for all is full: new entities are placed in another one"
        );
    }
    Ok(added)
}

/// Whoever adds a volume has it: volumes are numbered.
const VOLUMES_LOCK: &str = "volumes";

database::row! {
    struct Fullness {
        is_full: bool,
    }
}

async fn is_full(session: &Session) -> Result<bool, Error> {
    let sql = "SELECT count(*) >= $1 AS is_full FROM core.entities
        WHERE volume = (SELECT name FROM core.volumes WHERE is_open AND client_id IS NULL ORDER BY created_at DESC LIMIT 1)";
    let found: Option<Fullness> = session.row(sql, &[&MAX_ENTITIES_OF_VOLUME]).await?;
    Ok(found.is_some_and(|found| found.is_full))
}

/// Adds a volume, for one client or for all, in which new entities are placed from then on. It takes the owner's login.
///
/// # Errors
/// When a statement fails; nothing is added then.
pub async fn add_volume(session: &Session, client: Option<Uuid>) -> Result<Volume, Error> {
    session.lock(VOLUMES_LOCK).await?;
    let sql = "SELECT 'volume_' || (count(*) + 1) AS name FROM core.volumes";
    let row: Option<VolumeRow> = session.row(sql, &[]).await?;
    let volume = Volume(row.map_or_else(|| "volume_1".to_owned(), |row| row.name));
    let edition = session.edition().await?;
    session.batch(&volume.create(edition)).await?;
    let closed = "UPDATE core.volumes SET is_open = false WHERE client_id IS NOT DISTINCT FROM $1";
    session.execute(closed, &[&client]).await?;
    let added = "INSERT INTO core.volumes (name, client_id) VALUES ($1, $2)";
    session.execute(added, &[&volume.name(), &client]).await?;
    Ok(volume)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_placeholder_is_filled() {
        let volume = Volume::named("volume_1");
        let mut texts: Vec<String> = [Edition::Apache, Edition::Community]
            .map(|edition| volume.create(edition))
            .into();
        texts.extend([volume.compact(), volume.compact_part()]);
        for text in texts {
            assert!(!text.contains("{{"), "{text}");
            assert!(text.contains("\"volume_1\".\"partials\""), "{text}");
        }
    }
}

//! What became of batches of events.

use database::{Database, Error};
use jiff::Timestamp;
use uuid::Uuid;

use crate::lists::{Found, List, Selection};

database::row! {
    /// What became of a batch.
    #[derive(Clone, Debug)]
    pub struct BatchReport {
        /// Identity.
        pub id: Uuid,
        /// Entity.
        pub entity: String,
        /// Where it came from.
        pub source: String,
        /// Events that became facts.
        pub accepted: i32,
        /// Events that became dead letters.
        pub rejected: i32,
        /// Position of the first event that has had no effect yet; `None` once all have.
        pub next_position: Option<i32>,
        /// Facts of it that are not there any more, as far as that is counted.
        pub removed: i64,
        /// The change that takes it out, or has.
        pub undone_by: Option<Uuid>,
        /// Whether that goes on.
        pub is_being_undone: bool,
        /// When its first transaction ended.
        pub begun_at: Timestamp,
        /// When its last transaction ended.
        pub finished_at: Timestamp,
    }
}

const COLUMNS: &str = "id, entity, source, accepted, rejected, next_position, removed, undone_by, begun_at, finished_at,
    EXISTS (SELECT FROM core.changes c WHERE c.client_id = batches.client_id AND c.id = batches.undone_by AND c.finished_at IS NULL) AS is_being_undone";

/// The report of a batch; `None` while it is queued, or when the client has no such batch.
///
/// # Errors
/// When the statement fails.
pub async fn find(database: &Database, client: Uuid, id: Uuid) -> Result<Option<BatchReport>, Error> {
    let sql = format!("SELECT {COLUMNS} FROM core.batches WHERE client_id = $1 AND id = $2");
    database.of(client).row(&sql, &[&client, &id]).await
}

/// Which batches are asked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wanted<'a> {
    /// Only of this entity.
    pub entity: Option<&'a str>,
    /// Only those that are `writing`, `finished`, `undoing` or `undone`.
    pub state: Option<&'a str>,
    /// Only those that came from there.
    pub source: Option<&'a str>,
    /// Only those that began at this time or later.
    pub from: Option<Timestamp>,
    /// Only those that began before this time.
    pub to: Option<Timestamp>,
    /// Only those before the one that began then and is this.
    pub after: Option<(Timestamp, Uuid)>,
}

const LIST: List = List {
    table: "core.batches",
    name: "batches",
    order: "begun_at DESC, id DESC",
    columns: COLUMNS,
    joins: "",
};

/// How far a batch has come, in a word.
const STATE: &str = "CASE WHEN undone_by IS NULL AND next_position IS NULL THEN 'finished' WHEN undone_by IS NULL THEN 'writing'
    WHEN EXISTS (SELECT FROM core.changes c WHERE c.client_id = batches.client_id AND c.id = batches.undone_by AND c.finished_at IS NULL) THEN 'undoing'
    ELSE 'undone' END";

/// A page of batches, the latest first, by when they began and their identities.
///
/// # Errors
/// When the statement fails.
pub async fn list(
    database: &Database,
    client: Uuid,
    wanted: &Wanted<'_>,
    most: i64,
) -> Result<Found<BatchReport, (Timestamp, Uuid)>, Error> {
    let state = format!("{STATE} = {{}}");
    let mut selection = Selection::of(&client);
    selection.found("entity = {}", wanted.entity.as_ref());
    selection.found("begun_at >= {}", wanted.from.as_ref());
    selection.found("begun_at < {}", wanted.to.as_ref());
    selection.found_by_two("(begun_at, id) < ({}, {})", wanted.after.as_ref());
    selection.matching(&state, wanted.state.as_ref());
    selection.matching("source = {}", wanted.source.as_ref());
    let key = |batch: &BatchReport| (batch.begun_at, batch.id);
    selection.read(database, &LIST, most, key).await
}

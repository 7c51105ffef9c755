//! What became of batches of events, and of deletions, which are listed among them: what takes facts out is as much of a client's history as what brings them.

use database::{Database, Error};
use jiff::Timestamp;
use uuid::Uuid;

use crate::lists::{Found, List, Selection};

database::row! {
    /// What became of a batch, or of a deletion.
    #[derive(Clone, Debug)]
    pub struct BatchReport {
        /// Identity; of a deletion that of its change.
        pub id: Uuid,
        /// Entity.
        pub entity: String,
        /// Where it came from.
        pub source: String,
        /// Whether it is a deletion.
        pub is_deletion: bool,
        /// Events that became facts.
        pub accepted: i32,
        /// Events that became dead letters.
        pub rejected: i32,
        /// Position of the first event that has had no effect yet; `None` once all have.
        pub next_position: Option<i32>,
        /// Facts of it that are not there any more, as far as that is counted; of a deletion those that it took out.
        pub removed: i64,
        /// The change that takes it out, or has.
        pub undone_by: Option<Uuid>,
        /// Whether that goes on.
        pub is_being_undone: bool,
        /// When its first transaction began.
        pub begun_at: Timestamp,
        /// When its last transaction ended.
        pub finished_at: Timestamp,
        /// Values of dimensions that a deletion named, as JSON.
        pub filter: Option<String>,
        /// From when on its facts were meant; not known of deletions by the version before.
        pub deleted_from: Option<Timestamp>,
        /// Before when they were meant.
        pub deleted_to: Option<Timestamp>,
        /// Who asked for it.
        pub begun_by: Option<Uuid>,
        /// Address of whoever asked for it, who may be gone.
        pub begun_by_email: Option<String>,
    }
}

const COLUMNS: &str = "batches.id, batches.entity, batches.source, batches.is_deletion, batches.accepted, batches.rejected, batches.next_position, batches.removed,
    batches.undone_by, batches.begun_at, batches.finished_at, batches.filter, batches.deleted_from, batches.deleted_to, batches.begun_by, users.email AS begun_by_email,
    EXISTS (SELECT FROM core.changes c WHERE c.client_id = batches.client_id AND c.id = batches.undone_by AND c.finished_at IS NULL) AS is_being_undone";

/// Batches and deletions of all clients, of which whoever reads it names one: each has an index by its time, of which a page is the beginning, or of the few deletions of a client all are looked at.
const ALL: &str = "(
        SELECT b.client_id, b.id, b.entity, b.source, false AS is_deletion, b.accepted, b.rejected, b.next_position, b.removed, b.undone_by,
            b.begun_at, b.finished_at, NULL::text AS filter, NULL::timestamptz AS deleted_from, NULL::timestamptz AS deleted_to, NULL::uuid AS begun_by
        FROM core.batches b
        UNION ALL
        SELECT c.client_id, c.id, e.code, 'deletion', true, 0, 0, CASE WHEN c.finished_at IS NULL THEN 0 END, c.removed, NULL::uuid,
            c.began_at, coalesce(c.finished_at, c.tried_at, c.began_at), coalesce(c.deleted_filter, c.filter)::text, c.deleted_from, c.deleted_to, c.begun_by
        FROM core.changes c JOIN core.entities e ON e.client_id = c.client_id AND e.id = c.entity_id
        WHERE c.kind = 'deletion'
    )";

/// Who asked for a deletion.
const ASKERS: &str = "LEFT JOIN core.users ON users.client_id = batches.client_id AND users.id = batches.begun_by";

/// The report of a batch or a deletion; `None` while it is queued, or when the client has no such one.
///
/// # Errors
/// When the statement fails.
pub async fn find(database: &Database, client: Uuid, id: Uuid) -> Result<Option<BatchReport>, Error> {
    let sql = format!(
        "SELECT {COLUMNS} FROM {ALL} batches {ASKERS} WHERE batches.client_id = $1 AND batches.id = $2 LIMIT 1"
    );
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
    table: ALL,
    name: "batches",
    order: "batches.begun_at DESC, batches.id DESC",
    columns: COLUMNS,
    joins: ASKERS,
};

/// How far a batch has come, in a word.
const STATE: &str = "CASE WHEN undone_by IS NULL AND next_position IS NULL THEN 'finished' WHEN undone_by IS NULL THEN 'writing'
    WHEN EXISTS (SELECT FROM core.changes c WHERE c.client_id = batches.client_id AND c.id = batches.undone_by AND c.finished_at IS NULL) THEN 'undoing'
    ELSE 'undone' END";

/// A page of batches and deletions, the latest first, by when they began and their identities.
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
    selection.found("batches.entity = {}", wanted.entity.as_ref());
    selection.found("batches.begun_at >= {}", wanted.from.as_ref());
    selection.found("batches.begun_at < {}", wanted.to.as_ref());
    selection.found_by_two("(batches.begun_at, batches.id) < ({}, {})", wanted.after.as_ref());
    selection.matching(&state, wanted.state.as_ref());
    selection.matching("batches.source = {}", wanted.source.as_ref());
    let key = |batch: &BatchReport| (batch.begun_at, batch.id);
    selection.read(database, &LIST, most, key).await
}

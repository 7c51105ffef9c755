//! What became of files, in pages.

use database::{Database, Error};
use jiff::Timestamp;
use uuid::Uuid;

use crate::lists::{Found, List, Selection};

database::row! {
    /// What became of a file.
    #[derive(Clone, Debug)]
    pub struct FileReport {
        /// Identity: of the bytes under the key.
        pub id: Uuid,
        /// Its key.
        pub key: String,
        /// Entity.
        pub entity: String,
        /// `writing`, `finished` or `refused`.
        pub state: String,
        /// Why it, or the rest of it, was refused; or what became of it when it was put on the bucket again.
        pub reason: Option<String>,
        /// Rows that became facts.
        pub accepted: i64,
        /// Rows that became dead letters.
        pub rejected: i64,
        /// When it was first taken up.
        pub begun_at: Timestamp,
        /// When it came so far.
        pub changed_at: Timestamp,
    }
}

/// Which files are asked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wanted<'a> {
    /// Only of this entity.
    pub entity: Option<&'a str>,
    /// Only those in this state.
    pub state: Option<&'a str>,
    /// Only those under this key.
    pub key: Option<&'a str>,
    /// Only those that were first taken up at this time or later.
    pub from: Option<Timestamp>,
    /// Only those that were first taken up before this time.
    pub to: Option<Timestamp>,
    /// Only those before the one that was taken up then and is this.
    pub after: Option<(Timestamp, Uuid)>,
}

const LIST: List = List {
    table: "core.files",
    name: "f",
    order: "f.begun_at DESC, f.id DESC",
    columns: "f.id, f.key, f.entity, f.state, f.reason, f.accepted, f.rejected, f.begun_at, f.changed_at",
    joins: "",
};

/// A page of files, the latest first, by when they were taken up and their identities.
///
/// # Errors
/// When the statement fails.
pub async fn list(
    database: &Database,
    client: Uuid,
    wanted: &Wanted<'_>,
    most: i64,
) -> Result<Found<FileReport, (Timestamp, Uuid)>, Error> {
    let mut selection = Selection::of(&client);
    selection.found("f.entity = {}", wanted.entity.as_ref());
    selection.found("f.key = {}", wanted.key.as_ref());
    selection.found("f.begun_at >= {}", wanted.from.as_ref());
    selection.found("f.begun_at < {}", wanted.to.as_ref());
    selection.found_by_two("(f.begun_at, f.id) < ({}, {})", wanted.after.as_ref());
    selection.matching("f.state = {}", wanted.state.as_ref());
    let key = |file: &FileReport| (file.begun_at, file.id);
    selection.read(database, &LIST, most, key).await
}

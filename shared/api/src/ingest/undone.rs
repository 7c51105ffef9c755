//! Taking data out again: what is undone, and what is deleted by a filter.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::BatchState;

/// A batch or file that is taken out again.
#[derive(Serialize, ToSchema)]
pub struct Undone {
    /// `undoing` while facts are taken out, `undone` once all are.
    pub state: BatchState,
    /// The change that takes them out; none where nothing was there to take out.
    pub change: Option<Change>,
}

/// Which facts were deleted, and by whom.
#[derive(Serialize, ToSchema)]
pub struct DeletedFacts {
    /// From this instant on; none of deletions before this was kept.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub from: Option<Timestamp>,
    /// Before this instant.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub to: Option<Timestamp>,
    /// Values of dimensions that they had; `""` is none.
    pub filter: BTreeMap<String, Vec<String>>,
    /// The user who confirmed it.
    #[schema(value_type = Option<String>, format = "uuid")]
    pub by: Option<Uuid>,
    /// That user's e-mail address, as long as there is such a user.
    pub by_email: Option<String>,
}

/// Facts that are to be deleted, or are.
#[derive(Serialize, ToSchema)]
pub struct Deletion {
    /// How many facts were found.
    pub facts: i64,
    /// Time of the first.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub first: Option<Timestamp>,
    /// Time of the last.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last: Option<Timestamp>,
    /// What `confirm` is in the request that deletes them.
    pub confirmation: String,
    /// The change that takes them out, where they are being deleted.
    pub change: Option<Change>,
}

/// Facts that are taken out in steps, and what comes in their place.
#[derive(Serialize, ToSchema)]
pub struct Change {
    /// Identity.
    #[schema(value_type = String, format = "uuid")]
    pub id: Uuid,
    /// Facts that were taken out by now.
    pub removed: i64,
    /// Facts that came back by now.
    pub restored: i64,
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    pub began_at: Timestamp,
    /// When it was done.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub finished_at: Option<Timestamp>,
    /// Of what kind the last failure was, where a step failed; it is tried again.
    pub reason: Option<String>,
}

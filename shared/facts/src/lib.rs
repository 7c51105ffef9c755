//! Facts and their rollups: every statement over them is here, and none has a form without a client.
//!
//! - [`relation`], [`tables`], [`ddl`]: the tables that entities generate; [`ready_made`]: the built-in entity's
//! - [`ingest`]: batches into facts, partials, refused events and the batches' marks, in transactions of bounded cost, for keyed entities as replacements
//! - [`read`]: states of buckets for [`series::Question`]s, many in one statement
//! - [`compact`]: upkeep of rollups; [`notifications`]: what wakes the publisher; [`watermarks`]: how far the facts have come
//! - [`migrate`] brings a database up to date; [`health`]: how TimescaleDB and its jobs are

pub mod batch;
mod commit;
pub mod compact;
mod copy;
pub mod ddl;
pub mod health;
pub mod ingest;
mod keyed;
mod mark;
pub mod migrate;
pub mod notifications;
mod part;
pub mod read;
pub mod ready_made;
pub mod relation;
mod states;
pub mod tables;
pub mod watermarks;

pub use commit::Committed;
pub use part::MAX_CELLS;
pub use relation::{Placed, Relation};

/// Tries of a transaction that loses against a concurrent one before the caller is told.
const MAX_TRIES: usize = 5;

//! Facts and their rollups: every statement over them is here, and none has a form without a client.
//!
//! - [`volume`]: the tables, of one shape for all; [`layout`]: what holds which attribute of an entity there; [`place`]: where an entity is
//! - [`moves`]: from one volume to another, in steps; [`leftovers`]: what is cleared afterwards; [`groups`]: how many groups a grouping may have
//! - [`fill`]: groupings that are added to facts, in steps; [`work`]: who takes those steps, and when; [`ready_made`]: the built-in entity's views
//! - [`ingest`]: batches into facts, partials, refused events and the batches' marks, in transactions of bounded cost, for keyed entities as replacements
//! - [`pieces`]: batches that come in pieces, as those of files do; [`changes`]: facts that are taken out again, and what comes in their place
//! - [`read`]: states of buckets for [`series::Question`]s, many in one statement
//! - [`sketches`]: states from which percentiles and numbers of different values are answered within a bound
//! - [`compact`]: upkeep of rollups; [`notifications`]: what wakes the publisher; [`watermarks`]: how far the facts have come
//! - [`migrate`] brings a database up to date; [`health`]: how TimescaleDB and its jobs are

pub mod batch;
mod bring_over;
pub mod changes;
mod chunks;
mod clock;
mod commit;
pub mod compact;
mod complete;
mod copy;
mod count;
pub mod fill;
pub mod groups;
pub mod health;
pub mod ingest;
mod key;
mod keyed;
pub mod layout;
pub mod leftovers;
mod mark;
pub mod migrate;
pub mod moves;
pub mod notifications;
mod numeric;
mod part;
pub mod pieces;
pub mod place;
pub mod read;
pub mod ready_made;
pub mod sketches;
mod states;
pub mod stream;
pub mod ungrouped;
pub mod volume;
pub mod watermarks;
pub mod work;

pub use commit::Committed;
pub use layout::Layout;
pub use part::MAX_CELLS;
pub use place::{Place, Placed};
pub use volume::Volume;

/// Tries of a transaction that loses against a concurrent one before the caller is told.
const MAX_TRIES: usize = 5;

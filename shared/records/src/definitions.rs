//! Definitions of entities and KPIs, and of what stands beside them.
//!
//! They are a client's own: nothing of them depends on what others define, and none changes a table. What a definition changes is rows, under a lock of the
//! client alone.

mod catalogs;
mod change;
mod codes;
mod companions;
mod deletion;
mod entities;
mod kpis;
mod renaming;
mod uses;
pub mod versions;

use catalog::Problem;

pub use catalogs::{ClientCatalog, Fingerprint, fingerprint, load, load_one};
pub use change::MAX_CHANGE;
pub use codes::{MAX_FOLLOWED_ROWS, follow, follow_all, followed};
pub use companions::{create_companion, delete_companion, replace_companion};
pub use deletion::delete_entity;
pub use entities::{create_entity, give_up_groupings, replace_entity};
pub use kpis::{create_kpi, delete_kpi, replace_kpi};
pub use renaming::{rename_entity, rename_kpi};
pub use uses::{MAX_USERS, User, bounded};
pub use versions::Author;

/// How a write of a definition ended. Nothing was changed but by [`Written::Stored`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Written {
    /// Stored with this version, or deleted that had it.
    Stored(i32),
    /// A definition exists already whose code, this one, can't be told apart from the new one's.
    Exists(String),
    /// The version that the caller knew is not the stored one, which is this.
    Stale(i32),
    /// There is none to replace.
    Missing,
    /// It does not fit what the client has defined otherwise.
    Invalid(Vec<Problem>),
    /// The client has this many already, which is the limit.
    Full(usize),
    /// It is the built-in entity's, which views stand on.
    BuiltIn,
    /// The client has facts of the entity, so a derived attribute can't be added any more: old facts would lack it.
    DerivedTooLate,
    /// It is not deleted, because these use it: [`MAX_USERS`] of them at most.
    InUse(Vec<User>),
    /// It is not deleted, because it has facts and nobody said that they may go.
    HasFacts,
    /// An entity had this code, and not everything that came under it has followed it yet, or is gone.
    Departing(String),
    /// It took longer than [`MAX_CHANGE`].
    TooLong,
}

//! Definitions of entities and KPIs.
//!
//! Clients that define an entity of the same code and domain with the same types share its tables, which hold the union
//! of their columns and groupings; each client's own definition says which of them it writes and reads.

mod catalogs;
mod change;
mod entities;
mod kpis;

use catalog::Problem;

pub use catalogs::{ClientCatalog, Fingerprint, fingerprint, load, load_one};
pub use entities::{create_entity, replace_entity};
pub use kpis::{create_kpi, replace_kpi};

/// How a write of a definition ended. Nothing was changed but by [`Written::Stored`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Written {
    /// Stored with this version.
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
    /// The client has facts of the entity in tables that can't take the change, for this reason.
    Misfit(String),
    /// It took longer than [`facts::tables::MAX_CHANGE`].
    TooLong,
}

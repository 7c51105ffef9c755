//! The way to the database: addresses and roles, time limits, transactions, migrations. What is asked and stored is said in `facts`
//! and `records`, which with this crate have all SQL.
//!
//! - [`Database`] is a function's pool of one connection; [`Session`] is that connection in use
//! - [`Database::transaction`] is the only way to hold a transaction: whatever happens to the future, it does not stay open
//! - [`Residence`]: in which database a client lives, at home or in a cell; [`Database::each`] of them by itself
//! - [`row!`] declares what a statement's rows are, by the names of their columns
//! - [`migrate`] brings the ordinary tables up to date; [`listener`] hears what commits tell

mod copy;
mod edition;
mod error;
pub mod listener;
pub mod migrate;
mod pool;
mod residence;
pub mod row;
mod session;
mod tls;
mod transaction;

pub use copy::CopyIn;
pub use edition::Edition;
pub use error::Error;
pub use pool::{ANSWER_WITHIN, Database, LOGIN_ROLE, Timeouts};
pub use residence::{HOME, KNOWS_CELLS, MAX_CELLS, MAX_ENTITIES_OF_A_CELL, Residence};
pub use row::FromRow;
pub use session::Session;
pub use transaction::{Isolation, OfClient, Scope};

/// What the macro [`row!`] needs where it is used.
pub mod sql {
    pub use tokio_postgres::{Column, Row};
}

/// A name quoted for SQL text.
#[must_use]
pub fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A value as it is stored in a column of JSON.
///
/// # Errors
/// When it can't be written as JSON.
pub fn json(value: &impl serde::Serialize) -> Result<serde_json::Value, Error> {
    serde_json::to_value(value).map_err(|error| Error::Stored {
        place: "JSON to be stored".to_owned(),
        cause: error.to_string(),
    })
}

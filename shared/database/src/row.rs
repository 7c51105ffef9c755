//! Rows by the names of their columns.
//!
//! [`row!`](crate::row!) declares a type with a field for each column, so that no column is read by its position, and every statement
//! that is prepared is checked against the type, whether or not it finds a row. It is a macro of thirty lines and not a library:
//! of those that derive the same, one has no licence, and the others panic on a column that is missing.

use tokio_postgres::types::FromSql;
use tokio_postgres::{Column, Row};

use crate::Error;

/// A type that has a field for each column of a row; made by [`row!`](crate::row!). A pair reads the columns of both its types.
pub trait FromRow: Sized {
    /// The first column that a row lacks, or has in a type that the field can't be read from.
    fn misfit(columns: &[Column]) -> Option<&'static str>;

    /// Reads a row.
    ///
    /// # Errors
    /// When a column is missing or holds what its field can't.
    fn from_row(row: &Row) -> Result<Self, Error>;
}

impl<A: FromRow, B: FromRow> FromRow for (A, B) {
    fn misfit(columns: &[Column]) -> Option<&'static str> {
        A::misfit(columns).or_else(|| B::misfit(columns))
    }

    fn from_row(row: &Row) -> Result<Self, Error> {
        Ok((A::from_row(row)?, B::from_row(row)?))
    }
}

/// Checks that a statement has the columns of a type.
pub(crate) fn check<R: FromRow>(sql: &str, columns: &[Column]) -> Result<(), Error> {
    match R::misfit(columns) {
        None => Ok(()),
        Some(name) => Err(Error::Stored {
            place: format!("column {name:?} of {sql:?}"),
            cause: "it is missing, or of another type than what reads it".to_owned(),
        }),
    }
}

/// Whether a column of this name is there and can be read into a field of type `T`.
#[must_use]
pub fn has<'a, T: FromSql<'a>>(columns: &[Column], name: &str) -> bool {
    let found = columns.iter().find(|column| column.name() == name);
    found.is_some_and(|column| T::accepts(column.type_()))
}

/// Declares a struct whose fields are the columns of a row, with [`FromRow`].
#[macro_export]
macro_rules! row {
    ($(#[$outer:meta])* $seen:vis struct $name:ident {
        $($(#[$inner:meta])* $field_seen:vis $field:ident: $kind:ty),* $(,)?
    }) => {
        $(#[$outer])*
        $seen struct $name {
            $($(#[$inner])* $field_seen $field: $kind),*
        }

        impl $crate::FromRow for $name {
            fn misfit(columns: &[$crate::sql::Column]) -> Option<&'static str> {
                $(if !$crate::row::has::<$kind>(columns, stringify!($field)) {
                    return Some(stringify!($field));
                })*
                None
            }

            fn from_row(row: &$crate::sql::Row) -> Result<Self, $crate::Error> {
                Ok(Self { $($field: row.try_get(stringify!($field))?),* })
            }
        }
    };
}

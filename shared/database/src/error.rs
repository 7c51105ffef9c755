//! What can go wrong between a function and its database.

/// What can go wrong between a function and its database.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database's address can't be read. The text never holds the password.
    #[error("DATABASE_URL can't be read: {0}")]
    Address(String),
    /// No connection.
    #[error("no connection to the database at {place}: {cause}")]
    Unreachable {
        /// Host and port.
        place: String,
        /// Why.
        cause: String,
    },
    /// The server refused a statement.
    #[error("{}", describe(.0))]
    Statement(#[from] tokio_postgres::Error),
    /// A migration failed.
    #[error("migration failed: {}", chain(.0))]
    Migration(#[from] refinery_core::Error),
    /// A row holds what the code can't read; `place` names it.
    #[error("stored {place} can't be read: {cause}")]
    Stored {
        /// Table and key.
        place: String,
        /// Why.
        cause: String,
    },
    /// The entity's definition was replaced after the facts were mapped: load it again and map again.
    #[error("the definition of entity {0:?} was replaced meanwhile")]
    DefinitionChanged(String),
    /// The question or its answer is over a named limit.
    #[error("{0}")]
    TooMuch(String),
    /// The server lacks what the product stands on.
    #[error("the database server can't be used: {0}")]
    Server(String),
}

/// The server's message with its SQLSTATE; `tokio_postgres` by itself says only "db error".
fn describe(error: &tokio_postgres::Error) -> String {
    error.as_db_error().map_or_else(
        || error.to_string(),
        |db| {
            format!(
                "{} ({}{})",
                db.message(),
                db.code().code(),
                db.table().map(|table| format!(", table {table}")).unwrap_or_default()
            )
        },
    )
}

/// An error with its causes: the migration runner's own text says only "db error".
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

impl Error {
    /// Whether another try may succeed: the transaction lost against a concurrent one.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        let Self::Statement(error) = self else { return false };
        matches!(
            error.code().map(tokio_postgres::error::SqlState::code),
            Some("40001" | "40P01")
        )
    }

    /// Whether the statement itself failed, and not the server or the way to it: another statement may succeed. So it is with too many rows, a
    /// timeout, a lock that another has, a table that is not as expected.
    #[must_use]
    pub fn is_of_statement(&self) -> bool {
        /// Connection lost; resources exhausted; operator intervention other than a timeout (57014); system and internal errors.
        const OF_SERVER: [&str; 5] = ["08", "53", "57P", "58", "XX"];
        match self {
            Self::TooMuch(_) | Self::Stored { .. } => true,
            Self::Statement(error) => error
                .code()
                .is_some_and(|code| !OF_SERVER.iter().any(|class| code.code().starts_with(class))),
            _ => false,
        }
    }

    /// Whether the server gave a statement up because it, or a lock that it waited for, took longer than its session allows.
    #[must_use]
    pub fn is_out_of_time(&self) -> bool {
        use tokio_postgres::error::SqlState;
        let Self::Statement(error) = self else { return false };
        matches!(error.code(), Some(code) if [SqlState::QUERY_CANCELED, SqlState::LOCK_NOT_AVAILABLE].contains(code))
    }
}

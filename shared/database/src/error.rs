//! What can go wrong between a function and its database.

use crate::residence::Moved;

/// What `core.enter` refuses with: the client lives elsewhere.
const AWAY: &str = "AE001";

/// A transaction that may not write was to write.
const READ_ONLY: &str = "25006";

/// What can go wrong between a function and its database.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database's address can't be read. The text never holds the password.
    #[error("DATABASE_URL can't be read: {0}")]
    Address(String),
    /// The certificates of the authorities that are trusted can't be read.
    #[error("DATABASE_CA can't be read: {0}; it has certificates in PEM")]
    Authority(String),
    /// No connection.
    #[error("no connection to the database at {place}: {cause}")]
    Unreachable {
        /// Host and port.
        place: String,
        /// Why.
        cause: String,
        /// The SQLSTATE, where it was the server that refused.
        code: Option<String>,
    },
    /// The server was reached and said nothing in time.
    #[error("the database did not answer within {} s", within.as_secs_f32())]
    NoAnswer {
        /// How long was waited.
        within: std::time::Duration,
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
    /// The time for the work is over; what was committed stays.
    #[error("the time was over before everything was written")]
    Unfinished,
    /// The question or its answer is over a named limit.
    #[error("{0}")]
    TooMuch(String),
    /// So many questions of the client are being answered, as many as may be at once.
    #[error("{0} questions of the client are being answered, and no more at once")]
    TooManyAtOnce(usize),
    /// The client lives in a cell that this function is not given.
    #[error(
        "the client lives in another database, cell {0:?}: DATABASE_CELLS should name it, unless this is work in one database alone"
    )]
    Elsewhere(String),
    /// No database of this name was given.
    #[error("there is no cell {name:?}: DATABASE_CELLS names {}", known.join(", "))]
    UnknownCell {
        /// The name that was asked for.
        name: String,
        /// Those that there are, `home` first.
        known: Vec<String>,
    },
    /// A client can't be moved to another database for now, or not at all; it lives where it did.
    #[error("the client is not moved: {0}")]
    NotMoved(String),
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
        /// Connection lost; resources exhausted; operator intervention other than a timeout (57014); system and internal errors; nothing may be written
        /// for now.
        const OF_SERVER: [&str; 6] = ["08", "53", "57P", "58", "XX", READ_ONLY];
        match self {
            Self::TooMuch(_) | Self::Stored { .. } => true,
            Self::Statement(error) => error
                .code()
                .is_some_and(|code| !OF_SERVER.iter().any(|class| code.code().starts_with(class))),
            _ => false,
        }
    }

    /// Whether the server refused what was to be written for what it is: a data exception, an integrity constraint, a limit of the server.
    #[must_use]
    pub fn is_of_row(&self) -> bool {
        const OF_ROW: [&str; 3] = ["22", "23", "54"];
        let Self::Statement(error) = self else { return false };
        let is_of_row =
            |code: &tokio_postgres::error::SqlState| OF_ROW.iter().any(|class| code.code().starts_with(class));
        error.code().is_some_and(is_of_row)
    }

    /// Whether the schema lacks what the statement names, as between a deployment and its migration: a table, a column, a function or a schema.
    #[must_use]
    pub fn is_of_schema(&self) -> bool {
        const OF_SCHEMA: [&str; 4] = ["42P01", "42703", "42883", "3F000"];
        self.code().is_some_and(|code| OF_SCHEMA.contains(&code))
    }

    /// What kind of error it is, without a name or a value of anybody's.
    #[must_use]
    pub fn kind(&self) -> String {
        match self {
            Self::Statement(error) => error.code().map_or_else(
                || "the connection was lost".to_owned(),
                |code| format!("SQLSTATE {}", code.code()),
            ),
            Self::TooMuch(_) => "it is over a limit".to_owned(),
            Self::Stored { .. } => "what is stored can't be read".to_owned(),
            _ => "the database can't be used".to_owned(),
        }
    }

    /// Whether the server, or the way to it, is at fault, so that no request can be answered for now.
    #[must_use]
    pub const fn is_unavailable(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. } | Self::NoAnswer { .. } | Self::Elsewhere(_)
        )
    }

    /// Whether nothing of the client may be written for now, because it is being moved to another database: a moment later it may.
    #[must_use]
    pub fn is_being_moved(&self) -> bool {
        self.code() == Some(READ_ONLY)
    }

    /// Where the client went, when that is why a transaction did not begin.
    pub(crate) fn moved(&self) -> Option<Moved> {
        let Self::Statement(error) = self else { return None };
        let refusal = error.as_db_error().filter(|refusal| refusal.code().code() == AWAY)?;
        Moved::read(refusal.detail()?)
    }

    /// Whether the server is there and takes nobody in for a moment: all its connections are in use, or it is starting.
    #[must_use]
    pub fn passes_soon(&self) -> bool {
        const TOO_MANY_CONNECTIONS: &str = "53300";
        const CANNOT_CONNECT_NOW: &str = "57P03";
        matches!(self.code(), Some(TOO_MANY_CONNECTIONS | CANNOT_CONNECT_NOW))
    }

    fn code(&self) -> Option<&str> {
        match self {
            Self::Statement(error) => error.code().map(tokio_postgres::error::SqlState::code),
            Self::Unreachable { code, .. } => code.as_deref(),
            _ => None,
        }
    }

    /// The same error, with the cell named that can't be reached.
    pub(crate) fn of_cell(self, name: &str) -> Self {
        match self {
            Self::Unreachable { place, cause, code } => Self::Unreachable {
                place: format!("{place}, cell {name}"),
                cause,
                code,
            },
            other => other,
        }
    }

    /// Whether there was a connection, and what was sent over it failed, for whatever reason.
    #[must_use]
    pub const fn is_after_connecting(&self) -> bool {
        matches!(self, Self::Statement(_) | Self::NoAnswer { .. })
    }

    /// Whether another session had a lock for longer than this one may wait.
    #[must_use]
    pub fn is_locked_out(&self) -> bool {
        let Self::Statement(error) = self else { return false };
        error.code() == Some(&tokio_postgres::error::SqlState::LOCK_NOT_AVAILABLE)
    }

    /// Whether the server gave a statement up because it, or a lock that it waited for, took longer than its session allows.
    #[must_use]
    pub fn is_out_of_time(&self) -> bool {
        use tokio_postgres::error::SqlState;
        let Self::Statement(error) = self else { return false };
        matches!(error.code(), Some(code) if [SqlState::QUERY_CANCELED, SqlState::LOCK_NOT_AVAILABLE].contains(code))
    }
}

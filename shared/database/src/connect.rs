//! Connections: one per function process, its role, its edition, and a count of statements.

use std::pin::Pin;
use std::str::FromStr as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, RecyclingMethod};
use tokio::sync::OnceCell;
use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Config, NoTls, Row, Statement};
use tokio_postgres_rustls::MakeRustlsConnect;
use uuid::Uuid;

/// Most statements that a connection keeps prepared; their texts are per entity, and one client more could bring any number.
const MAX_PREPARED: usize = 512;

/// How long the server lets a session wait. What takes longer fails with an error that says so, and the session goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// For one statement as a whole.
    pub statement: Duration,
    /// For one lock, such as on a table that is being altered.
    pub lock: Duration,
}

impl Timeouts {
    /// For functions that answer a request within Lambda's 10 s of the template's defaults: an error arrives while there is still time to
    /// tell it.
    pub const REQUEST: Self = Self {
        statement: Duration::from_secs(8),
        lock: Duration::from_secs(4),
    };

    fn settings(self) -> String {
        format!(
            "; SET statement_timeout = {}; SET lock_timeout = {}",
            self.statement.as_millis(),
            self.lock.as_millis()
        )
    }
}

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
    Migration(#[from] refinery::Error),
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

    /// Whether the server gave a statement up because it took longer than its session allows.
    #[must_use]
    pub fn is_out_of_time(&self) -> bool {
        let Self::Statement(error) = self else { return false };
        error.code() == Some(&tokio_postgres::error::SqlState::QUERY_CANCELED)
    }
}

/// Edition of TimescaleDB, read from the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edition {
    /// Hypertables only; rollup levels are tables that `compact-rollups` fills.
    Apache,
    /// Continuous aggregates, compression, job policies.
    Community,
}

impl Edition {
    /// Its name in answers and logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Apache => "apache",
            Self::Community => "community",
        }
    }
}

/// A database with its pool of one connection, which is what a function that handles one event at a time can use.
#[derive(Clone)]
pub struct Database {
    pool: Pool,
    config: Arc<Config>,
    role: Arc<str>,
    timeouts: Option<Timeouts>,
    edition: Arc<OnceCell<Edition>>,
    statements: Arc<AtomicU64>,
}

impl Database {
    /// The database at a `postgres://` URL, as the given role. Connects on first use.
    ///
    /// # Errors
    /// When the URL can't be read.
    pub fn new(url: &str, role: &str) -> Result<Self, Error> {
        let mut config = Config::from_str(url).map_err(|error| Error::Address(error.to_string()))?;
        config.application_name(role).connect_timeout(Duration::from_secs(5));
        // A frozen sandbox leaves dead sockets behind: the pool asks a connection for a sign of life before use.
        let recycling = ManagerConfig {
            recycling_method: RecyclingMethod::Verified,
        };
        let manager = match config.get_ssl_mode() {
            tokio_postgres::config::SslMode::Disable => Manager::from_config(config.clone(), NoTls, recycling),
            _ => Manager::from_config(config.clone(), tls(), recycling),
        };
        let pool = Pool::builder(manager)
            .max_size(1)
            .build()
            .map_err(|error| Error::Address(error.to_string()))?;
        Ok(Self {
            pool,
            config: Arc::new(config),
            role: Arc::from(role),
            timeouts: None,
            edition: Arc::new(OnceCell::new()),
            statements: Arc::new(AtomicU64::new(0)),
        })
    }

    /// The same database, whose sessions wait no longer than this. Without it they wait as long as the server is set to.
    #[must_use]
    pub fn with_timeouts(self, timeouts: Timeouts) -> Self {
        Self {
            timeouts: Some(timeouts),
            ..self
        }
    }

    /// The connection, in the role of this database and with no client set.
    ///
    /// # Errors
    /// When the server can't be reached or the login may not take the role.
    pub async fn session(&self) -> Result<Session, Error> {
        let object = self.pool.get().await.map_err(|error| Error::Unreachable {
            place: self.place(),
            cause: cause_of(&error),
        })?;
        if self.role.as_ref() != LOGIN_ROLE {
            // Statements are kept prepared, but planned for the buckets that are asked for: a plan for any would visit every chunk.
            let set = format!(
                "SET ROLE {}; SET plan_cache_mode = force_custom_plan{}",
                identifier(&self.role),
                self.timeouts.map(Timeouts::settings).unwrap_or_default()
            );
            object.batch_execute(&set).await?;
        }
        Ok(Session {
            object,
            edition: Arc::clone(&self.edition),
            statements: Arc::clone(&self.statements),
        })
    }

    /// Statements sent by sessions of this database so far; transaction control is not counted.
    #[must_use]
    pub fn statements(&self) -> u64 {
        self.statements.load(Ordering::Relaxed)
    }

    /// Host and port, for messages; never the password.
    #[must_use]
    pub fn place(&self) -> String {
        let host = self.config.get_hosts().first().map_or_else(
            || "localhost".to_owned(),
            |host| match host {
                tokio_postgres::config::Host::Tcp(name) => name.clone(),
                tokio_postgres::config::Host::Unix(path) => path.display().to_string(),
            },
        );
        format!("{host}:{}", self.config.get_ports().first().copied().unwrap_or(5432))
    }

    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    pub(crate) fn role(&self) -> &str {
        &self.role
    }
}

/// The role name that means "as the login itself": the migration starts before the other roles exist.
pub const LOGIN_ROLE: &str = "login";

/// The cause behind the pool's own words.
fn cause_of(error: &deadpool_postgres::PoolError) -> String {
    match error {
        deadpool_postgres::PoolError::Backend(inner) => inner.as_db_error().map_or_else(
            || std::error::Error::source(inner).map_or_else(|| inner.to_string(), ToString::to_string),
            |db| db.message().to_owned(),
        ),
        other => other.to_string(),
    }
}

pub(crate) fn tls() -> MakeRustlsConnect {
    let roots = rustls::RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    MakeRustlsConnect::new(
        rustls::ClientConfig::builder()
            .with_root_certificates(roots)
            .with_no_client_auth(),
    )
}

/// A name quoted for SQL text.
#[must_use]
pub fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The connection while one event is handled.
pub struct Session {
    object: Object,
    edition: Arc<OnceCell<Edition>>,
    statements: Arc<AtomicU64>,
}

impl Session {
    /// The server's edition.
    ///
    /// # Errors
    /// When the server has no TimescaleDB.
    pub async fn edition(&self) -> Result<Edition, Error> {
        self.edition
            .get_or_try_init(|| async {
                let row = self
                    .object
                    .query_one("SELECT current_setting('timescaledb.license', true)", &[])
                    .await?;
                match row.get::<_, Option<&str>>(0) {
                    Some("timescale") => Ok(Edition::Community),
                    Some(_) => Ok(Edition::Apache),
                    None => Err(Error::Server(
                        "it has no TimescaleDB: install the extension and preload it".to_owned(),
                    )),
                }
            })
            .await
            .copied()
    }

    /// Runs a statement and returns its rows.
    pub(crate) async fn query(&self, sql: &str, parameters: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, Error> {
        self.count();
        let statement = self.prepared(sql).await?;
        Ok(self.object.query(&statement, parameters).await?)
    }

    /// Runs a statement whose text is made for one use, in one round trip.
    pub(crate) async fn query_once(
        &self,
        sql: &str,
        parameters: &[(&(dyn ToSql + Sync), Type)],
    ) -> Result<Vec<Row>, Error> {
        self.count();
        Ok(self.object.query_typed(sql, parameters).await?)
    }

    /// Runs a statement and returns the number of rows it touched.
    pub(crate) async fn execute(&self, sql: &str, parameters: &[&(dyn ToSql + Sync)]) -> Result<u64, Error> {
        self.count();
        let statement = self.prepared(sql).await?;
        Ok(self.object.execute(&statement, parameters).await?)
    }

    /// Runs SQL text without parameters, possibly several statements.
    pub(crate) async fn batch(&self, sql: &str) -> Result<(), Error> {
        self.count();
        Ok(self.object.batch_execute(sql).await?)
    }

    /// The bare client, for COPY and migrations.
    pub(crate) fn client(&mut self) -> &mut tokio_postgres::Client {
        &mut self.object
    }

    /// Begins a binary COPY of columns of the given types.
    pub(crate) async fn copy_in(&self, sql: &str, types: &[Type]) -> Result<Pin<Box<BinaryCopyInWriter>>, Error> {
        self.count();
        let statement = self.prepared(sql).await?;
        let sink = self.object.copy_in(&statement).await?;
        Ok(Box::pin(BinaryCopyInWriter::new(sink, types)))
    }

    /// The statement as the server keeps it for this connection: parsed once, used by every later event.
    async fn prepared(&self, sql: &str) -> Result<Statement, Error> {
        if self.object.statement_cache.size() >= MAX_PREPARED {
            self.object.statement_cache.clear();
        }
        Ok(self.object.prepare_cached(sql).await?)
    }

    fn count(&self) {
        self.statements.fetch_add(1, Ordering::Relaxed);
    }

    /// Begins a transaction; with a client, row-level security lets it see that client only.
    pub(crate) async fn begin(&self, client: Option<Uuid>, isolation: Isolation) -> Result<(), Error> {
        let level = match isolation {
            Isolation::ReadCommitted => "READ COMMITTED",
            Isolation::RepeatableRead => "REPEATABLE READ",
        };
        // A UUID has no character that could end the literal.
        let setting = client
            .map(|client| format!("; SET LOCAL app.client_id = '{client}'"))
            .unwrap_or_default();
        Ok(self
            .object
            .batch_execute(&format!("BEGIN ISOLATION LEVEL {level}{setting}"))
            .await?)
    }

    /// Commits.
    pub(crate) async fn commit(&self) -> Result<(), Error> {
        Ok(self.object.batch_execute("COMMIT").await?)
    }

    /// Closes the connection, with all that was set in it and all locks that it has: it does not go back to the pool.
    pub(crate) fn close(self) {
        drop(Object::take(self.object));
    }

    /// Ends a transaction by its result: commits what went well, rolls back what did not.
    pub(crate) async fn finish<T>(self, result: Result<T, Error>) -> Result<T, Error> {
        match result {
            Ok(value) => self.commit().await.map(|()| value),
            Err(error) => {
                // After a refused COPY the connection is unusable (rust-postgres #1337): it leaves the pool.
                if self.object.batch_execute("ROLLBACK").await.is_err() || matches!(error, Error::Statement(_)) {
                    drop(Object::take(self.object));
                }
                Err(error)
            }
        }
    }
}

/// What a transaction sees of others that commit while it runs.
#[derive(Clone, Copy)]
pub(crate) enum Isolation {
    /// Each statement sees what is committed when it starts.
    ReadCommitted,
    /// All statements see what was committed when the first started.
    RepeatableRead,
}

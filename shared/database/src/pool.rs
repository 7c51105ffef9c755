//! A function's way to its database: the address, the role, the time limits, and a pool of one connection.

use std::str::FromStr as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod, Runtime};
use futures::FutureExt as _;
use tokio::sync::OnceCell;
use tokio_postgres::{Config, NoTls};

use crate::residence::Cells;
use crate::session::Session;
use crate::tls::{self, Authorities};
use crate::{Edition, Error, identifier};

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

    /// For work that is no request, each statement of which takes a second or two: a server on which one takes longer than this is in trouble, and the work
    /// comes again.
    pub const WORK: Self = Self {
        statement: Duration::from_secs(60),
        lock: Duration::from_secs(30),
    };

    /// How long an answer is waited for: the server itself says that the time is over, unless it stands still.
    fn answer(self) -> Duration {
        self.statement + ANSWER_MARGIN
    }

    fn settings(self) -> String {
        format!(
            "; SET statement_timeout = {}; SET lock_timeout = {}",
            self.statement.as_millis(),
            self.lock.as_millis()
        )
    }
}

/// A database with its pool of one connection, which is what a function that handles one event at a time can use; and the cells beside it, each with such a
/// pool, where there are some. A client's transactions go to where it lives, and all else goes home.
#[derive(Clone)]
pub struct Database {
    pub(crate) pool: Pool,
    pub(crate) config: Arc<Config>,
    pub(crate) role: Arc<str>,
    pub(crate) timeouts: Option<Timeouts>,
    pub(crate) edition: Arc<OnceCell<Edition>>,
    pub(crate) statements: Arc<AtomicU64>,
    pub(crate) cells: Arc<Cells>,
    pub(crate) authorities: Authorities,
    /// Whether a client's transactions ask whether it lives here: where there are cells.
    pub(crate) enters: bool,
}

impl Database {
    /// The database at a `postgres://` URL, as the given role. Connects on first use, to another machine over TLS only.
    ///
    /// # Errors
    /// When the URL can't be read.
    pub fn new(url: &str, role: &str) -> Result<Self, Error> {
        Self::trusting(url, role, "")
    }

    /// The same, where certificates of servers are of these authorities, in PEM; of an empty text, of those that browsers trust.
    ///
    /// # Errors
    /// When the URL or a certificate can't be read.
    pub fn trusting(url: &str, role: &str, authorities: &str) -> Result<Self, Error> {
        Self::at(url, role, &Authorities::of(authorities)?)
    }

    pub(crate) fn at(url: &str, role: &str, authorities: &Authorities) -> Result<Self, Error> {
        let mut config = Config::from_str(url).map_err(|error| Error::Address(error.to_string()))?;
        config.application_name(role).connect_timeout(CONNECT_WITHIN);
        // Of a server whose machine or network is gone nothing is heard, also by one who only listens.
        config
            .keepalives_idle(Duration::from_secs(30))
            .keepalives_interval(Duration::from_secs(10))
            .keepalives_retries(3);
        config.tcp_user_timeout(Duration::from_secs(60));
        tls::require(&mut config)?;
        Self::through(config, role, authorities)
    }

    /// The same server, told another name of who connects.
    pub(crate) fn renamed(&self, application: &str) -> Result<Self, Error> {
        let mut config = Config::clone(&self.config);
        config.application_name(application);
        Self::through(config, &self.role, &self.authorities)
    }

    fn through(config: Config, role: &str, authorities: &Authorities) -> Result<Self, Error> {
        // A frozen sandbox leaves dead sockets behind: the pool asks a connection for a sign of life before use.
        let recycling = ManagerConfig {
            recycling_method: RecyclingMethod::Verified,
        };
        let manager = match config.get_ssl_mode() {
            tokio_postgres::config::SslMode::Disable => Manager::from_config(config.clone(), NoTls, recycling),
            _ => Manager::from_config(config.clone(), authorities.connector(), recycling),
        };
        let pool = Pool::builder(manager)
            .max_size(1)
            .runtime(Runtime::Tokio1)
            .create_timeout(Some(CONNECT_WITHIN))
            .recycle_timeout(Some(ALIVE_WITHIN))
            .build()
            .map_err(|error| Error::Address(error.to_string()))?;
        Ok(Self {
            pool,
            config: Arc::new(config),
            role: Arc::from(role),
            timeouts: None,
            edition: Arc::new(OnceCell::new()),
            statements: Arc::new(AtomicU64::new(0)),
            cells: Arc::default(),
            authorities: authorities.clone(),
            enters: false,
        })
    }

    /// The same database, whose sessions wait no longer than this. Without it they wait as long as the server is set to, and [`ANSWER_WITHIN`] at most.
    #[must_use]
    pub fn with_timeouts(self, timeouts: Timeouts) -> Self {
        let cells = self.cells.map(|database| database.with_timeouts(timeouts));
        Self {
            timeouts: Some(timeouts),
            cells: Arc::new(cells),
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
            code: code_of(&error),
        })?;
        let answer_within = self.timeouts.map_or(ANSWER_WITHIN, Timeouts::answer);
        if self.role.as_ref() != LOGIN_ROLE {
            // Statements are kept prepared, but planned for the buckets that are asked for: a plan for any would visit every chunk.
            let set = format!(
                "SET ROLE {}; SET plan_cache_mode = force_custom_plan; {CHECK_CONNECTION}{}",
                identifier(&self.role),
                self.timeouts.map_or_else(|| NO_TIMEOUTS.to_owned(), Timeouts::settings)
            );
            let within = answer_within.min(CONNECT_WITHIN);
            let answer = tokio::time::timeout(within, object.batch_execute(&set).boxed()).await;
            answer.map_err(|_| Error::NoAnswer { within })??;
        }
        Ok(Session::new(
            object,
            Arc::clone(&self.edition),
            Arc::clone(&self.statements),
            answer_within,
        ))
    }

    /// Statements sent by sessions of this database, and of its cells, so far; transaction control is not counted.
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

/// How long an answer is waited for where no time limits are set: no function may run for longer than fifteen minutes, and one has a minute left to say
/// what did not answer.
pub const ANSWER_WITHIN: Duration = Duration::from_secs(14 * 60);

/// How much longer than a statement may take its answer is waited for.
pub(crate) const ANSWER_MARGIN: Duration = Duration::from_secs(1);

/// How long a connection may take until it can be used.
pub(crate) const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// How long a connection that was idle may take to give a sign of life; then another one is made.
const ALIVE_WITHIN: Duration = Duration::from_secs(1);

/// The role name that means "as the login itself": the migration starts before the other roles exist.
pub const LOGIN_ROLE: &str = "login";

/// A connection may have been another one's, who had some.
const NO_TIMEOUTS: &str = "; RESET statement_timeout; RESET lock_timeout";

/// Has the server end a statement whose connection was closed meanwhile, with its locks, and not only at its next answer.
const CHECK_CONNECTION: &str = "SET client_connection_check_interval = '1s'";

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

/// The SQLSTATE with which the server refused a connection.
fn code_of(error: &deadpool_postgres::PoolError) -> Option<String> {
    let deadpool_postgres::PoolError::Backend(inner) = error else {
        return None;
    };
    inner.code().map(|code| code.code().to_owned())
}

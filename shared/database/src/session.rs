//! A connection while it is in use: statements, kept prepared and counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use deadpool_postgres::Object;
use futures::future::BoxFuture;
use futures::{FutureExt as _, SinkExt as _, TryStreamExt as _};
use tokio::sync::OnceCell;
use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Row, Statement};

use crate::pool::ANSWER_MARGIN;
use crate::row::{self, FromRow};
use crate::transaction::Scope;
use crate::{CopyIn, Edition, Error, Residence};

/// Most statements that a connection keeps prepared; their texts are per entity, and one client more could bring any number.
const MAX_PREPARED: usize = 512;

/// The connection while one event is handled.
///
/// What it runs outside of [`Database::transaction`](crate::Database::transaction) is a transaction for each statement.
pub struct Session {
    object: Object,
    edition: Arc<OnceCell<Edition>>,
    statements: Arc<AtomicU64>,
    /// Whether a statement failed since the transaction began.
    failed: AtomicBool,
    /// How long an answer may take.
    answer_within: Duration,
    /// The database that it is a connection to, and as whose place.
    residence: Residence,
}

impl Session {
    pub(crate) fn new(
        object: Object,
        edition: Arc<OnceCell<Edition>>,
        statements: Arc<AtomicU64>,
        answer_within: Duration,
    ) -> Self {
        Self {
            object,
            edition,
            statements,
            failed: AtomicBool::new(false),
            answer_within,
            residence: Residence::default(),
        }
    }

    pub(crate) fn at(self, residence: Residence) -> Self {
        Self { residence, ..self }
    }

    /// Where the client of the running transaction lives, and so what this is a connection to.
    #[must_use]
    pub const fn residence(&self) -> Residence {
        self.residence
    }

    /// The server's edition.
    ///
    /// # Errors
    /// When the server has no TimescaleDB.
    pub async fn edition(&self) -> Result<Edition, Error> {
        self.edition
            .get_or_try_init(|| async {
                let sql = "SELECT current_setting('timescaledb.license', true)";
                let row = self.answered(self.object.query_one(sql, &[])).await?;
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

    /// Runs a statement and returns its rows as they are: for statements whose columns are known only when they are made.
    ///
    /// # Errors
    /// When the statement fails.
    pub async fn query(&self, sql: &str, parameters: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, Error> {
        self.count();
        let statement = self.prepared(sql).await?;
        self.outcome(self.answered(self.object.query(&statement, parameters)).await)
    }

    /// Runs a statement and returns its rows by the names of their columns. That the statement has these columns in types that fit
    /// is checked whether or not it finds a row.
    ///
    /// # Errors
    /// When the statement fails, or has other columns than the type of its rows.
    pub async fn rows<R: FromRow>(&self, sql: &str, parameters: &[&(dyn ToSql + Sync)]) -> Result<Vec<R>, Error> {
        self.count();
        let statement = self.prepared(sql).await?;
        row::check::<R>(sql, statement.columns())?;
        let rows = self.outcome(self.answered(self.object.query(&statement, parameters)).await)?;
        rows.iter().map(R::from_row).collect()
    }

    /// As [`Self::rows`], for a statement that finds one row at most; `None` when it finds none.
    ///
    /// # Errors
    /// As [`Self::rows`].
    pub async fn row<R: FromRow>(&self, sql: &str, parameters: &[&(dyn ToSql + Sync)]) -> Result<Option<R>, Error> {
        Ok(self.rows(sql, parameters).await?.pop())
    }

    /// Runs a statement whose text is made for one use, in one round trip, and hands its rows over one by one: nobody holds more of them than it
    /// keeps. Once one is refused, no further one comes.
    ///
    /// # Errors
    /// When the statement fails, or what the refusal says.
    pub async fn each_once(
        &self,
        sql: &str,
        parameters: &[(&(dyn ToSql + Sync), Type)],
        mut take: impl FnMut(Row) -> Result<(), Error> + Send,
    ) -> Result<(), Error> {
        self.count();
        let rows = async {
            let parameters = parameters.iter().map(|(value, kind)| (*value, kind.clone()));
            let mut rows = std::pin::pin!(self.object.query_typed_raw(sql, parameters).await?);
            while let Some(row) = rows.try_next().await? {
                if let Err(refusal) = take(row) {
                    return Ok(Err(refusal));
                }
            }
            Ok(Ok(()))
        };
        self.outcome(self.answered(rows).await)?
    }

    /// Runs a statement and returns the number of rows it touched.
    ///
    /// # Errors
    /// When the statement fails.
    pub async fn execute(&self, sql: &str, parameters: &[&(dyn ToSql + Sync)]) -> Result<u64, Error> {
        self.count();
        let statement = self.prepared(sql).await?;
        self.outcome(self.answered(self.object.execute(&statement, parameters)).await)
    }

    /// Runs SQL text without parameters, possibly several statements.
    ///
    /// # Errors
    /// When a statement fails.
    pub async fn batch(&self, sql: &str) -> Result<(), Error> {
        self.count();
        self.outcome(self.answered(self.object.batch_execute(sql)).await)
    }

    /// Begins a binary COPY of columns of the given types. It takes no longer than any statement may, until it is finished.
    ///
    /// # Errors
    /// When the statement fails.
    pub async fn copy_in(&self, sql: &str, types: &[Type]) -> Result<CopyIn<'_>, Error> {
        self.count();
        let statement = self.prepared(sql).await?;
        let sink = self.outcome(self.answered(self.object.copy_in(&statement)).await)?;
        Ok(CopyIn::new(
            self,
            BinaryCopyInWriter::new(sink, types),
            self.answer_within,
        ))
    }

    /// Copies the rows of a statement in another database into a table here: both statements are COPY in binary, and no more of the rows is in memory than
    /// what is on its way.
    ///
    /// # Errors
    /// When a statement fails, here or there.
    pub async fn copy_from(&self, other: &Self, out: &str, into: &str) -> Result<(), Error> {
        self.count();
        other.count();
        let rows = other.outcome(other.answered(other.object.copy_out(out)).await)?;
        let sink = self.outcome(self.answered(self.object.copy_in::<_, Bytes>(into)).await)?;
        let (mut rows, mut sink) = (std::pin::pin!(rows), std::pin::pin!(sink));
        while let Some(part) = other.outcome(other.answered(rows.try_next()).await)? {
            self.outcome(self.answered(sink.feed(part)).await)?;
        }
        self.outcome(self.answered(sink.finish()).await).map(drop)
    }

    /// Waits for a lock by its name, and has it until the running transaction ends.
    ///
    /// # Errors
    /// When the statement fails.
    pub async fn lock(&self, name: &str) -> Result<(), Error> {
        let sql = "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))";
        self.execute(sql, &[&name]).await.map(drop)
    }

    /// Leaves each of the next statements of the running transaction what is left of `limit` since the transaction began, and no more than any statement may
    /// take. Asked again before every statement that may wait or work for long, it bounds the transaction as a whole.
    ///
    /// # Errors
    /// When the statement fails.
    pub async fn limit_transaction(&self, limit: Duration) -> Result<(), Error> {
        let sql = format!(
            "SELECT set_config('statement_timeout', greatest(1, least({}, {} - round(extract(epoch FROM clock_timestamp() - now()) * 1000)))::text, true)",
            self.answer_within.saturating_sub(ANSWER_MARGIN).as_millis(),
            limit.as_millis()
        );
        self.query(&sql, &[]).await.map(drop)
    }

    /// Leaves each further statement so long at most, until the connection goes back to the pool.
    ///
    /// # Errors
    /// When the statement fails.
    pub async fn limit_statements(&self, limit: Duration) -> Result<(), Error> {
        let sql = format!("SET statement_timeout = {}", limit.as_millis());
        self.batch(&sql).await
    }

    /// The bare client, for the migration runner.
    pub(crate) fn client(&mut self) -> &mut tokio_postgres::Client {
        &mut self.object
    }

    /// Begins a transaction. With the generation in which its client is thought to live here, it is refused where it does not.
    pub(crate) async fn begin(&self, scope: Scope, known: Option<i64>) -> Result<(), Error> {
        // A UUID has no character that could end the literal.
        let setting = scope.client.map(|client| {
            let enter = known.map(|generation| format!("; SELECT core.enter('{client}', {generation})"));
            format!("; SET LOCAL app.client_id = '{client}'{}", enter.unwrap_or_default())
        });
        let setting = setting.unwrap_or_default();
        self.failed.store(false, Ordering::Relaxed);
        let begin = format!("BEGIN ISOLATION LEVEL {}{setting}", scope.isolation.name());
        self.answered(self.object.batch_execute(&begin)).await
    }

    pub(crate) async fn commit(&self) -> Result<(), Error> {
        self.answered(self.object.batch_execute("COMMIT")).await
    }

    pub(crate) async fn roll_back(&self) -> Result<(), Error> {
        self.answered(self.object.batch_execute("ROLLBACK")).await
    }

    /// Closes the connection, with all that was set in it and all locks that it has: it does not go back to the pool.
    pub(crate) fn close(self) {
        drop(Object::take(self.object));
    }

    /// The statement as the server keeps it for this connection: parsed once, used by every later event.
    async fn prepared(&self, sql: &str) -> Result<Statement, Error> {
        if self.object.statement_cache.size() >= MAX_PREPARED {
            self.object.statement_cache.clear();
        }
        self.outcome(self.answered(self.object.prepare_cached(sql)).await)
    }

    /// Waits for an answer as long as this session may. A server that stands still says nothing, not even that its own time is over. The pool tries
    /// the connection before its next use.
    ///
    /// Boxed, so that the futures of functions, which hold this one many layers down, stay small.
    fn answered<'s, T: Send + 's>(
        &'s self,
        call: impl Future<Output = Result<T, tokio_postgres::Error>> + Send + 's,
    ) -> BoxFuture<'s, Result<T, Error>> {
        let within = self.answer_within;
        let answer = tokio::time::timeout(within, call);
        async move { Ok(answer.await.map_err(|_| Error::NoAnswer { within })??) }.boxed()
    }

    /// Remembers a failure: in a transaction, the server undoes all of it whatever its holder makes of the error.
    pub(crate) fn outcome<T>(&self, result: Result<T, Error>) -> Result<T, Error> {
        if result.is_err() {
            self.failed.store(true, Ordering::Relaxed);
        }
        result
    }

    pub(crate) fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Relaxed)
    }

    fn count(&self) {
        self.statements.fetch_add(1, Ordering::Relaxed);
    }
}

//! What outlives this process: one SQLite file, and the one thread that writes it.
//!
//! Whoever changes something waits until it is kept, and all that wait at the same time share one transaction: ten senders cost
//! one commit. A commit is in the system's hands when it is made, so it survives the end of this process, also by SIGKILL. What
//! must survive the end of the machine (see [`Durability`]) is flushed to the disk before, which takes milliseconds instead of
//! microseconds.

use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};

use anyhow::Context as _;
use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::oneshot;

/// What the log of changes may keep of the disk once its content is in the file itself: 64 MiB, after a flood.
const LOG_BYTES: i64 = 64 * 1024 * 1024;

/// Changes that share a transaction at most. Each is of one request of up to 1 MiB, so that a transaction stays below 256 MiB.
const GROUP: usize = 256;

type Work = Box<dyn FnOnce(&Connection) -> rusqlite::Result<()> + Send>;

/// What a change survives once it is confirmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Durability {
    /// The end of this process, however it ends.
    Process,
    /// A power failure, too.
    Machine,
}

/// A change is not kept, for example because the disk is full.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the state folder does not take it: {0}")]
pub struct StoreError(String);

impl From<&rusqlite::Error> for StoreError {
    fn from(error: &rusqlite::Error) -> Self {
        Self(error.to_string())
    }
}

/// The file; cheap to clone. It is closed when the last clone is gone and everything is written.
#[derive(Debug, Clone)]
pub struct Store(Sender<Job>);

struct Job {
    work: Work,
    durability: Durability,
    /// Who waits for it, if anybody does.
    done: Option<oneshot::Sender<Result<(), StoreError>>>,
}

impl Store {
    /// Opens the file, or makes it, with these tables (`CREATE TABLE IF NOT EXISTS`).
    ///
    /// # Errors
    /// When it can't be opened or is none of SQLite's.
    pub(crate) fn open(path: &Path, tables: &[&str]) -> anyhow::Result<Self> {
        let open = || -> rusqlite::Result<Connection> {
            let connection = Connection::open(path)?;
            connection.pragma_update(None, "journal_mode", "WAL")?;
            connection.pragma_update(None, "journal_size_limit", LOG_BYTES)?;
            for table in tables {
                connection.execute_batch(table)?;
            }
            Ok(connection)
        };
        let connection = open().with_context(|| format!("{} cannot be used", path.display()))?;
        let (jobs, waiting) = channel();
        let thread = std::thread::Builder::new().name("store".to_owned());
        thread
            .spawn(move || keep_writing(connection, &waiting))
            .context("no thread can be started")?;
        Ok(Self(jobs))
    }

    /// Makes a change and waits until it is kept.
    ///
    /// # Errors
    /// [`StoreError`] when it is not.
    pub(crate) async fn write(
        &self,
        durability: Durability,
        work: impl FnOnce(&Connection) -> rusqlite::Result<()> + Send + 'static,
    ) -> Result<(), StoreError> {
        let (done, written) = oneshot::channel();
        self.send(Job {
            work: Box::new(work),
            durability,
            done: Some(done),
        })?;
        written.await.unwrap_or_else(|_| Err(ended()))
    }

    /// Makes a change that nobody waits for; what becomes of it is in the log if it fails.
    pub(crate) fn write_later(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<()> + Send + 'static) {
        let job = Job {
            work: Box::new(work),
            durability: Durability::Process,
            done: None,
        };
        if let Err(error) = self.send(job) {
            tracing::error!(%error, "a change is not kept");
        }
    }

    /// Reads, and blocks this thread until it is done: for a start, not for requests.
    ///
    /// # Errors
    /// [`StoreError`] when the file can't be read.
    pub(crate) fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (found, answer) = channel();
        let work = move |connection: &Connection| {
            // Nobody is there to be told that the reader has gone.
            let _ = found.send(read(connection).map_err(|error| StoreError::from(&error)));
            Ok(())
        };
        self.send(Job {
            work: Box::new(work),
            durability: Durability::Process,
            done: None,
        })?;
        answer.recv().map_err(|_| ended())?
    }

    fn send(&self, job: Job) -> Result<(), StoreError> {
        self.0.send(job).map_err(|_| ended())
    }
}

fn ended() -> StoreError {
    StoreError("its writer has ended".to_owned())
}

/// Until nobody can send any more.
fn keep_writing(mut connection: Connection, jobs: &Receiver<Job>) {
    while let Ok(first) = jobs.recv() {
        let group = std::iter::once(first).chain(jobs.try_iter()).take(GROUP);
        let (mut works, mut waiting, mut flushed) = (Vec::new(), Vec::new(), false);
        for job in group {
            flushed |= job.durability == Durability::Machine;
            works.push(job.work);
            waiting.push(job.done);
        }
        let outcomes = commit(&mut connection, works, flushed);
        for (position, done) in waiting.into_iter().enumerate() {
            let outcome = match &outcomes {
                Ok(outcomes) => outcomes.get(position).cloned().unwrap_or_else(|| Err(ended())),
                Err(error) => Err(error.into()),
            };
            match (done, outcome) {
                // Who has given up waiting is not told.
                (Some(done), outcome) => drop(done.send(outcome)),
                (None, Err(error)) => tracing::error!(%error, "a change is not kept"),
                (None, Ok(())) => {}
            }
        }
    }
}

/// One transaction for all; a change that fails is undone alone.
fn commit(
    connection: &mut Connection,
    works: Vec<Work>,
    flushed: bool,
) -> rusqlite::Result<Vec<Result<(), StoreError>>> {
    connection.pragma_update(None, "synchronous", if flushed { "FULL" } else { "NORMAL" })?;
    let mut transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut outcomes = Vec::with_capacity(works.len());
    for work in works {
        let savepoint = transaction.savepoint()?;
        let outcome = work(&savepoint).and_then(|()| savepoint.commit());
        outcomes.push(outcome.map_err(|error| StoreError::from(&error)));
    }
    transaction.commit()?;
    Ok(outcomes)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

    use super::*;
    use crate::testing::TempFolder;

    const TABLE: &str = "CREATE TABLE IF NOT EXISTS numbers (number INTEGER PRIMARY KEY)";

    async fn insert(store: &Store, number: i64) -> Result<(), StoreError> {
        let insert = move |connection: &Connection| {
            connection.execute("INSERT INTO numbers VALUES (?1)", [number])?;
            Ok(())
        };
        store.write(Durability::Machine, insert).await
    }

    fn sum(store: &Store) -> i64 {
        let sum =
            |connection: &Connection| connection.query_row("SELECT sum(number) FROM numbers", [], |row| row.get(0));
        store.read(sum).unwrap()
    }

    #[tokio::test]
    async fn what_is_confirmed_is_there_again_and_what_fails_takes_nothing_with_it() {
        let folder = TempFolder::create();
        let path = folder.path().join("numbers.sqlite");
        let store = Store::open(&path, &[TABLE]).unwrap();
        let numbers = futures::future::join_all([1, 2, 2, 3].map(|number| insert(&store, number))).await;
        assert_eq!(
            numbers.iter().filter(|outcome| outcome.is_err()).count(),
            1,
            "{numbers:?}"
        );
        // Another opens it as a second run does while the first is still ending.
        let again = Store::open(&path, &[TABLE]).unwrap();
        assert_eq!((sum(&store), sum(&again)), (6, 6));
    }

    #[test]
    fn a_file_that_is_no_store_is_named() {
        let folder = TempFolder::create();
        let path = folder.path().join("numbers.sqlite");
        std::fs::write(
            &path,
            "something that somebody else wrote, longer than a header of SQLite ".repeat(20),
        )
        .unwrap();
        let error = format!("{:#}", Store::open(&path, &[TABLE]).unwrap_err());
        assert!(
            error.contains("numbers.sqlite") && error.contains("not a database"),
            "{error}"
        );
    }
}

//! The usual case of an ingest, and a quicker way through it: batches that come for the first time are sent to the server while the next events are
//! still being mapped and summed up. It is one transaction and leaves what [`crate::ingest`] would leave; where anything is not as usual it leaves
//! nothing, and the batches go that way.

use std::collections::BTreeSet;
use std::sync::Arc;

use catalog::Entity;
use database::{Database, Error, Session};
use futures::try_join;
use series::{Fact, Partials};
use tokio::sync::mpsc::{Receiver, channel};
use tokio::task::{JoinHandle, spawn_blocking};
use uuid::Uuid;

use crate::batch::{Batch, Outcome, reject};
use crate::clock::{Brought, Span, attribute, next_number};
use crate::copy::{CopyingFacts, Writing};
use crate::ingest::write_partials;
use crate::mark::{Mark, mark};
use crate::part::{Part, most_events};
use crate::place::{Placed, writers_lock};

/// The most batches that are mapped and not yet sent. All of them are in memory as events anyhow.
const MAX_AHEAD: usize = 16;

/// Batches that were mapped, and what became of them.
pub struct Streamed {
    /// The batches, in their order.
    pub batches: Vec<Batch>,
    /// What became of each; `None` when they were not written, and are to be given to [`crate::ingest::ingest`].
    pub outcomes: Option<Vec<Outcome>>,
}

/// Whether so many events of an entity may be streamed when they come for the first time. Where facts have keys the server reads what it has first, and
/// what needs more than one transaction is cut by what was mapped.
#[must_use]
pub fn is_fit(entity: &Entity, events: usize) -> bool {
    !entity.is_keyed() && events <= most_events(entity, 1)
}

/// Maps batches, and writes them meanwhile.
///
/// # Errors
/// When the way to the server fails, or the entity's definition was replaced. Where a statement is refused the batches are not written, which is no error.
///
/// # Panics
/// When mapping does.
pub async fn ingest(
    database: &Database,
    client: Uuid,
    placed: &Placed,
    source: &str,
    batches: impl Iterator<Item = Batch> + Send + 'static,
) -> Result<Streamed, Error> {
    let (coming, mut mapping) = map(Arc::clone(&placed.entity), batches);
    let mut mapped = None;
    let work = async |session: &Session| {
        let stream = Stream {
            session,
            client,
            placed,
            source,
        };
        stream.write(coming, &mut mapping, &mut mapped).await
    };
    let written = match database.transaction(client, work).await {
        Ok(()) => true,
        Err(error) if error.is_of_statement() || matches!(error, Error::Unfinished) => false,
        Err(error) => return Err(error),
    };
    let batches = match mapped {
        Some((batches, _)) => batches,
        None => joined(&mut mapping).await.0,
    };
    let outcome = |batch: &Arc<Batch>| Outcome {
        batch: batch.id,
        written: batch.accepted(),
        duplicate: false,
        key_taken: false,
    };
    Ok(Streamed {
        outcomes: written.then(|| batches.iter().map(outcome).collect()),
        batches: batches.into_iter().map(Arc::unwrap_or_clone).collect(),
    })
}

/// What a thread has mapped: all batches, and their facts summed up.
type Mapped = (Vec<Arc<Batch>>, Partials);

/// Maps batches in a thread of its own, and hands each over as soon as it is mapped. It goes on when nobody takes them any more.
fn map(
    entity: Arc<Entity>,
    batches: impl Iterator<Item = Batch> + Send + 'static,
) -> (Receiver<Arc<Batch>>, JoinHandle<Mapped>) {
    let (sender, coming) = channel(MAX_AHEAD);
    let mapping = spawn_blocking(move || {
        let mut all = Vec::new();
        for batch in batches.map(Arc::new) {
            all.push(Arc::clone(&batch));
            sender.blocking_send(batch).ok();
        }
        // Whoever takes them need not wait for the sums.
        drop(sender);
        let facts: Vec<&Fact> = all.iter().flat_map(|batch| batch.facts()).collect();
        let partials = Partials::of(&entity, &facts);
        (all, partials)
    });
    (coming, mapping)
}

async fn joined(mapping: &mut JoinHandle<Mapped>) -> Mapped {
    match mapping.await {
        Ok(mapped) => mapped,
        // Nothing cancels it.
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

struct Stream<'a> {
    session: &'a Session,
    client: Uuid,
    placed: &'a Placed,
    source: &'a str,
}

impl Stream<'_> {
    /// Writes what comes; ends with [`Error::Unfinished`] where a batch has come before, or comes twice.
    async fn write(
        &self,
        mut coming: Receiver<Arc<Batch>>,
        mapping: &mut JoinHandle<Mapped>,
        mapped: &mut Option<Mapped>,
    ) -> Result<(), Error> {
        let Self {
            session,
            client,
            placed,
            source,
        } = *self;
        // Statements are sent behind each other: the server takes one after the other, and need not wait for us in between.
        let lock = writers_lock(client, &placed.place);
        let numbering = next_number(session, client, placed, Span::default());
        let ((), commit) = try_join!(session.lock(&lock), numbering)?;
        let batch_number = commit.number;
        let writing = Writing {
            client,
            placed,
            batch_number,
        };
        let mut copying = CopyingFacts::begin(session, writing).await?;
        let mut numbers = batch_number..;
        while let Some((number, batch)) = numbers.next().zip(coming.recv().await) {
            copying.send(number, batch.facts()).await?;
        }
        let (batches, partials) = mapped.insert(joined(mapping).await);
        let parts: Vec<Part<'_>> = batches.iter().map(|batch| Part::rest(batch, 0)).collect();
        let facts = batches.iter().map(|batch| batch.accepted()).sum();
        let brought = Brought::of(batch_number, &parts, |_| true);
        let commit = commit.with(&brought);
        let ((), marks, (), ()) = try_join!(
            copying.finish(),
            mark(session, client, placed.entity.code(), source, batch_number, &parts),
            attribute(session, client, placed, &brought),
            Box::pin(write_partials(session, writing, &commit, partials, facts)),
        )?;
        let ids: BTreeSet<Uuid> = parts.iter().map(|part| part.batch.id).collect();
        if ids.len() < parts.len() || parts.iter().any(|part| marks.of(part) != Mark::Fresh) {
            return Err(Error::Unfinished);
        }
        reject(session, client, placed.entity.code(), &parts).await
    }
}

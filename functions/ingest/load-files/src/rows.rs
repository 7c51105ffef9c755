//! The rows of a file, piece by piece: read, mapped, and written from the row on that its batch has come to.

use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use archive::{Chunk, Chunks, Declared, FileError, Format};
use bytes::Bytes;
use database::Error;
use facts::Placed;
use facts::batch::{Batch, Reject};
use facts::changes;
use facts::ingest::{self, Effort};
use platform::clock;
use records::files::{self, Attempt, End};
use series::Mapper;
use uuid::Uuid;

use crate::turn::Turn;
use crate::{Context, refuse};

/// How long a file is put in the place of another one at once: some hundred thousand facts, which is less than a turn.
const PUT_IN_PLACE: Duration = Duration::from_secs(20);

/// How often a file is read again, without a row written meanwhile, because its entity's definition was replaced or moved.
pub const MAX_DEFINITION_TRIES: u32 = 4;

/// The most refused rows of one attempt to load a file: 160 MB of dead letters of 16 KiB. It is read no further then: who has so many has the same mistake
/// in all of them, and they can't be looked through.
pub const MAX_REFUSED_ROWS: usize = 10_000;

/// What became of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loaded {
    /// It has ended.
    Done,
    /// Its turn is over after so many rows, and there are more.
    Paused(i32),
}

pub(crate) struct Loading<'a> {
    context: &'a Context,
    file: files::File<'a>,
    /// Goes on with each piece.
    attempt: Attempt,
    /// How often its message has come, this time included.
    tries: u32,
    turn: Turn,
}

impl<'a> Loading<'a> {
    pub(crate) const fn new(context: &'a Context, file: files::File<'a>, attempt: Attempt, tries: u32) -> Self {
        Self {
            context,
            file,
            attempt,
            tries,
            turn: Turn::new(context.turn),
        }
    }

    /// Loads it by the definition of its entity; by the new one from where it is on when that is replaced meanwhile.
    ///
    /// # Errors
    /// When the database fails: what was written stays, and the next run goes on there.
    pub(crate) async fn run(mut self, bytes: &Bytes, declared: &Declared) -> Result<Loaded, Error> {
        let client = self.file.client;
        let mut tries = 1;
        loop {
            let catalog = self.context.definitions.current(&self.context.database, client).await?;
            let placed = catalog.and_then(|catalog| {
                let placed = catalog.placed_by(self.file.entity)?;
                let mapper = Mapper::new(placed.entity.clone()).of_client(&catalog.calendar);
                Some((placed.clone(), declared.mapper(mapper)))
            });
            let Some((placed, mapper)) = placed else {
                let reason = format!("there is no entity {:?}", self.file.entity);
                return self.refuse(None, &reason).await;
            };
            let before = self.attempt.position;
            match Box::pin(self.load(&placed, (&mapper, declared), bytes)).await {
                Err(Error::DefinitionChanged(_)) if tries < MAX_DEFINITION_TRIES => {
                    tries = if self.attempt.position > before { 1 } else { tries + 1 };
                    self.context.definitions.forget(client);
                }
                result => return result,
            }
        }
    }

    async fn load(
        &mut self,
        placed: &Placed,
        (mapper, declared): (&Mapper, &Declared),
        bytes: &Bytes,
    ) -> Result<Loaded, Error> {
        let dialect = declared.dialect(mapper);
        let open = |format| guarded(|| Chunks::open_as(format, bytes.clone(), mapper, clock::now(), dialect));
        let mut chunks = match Format::of(self.file.key).and_then(open) {
            Ok(chunks) => chunks,
            Err(error) => return self.refuse(Some(placed), &error.to_string()).await,
        };
        while let Some(chunk) = guarded(|| chunks.next().transpose()).transpose() {
            let mut chunk = match chunk {
                Ok(chunk) => chunk,
                Err(error) => {
                    return self
                        .refuse(Some(placed), &format!("after {} rows: {error}", self.attempt.position))
                        .await;
                }
            };
            chunk.begin_at(usize::try_from(self.attempt.position).unwrap_or(usize::MAX));
            let room = MAX_REFUSED_ROWS.saturating_sub(usize::try_from(self.attempt.rejected).unwrap_or(0));
            let is_enough = chunk.end_after_refused(room);
            if !chunk.is_empty() {
                self.turn.begin();
                self.write((placed, declared), chunk).await?;
            }
            if is_enough {
                return self.refuse(Some(placed), &enough(self.attempt)).await;
            }
            if self.turn.is_over(&self.context.queue).await {
                return Ok(Loaded::Paused(self.attempt.position));
            }
        }
        let database = &self.context.database;
        let change = files::end(database, Some(placed), self.file, self.attempt, End::Finished).await?;
        if let Some(change) = change {
            put_in_place(self.context, self.file, placed, change).await;
        }
        tracing::info!(key = self.file.key, rows = self.attempt.position, "loaded");
        Ok(Loaded::Done)
    }

    async fn write(&mut self, (placed, declared): (&Placed, &Declared), chunk: Chunk) -> Result<(), Error> {
        let (database, file) = (&self.context.database, self.file);
        let end = i32::try_from(chunk.end()).unwrap_or(i32::MAX);
        let mut piece = [piece(self.attempt.batch, self.attempt.position, end, chunk)];
        piece[0].time_zone = declared.time_zone().map(str::to_owned);
        let effort = Effort {
            tries: self.tries,
            ..Effort::default()
        };
        if self.attempt.is_aside {
            ingest::set_aside(database, file.client, placed, file.key, &piece, effort).await?;
        } else {
            ingest::ingest(database, file.client, placed, file.key, &piece, effort).await?;
        }
        self.attempt.position = end;
        self.attempt.rejected = files::keep(database, file, self.attempt).await?;
        Ok(())
    }

    async fn refuse(&self, placed: Option<&Placed>, reason: &str) -> Result<Loaded, Error> {
        refuse(self.context, placed, self.file, self.attempt, reason).await?;
        tracing::info!(
            key = self.file.key,
            rows = self.attempt.position,
            reason,
            "the rest of a file is refused"
        );
        Ok(Loaded::Done)
    }
}

/// Puts what was kept aside in its place as far as there is time now. It is accepted: what is left, or fails, `fill-groupings` goes on with.
pub(crate) async fn put_in_place(context: &Context, file: files::File<'_>, placed: &Placed, change: Uuid) {
    let until = Instant::now() + PUT_IN_PLACE;
    match changes::go_on(&context.database, file.client, placed, change, until).await {
        Ok(true) => {}
        Ok(false) => tracing::info!(key = file.key, %change, "a file is put in its place in steps"),
        Err(error) => tracing::error!(key = file.key, %change, cause = %error, "a file is not put in its place yet"),
    }
}

fn enough(attempt: Attempt) -> String {
    format!(
        "{MAX_REFUSED_ROWS} rows were refused, which is as many as may be of one file: nothing from row {} on was read; mend the file or the \
         definition, then put the file on the bucket again, and it goes on at that row, or from the beginning where no row became a fact",
        attempt.position
    )
}

/// Reads of a file. Its readers are libraries, and one that panics on a file would do so each time, and end the function with the other files: it
/// is a file that can't be read.
pub(crate) fn guarded<T>(read: impl FnOnce() -> Result<T, FileError>) -> Result<T, FileError> {
    // What was being read is not used any more.
    std::panic::catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| Err(FileError::ReaderFailed))
}

fn piece(id: Uuid, from: i32, to: i32, chunk: Chunk) -> Batch {
    let mut batch = Batch::piece(id, from, Some(to));
    for (position, fact) in chunk.positions.into_iter().zip(chunk.facts) {
        batch.accept(position, fact);
    }
    for row in chunk.refused {
        batch.refuse(Reject {
            position: i32::try_from(row.position).unwrap_or(i32::MAX),
            field: row.rejection.field,
            reason: row.rejection.reason,
            original: row.original,
        });
    }
    batch
}

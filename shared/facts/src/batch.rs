//! Batches: what one request or file brought, and their refused events.

use database::{Error, Session};
use series::Fact;
use uuid::Uuid;

use crate::part::Part;

/// An event that was refused.
#[derive(Clone, Debug)]
pub struct Reject {
    /// Position of the event in its batch, or its row in the file.
    pub position: i32,
    /// Field that was wrong.
    pub field: String,
    /// Why.
    pub reason: String,
    /// The event as it was sent.
    pub original: String,
}

/// An event that is fit to be a fact.
#[derive(Clone, Debug)]
pub struct Mapped {
    /// Position of the event in its batch, or its row in the file.
    pub position: i32,
    /// The fact that it becomes.
    pub fact: Fact,
}

/// What one request or file brought, in the order in which it was sent.
#[derive(Clone, Debug)]
pub struct Batch {
    /// Identity; the same batch has its effect once.
    pub id: Uuid,
    /// Identity of the sender's idempotency key, which only the first batch that comes with it may use.
    pub key: Option<Uuid>,
    /// Events that become facts.
    pub(crate) mapped: Vec<Mapped>,
    /// Events that do not.
    pub(crate) rejects: Vec<Reject>,
    /// The positions that it has, from the first to before the last; `None` is the end of what was sent.
    pub(crate) extent: (i32, Option<i32>),
    /// Whether it is of a file, which may be replaced or undone however old it is.
    pub(crate) is_of_file: bool,
    /// The time zone that its file declares. What is refused of it is read in it again when it is replayed.
    pub time_zone: Option<String>,
}

impl Batch {
    /// A batch without events.
    #[must_use]
    pub const fn new(id: Uuid, key: Option<Uuid>) -> Self {
        Self {
            id,
            key,
            mapped: Vec::new(),
            rejects: Vec::new(),
            extent: (0, None),
            is_of_file: false,
            time_zone: None,
        }
    }

    /// A piece of a batch that comes in several, one after the other: what it has from a position to before another, where the next piece begins; `None`
    /// where there is none. Where pieces are cut makes no difference: what counts is how far the batch has come.
    #[must_use]
    pub const fn piece(id: Uuid, from: i32, to: Option<i32>) -> Self {
        let mut piece = Self::new(id, None);
        piece.extent = (from, to);
        piece.is_of_file = true;
        piece
    }

    /// A batch of facts, by their positions in the list.
    #[must_use]
    pub fn of(id: Uuid, facts: impl IntoIterator<Item = Fact>) -> Self {
        let mut batch = Self::new(id, None);
        for (position, fact) in facts.into_iter().enumerate() {
            batch.accept(position, fact);
        }
        batch
    }

    /// Takes an event that becomes a fact; its position is beyond those of the facts before.
    pub fn accept(&mut self, position: usize, fact: Fact) {
        let position = i32::try_from(position).unwrap_or(i32::MAX);
        self.mapped.push(Mapped { position, fact });
    }

    /// Takes an event that is refused; its position is beyond those of the refused ones before.
    pub fn refuse(&mut self, reject: Reject) {
        self.rejects.push(reject);
    }

    /// Whether it can be taken out however old it is.
    pub(crate) const fn is_kept(&self) -> bool {
        self.is_of_file
    }

    /// The facts that its events become.
    pub(crate) fn facts(&self) -> impl Iterator<Item = &Fact> {
        self.mapped.iter().map(|mapped| &mapped.fact)
    }

    /// Number of events that become facts.
    #[must_use]
    pub const fn accepted(&self) -> usize {
        self.mapped.len()
    }

    /// Number of events that are refused.
    #[must_use]
    pub const fn rejected(&self) -> usize {
        self.rejects.len()
    }
}

/// What became of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The batch.
    pub batch: Uuid,
    /// Facts written now; 0 for a batch that was there before.
    pub written: usize,
    /// Whether it had had its effect before.
    pub duplicate: bool,
    /// Whether another batch used its key before: nothing of this one was written, and the caller refuses its events.
    pub key_taken: bool,
}

/// Writes dead letters.
pub(crate) async fn reject(session: &Session, client: Uuid, entity: &str, parts: &[Part<'_>]) -> Result<(), Error> {
    let mut rejects: Vec<(&Batch, &Reject)> = Vec::new();
    for part in parts {
        rejects.extend(part.rejects().iter().map(|reject| (part.batch, reject)));
    }
    if rejects.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = rejects.iter().map(|_| Uuid::now_v7()).collect();
    let batch_ids: Vec<Uuid> = rejects.iter().map(|(batch, _)| batch.id).collect();
    let zones: Vec<Option<&str>> = rejects.iter().map(|(batch, _)| batch.time_zone.as_deref()).collect();
    let positions: Vec<i32> = rejects.iter().map(|(_, reject)| reject.position).collect();
    // PostgreSQL's text has no U+0000, which a sender may write anywhere, in a field's name too.
    let texts = |pick: fn(&Reject) -> &str| -> Vec<String> {
        let stored = |reject| pick(reject).replace('\0', "\u{fffd}");
        rejects.iter().map(|(_, reject)| stored(reject)).collect()
    };
    let fields = texts(|reject| &reject.field);
    let reasons = texts(|reject| &reject.reason);
    let originals = texts(|reject| &reject.original);
    session
        .execute(
            "INSERT INTO core.dead_letters (id, client_id, entity, batch_id, position, field, reason, original, time_zone)
             SELECT r.id, $1, $2, r.batch_id, r.position, r.field, r.reason, r.original, r.time_zone
             FROM unnest($3::uuid[], $4::uuid[], $5::int[], $6::text[], $7::text[], $8::text[], $9::text[])
                 AS r (id, batch_id, position, field, reason, original, time_zone)",
            &[
                &client, &entity, &ids, &batch_ids, &positions, &fields, &reasons, &originals, &zones,
            ],
        )
        .await?;
    Ok(())
}

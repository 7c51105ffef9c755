//! What became of dropped files: which of the times that one was put on the bucket counts, how far it is, and how it ended.
//!
//! The same bytes under the same key are one file, however often they are put there and in how many parts: a sender that does not know whether it has put a
//! file puts it again. Where something of it was left out, the next time that it is put goes on there; where nothing of it became a fact, it is loaded anew;
//! else it counts once.
//!
//! Other bytes under the key are its next version, which takes the place of the one before (unless the entity says that its files add up): it is kept aside
//! until all of it was read, and then put in while the other is taken out ([`versions`]).

mod reports;
pub mod versions;

pub use reports::{FileReport, Wanted, list};

use database::{Database, Error, Session};
use facts::Placed;
use facts::batch::Reject;
use facts::pieces::{self, Reached, Whole};
use tokio_postgres::types::ToSql;
use uuid::Uuid;

/// The most parts of a file that the version before made: each but the last had 50,000 rows of 5,000,000, or 64 MiB of what became of them.
const MAX_PARTS_BEFORE: usize = 4_096;

/// A file that was put on the bucket.
#[derive(Clone, Copy, Debug)]
pub struct File<'a> {
    /// Its client.
    pub client: Uuid,
    /// Its key.
    pub key: &'a str,
    /// Entity.
    pub entity: &'a str,
    /// What the bucket tells its bytes from others by: the same bytes have another one when they come in parts.
    pub etag: &'a str,
    /// What its bytes are, by their SHA-256; empty where nobody has read them.
    pub digest: &'a str,
    /// Whether it takes the place of what was under its key before.
    pub replaces: bool,
    /// Of two times that something was put under the key, the later one's is greater; empty where the bucket does not say.
    pub sequencer: &'a str,
}

impl File<'_> {
    /// The identities that it may have: by its bytes, and by what the bucket says of them, which is what versions before had and who could not read it.
    fn ids(&self) -> [Uuid; 2] {
        let by_etag = self.named("file");
        if self.digest.is_empty() {
            return [by_etag, by_etag];
        }
        let by_bytes = Uuid::new_v5(
            &self.client,
            format!("{}#sha256 {}#file", self.key, self.digest).as_bytes(),
        );
        [by_bytes, by_etag]
    }

    fn named(&self, name: &str) -> Uuid {
        Uuid::new_v5(&self.client, format!("{}#{}#{name}", self.key, self.etag).as_bytes())
    }

    /// The parts that the version before made of a file, each a batch of its own that was named by its number.
    fn parts_before(&self) -> Vec<Uuid> {
        (0..MAX_PARTS_BEFORE)
            .map(|part| self.named(&part.to_string()))
            .collect()
    }

    /// The batch of an attempt to load it.
    fn batch(&self, id: Uuid, attempt: i32) -> Whole<'_> {
        Whole {
            client: self.client,
            id: batch_of(id, attempt),
            entity: self.entity,
            source: self.key,
        }
    }
}

/// The batch of an attempt to load a file.
fn batch_of(file: Uuid, attempt: i32) -> Uuid {
    if attempt == 0 {
        file
    } else {
        Uuid::new_v5(&file, format!("attempt {attempt}").as_bytes())
    }
}

/// What is to be done with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begun {
    /// It is loaded from a row on.
    At(Attempt),
    /// Nothing: it was loaded, or refused, before.
    Before,
}

/// An attempt to load a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// The file.
    pub file: Uuid,
    /// Whether its facts are kept aside, because they take the place of others.
    pub is_aside: bool,
    /// Number.
    pub number: i32,
    /// Its batch.
    pub batch: Uuid,
    /// The row from which on it is loaded: those before have had their effect.
    pub position: i32,
    /// Rows of this attempt that were refused.
    pub rejected: i32,
}

/// How a file ended.
#[derive(Clone, Copy, Debug)]
pub enum End<'a> {
    /// All of its rows have had their effect.
    Finished,
    /// It, or the rest of it, was refused, for this reason.
    Refused(&'a str),
}

database::row! {
    struct Kept {
        id: Uuid,
        is_aside: bool,
        attempt: i32,
        /// `None` where the version before began it.
        begins_at: Option<i32>,
        state: String,
        is_older: bool,
    }
}

/// Takes a file up, or on where it was left.
///
/// # Errors
/// When a statement fails.
pub async fn begin(database: &Database, file: File<'_>) -> Result<Begun, Error> {
    begin_of(database, None, file).await
}

/// Takes a file of an entity up, or on where it was left, under the code that the entity has now: it may have got another one while the file was read.
///
/// # Errors
/// When a statement fails.
pub async fn begin_of(database: &Database, placed: Option<&Placed>, file: File<'_>) -> Result<Begun, Error> {
    let work = async |session: &Session| {
        let entity = code_now(session, placed, file).await?;
        let file = File {
            entity: &entity,
            ..file
        };
        let id = identity(session, file).await?;
        let kept = match begin_anew(session, file, id).await? {
            Some(kept) => kept,
            None => find(session, file, id).await?,
        };
        if kept.state != "writing" {
            if kept.is_older {
                put_again(session, file, id).await?;
            }
            return Ok(Begun::Before);
        }
        let begins_at = match kept.begins_at {
            Some(row) => row,
            None => adopt(session, file, id).await?,
        };
        let batch = file.batch(id, kept.attempt);
        Ok(match pieces::reached(session, batch, begins_at).await? {
            Reached::End => Begun::Before,
            Reached::Position(position, rejected) => Begun::At(Attempt {
                file: kept.id,
                is_aside: kept.is_aside,
                number: kept.attempt,
                batch: batch.id,
                position,
                rejected,
            }),
        })
    };
    database.transaction(file.client, work).await
}

database::row! {
    struct Code {
        code: String,
    }
}

/// The code of a file's entity. It gets no other one until the transaction ends, so whoever renames it finds the file.
async fn code_now(session: &Session, placed: Option<&Placed>, file: File<'_>) -> Result<String, Error> {
    let sql = "SELECT code FROM core.entities WHERE client_id = $1 AND id = $2 FOR KEY SHARE";
    let now: Option<Code> = match placed {
        Some(placed) => session.row(sql, &[&file.client, &placed.place.id]).await?,
        None => None,
    };
    Ok(now.map_or_else(|| file.entity.to_owned(), |now| now.code))
}

database::row! {
    struct Identity {
        id: Uuid,
    }
}

/// The file's identity: the one that it has, or that of its bytes.
async fn identity(session: &Session, file: File<'_>) -> Result<Uuid, Error> {
    let ids = file.ids();
    let sql =
        "SELECT id FROM core.files WHERE client_id = $1 AND key = $2 AND (id = ANY ($3) OR ($4 <> '' AND etag = $4))
        ORDER BY id = ($3)[1] DESC, begun_at DESC LIMIT 1";
    let known: Option<Identity> = session
        .row(sql, &[&file.client, &file.key, &ids.as_slice(), &file.etag])
        .await?;
    Ok(known.map_or(ids[0], |known| known.id))
}

/// Begins an attempt: of a file that was not there, and of one that was put on the bucket again after it ended with something left out or without a fact, or was
/// taken out.
async fn begin_anew(session: &Session, file: File<'_>, id: Uuid) -> Result<Option<Kept>, Error> {
    // Where the rest of a file was refused, it goes on: what there is of it counts, and is nobody's place.
    let goes_on = "kept.accepted > 0 AND kept.state = 'refused'";
    let follows = "($6 AND EXISTS (SELECT FROM core.files o WHERE o.client_id = $1 AND o.key = $3 AND o.id <> $2
        AND (o.state = 'writing' OR (o.state IN ('replacing', 'finished', 'refused') AND o.accepted > 0))))";
    let sql = format!(
        "INSERT INTO core.files AS kept (client_id, id, key, entity, state, sequencer, begins_at, etag, is_aside)
             VALUES ($1, $2, $3, $4, 'writing', $5, 0, $7, {follows})
        ON CONFLICT (client_id, id) DO UPDATE SET attempt = kept.attempt + 1, sequencer = excluded.sequencer, state = 'writing', reason = NULL,
            etag = excluded.etag, is_aside = NOT ({goes_on}) AND excluded.is_aside, change_id = NULL,
            begins_at = CASE WHEN {goes_on} THEN kept.stopped_at ELSE 0 END, stopped_at = NULL,
            accepted_before = CASE WHEN {goes_on} THEN kept.accepted ELSE 0 END, rejected_before = CASE WHEN {goes_on} THEN kept.rejected ELSE 0 END,
            accepted = CASE WHEN {goes_on} THEN kept.accepted ELSE 0 END,
            rejected = CASE WHEN {goes_on} THEN kept.rejected ELSE 0 END, changed_at = clock_timestamp()
        WHERE (kept.state IN ('refused', 'replaced', 'undone') OR (kept.state = 'finished' AND kept.accepted = 0))
            AND kept.sequencer COLLATE \"C\" < excluded.sequencer COLLATE \"C\"
        RETURNING id, is_aside, attempt, begins_at, state, false AS is_older"
    );
    let File {
        client,
        key,
        entity,
        sequencer,
        replaces,
        etag,
        ..
    } = file;
    session
        .row(&sql, &[&client, &id, &key, &entity, &sequencer, &replaces, &etag])
        .await
}

async fn find(session: &Session, file: File<'_>, id: Uuid) -> Result<Kept, Error> {
    let sql = "SELECT id, is_aside, attempt, begins_at, state, sequencer COLLATE \"C\" < $3 COLLATE \"C\" AS is_older FROM core.files
        WHERE client_id = $1 AND id = $2";
    let kept = session.row(sql, &[&file.client, &id, &file.sequencer]).await?;
    // It can only be gone with its client.
    kept.ok_or(Error::Unfinished)
}

/// Tells that a file that counts was put on the bucket again.
async fn put_again(session: &Session, file: File<'_>, id: Uuid) -> Result<(), Error> {
    let sql = "UPDATE core.files SET sequencer = $3, changed_at = clock_timestamp(),
            reason = 'the same bytes were put under this key again: they were loaded before, and count once'
                || CASE WHEN rejected > 0 THEN '; what was refused of them is in its dead letters: put it into a file of another name once it is mended' ELSE '' END
        WHERE client_id = $1 AND id = $2";
    session
        .execute(sql, &[&file.client, &id, &file.sequencer])
        .await
        .map(drop)
}

database::row! {
    struct PartsBefore {
        accepted: i64,
        rejected: i64,
        next_position: Option<i32>,
    }
}

/// Goes on with a file that the version before began, and says from which row on. Each of its parts was a batch, and has all of its rows: those of one that
/// is not finished go on at its own position.
async fn adopt(session: &Session, file: File<'_>, id: Uuid) -> Result<i32, Error> {
    let sql = "SELECT coalesce(sum(accepted), 0)::bigint AS accepted, coalesce(sum(rejected), 0)::bigint AS rejected, max(next_position) AS next_position
        FROM core.batches WHERE client_id = $1 AND id = ANY ($2)";
    let parts: Option<PartsBefore> = session.row(sql, &[&file.client, &file.parts_before()]).await?;
    let (accepted, rejected, next) = parts.map_or((0, 0, None), |parts| {
        (parts.accepted, parts.rejected, parts.next_position)
    });
    let row = next.unwrap_or_else(|| i32::try_from(accepted + rejected).unwrap_or(i32::MAX));
    let sql = "UPDATE core.files SET begins_at = $3, accepted_before = $4, rejected_before = $5
        WHERE client_id = $1 AND id = $2 AND begins_at IS NULL";
    session
        .execute(sql, &[&file.client, &id, &row, &accepted, &rejected])
        .await?;
    Ok(row)
}

database::row! {
    struct Refused {
        rejected: i32,
    }
}

/// Keeps how far a file is, for who asks: as many rows as have had their effect. Returns how many of this attempt were refused.
///
/// # Errors
/// When the statement fails, or another function has ended the file meanwhile.
pub async fn keep(database: &Database, file: File<'_>, attempt: Attempt) -> Result<i32, Error> {
    let work = async |session: &Session| keep_in(session, file, attempt, None).await;
    database.transaction(file.client, work).await
}

/// Ends a file whose batch has come as far as the attempt's position; what it was refused for is a dead letter there. What was kept aside is put in the place of
/// what was under its key before, or is let go of: by the change that is returned, which goes on in steps.
///
/// # Errors
/// When another function has come further with it, another change is still about what it takes the place of, or a statement fails: nothing is written then, and it is to
/// be ended again later.
pub async fn end(
    database: &Database,
    placed: Option<&Placed>,
    file: File<'_>,
    attempt: Attempt,
    end: End<'_>,
) -> Result<Option<Uuid>, Error> {
    let work = async |session: &Session| {
        // That waits for the entity's writers first, which who renames it has waited for.
        if let Some(placed) = placed.filter(|_| attempt.is_aside) {
            return versions::end(session, placed, file, attempt, end).await.map(Some);
        }
        let entity = code_now(session, placed, file).await?;
        let file = File {
            entity: &entity,
            ..file
        };
        end_in(session, file, attempt, end).await?;
        Ok(None)
    };
    database.transaction(file.client, work).await
}

async fn end_in(session: &Session, file: File<'_>, attempt: Attempt, end: End<'_>) -> Result<(), Error> {
    let row = attempt.position;
    let refused = match end {
        End::Finished => None,
        End::Refused(reason) => Some(Reject {
            position: row,
            field: String::new(),
            reason: reason.to_owned(),
            original: file.key.to_owned(),
        }),
    };
    pieces::end(session, file.batch(attempt.file, attempt.number), row, refused).await?;
    keep_in(session, file, attempt, Some(end)).await.map(drop)
}

async fn keep_in(session: &Session, file: File<'_>, attempt: Attempt, ended: Option<End<'_>>) -> Result<i32, Error> {
    let sql = "UPDATE core.files f SET state = $5, reason = $6, stopped_at = $7, changed_at = clock_timestamp(),
            accepted = f.accepted_before + coalesce(b.accepted, 0), rejected = f.rejected_before + coalesce(b.rejected, 0)
        FROM (SELECT) one LEFT JOIN core.batches b ON b.client_id = $1 AND b.id = $4
        WHERE f.client_id = $1 AND f.id = $2 AND f.attempt = $3 AND f.state = 'writing'
        RETURNING coalesce(b.rejected, 0) AS rejected";
    let (state, reason, stopped_at) = match ended {
        None => ("writing", None, None),
        Some(End::Finished) => ("finished", None, None),
        Some(End::Refused(reason)) => ("refused", Some(reason), Some(attempt.position)),
    };
    let parameters: [&(dyn ToSql + Sync); 7] = [
        &file.client,
        &attempt.file,
        &attempt.number,
        &attempt.batch,
        &state,
        &reason,
        &stopped_at,
    ];
    let kept: Option<Refused> = session.row(sql, &parameters).await?;
    kept.map(|kept| kept.rejected).ok_or(Error::Unfinished)
}

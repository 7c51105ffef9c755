//! Batches and files are undone: what they brought is taken out, with effect on every answer, and what it had replaced comes back.

use database::{Database, Error, Session};
use facts::Placed;
use facts::changes::deletion::Deleted;
use facts::changes::{self, Kind, Wanted};
use facts::place::writers_lock;
use jiff::Timestamp;
use uuid::Uuid;

use crate::dead_letters::replays_lock;
use crate::files::versions::{self, Version, wanted};
use crate::usage::KEPT;

/// What is to be undone.
#[derive(Clone, Copy, Debug)]
pub enum Target {
    /// A batch; that of a file is all of the file.
    Batch(Uuid),
    /// A file.
    File(Uuid),
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Undone {
    /// It is being taken out, by this change.
    Begun(Uuid),
    /// It was taken out before, or is being: by this change, where that is still known.
    Before(Option<Uuid>),
    /// There is no such one.
    Unknown,
    /// It can't be, for this reason.
    Refused(String),
}

database::row! {
    struct BatchRow {
        source: String,
        undone_by: Option<Uuid>,
    }
}

database::row! {
    struct FileKey {
        key: String,
    }
}

database::row! {
    struct Id {
        id: Uuid,
    }
}

database::row! {
    struct Known {
        is_known: bool,
    }
}

database::row! {
    struct Replacement {
        id: Uuid,
        began_at: Timestamp,
    }
}

database::row! {
    struct Age {
        first: Option<Timestamp>,
    }
}

/// Batches with those that replay letters of theirs. No other letter of the client is replayed until the transaction ends.
pub(crate) async fn with_replays(session: &Session, client: Uuid, batches: Vec<Uuid>) -> Result<Vec<Uuid>, Error> {
    let sql = "SELECT DISTINCT replay_batch AS id FROM core.dead_letters
        WHERE client_id = $1 AND batch_id = ANY ($2) AND replay_batch IS NOT NULL AND replay_batch <> ALL ($2)";
    session.lock(&replays_lock(client)).await?;
    let mut all = batches;
    // It ends, because each round finds batches that none before has found.
    loop {
        let more: Vec<Id> = session.rows(sql, &[&client, &all]).await?;
        if more.is_empty() {
            return Ok(all);
        }
        all.extend(more.into_iter().map(|row| row.id));
    }
}

/// Has replays that are still queued bring nothing when they come.
pub(crate) async fn close_replays(
    session: &Session,
    client: Uuid,
    entity: &str,
    batches: &[Uuid],
) -> Result<(), Error> {
    let sql = "INSERT INTO core.batches (client_id, id, entity, source, accepted, rejected)
        SELECT DISTINCT $1::uuid, d.replay_batch, $3, 'replay', 0, 0 FROM core.dead_letters d
        WHERE d.client_id = $1 AND d.batch_id = ANY ($2) AND d.replay_batch IS NOT NULL ON CONFLICT DO NOTHING";
    session.execute(sql, &[&client, &batches, &entity]).await.map(drop)
}

/// Has letters of batches that come back sent through again by whoever wants it, where a replay of theirs was [closed](close_replays) meanwhile: whenever its message
/// comes, or has come, it brings nothing.
async fn open_letters(session: &Session, client: Uuid, earlier: Uuid) -> Result<(), Error> {
    let sql = "UPDATE core.dead_letters d SET replayed_at = NULL, replay_batch = NULL, reopened = d.reopened + 1 FROM core.changes c, core.batches b
        WHERE d.client_id = $1 AND c.client_id = $1 AND c.id = $2 AND d.batch_id = ANY (c.batches)
            AND b.client_id = $1 AND b.id = d.replay_batch AND b.id = ANY (c.batches) AND b.source = 'replay' AND b.accepted = 0 AND b.rejected = 0";
    session.execute(sql, &[&client, &earlier]).await.map(drop)
}

/// Has attempts to load a file that nothing is there of bring nothing when they come: one may be reading its first rows.
pub(crate) async fn close_attempts(
    session: &Session,
    client: Uuid,
    (entity, key): (&str, &str),
    version: &Version,
) -> Result<(), Error> {
    let sql = "INSERT INTO core.batches (client_id, id, entity, source, accepted, rejected)
        SELECT $1, id, $3, $4, 0, 0 FROM unnest($2::uuid[]) AS id ON CONFLICT DO NOTHING";
    session
        .execute(sql, &[&client, &version.batches(), &entity, &key])
        .await
        .map(drop)
}

/// Whether it is known which facts some batches brought: those of files for good, those of others for as long as commits are kept, and of one that began before
/// that some commits may be gone.
pub(crate) async fn is_known(session: &Session, client: Uuid, batches: &[Uuid]) -> Result<bool, Error> {
    let sql = "SELECT NOT EXISTS (
            SELECT FROM core.batches b WHERE b.client_id = $1 AND b.id = ANY ($2) AND b.accepted > b.removed AND b.batch_number IS NOT NULL
                AND NOT EXISTS (SELECT FROM core.commits c WHERE c.client_id = $1 AND c.batch_id = b.id
                    AND (c.is_kept OR b.begun_at >= now() - $3::bigint * interval '1 hour'))
        ) AS is_known";
    let known: Option<Known> = session.row(sql, &[&client, &batches, &KEPT.as_hours()]).await?;
    Ok(known.is_some_and(|known| known.is_known))
}

/// Undoes a batch or a file of an entity: begins the change that does so in steps.
///
/// # Errors
/// When a statement fails.
pub async fn begin(
    database: &Database,
    client: Uuid,
    placed: &Placed,
    target: Target,
    now: Timestamp,
) -> Result<Undone, Error> {
    let work = async |session: &Session| begin_in(session, client, placed, target, now).await;
    database.transaction(client, work).await
}

async fn begin_in(
    session: &Session,
    client: Uuid,
    placed: &Placed,
    target: Target,
    now: Timestamp,
) -> Result<Undone, Error> {
    session.lock(&writers_lock(client, &placed.place)).await?;
    let (key, batch) = match target {
        Target::Batch(id) => {
            let sql = "SELECT source, undone_by FROM core.batches WHERE client_id = $1 AND id = $2";
            let Some(row) = session.row::<BatchRow>(sql, &[&client, &id]).await? else {
                return Ok(Undone::Unknown);
            };
            (row.source, Some((id, row.undone_by)))
        }
        Target::File(id) => {
            let sql = "SELECT key FROM core.files WHERE client_id = $1 AND id = $2";
            let Some(row) = session.row::<FileKey>(sql, &[&client, &id]).await? else {
                return Ok(Undone::Unknown);
            };
            (row.key, None)
        }
    };
    let versions = versions::under(session, client, &key, "").await?;
    let is_meant = |version: &&Version| match target {
        Target::Batch(id) => version.batches().contains(&id),
        Target::File(id) => version.id == id,
    };
    let version = versions.iter().filter(|version| version.is_something()).find(is_meant);
    if let Some(answer) = version.and_then(|version| before(version, &versions)) {
        return Ok(answer);
    }
    let batches = match (version, batch) {
        (_, Some((_, Some(change)))) => return Ok(Undone::Before(Some(change))),
        (Some(version), _) => version.batches(),
        (None, Some((id, None))) => vec![id],
        // Nothing of the file became a fact.
        (None, None) => return Ok(Undone::Before(None)),
    };
    if let Some(version) = version {
        close_attempts(session, client, (placed.entity.code(), &key), version).await?;
    }
    let batches = with_replays(session, client, batches).await?;
    undo(session, client, placed, (version, &versions), &batches, now).await
}

/// What there is to say of a version that does not count, or not yet.
fn before(version: &Version, versions: &[Version]) -> Option<Undone> {
    match version.state.as_str() {
        "undone" | "undoing" => Some(Undone::Before(version.change_id)),
        "replacing" => Some(Undone::Refused(
            "it is being put in the place of the version before: undo it once it is finished".to_owned(),
        )),
        "writing" if version.is_aside => Some(Undone::Refused(
            "it is being read, and nothing of it counts yet: undo it once it is finished".to_owned(),
        )),
        "replaced" => {
            let later = versions
                .iter()
                .find(|later| later.id != version.id && matches!(later.state.as_str(), "finished" | "replacing"));
            let later = later.map_or_else(String::new, |later| format!(", file {}", later.id));
            Some(Undone::Refused(format!(
                "another version took its place{later}: it does not count, and comes back when that one is undone"
            )))
        }
        _ => None,
    }
}

async fn undo(
    session: &Session,
    client: Uuid,
    placed: &Placed,
    (version, versions): (Option<&Version>, &[Version]),
    batches: &[Uuid],
    now: Timestamp,
) -> Result<Undone, Error> {
    if !is_known(session, client, batches).await? {
        let reason =
            "which facts it brought is not known any more, or was not kept by the version of the engine that loaded it";
        return Ok(Undone::Refused(reason.to_owned()));
    }
    let counting = counting(session, client, batches).await?;
    let aside = counting.iter().find(|batch| batch.was_aside);
    let replacement = match aside {
        Some(batch) => replacement(session, client, batch.id).await?,
        None => None,
    };
    let before = now.checked_sub(KEPT).unwrap_or(Timestamp::MIN);
    let is_old = |time: Option<Timestamp>| time.is_none_or(|time| time < before);
    let is_keyed = placed.entity.is_keyed();
    // What it took the place of is not known any more, or not all of it.
    if aside.is_some() && is_old(replacement.as_ref().map(|change| change.began_at))
        || is_keyed
            && first_commit(session, client, batches)
                .await?
                .is_some_and(|first| first < before)
    {
        return Ok(Undone::Refused(format!(
            "it is older than {} days, which is how long is kept what it replaced: delete what is wrong by a filter, or put a corrected file under its key",
            KEPT.as_hours() / 24
        )));
    }
    let id = Uuid::now_v7();
    let wanted = Wanted {
        batches,
        restores: replacement.map(|change| change.id),
        ..wanted(id, Kind::Undo)
    };
    if let Some(other) = changes::in_the_way(session, client, placed, &wanted).await? {
        return Ok(Undone::Refused(format!(
            "change {}, a {} of facts that it is about, is not done yet: ask again once it is",
            other.id, other.kind
        )));
    }
    close_replays(session, client, placed.entity.code(), batches).await?;
    changes::begin(session, client, placed, &wanted).await?;
    if let Some(earlier) = wanted.restores {
        versions::come_back(session, client, versions).await?;
        open_letters(session, client, earlier).await?;
    }
    if let Some(version) = version {
        let sql = "UPDATE core.files SET state = 'undoing', change_id = $3, changed_at = clock_timestamp() WHERE client_id = $1 AND id = $2";
        session.execute(sql, &[&client, &version.id, &id]).await?;
    }
    Ok(Undone::Begun(id))
}

database::row! {
    struct Counting {
        id: Uuid,
        was_aside: bool,
    }
}

/// Those of some batches that count. One whose facts were kept aside first has no commit of its own.
async fn counting(session: &Session, client: Uuid, batches: &[Uuid]) -> Result<Vec<Counting>, Error> {
    let sql = "SELECT id, batch_number IS NULL AND accepted > 0 AS was_aside FROM core.batches
        WHERE client_id = $1 AND id = ANY ($2) AND undone_by IS NULL";
    session.rows(sql, &[&client, &batches]).await
}

/// When the first that is known of what counts of some batches was committed.
async fn first_commit(session: &Session, client: Uuid, batches: &[Uuid]) -> Result<Option<Timestamp>, Error> {
    let sql = "SELECT min(committed_at) AS first FROM core.commits WHERE client_id = $1 AND batch_id = ANY ($2) AND NOT is_undone";
    let age: Option<Age> = session.row(sql, &[&client, &batches]).await?;
    Ok(age.and_then(|age| age.first))
}

/// The change that put what a batch had brought in the place of others.
async fn replacement(session: &Session, client: Uuid, batch: Uuid) -> Result<Option<Replacement>, Error> {
    let sql = "SELECT id, began_at FROM core.changes WHERE client_id = $1 AND adds = $2 AND finished_at IS NOT NULL";
    session.row(sql, &[&client, &batch]).await
}

database::row! {
    struct EntityCode {
        entity: String,
    }
}

/// The entity of a batch; `None` when the client has no such batch.
///
/// # Errors
/// When the statement fails.
pub async fn entity_of_batch(database: &Database, client: Uuid, id: Uuid) -> Result<Option<String>, Error> {
    let sql = "SELECT entity FROM core.batches WHERE client_id = $1 AND id = $2";
    let found: Option<EntityCode> = database.of(client).row(sql, &[&client, &id]).await?;
    Ok(found.map(|row| row.entity))
}

/// The entity of a file; `None` when the client has no such file.
///
/// # Errors
/// When the statement fails.
pub async fn entity_of_file(database: &Database, client: Uuid, id: Uuid) -> Result<Option<String>, Error> {
    let sql = "SELECT entity FROM core.files WHERE client_id = $1 AND id = $2";
    let found: Option<EntityCode> = database.of(client).row(sql, &[&client, &id]).await?;
    Ok(found.map(|row| row.entity))
}

/// Begins to delete what was counted, for a user: the change that does so in steps, and says who asked for it and for what.
///
/// # Errors
/// When a statement fails.
pub async fn delete(
    database: &Database,
    client: Uuid,
    placed: &Placed,
    deleted: &Deleted,
    by: Uuid,
) -> Result<Uuid, Error> {
    let id = Uuid::now_v7();
    let wanted = Wanted {
        deleted: Some(deleted),
        ..wanted(id, Kind::Deletion)
    };
    let work = async |session: &Session| {
        changes::begin(session, client, placed, &wanted).await?;
        let sql = "UPDATE core.changes SET begun_by = $3, deleted_from = $4, deleted_to = $5, deleted_filter = $6::text::jsonb
            WHERE client_id = $1 AND id = $2";
        let filter = deleted.filter_json()?;
        session
            .execute(sql, &[&client, &id, &by, &deleted.from, &deleted.to, &filter])
            .await
    };
    database.transaction(client, work).await?;
    Ok(id)
}

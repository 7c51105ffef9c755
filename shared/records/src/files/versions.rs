//! Versions of a file: what is put under a key takes the place of what was there, and can be taken out again with the version before coming back.

use database::{Error, Session};
use facts::Placed;
use facts::changes::{self, Kind, Wanted};
use uuid::Uuid;

use super::{Attempt, End, File, batch_of, end_in};
use crate::undo::{close_attempts, close_replays, is_known, with_replays};

database::row! {
    /// A version of a file.
    #[derive(Clone, Debug)]
    pub(crate) struct Version {
        pub(crate) id: Uuid,
        pub(crate) etag: String,
        pub(crate) attempt: i32,
        pub(crate) state: String,
        pub(crate) is_aside: bool,
        pub(crate) change_id: Option<Uuid>,
        accepted: i64,
        is_later: bool,
    }
}

impl Version {
    /// The batches that may have brought it: one of each attempt to load it.
    pub(crate) fn batches(&self) -> Vec<Uuid> {
        (0..=self.attempt).map(|attempt| batch_of(self.id, attempt)).collect()
    }

    /// Whether it counts, or did, or will.
    pub(crate) fn is_something(&self) -> bool {
        self.accepted > 0 || matches!(self.state.as_str(), "writing" | "replacing")
    }
}

/// The versions under a key that are something, or of whose earlier attempts facts may come back. Those are later that were put there after a sequencer.
pub(crate) async fn under(session: &Session, client: Uuid, key: &str, sequencer: &str) -> Result<Vec<Version>, Error> {
    let sql = "SELECT id, etag, attempt, state, is_aside, change_id, accepted, sequencer COLLATE \"C\" > $3 COLLATE \"C\" AS is_later FROM core.files
        WHERE client_id = $1 AND key = $2 AND (accepted > 0 OR attempt > 0 OR state IN ('writing', 'replacing')) ORDER BY begun_at DESC, id FOR UPDATE";
    session.rows(sql, &[&client, &key, &sequencer]).await
}

/// Ends a version that was kept aside: it takes the place of the others, or it is let go of. Returns the change that does so in steps.
///
/// # Errors
/// [`Error::Unfinished`] while another change is about what it takes the place of; it is to be ended again later. When a statement fails.
pub(super) async fn end(
    session: &Session,
    placed: &Placed,
    file: File<'_>,
    attempt: Attempt,
    end: End<'_>,
) -> Result<Uuid, Error> {
    let client = file.client;
    session.lock(&facts::place::writers_lock(client, &placed.place)).await?;
    let mut others = under(session, client, file.key, file.sequencer).await?;
    others.retain(|version| {
        version.id != attempt.file
            && version.is_something()
            && !matches!(version.state.as_str(), "replaced" | "undone" | "undoing")
    });
    let mut batches: Vec<Uuid> = others.iter().flat_map(Version::batches).collect();
    batches = with_replays(session, client, batches).await?;
    let reason = match end {
        End::Refused(reason) => Some(format!(
            "{reason}; nothing of it counts, and what was under its key before stays"
        )),
        End::Finished if others.iter().any(|version| version.is_later) => {
            Some("another version was put under its key meanwhile: that one counts".to_owned())
        }
        End::Finished if !is_known(session, client, &batches).await? => Some(
            "it is not put in the place of what was under its key before: which facts that brought was not kept by the version that loaded it; put it under \
             another key, where it is added"
                .to_owned(),
        ),
        End::Finished => None,
    };
    let id = Uuid::now_v7();
    if let Some(reason) = &reason {
        end_in(session, file, attempt, End::Refused(reason)).await?;
        let sql = "UPDATE core.files SET accepted = 0, change_id = $3 WHERE client_id = $1 AND id = $2";
        session.execute(sql, &[&client, &attempt.file, &id]).await?;
        let wanted = Wanted {
            batches: &[attempt.batch],
            ..wanted(id, Kind::Discard)
        };
        changes::begin(session, client, placed, &wanted).await?;
        return Ok(id);
    }
    end_in(session, file, attempt, end).await?;
    for other in &others {
        close_attempts(session, client, (file.entity, file.key), other).await?;
    }
    close_replays(session, client, file.entity, &batches).await?;
    let wanted = Wanted {
        batches: &batches,
        adds: Some(attempt.batch),
        ..wanted(id, Kind::Replacement)
    };
    changes::begin(session, client, placed, &wanted).await?;
    let sql = "UPDATE core.files SET state = CASE WHEN id = $2 THEN 'replacing' ELSE 'replaced' END, change_id = $4, changed_at = clock_timestamp()
        WHERE client_id = $1 AND (id = $2 OR id = ANY ($3))";
    let ids: Vec<Uuid> = others.iter().map(|version| version.id).collect();
    session.execute(sql, &[&client, &attempt.file, &ids, &id]).await?;
    Ok(id)
}

database::row! {
    struct Back {
        accepted: i32,
    }
}

/// Says of versions that they count whose batches do again: of any attempt, for a file may have been put there again, and taken out, since.
pub(crate) async fn come_back(session: &Session, client: Uuid, versions: &[Version]) -> Result<(), Error> {
    let sql = "SELECT accepted FROM core.batches WHERE client_id = $1 AND id = ANY ($2) AND undone_by IS NULL AND accepted > 0";
    for version in versions {
        let counts = version.is_something() && !matches!(version.state.as_str(), "replaced" | "undone");
        if counts {
            continue;
        }
        let batches: Vec<Back> = session.rows(sql, &[&client, &version.batches()]).await?;
        let accepted: i64 = batches.iter().map(|batch| i64::from(batch.accepted)).sum();
        if batches.is_empty() {
            continue;
        }
        let sql = "UPDATE core.files SET state = CASE WHEN stopped_at IS NULL OR state <> 'replaced' THEN 'finished' ELSE 'refused' END,
                accepted = CASE WHEN accepted = 0 THEN $3 ELSE accepted END, change_id = NULL, changed_at = clock_timestamp()
            WHERE client_id = $1 AND id = $2";
        session.execute(sql, &[&client, &version.id, &accepted]).await?;
    }
    Ok(())
}

pub(crate) const fn wanted<'a>(id: Uuid, kind: Kind) -> Wanted<'a> {
    Wanted {
        id,
        kind,
        batches: &[],
        adds: None,
        restores: None,
        deleted: None,
    }
}

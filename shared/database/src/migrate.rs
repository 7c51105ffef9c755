//! Brings the schema up to date, under a lock: deployments may overlap.

use refinery_core::{Migration, Runner, Target};

use crate::transaction::{Held, Scope};
use crate::{ANSWER_WITHIN, Database, Edition, Error, Session};

/// The files of `migrations/core` with their names, in order.
const MIGRATIONS: [(&str, &str); 26] = [
    ("V1__core", include_str!("../../../migrations/core/V1__core.sql")),
    (
        "V2__proposals",
        include_str!("../../../migrations/core/V2__proposals.sql"),
    ),
    ("V3__events", include_str!("../../../migrations/core/V3__events.sql")),
    (
        "V4__licences",
        include_str!("../../../migrations/core/V4__licences.sql"),
    ),
    (
        "V5__batch_progress",
        include_str!("../../../migrations/core/V5__batch_progress.sql"),
    ),
    ("V6__volumes", include_str!("../../../migrations/core/V6__volumes.sql")),
    (
        "V7__files_and_usage",
        include_str!("../../../migrations/core/V7__files_and_usage.sql"),
    ),
    ("V8__cells", include_str!("../../../migrations/core/V8__cells.sql")),
    (
        "V9__long_work",
        include_str!("../../../migrations/core/V9__long_work.sql"),
    ),
    (
        "V10__letters_and_counts",
        include_str!("../../../migrations/core/V10__letters_and_counts.sql"),
    ),
    (
        "V11__turns_of_long_work",
        include_str!("../../../migrations/core/V11__turns_of_long_work.sql"),
    ),
    (
        "V12__changes",
        include_str!("../../../migrations/core/V12__changes.sql"),
    ),
    (
        "V13__deleted_kpis",
        include_str!("../../../migrations/core/V13__deleted_kpis.sql"),
    ),
    ("V14__users", include_str!("../../../migrations/core/V14__users.sql")),
    (
        "V15__exact_changes",
        include_str!("../../../migrations/core/V15__exact_changes.sql"),
    ),
    (
        "V16__letters",
        include_str!("../../../migrations/core/V16__letters.sql"),
    ),
    (
        "V17__invitations",
        include_str!("../../../migrations/core/V17__invitations.sql"),
    ),
    ("V18__lists", include_str!("../../../migrations/core/V18__lists.sql")),
    (
        "V19__departed_codes",
        include_str!("../../../migrations/core/V19__departed_codes.sql"),
    ),
    (
        "V20__calendars",
        include_str!("../../../migrations/core/V20__calendars.sql"),
    ),
    (
        "V21__companions",
        include_str!("../../../migrations/core/V21__companions.sql"),
    ),
    (
        "V22__definition_versions",
        include_str!("../../../migrations/core/V22__definition_versions.sql"),
    ),
    (
        "V23__sketches",
        include_str!("../../../migrations/core/V23__sketches.sql"),
    ),
    (
        "V24__sketches_in_turn",
        include_str!("../../../migrations/core/V24__sketches_in_turn.sql"),
    ),
    (
        "V25__ungrouped",
        include_str!("../../../migrations/core/V25__ungrouped.sql"),
    ),
    (
        "V26__groups_by_dimension",
        include_str!("../../../migrations/core/V26__groups_by_dimension.sql"),
    ),
];

/// What a migration did.
#[derive(Clone, Debug)]
pub struct Migrated {
    /// Versions that were applied now.
    pub applied: Vec<String>,
    /// Edition of the server.
    pub edition: Edition,
}

/// Migrates; nothing happens when the schema is up to date. What the schema alone does not bring, `finish` makes in a
/// transaction of the owner, under the same lock.
///
/// # Errors
/// When the server can't be used or a migration fails; a failed one is rolled back.
pub async fn run(
    database: &Database,
    finish: impl AsyncFnOnce(&Session) -> Result<(), Error>,
) -> Result<Migrated, Error> {
    // Never released: however it ends, nobody gets a connection that has the lock or another role.
    let mut held = Held::new(database.session().await?);
    locked(&mut held, Target::Latest, finish).await
}

/// Brings the schema to an earlier version and no further, which is how a test gets a database of before.
///
/// # Errors
/// As [`run`].
pub async fn run_to(database: &Database, version: i32) -> Result<Migrated, Error> {
    let mut held = Held::new(database.session().await?);
    locked(&mut held, Target::Version(version), async |_| Ok(())).await
}

async fn locked(
    session: &mut Session,
    target: Target,
    finish: impl AsyncFnOnce(&Session) -> Result<(), Error>,
) -> Result<Migrated, Error> {
    session
        .execute("SELECT pg_advisory_lock(hashtextextended('migrate-database', 0))", &[])
        .await?;
    let migrations: Vec<Migration> = MIGRATIONS
        .iter()
        .map(|(name, sql)| Migration::unapplied(name, sql))
        .collect::<Result<_, _>>()?;
    let within = ANSWER_WITHIN;
    let runner = Runner::new(&migrations).set_target(target);
    let report = tokio::time::timeout(within, runner.run_async(session.client())).await;
    let report = report.map_err(|_| Error::NoAnswer { within })??;
    // Loads the extension's library, and with it its settings, into this connection.
    session
        .batch("SELECT FROM pg_extension; SET ROLE analytics_owner")
        .await?;
    let edition = session.edition().await?;
    session.begin(Scope::default(), None).await?;
    finish(session).await?;
    session.commit().await?;
    Ok(Migrated {
        applied: report.applied_migrations().iter().map(ToString::to_string).collect(),
        edition,
    })
}

#[cfg(test)]
mod tests {
    use super::MIGRATIONS;

    #[test]
    fn every_file_is_a_migration() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../migrations/core");
        let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name());
        let mut files: Vec<String> = files.map(|name| name.into_string().unwrap()).collect();
        files.sort_by_key(|name| version(name));
        let listed: Vec<String> = MIGRATIONS.iter().map(|(name, _)| format!("{name}.sql")).collect();
        assert_eq!(listed, files, "list each file of migrations/core in MIGRATIONS");
    }

    fn version(name: &str) -> u32 {
        name.trim_start_matches('V')
            .split("__")
            .next()
            .unwrap()
            .parse()
            .unwrap()
    }
}

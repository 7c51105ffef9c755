//! Brings a database up to date: the ordinary tables, the first volume, and what earlier versions kept elsewhere.

use database::migrate::{self, Migrated};
use database::{Database, Error, Session};

use crate::ready_made::create_views;
use crate::volume::{add_volume, volumes};
use crate::{bring_over, complete, volume};

/// Migrates; nothing happens when the database is up to date.
///
/// # Errors
/// As [`database::migrate::run`].
pub async fn run(database: &Database) -> Result<Migrated, Error> {
    let finish = async |session: &Session| {
        if !volumes(session).await?.is_empty() {
            if complete::volumes_of_before(session).await? {
                create_views(session).await?;
            }
            return Ok(());
        }
        let first: volume::Volume = add_volume(session, None).await?;
        bring_over::entities(session, &first).await?;
        create_views(session).await
    };
    migrate::run(database, finish).await
}

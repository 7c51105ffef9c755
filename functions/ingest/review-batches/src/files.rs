//! `GET /v1/files`.

use anyhow::Context as _;
use api::ingest::{File, Files};
use axum::Json;
use axum::extract::State;
use platform::Problem;
use platform::extract::{Authorized, Query};
use records::files::{self, FileReport, MAX_PAGE};

use crate::{Context, Page, check_entity, limit_of};

pub(crate) async fn list(
    State(context): State<Context>,
    Authorized(caller): Authorized,
    Query(page): Query<Page>,
) -> Result<Json<Files>, Problem> {
    let limit = limit_of(page.limit, MAX_PAGE)?;
    let entity = page.entity.as_deref();
    check_entity(entity)?;
    let found = files::list(&context.database, caller.client, entity, page.before, limit);
    let found = found.await.context("list files")?;
    let more = i64::try_from(found.len()).is_ok_and(|count| count >= limit);
    let files: Vec<File> = found.into_iter().map(described).collect();
    let next_before = files.last().filter(|_| more).map(|file| file.id);
    Ok(Json(Files { files, next_before }))
}

fn described(report: FileReport) -> File {
    File {
        id: report.id,
        key: report.key,
        entity: report.entity,
        state: report.state,
        reason: report.reason,
        accepted: report.accepted,
        rejected: report.rejected,
        begun_at: report.begun_at,
        changed_at: report.changed_at,
    }
}

//! `GET /v1/files`.

use anyhow::Context as _;
use api::ingest::{File, Files};
use axum::Json;
use axum::extract::State;
use platform::Problem;
use platform::extract::Authorized;
use platform::list::{List, Page};
use records::files::{self, FileReport, Wanted};

use crate::Context;

pub(crate) async fn list(
    State(context): State<Context>,
    Authorized(caller): Authorized,
    list: List,
) -> Result<Json<Files>, Problem> {
    let wanted = Wanted {
        entity: list.text("entity"),
        state: list.text("state"),
        key: list.text("key"),
        from: list.parsed("from")?,
        to: list.parsed("to")?,
        after: list.after()?,
    };
    let found = files::list(&context.database, caller.client, &wanted, list.most());
    let found = found.await.context("list files")?;
    let rows = found.rows.into_iter();
    let keyed = rows.map(|file| ((file.begun_at, file.id), described(file)));
    let Page { items: files, next } = list.page(keyed, found.reached)?;
    Ok(Json(Files { files, next }))
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

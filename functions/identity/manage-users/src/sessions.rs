//! Ending sessions: tokens, and connections of dashboards.

use anyhow::{Context as _, Result};
use axum::extract::State;
use axum::http::StatusCode;
use jiff::Timestamp;
use platform::extract::{Authorized, Path};
use platform::{Problem, clock};
use records::users;
use uuid::Uuid;

use crate::Context;
use crate::users::{id_of, no_user, still_administers};

/// `DELETE /v1/sessions`.
pub(crate) async fn end_own(
    State(context): State<Context>,
    Authorized(caller): Authorized,
) -> Result<StatusCode, Problem> {
    end(&context, caller.client, caller.user, clock::now()).await?;
    tracing::info!(client = %caller.client, user = %caller.user, "ended the own sessions");
    Ok(StatusCode::NO_CONTENT)
}

/// `DELETE /v1/users/{id}/sessions`.
pub(crate) async fn end_of_user(
    State(context): State<Context>,
    Authorized(caller): Authorized,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    still_administers(&context, &caller).await?;
    let (client, user) = (caller.client, id_of(&id)?);
    end(&context, client, user, clock::now()).await?;
    let found = users::credentials(&context.database, client, user).await;
    found.context("read a user")?.ok_or_else(|| no_user(&id))?;
    tracing::info!(%client, %user, by = %caller.user, "ended a user's sessions");
    Ok(StatusCode::NO_CONTENT)
}

/// Ends all sessions of a user, and disconnects its dashboards.
pub(crate) async fn end(context: &Context, client: Uuid, user: Uuid, now: Timestamp) -> Result<()> {
    let ended = context.registry.end_sessions(client, user).await;
    ended.context("end sessions")?;
    disconnect(context, client, user, now).await
}

/// Disconnects a user's dashboards: what they may is asked when they connect.
pub(crate) async fn disconnect(context: &Context, client: Uuid, user: Uuid, now: Timestamp) -> Result<()> {
    let forgotten = Box::pin(context.registry.forget_connections(client, user, now)).await;
    for id in forgotten.context("forget connections")? {
        context.connections.close(&id).await?;
    }
    Ok(())
}

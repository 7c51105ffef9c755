//! The routes of an entity's groupings: what is kept of them, and giving up those that are being filled, or kept no longer.

use anyhow::Context as _;
use api::catalog::{Entity, Grouping, GroupingState, Groupings};
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use catalog::GroupingDefinition;
use facts::{fill, groups};
use platform::Problem;
use platform::extract::{Authorized, Path};
use platform::list::{List, Page};
use platform::versions::etag;
use records::definitions::{self, Written};

use crate::refusals::{no_entity, version};
use crate::{Context, author};

const WHAT: &str = "entity";

pub(crate) async fn list(
    State(context): State<Context>,
    Authorized(caller): Authorized,
    Path(code): Path<String>,
    list: List,
) -> Result<Json<Groupings>, Problem> {
    let known = context.definitions(caller.client).await?;
    let placed = known
        .placed
        .get(&code)
        .ok_or_else(|| no_entity(&known.catalog, &code))?;
    let database = &context.database;
    let fillings = fill::fillings(database, caller.client)
        .await
        .context("read groupings")?;
    let stopped = groups::stopped(database, caller.client)
        .await
        .context("read groupings")?;
    let entity = placed.place.id;
    let described = |id: i16, grouping: &GroupingDefinition| {
        let kept = Grouping {
            dimensions: grouping.dimensions.clone(),
            finest: grouping.finest,
            state: GroupingState::Kept,
            percent: None,
            since: None,
            groups: None,
            most: None,
            reason: None,
        };
        let filling = fillings
            .iter()
            .find(|filling| (filling.entity_id, filling.grouping_id) == (entity, id));
        let stopped = stopped
            .iter()
            .find(|stopped| (stopped.entity_id, stopped.grouping_id) == (entity, id));
        match (filling, stopped) {
            (_, Some(stopped)) => Grouping {
                state: GroupingState::Stopped,
                groups: Some(stopped.groups),
                most: Some(groups::MAX_GROUPS),
                reason: stopped.reason.clone(),
                since: Some(stopped.stopped_at),
                ..kept
            },
            (Some(filling), None) => Grouping {
                state: GroupingState::Filling,
                percent: Some(filling.percent()),
                since: Some(filling.began_at),
                ..kept
            },
            (None, None) => kept,
        }
    };
    let after: Option<i16> = list.after()?;
    let all = placed.place.layout.groupings();
    let following = all.filter(|(id, _)| after.is_none_or(|after| *id > after));
    let described = following.map(|(id, grouping)| (id, described(id, grouping)));
    let is_wanted = |grouping: &Grouping| list.text("state").is_none_or(|state| grouping.state.name() == state);
    let found = described.filter(|(_, grouping)| is_wanted(grouping));
    let Page { items: groupings, next } = list.page(found, None)?;
    Ok(Json(Groupings { groupings, next }))
}

pub(crate) async fn give_up(
    State(context): State<Context>,
    Authorized(caller): Authorized,
    Path(code): Path<String>,
) -> Result<Response, Problem> {
    let known = context.definitions(caller.client).await?;
    let placed = known
        .placed
        .get(&code)
        .ok_or_else(|| no_entity(&known.catalog, &code))?;
    let written = definitions::give_up_groupings(&context.database, author(&caller), placed)
        .await
        .context("give up groupings")?;
    if written == Written::Missing {
        return Err(Problem::conflict(format!(
            "no grouping of entity {code:?} is being filled, or was stopped"
        ))
        .hint("a grouping that is kept and whole stays: its rollups are read"));
    }
    let version = version(written, WHAT, &code)?;
    let now = context.definitions(caller.client).await?;
    let placed = now.placed.get(&code).ok_or_else(|| no_entity(&now.catalog, &code))?;
    let definition = placed.entity.definition().clone();
    let body = Entity {
        definition,
        version,
        hints: Vec::new(),
    };
    Ok((etag(version), Json(body)).into_response())
}

//! `manage-streams`: which topics are watched, and by how many; pinning and pausing them.
//!
//! A topic is computed while somebody watches it. `start` has it computed even when nobody does, `stop` has it not computed even
//! when somebody does, and each first undoes the other: what was stopped and started again is as it was before, and not pinned. `clear` undoes
//! either.

mod streams;

use answer::Definitions;
use anyhow::{Context as _, Result};
use api::live::{Stream, StreamRequest, Streams};
use axum::extract::State;
use axum::{Json, Router};
use database::{Database, Timeouts};
use identity::Caller;
use live::Topic;
use platform::extract::{Authorized, Json as Body};
use platform::http::Routes;
use platform::list::{List, Page};
use platform::publishers::Publishers;
use platform::{Problem, clock, environment};
use registry::{Error, Registry};
use streams::{Order, Wanted};
use uuid::Uuid;

/// What the function has from its environment.
#[derive(Clone)]
pub struct Context {
    database: Database,
    definitions: Definitions,
    registry: Registry,
    publishers: Publishers,
}

impl Context {
    /// Reads the environment.
    ///
    /// # Errors
    /// When a variable is missing or malformed.
    pub async fn from_environment() -> Result<Self> {
        let database = platform::database::from_environment()?.with_timeouts(Timeouts::REQUEST);
        let table = environment::required("REGISTRY_TABLE")?;
        let registry = Registry::connect_to(&platform::aws_configuration().await, table);
        Ok(Self {
            publishers: Publishers::from_environment(&database, &registry).await?,
            database,
            definitions: Definitions::default(),
            registry,
        })
    }
}

/// The routes of this function.
pub fn router(context: Context) -> Router {
    routes().router(context)
}

fn routes() -> Routes<Context> {
    Routes::new()
        .serve(&api::live::LIST_STREAMS, list)
        .serve(&api::live::START_STREAM, start)
        .serve(&api::live::STOP_STREAM, stop)
        .serve(&api::live::CLEAR_STREAM, clear)
}

async fn list(
    State(context): State<Context>,
    Authorized(caller): Authorized,
    list: List,
) -> Result<Json<Streams>, Problem> {
    let after: String = list.after()?.unwrap_or_default();
    let controls = context.registry.controls(caller.client).await;
    let controls = controls.context("read controls")?;
    let wanted = Wanted::new(&list, &controls)?;
    let watched = context
        .registry
        .subscriber_counts(caller.client, &after, list.limit() + 1, clock::now(), |id, topic| {
            wanted.has(id, topic)
        })
        .await
        .context("count subscribers")?;
    let found = streams::merged(watched, &controls, &after, &wanted);
    let Page { items: streams, next } = list.page(found, None)?;
    Ok(Json(Streams { streams, next }))
}

async fn start(
    State(context): State<Context>,
    Authorized(caller): Authorized,
    Body(request): Body<StreamRequest>,
) -> Result<Json<Stream>, Problem> {
    control(&context, caller, request, Order::Start).await
}

async fn stop(
    State(context): State<Context>,
    Authorized(caller): Authorized,
    Body(request): Body<StreamRequest>,
) -> Result<Json<Stream>, Problem> {
    control(&context, caller, request, Order::Stop).await
}

async fn clear(
    State(context): State<Context>,
    Authorized(caller): Authorized,
    Body(request): Body<StreamRequest>,
) -> Result<Json<Stream>, Problem> {
    control(&context, caller, request, Order::Clear).await
}

async fn control(
    context: &Context,
    caller: Caller,
    request: StreamRequest,
    order: Order,
) -> Result<Json<Stream>, Problem> {
    let topic = topic(context, caller.client, request, order).await?;
    let (id, now) = (topic.id(), clock::now());
    let before = context
        .registry
        .controls(caller.client)
        .await
        .context("read controls")?;
    let control = order.applied(before.get(&id).copied());
    context
        .registry
        .set_control(caller.client, &id, control, now)
        .await
        .map_err(refused)?;
    context.publishers.tell(caller.client).await;
    tracing::info!(client = %caller.client, user = %caller.user, topic = id, ?order, ?control, "controlled a stream");
    let counted = context.registry.subscriber_count(&topic, now).await;
    let subscribers = counted.context("count subscribers")?;
    Ok(Json(streams::stream(topic, subscribers, control)))
}

/// The topic that is asked for, checked like one that is subscribed to. A control can be cleared even when its KPI or dimension is gone.
async fn topic(context: &Context, client: Uuid, request: StreamRequest, order: Order) -> Result<Topic, Problem> {
    let subscription = streams::subscription(client, request).map_err(streams::refused)?;
    if order == Order::Clear {
        return Ok(subscription.topic);
    }
    let current = context.definitions.current(&context.database, client).await;
    let definitions = current
        .context("read definitions")?
        .ok_or_else(Problem::client_is_gone)?;
    live::check_existence(std::slice::from_ref(&subscription), &definitions.catalog).map_err(streams::refused)?;
    Ok(subscription.topic)
}

fn refused(error: Error) -> Problem {
    match error {
        Error::TooManyControls { .. } => Problem::invalid(error.to_string()).hint("GET /v1/streams lists them"),
        other => anyhow::Error::from(other).context("control a stream").into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_serves_exactly_its_routes() {
        assert_eq!(
            routes().differences(env!("CARGO_PKG_NAME"), &api::live::ROUTES),
            [""; 0]
        );
    }
}

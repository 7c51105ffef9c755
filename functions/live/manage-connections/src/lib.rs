//! `manage-connections`: a dashboard's connection from `$connect` to `$disconnect`.
//!
//! Who is at the other end comes from the authorizer and is remembered with the connection; later messages are judged by that.
//! `$disconnect` is sent on best effort only, so nothing relies on it.

mod handshake;
mod response;

use answer::Definitions;
use anyhow::{Context as _, Result};
use aws_lambda_events::apigw::{ApiGatewayWebsocketProxyRequest, ApiGatewayWebsocketProxyRequestContext};
use database::{Database, Timeouts};
use identity::{Caller, Permission};
use lambda_runtime::LambdaEvent;
use live::Subscription;
use platform::extract::permitted;
use platform::publishers::Publishers;
use platform::{Problem, clock, environment};
use registry::{Connection, Peer, Quota, Registry, SessionId};

use handshake::Handshake;
pub use response::Answer;

/// When somebody who has too many connections may try again: those that are gone are noticed within a minute.
const RETRY_AFTER_SECONDS: u16 = 60;

/// What the function has from its environment.
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

/// Takes one event. Any status but 2xx to `$connect` ends the handshake.
///
/// # Errors
/// Never: what fails is logged and answered.
pub async fn handle(
    context: &Context,
    event: LambdaEvent<ApiGatewayWebsocketProxyRequest>,
) -> Result<Answer, lambda_runtime::Error> {
    let request = event.payload;
    let gateway = &request.request_context;
    let answer = match (gateway.route_key.as_deref(), gateway.connection_id.as_deref()) {
        (Some("$connect"), Some(id)) => connect(context, id, &request).await,
        (Some("$disconnect"), Some(id)) => disconnect(context, id, gateway).await,
        (route, _) => Err(Problem::not_found("route", route.unwrap_or_default())),
    };
    Ok(answer.unwrap_or_else(|problem| {
        let (status, detail) = (problem.status, &problem.detail);
        tracing::info!(
            connection = gateway.connection_id,
            route = gateway.route_key,
            status,
            detail,
            "refused"
        );
        Answer::problem(&problem)
    }))
}

async fn connect(context: &Context, id: &str, request: &ApiGatewayWebsocketProxyRequest) -> Result<Answer, Problem> {
    let caller = caller(&request.request_context)?;
    let session = session(&request.request_context, &caller)?;
    let handshake = Handshake::read(request)?;
    // Everything that can be refused is refused before anything is written.
    let subscriptions = subscriptions(context, &caller, &handshake).await?;
    let connection = Connection {
        id: id.to_owned(),
        client: caller.client,
        user: caller.user,
        role: caller.role.to_string(),
        session: Some(session.session),
        connected_at: clock::now(),
    };
    context.registry.connect(&connection).await.map_err(refused)?;
    if let Err(problem) = Box::pin(begin(context, &connection, session, subscriptions)).await {
        // A handshake that fails is followed by no $disconnect.
        if let Err(cause) = context.registry.disconnect(connection.peer(), clock::now()).await {
            tracing::warn!(connection = id, %cause, "a connection that was not made is left to expire");
        }
        return Err(problem);
    }
    tracing::info!(connection = id, client = %caller.client, user = %caller.user, "connected");
    Ok(Answer::accept(handshake.protocol))
}

/// Begins what a connection is for, if its session is still open, which knows it from then on. Once the connection is remembered: who ends a session ends what it names, and
/// looks for others after that.
async fn begin(
    context: &Context,
    connection: &Connection,
    session: SessionId,
    subscriptions: Vec<Subscription>,
) -> Result<(), Problem> {
    let joined = context
        .registry
        .join_session(session, &connection.role, &connection.id, connection.connected_at);
    if !joined.await.context("join a session")? {
        return Err(Problem::unauthenticated("the session has ended, or is in another role")
            .hint("connect with a token of POST /v1/refresh-token, or sign in again"));
    }
    subscribe(context, connection, subscriptions).await.map_err(refused)
}

/// What the handshake subscribes to, if anything: a connection concerns the publisher only then.
async fn subscribe(
    context: &Context,
    connection: &Connection,
    subscriptions: Vec<Subscription>,
) -> Result<(), registry::Error> {
    if subscriptions.is_empty() {
        return Ok(());
    }
    let (peer, now) = (connection.peer(), connection.connected_at);
    context.registry.subscribe(peer, None, None, subscriptions, now).await?;
    context.publishers.tell(peer.client).await;
    Ok(())
}

/// More connections or topics than a quota allows are the client's to mend.
fn refused(error: registry::Error) -> Problem {
    let registry::Error::QuotaExceeded { quota, limit, .. } = error else {
        return anyhow::Error::from(error).context("remember a connection").into();
    };
    let (what, hint) = match quota {
        Quota::UserConnections => ("connections of a user", "close dashboards that are not looked at"),
        Quota::ClientConnections => ("connections of an organisation", "ask its users to close dashboards"),
        Quota::ClientTopics => ("topics of an organisation", "subscribe to fewer topics"),
        Quota::UserRows => ("buckets of a user's topics", "ask for fewer buckets"),
    };
    Problem::too_many(format!("there may be {limit} {what} at once"), RETRY_AFTER_SECONDS).hint(hint)
}

async fn disconnect(
    context: &Context,
    id: &str,
    gateway: &ApiGatewayWebsocketProxyRequestContext,
) -> Result<Answer, Problem> {
    let client = caller(gateway)?.client;
    let ended = context.registry.disconnect(Peer { client, id }, clock::now()).await;
    let had_topics = ended.context("forget a connection")?;
    if had_topics == Some(true) {
        context.publishers.tell(client).await;
    }
    tracing::info!(
        connection = id,
        code = gateway.disconnect_status_code,
        known = had_topics.is_some(),
        "disconnected"
    );
    Ok(Answer::accept(None))
}

/// Who the authorizer says is connecting.
fn caller(gateway: &ApiGatewayWebsocketProxyRequestContext) -> Result<Caller, Problem> {
    let fields = &gateway.authorizer.fields;
    let caller = Caller::from_context(|name| fields.get(name)?.as_str())
        .ok_or_else(|| Problem::unauthenticated("the token names no client").hint("sign in again"))?;
    permitted(&caller, Permission::WatchSeries)?;
    Ok(caller)
}

/// Which session the authorizer says the token is of.
fn session(gateway: &ApiGatewayWebsocketProxyRequestContext, caller: &Caller) -> Result<SessionId, Problem> {
    let session = gateway
        .authorizer
        .fields
        .get("session")
        .and_then(|session| session.as_str());
    let session = session.and_then(|session| session.parse().ok());
    Ok(SessionId {
        client: caller.client,
        user: caller.user,
        session: session.ok_or_else(|| Problem::unauthenticated("the token names no session").hint("sign in again"))?,
    })
}

/// What the handshake subscribes to at once, checked against the client's catalogue.
async fn subscriptions(
    context: &Context,
    caller: &Caller,
    handshake: &Handshake,
) -> Result<Vec<Subscription>, Problem> {
    let Some(subscribe) = &handshake.subscribe else {
        return Ok(Vec::new());
    };
    let subscriptions = subscribe.subscriptions(caller.client).map_err(handshake::refused)?;
    let current = context.definitions.current(&context.database, caller.client).await;
    let definitions = current
        .context("read definitions")?
        .ok_or_else(Problem::client_is_gone)?;
    live::check_existence(&subscriptions, &definitions.catalog).map_err(handshake::refused)?;
    Ok(subscriptions)
}

//! `manage-subscriptions`: what a dashboard says over its connection.
//!
//! `pong`, `unsubscribed` and `error` frames are the route's own answer. A `subscribe` that is accepted has none: the publisher
//! answers it with `subscribed` and the snapshot, because only it knows the point from which on nothing is missed. Whatever a message does,
//! the connection lives.

use answer::Definitions;
use anyhow::{Context as _, Result};
use aws_lambda_events::apigw::{ApiGatewayWebsocketProxyRequest, ApiGatewayWebsocketProxyRequestContext as Gateway};
use database::{Database, Timeouts};
use identity::{Caller, Permission, Role};
use jiff::Timestamp;
use lambda_runtime::LambdaEvent;
use live::{ClientMessage, Frame, Ping, Pong, Refusal, Subscribe, Subscription, Unsubscribe, Unsubscribed};
use platform::publishers::Publishers;
use platform::{clock, environment};
use registry::{Peer, Registry};
use serde::Serialize;
use uuid::Uuid;

mod refusals;

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

/// The answer to a route of a WebSocket API; a body goes to the client as a frame.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    status_code: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<String>,
}

/// Takes one message. The message itself says what it is, so all routes come here alike.
///
/// # Errors
/// Never: what fails is logged and answered by an `error` frame.
pub async fn handle(
    context: &Context,
    event: LambdaEvent<ApiGatewayWebsocketProxyRequest>,
) -> Result<Answer, lambda_runtime::Error> {
    let request = event.payload;
    let gateway = request.request_context;
    let connection = gateway.connection_id.clone().unwrap_or_default();
    let reply = reply(context, &gateway, &connection, &request.body.unwrap_or_default()).await;
    let frame = reply.unwrap_or_else(|refusal| {
        tracing::info!(connection, kind = ?refusal.kind, detail = refusal.detail, "refused a message");
        Some(refusal.into())
    });
    Ok(Answer {
        status_code: 200,
        body: frame.map(|frame| frame.to_json()),
    })
}

/// The frame to answer with, if this function is the one to answer.
async fn reply(context: &Context, gateway: &Gateway, connection: &str, text: &str) -> Result<Option<Frame>, Refusal> {
    let message = ClientMessage::parse(text)?;
    let id = message.id().map(str::to_owned);
    let now = clock::now();
    let replied = async {
        let caller = caller(gateway)?;
        let peer = Peer {
            client: caller.client,
            id: connection,
        };
        match message {
            ClientMessage::Subscribe(message) => {
                check_role(caller.role)?;
                subscribe(context, peer, message, now).await.map(|()| None)
            }
            ClientMessage::Unsubscribe(message) => unsubscribe(context, peer, message, now).await.map(Some),
            ClientMessage::Ping(message) => ping(context, peer, message, now).await.map(Some),
        }
    };
    // On the heap: what it waits for is deep.
    Box::pin(replied).await.map_err(|refusal| refusal.answering(id))
}

/// Who the authorizer said is connecting, when the connection was made, at most two hours ago.
fn caller(gateway: &Gateway) -> Result<Caller, Refusal> {
    let fields = &gateway.authorizer.fields;
    Caller::from_context(|name| fields.get(name)?.as_str()).ok_or_else(refusals::gone)
}

/// Subscribes to all topics of the message or to none.
async fn subscribe(context: &Context, peer: Peer<'_>, message: Subscribe, now: Timestamp) -> Result<(), Refusal> {
    let subscriptions = message.subscriptions(peer.client)?;
    check_existence(context, peer.client, &subscriptions).await?;
    let subscribed = context
        .registry
        .subscribe(peer, message.id, message.resume, subscriptions, now)
        .await;
    let topics = subscribed.map_err(refusals::registry)?.len();
    context.publishers.tell(peer.client).await;
    tracing::info!(connection = peer.id, client = %peer.client, topics, "subscribed");
    Ok(())
}

fn check_role(role: Role) -> Result<(), Refusal> {
    if role.may(Permission::WatchSeries) {
        Ok(())
    } else {
        Err(refusals::forbidden(role, Permission::WatchSeries))
    }
}

async fn check_existence(context: &Context, client: Uuid, subscriptions: &[Subscription]) -> Result<(), Refusal> {
    let current = context.definitions.current(&context.database, client).await;
    let definitions = current
        .context("read definitions")
        .map_err(|cause| refusals::internal(&cause))?
        .ok_or_else(refusals::gone)?;
    live::check_existence(subscriptions, &definitions.catalog)
}

async fn unsubscribe(
    context: &Context,
    peer: Peer<'_>,
    Unsubscribe { id, channels }: Unsubscribe,
    now: Timestamp,
) -> Result<Frame, Refusal> {
    let ended = context
        .registry
        .unsubscribe(peer, &channels, now)
        .await
        .map_err(refusals::registry)?;
    if !ended.is_empty() {
        context.publishers.tell(peer.client).await;
    }
    Ok(Frame::Unsubscribed(Unsubscribed { id, channels: ended }))
}

/// A connection that was believed to be gone must be told: otherwise it would wait for ever.
async fn ping(context: &Context, peer: Peer<'_>, Ping { id }: Ping, now: Timestamp) -> Result<Frame, Refusal> {
    if context.registry.touch(peer, now).await.map_err(refusals::registry)? {
        Ok(Frame::Pong(Pong { id, time: now }))
    } else {
        Err(refusals::gone())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

    use live::RefusalKind;
    use serde_json::json;

    use super::*;

    #[test]
    fn the_sample_events_are_what_their_names_say() {
        let read = |sample: &str| {
            let event: ApiGatewayWebsocketProxyRequest = serde_json::from_str(sample).unwrap();
            assert!(event.request_context.connection_id.is_some());
            ClientMessage::parse(&event.body.unwrap())
        };
        let subscribe = read(include_str!(
            "../../../../events/live/manage-subscriptions.subscribe.json"
        ));
        let ClientMessage::Subscribe(subscribe) = subscribe.unwrap() else {
            panic!("no subscribe")
        };
        assert_eq!(subscribe.subscriptions(Uuid::nil()).unwrap().len(), 2);
        let unsubscribe = read(include_str!(
            "../../../../events/live/manage-subscriptions.unsubscribe.json"
        ));
        assert!(matches!(unsubscribe, Ok(ClientMessage::Unsubscribe(_))));
        let ping = read(include_str!("../../../../events/live/manage-subscriptions.ping.json"));
        assert!(matches!(ping, Ok(ClientMessage::Ping(_))));
        let unknown = read(include_str!(
            "../../../../events/live/manage-subscriptions.default.json"
        ));
        assert_eq!(unknown.unwrap_err().kind, RefusalKind::UnknownAction);
    }

    #[test]
    fn an_answer_without_a_frame_has_no_body() {
        let answer = Answer {
            status_code: 200,
            body: None,
        };
        assert_eq!(serde_json::to_value(answer).unwrap(), json!({"statusCode": 200}));
    }

    #[test]
    fn every_role_but_the_operators_may_watch() {
        for role in Role::ALL {
            let refused = check_role(role).err().map(|refusal| refusal.kind);
            let expected = (role == Role::Operator).then_some(RefusalKind::Forbidden);
            assert_eq!(refused, expected, "{role}");
        }
    }
}

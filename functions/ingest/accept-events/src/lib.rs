//! `accept-events`: checks size and syntax of events, and whether their client may send so many, and queues them. What they mean is checked by
//! `ingest-events`.

mod body;

use anyhow::Result;
use api::ingest::{self, Accepted, EventSource, QueuedEvents};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::{Json, Router};
use platform::extract::{Authorized, Body, Path};
use platform::http::Routes;
use platform::queue::{MAX_MESSAGE_BYTES, Queue};
use platform::quota::Quota;
use platform::{Problem, environment, idempotency};
use registry::Registry;
use serde_json::value::RawValue;
use uuid::Uuid;

/// The most events of one request. At the usual 100 to 200 bytes each they fill a fifth of a message.
pub const MAX_EVENTS: usize = 1_000;

/// The most bytes of one event: an event is a record, not a document.
pub const MAX_EVENT_BYTES: usize = 16 * 1024;

/// The most bytes of a body: those of one queue message, less its envelope.
pub const MAX_BODY_BYTES: usize = MAX_MESSAGE_BYTES - 64 * 1024;

/// What the function has from its environment.
#[derive(Clone)]
pub struct Context {
    queue: Queue,
    quota: Quota,
}

impl Context {
    /// Reads the environment.
    ///
    /// # Errors
    /// When a variable is missing.
    pub async fn from_environment() -> Result<Self> {
        Ok(Self {
            queue: Queue::from_environment("EVENTS_QUEUE_URL").await?,
            quota: Quota::new(Registry::connect_to(
                &platform::aws_configuration().await,
                environment::required("REGISTRY_TABLE")?,
            )),
        })
    }
}

/// The routes of this function.
pub fn router(context: Context) -> Router {
    routes().router(context)
}

fn routes() -> Routes<Context> {
    Routes::new().serve(&ingest::ACCEPT_EVENTS, accept)
}

async fn accept(
    State(context): State<Context>,
    Authorized(caller): Authorized,
    Path(entity): Path<String>,
    headers: HeaderMap,
    Body(body): Body,
) -> Result<(StatusCode, Json<Accepted>), Problem> {
    if !catalog::is_entity_code(&entity) {
        return Err(
            Problem::not_found("entity", &entity).hint("an entity's code begins with a capital letter, such as Flight")
        );
    }
    let body = body::unpacked(&headers, body)?;
    let Parsed { events, broken } = parse(&headers, &body)?;
    let key = idempotency::key(&headers, caller.client, &entity)?;
    let batch_id = batch_id(key, &body);
    let count = events.len();
    let queued = QueuedEvents {
        batch_id,
        client: caller.client,
        entity,
        source: EventSource::Events,
        key,
        events,
        broken,
        time_zone: None,
    };
    let message = queued.message().map_err(anyhow::Error::from)?;
    if message.len() > MAX_MESSAGE_BYTES {
        return Err(body_too_large(message.len()));
    }
    context.quota.take(caller.client, count).await?;
    context.queue.send_in_group(caller.client, message).await?;
    Ok((
        StatusCode::ACCEPTED,
        Json(Accepted {
            batch_id,
            events: count,
        }),
    ))
}

/// The events of a body, and the positions of those that are lines without JSON.
#[derive(Debug, Default)]
struct Parsed {
    events: Vec<Box<RawValue>>,
    broken: Vec<usize>,
}

/// The events of a body: a JSON list, or one a line when the content type is NDJSON.
fn parse(headers: &HeaderMap, body: &[u8]) -> Result<Parsed, Problem> {
    if body.len() > MAX_BODY_BYTES {
        return Err(body_too_large(body.len()));
    }
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .unwrap_or_default();
    let body = body.strip_prefix("\u{feff}".as_bytes()).unwrap_or(body);
    let parsed = if kind.to_ascii_lowercase().starts_with("application/x-ndjson") {
        lines(body)?
    } else {
        Parsed {
            events: list(body)?,
            broken: Vec::new(),
        }
    };
    let events = &parsed.events;
    if events.is_empty() {
        return Err(Problem::invalid("the body has no events"));
    }
    if events.len() > MAX_EVENTS {
        return Err(
            Problem::too_large(format!("the body has {} events, more than {MAX_EVENTS}", events.len()))
                .hint("send several requests, or a file"),
        );
    }
    if let Some(position) = events.iter().position(|event| event.get().len() > MAX_EVENT_BYTES) {
        return Err(Problem::too_large(format!(
            "event {position} has {} bytes, more than {MAX_EVENT_BYTES}",
            events[position].get().len()
        ))
        .hint("nothing of this request was queued: leave the event out or shorten it"));
    }
    Ok(parsed)
}

fn body_too_large(bytes: usize) -> Problem {
    Problem::too_large(format!("the events have {bytes} bytes, more than {MAX_BODY_BYTES}"))
        .hint("send several requests, or drop a file on the incoming bucket")
}

fn list(body: &[u8]) -> Result<Vec<Box<RawValue>>, Problem> {
    serde_json::from_slice(body).map_err(|error| {
        Problem::malformed(format!("the body is not a JSON list of events: {error}"))
            .hint("send [{...}, {...}], or one object a line with content-type application/x-ndjson")
    })
}

/// Each line as an event; a line that is not JSON goes on as a JSON text, so that it alone becomes a dead letter.
fn lines(body: &[u8]) -> Result<Parsed, Problem> {
    let text =
        std::str::from_utf8(body).map_err(|error| Problem::malformed(format!("the body is not UTF-8: {error}")))?;
    let mut parsed = Parsed::default();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let event = if let Ok(event) = serde_json::from_str::<Box<RawValue>>(line) {
            event
        } else {
            parsed.broken.push(parsed.events.len());
            serde_json::value::to_raw_value(line).map_err(anyhow::Error::from)?
        };
        parsed.events.push(event);
    }
    Ok(parsed)
}

/// The identity of a batch: new, or made from the sender's key and the body, so that a repeated request has its effect once. The same
/// key with another body is another batch: `ingest-events`, which knows the keys that were used, refuses its events one by one.
fn batch_id(key: Option<Uuid>, body: &[u8]) -> Uuid {
    key.map_or_else(Uuid::now_v7, |key| Uuid::new_v5(&key, body))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn ndjson() -> HeaderMap {
        HeaderMap::from_iter([(header::CONTENT_TYPE, "application/x-ndjson".parse().unwrap())])
    }

    #[test]
    fn a_malformed_line_stays_an_event_of_its_own() {
        let parsed = parse(&ndjson(), b"{\"a\":1}\n\n{oops\n").unwrap();
        assert_eq!(parsed.broken, [1]);
        assert_eq!(
            parsed.events.iter().map(|event| event.get()).collect::<Vec<_>>(),
            ["{\"a\":1}", "\"{oops\""]
        );
    }

    #[test]
    fn refusals_name_the_limit() {
        let long = format!("[{{\"text\":\"{}\"}}]", "x".repeat(MAX_EVENT_BYTES));
        let many = format!("[{}]", vec!["{}"; MAX_EVENTS + 1].join(","));
        let cases: [(&[u8], u16); 5] = [
            (b"[]", 422),
            (b"{", 400),
            (b"{\"a\":1}", 400),
            (long.as_bytes(), 413),
            (many.as_bytes(), 413),
        ];
        for (body, status) in cases {
            assert_eq!(
                parse(&HeaderMap::new(), body).unwrap_err().status,
                status,
                "{}",
                String::from_utf8_lossy(&body[..body.len().min(40)])
            );
        }
    }

    #[test]
    fn a_key_and_a_body_name_one_batch_of_a_client_and_entity() {
        let headers = HeaderMap::from_iter([(
            "idempotency-key".parse::<header::HeaderName>().unwrap(),
            "k".parse().unwrap(),
        )]);
        let (a, b) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let id =
            |client, entity, body: &str| batch_id(idempotency::key(&headers, client, entity).unwrap(), body.as_bytes());
        assert_eq!(id(a, "Flight", "[1]"), id(a, "Flight", "[1]"));
        for (other, name) in [
            (id(b, "Flight", "[1]"), "client"),
            (id(a, "Order", "[1]"), "entity"),
            (id(a, "Flight", "[2]"), "body"),
        ] {
            assert_ne!(id(a, "Flight", "[1]"), other, "{name}");
        }
        let none = idempotency::key(&HeaderMap::new(), a, "Flight").unwrap();
        assert_ne!(batch_id(none, b"[1]"), batch_id(none, b"[1]"), "without a key");
    }

    #[test]
    fn it_serves_exactly_its_routes() {
        assert_eq!(
            routes().differences(env!("CARGO_PKG_NAME"), &api::ingest::ROUTES),
            [""; 0]
        );
    }
}

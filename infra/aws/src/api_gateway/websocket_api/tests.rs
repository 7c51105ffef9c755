#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod limits;
mod management;
mod messages;

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::{SinkExt, StreamExt};
use http::HeaderMap;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use super::{Limits, serve};
use crate::lambda::testing::{Fake, Reply, pool};
use crate::template::{Authorizer, IdentitySource, Template, Throttle, WebSocketRoute};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// The API under test: `guard` authorizes, `connector` takes `$connect` and `$disconnect`, `work` the messages.
struct Api {
    host: String,
    guard: Fake,
    connector: Fake,
    work: Fake,
}

fn template() -> Template {
    let route = |key: &str, function: &str, authorized, responds| WebSocketRoute {
        key: key.into(),
        function: function.into(),
        authorized,
        responds,
    };
    Template {
        websocket_routes: vec![
            route("$connect", "connector", true, false),
            route("$disconnect", "connector", false, false),
            route("echo", "work", false, true),
            route("silent", "work", false, false),
            route("$default", "work", false, true),
        ],
        websocket_authorizer: Some(Authorizer {
            function: "guard".into(),
            identity: vec![IdentitySource::Query("token".into())],
            ttl: Duration::from_secs(300),
        }),
        websocket_stage: "prod".into(),
        websocket_selector: "action".into(),
        ..Template::default()
    }
}

fn guard(event: &Value) -> Reply {
    let policy = |effect: &str| {
        let statement = json!({ "Action": "execute-api:Invoke", "Effect": effect, "Resource": event["methodArn"] });
        Reply::Answer(json!({
            "principalId": "user-1",
            "policyDocument": { "Version": "2012-10-17", "Statement": [statement] },
            "context": { "client": "c1" },
        }))
    };
    match event["queryStringParameters"]["token"].as_str() {
        Some("bad") => policy("Deny"),
        Some("unknown") => Reply::Error("Error", "Unauthorized"),
        Some("ugly") => Reply::Error("Error", "the key cannot be read"),
        Some("odd") => Reply::Answer(json!({ "isAuthorized": true })),
        _ => policy("Allow"),
    }
}

/// Does what the query's `connector` says.
fn connector(event: &Value) -> Reply {
    match event["queryStringParameters"]["connect"].as_str() {
        Some("fail") => Reply::Error("Error", "x"),
        Some("null") => Reply::Answer(Value::Null),
        Some("late") => Reply::Late(Duration::from_secs(2), json!({ "statusCode": 200 })),
        Some("protocol") => {
            Reply::Answer(json!({ "statusCode": 200, "headers": { "Sec-WebSocket-Protocol": "chat.v1" } }))
        }
        Some(status) => Reply::Answer(json!({ "statusCode": status.parse::<u16>().unwrap() })),
        None => Reply::Answer(json!({ "statusCode": 200 })),
    }
}

/// Sends the message's text back, or does what it says.
fn work(event: &Value) -> Reply {
    let text = event["body"].as_str().unwrap();
    let message: Value = serde_json::from_str(text).unwrap_or_default();
    match message["do"].as_str() {
        Some("fail") => Reply::Error("Error", "x"),
        Some("odd") => Reply::Answer(json!({ "hello": 1 })),
        Some("nothing") => Reply::Answer(json!({ "statusCode": 200 })),
        Some("encoded") => Reply::Answer(json!({ "statusCode": 200, "body": "aGk=", "isBase64Encoded": true })),
        Some("late") => Reply::Late(Duration::from_secs(2), json!({ "statusCode": 200 })),
        _ => Reply::Answer(json!({ "statusCode": 200, "body": text })),
    }
}

fn quick() -> Limits {
    Limits {
        integration: Duration::from_secs(1),
        ..Limits::default()
    }
}

async fn start(template: Template, limits: Limits) -> Api {
    let pool = pool(&["guard", "connector", "work"]).await;
    let guard = Fake::new(&pool, "guard", guard);
    let (connector, work) = (Fake::new(&pool, "connector", connector), Fake::new(&pool, "work", work));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let host = listener.local_addr().unwrap().to_string();
    tokio::spawn(serve(listener, Arc::new(template), pool, limits));
    Api {
        host,
        guard,
        connector,
        work,
    }
}

impl Api {
    async fn try_connect(&self, path_and_query: &str) -> Result<(Socket, HeaderMap), Error> {
        let mut request = format!("ws://{}{path_and_query}", self.host).into_client_request()?;
        let headers = request.headers_mut();
        headers.insert("user-agent", "test".parse().unwrap());
        if path_and_query.contains("protocol") {
            headers.insert("sec-websocket-protocol", "chat.v1, chat.v2".parse().unwrap());
        }
        let (socket, response) = tokio_tungstenite::connect_async(request).await?;
        Ok((socket, response.headers().clone()))
    }

    /// The status of a handshake that fails.
    async fn refusal(&self, path_and_query: &str) -> u16 {
        match self.try_connect(path_and_query).await {
            Err(Error::Http(response)) => response.status().as_u16(),
            Err(error) => panic!("{error}"),
            Ok(_) => panic!("{path_and_query} was let in"),
        }
    }

    /// A connection and its id.
    async fn connect(&self) -> (Socket, String) {
        let before = self.connects().len();
        let (socket, _) = self.try_connect("/prod?token=good").await.unwrap();
        let event = self.connects()[before].clone();
        (
            socket,
            event["requestContext"]["connectionId"].as_str().unwrap().to_owned(),
        )
    }

    fn connects(&self) -> Vec<Value> {
        let is_connect = |event: &Value| event["requestContext"]["eventType"] == "CONNECT";
        self.connector.events().into_iter().filter(is_connect).collect()
    }

    /// The first `$disconnect` event's request context.
    async fn disconnect(&self) -> Value {
        self.disconnect_within(Duration::from_secs(5)).await
    }

    async fn disconnect_within(&self, patience: Duration) -> Value {
        let until = Instant::now() + patience;
        while Instant::now() < until {
            let events = self.connector.events();
            if let Some(event) = events
                .iter()
                .find(|event| event["requestContext"]["eventType"] == "DISCONNECT")
            {
                return event["requestContext"].clone();
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("no $disconnect after {patience:?}");
    }
}

async fn say(socket: &mut Socket, text: &str) {
    socket.send(Message::text(text)).await.unwrap();
}

/// The next text frame.
async fn hear(socket: &mut Socket) -> String {
    loop {
        let message = tokio::time::timeout(Duration::from_secs(5), socket.next())
            .await
            .expect("a frame within 5 s");
        match message.unwrap().unwrap() {
            Message::Text(text) => return text.to_string(),
            Message::Ping(_) | Message::Pong(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

/// The code of the close frame that ends the connection.
async fn close_code(socket: &mut Socket) -> u16 {
    loop {
        let message = tokio::time::timeout(Duration::from_secs(5), socket.next())
            .await
            .expect("a close within 5 s");
        match message {
            Some(Ok(Message::Close(Some(frame)))) => return frame.code.into(),
            Some(Ok(_)) => {}
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_handshake_fails_as_on_aws() {
    let api = start(template(), quick()).await;
    let cases = [
        ("/prod", 401),
        ("/prod?token=", 401),
        ("/prod?token=unknown", 401),
        ("/prod?token=bad", 403),
        ("/prod?token=ugly", 500),
        ("/prod?token=odd", 500),
        ("/prod?token=good&connect=fail", 502),
        ("/prod?token=good&connect=null", 502),
        ("/prod?token=good&connect=302", 502),
        ("/prod?token=good&connect=403", 403),
        ("/prod?token=good&connect=429", 429),
        ("/elsewhere?token=good", 403),
        ("/prod?token=good&connect=late", 504),
    ];
    for (path, status) in cases {
        assert_eq!(api.refusal(path).await, status, "{path}");
    }
    assert_eq!(
        reqwest::get(format!("http://{}/prod", api.host))
            .await
            .unwrap()
            .status(),
        426
    );
}

#[tokio::test]
async fn connect_gets_the_handshake_and_the_authorizers_context() {
    let api = start(template(), quick()).await;
    let (_socket, headers) = api
        .try_connect("/prod?token=good&room=A%20B&room=C&connect=protocol")
        .await
        .unwrap();
    assert_eq!(headers["sec-websocket-protocol"], "chat.v1");
    let event = &api.connects()[0];
    assert_eq!(event["queryStringParameters"]["room"], "C");
    assert_eq!(event["multiValueQueryStringParameters"]["room"], json!(["A B", "C"]));
    assert_eq!(event["headers"]["Sec-WebSocket-Protocol"], "chat.v1, chat.v2");
    assert_eq!(event["isBase64Encoded"], false);
    let context = &event["requestContext"];
    assert_eq!(
        context["authorizer"],
        json!({ "principalId": "user-1", "client": "c1" })
    );
    assert_eq!(
        context["identity"],
        json!({ "sourceIp": "127.0.0.1", "userAgent": "test" })
    );
    for (name, value) in [("routeKey", "$connect"), ("stage", "prod"), ("messageDirection", "IN")] {
        assert_eq!(context[name], value);
    }
    assert_eq!(context["domainName"], json!(api.host));
    assert_eq!(context["connectionId"].as_str().unwrap().len(), 16);
    let guard = &api.guard.events()[0];
    assert_eq!(guard["type"], "REQUEST");
    assert!(guard["methodArn"].as_str().unwrap().ends_with("/prod/$connect"));
}

#[tokio::test]
async fn decisions_about_connections_are_remembered() {
    let api = start(template(), quick()).await;
    for _ in 0..3 {
        api.connect().await;
        assert_eq!(api.refusal("/?token=bad").await, 403);
    }
    assert_eq!(api.guard.events().len(), 2);
}

#[tokio::test]
async fn without_an_offered_subprotocol_none_is_chosen() {
    let api = start(template(), quick()).await;
    let (_socket, headers) = api.try_connect("/?token=good").await.unwrap();
    assert!(headers.get("sec-websocket-protocol").is_none());
}

#[tokio::test]
async fn handshakes_are_throttled() {
    let websocket_throttle = Some(Throttle {
        rate: 0.001,
        burst: 1.0,
    });
    let api = start(
        Template {
            websocket_throttle,
            ..template()
        },
        quick(),
    )
    .await;
    let (mut socket, _) = api.connect().await;
    assert_eq!(api.refusal("/prod?token=good").await, 429);
    say(&mut socket, "{}").await;
    say(&mut socket, "{}").await;
    assert_eq!(hear(&mut socket).await, "{}", "each route has a bucket of its own");
    let refused: Value = serde_json::from_str(&hear(&mut socket).await).unwrap();
    assert_eq!(refused["message"], "Too Many Requests");
}

#[tokio::test]
async fn an_api_without_authorizer_and_connect_lets_everybody_in() {
    let mut open = template();
    open.websocket_routes.retain(|route| route.key == "$default");
    let api = start(open, quick()).await;
    let (mut socket, _) = api.try_connect("/").await.unwrap();
    say(&mut socket, "hello").await;
    assert_eq!(hear(&mut socket).await, "hello");
}

#[tokio::test]
async fn a_client_that_hangs_up_during_connect_is_disconnected() {
    let patient = Limits {
        integration: Duration::from_secs(5),
        ..Limits::default()
    };
    let api = start(template(), patient).await;
    let handshake = api.try_connect("/prod?token=good&connect=late");
    assert!(
        tokio::time::timeout(Duration::from_millis(200), handshake)
            .await
            .is_err()
    );
    assert_eq!(api.disconnect().await["disconnectStatusCode"], 1006);
}

//! Routes, answers and error frames.

use super::*;

#[tokio::test]
async fn the_selector_chooses_the_route() {
    let api = start(template(), quick()).await;
    let (mut socket, _) = api.connect().await;
    let cases = [
        (r#"{"action":"echo"}"#, "echo"),
        (r#"{"action":"other"}"#, "$default"),
        (r#"{"action":"$connect"}"#, "$default"),
        (r#"{"action":{}}"#, "$default"),
        (r#"{}"#, "$default"),
        ("not JSON", "$default"),
        ("", "$default"),
    ];
    for (text, _) in cases {
        say(&mut socket, text).await;
    }
    for (event, (text, route)) in api.work.wait_for(cases.len()).await.iter().zip(cases) {
        assert_eq!(
            (&event["body"], &event["requestContext"]["routeKey"]),
            (&json!(text), &json!(route))
        );
        assert_eq!(event["requestContext"]["eventType"], "MESSAGE");
        assert_eq!(event["requestContext"]["authorizer"]["client"], "c1");
        assert!(event["requestContext"]["messageId"].is_string());
    }
    // An empty body is not sent, so the last of these messages has no answer.
    for (text, _) in &cases[..cases.len() - 1] {
        assert_eq!(hear(&mut socket).await, *text);
    }
}

#[tokio::test]
async fn only_a_body_of_a_route_with_a_response_is_sent() {
    let api = start(template(), quick()).await;
    let (mut socket, _) = api.connect().await;
    for text in [
        r#"{"action":"silent"}"#,
        r#"{"do":"nothing"}"#,
        r#"{"do":"encoded"}"#,
        "end",
    ] {
        say(&mut socket, text).await;
    }
    assert_eq!(hear(&mut socket).await, "hi");
    assert_eq!(hear(&mut socket).await, "end");
}

#[tokio::test]
async fn problems_are_frames_and_the_connection_lives() {
    let api = start(template(), quick()).await;
    let (mut socket, id) = api.connect().await;
    let cases = [
        (r#"{"do":"fail"}"#, "Internal server error"),
        (r#"{"do":"odd"}"#, "Internal server error"),
        (r#"{"action":"silent","do":"fail"}"#, "Internal server error"),
        (r#"{"do":"late"}"#, "Endpoint request timed out"),
    ];
    for (text, message) in cases {
        say(&mut socket, text).await;
        let frame: Value = serde_json::from_str(&hear(&mut socket).await).unwrap();
        assert_eq!(
            (&frame["message"], &frame["connectionId"]),
            (&json!(message), &json!(id)),
            "{text}"
        );
        assert!(frame["requestId"].is_string());
    }
}

#[tokio::test]
async fn without_a_default_route_a_message_is_forbidden() {
    let mut strict = template();
    strict.websocket_routes.retain(|route| route.key != "$default");
    let api = start(strict, quick()).await;
    let (mut socket, id) = api.connect().await;
    say(&mut socket, "?").await;
    let frame: Value = serde_json::from_str(&hear(&mut socket).await).unwrap();
    assert_eq!(
        (&frame["message"], &frame["connectionId"]),
        (&json!("Forbidden"), &json!(id))
    );
}

#[tokio::test]
async fn messages_keep_their_order() {
    let api = start(template(), quick()).await;
    let (mut socket, _) = api.connect().await;
    for number in 0..200 {
        say(&mut socket, &number.to_string()).await;
    }
    for number in 0..200 {
        assert_eq!(hear(&mut socket).await, number.to_string());
    }
}

#[tokio::test]
async fn what_was_sent_before_leaving_is_worked_on_before_disconnect() {
    let api = start(template(), quick()).await;
    let (mut socket, id) = api.connect().await;
    for number in 0..20 {
        say(&mut socket, &number.to_string()).await;
    }
    socket.close(None).await.unwrap();
    let context = api.disconnect().await;
    assert_eq!(api.work.events().len(), 20);
    assert_eq!(
        (&context["connectionId"], &context["disconnectStatusCode"]),
        (&json!(id), &json!(1005))
    );
    assert_eq!(context["disconnectReason"], "Client-side close frame status not set");
    assert_eq!(context["authorizer"]["client"], "c1");
}

#[tokio::test]
async fn a_broken_connection_is_disconnected_too() {
    let api = start(template(), quick()).await;
    let (socket, _) = api.connect().await;
    drop(socket);
    assert_eq!(api.disconnect().await["disconnectStatusCode"], 1006);
}

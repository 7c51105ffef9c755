//! Sizes, times and kinds of messages.

use tokio::net::TcpSocket;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

use super::*;

const FRAME: usize = 32 * 1024;

/// Sends `size` bytes in frames of at most `frame` bytes.
async fn say_in_frames(socket: &mut Socket, size: usize, frame: usize) {
    let text = "x".repeat(size);
    let chunks: Vec<&[u8]> = text.as_bytes().chunks(frame).collect();
    for (index, chunk) in chunks.iter().enumerate() {
        let kind = if index == 0 { Data::Text } else { Data::Continue };
        let is_last = index + 1 == chunks.len();
        let frame = Frame::message(chunk.to_vec(), OpCode::Data(kind), is_last);
        // An error means that the other side has closed already, which is what some of these tests want.
        if socket.send(Message::Frame(frame)).await.is_err() {
            return;
        }
    }
}

#[tokio::test]
async fn a_message_of_128_kb_in_frames_of_32_kb_goes_both_ways() {
    let api = start(template(), Limits::default()).await;
    let (mut socket, _) = api.connect().await;
    say_in_frames(&mut socket, 4 * FRAME, FRAME).await;
    assert_eq!(hear(&mut socket).await.len(), 4 * FRAME);
}

#[tokio::test]
async fn larger_messages_and_frames_close_with_1009() {
    let api = start(template(), quick()).await;
    for (size, frame) in [(FRAME + 1, FRAME + 1), (4 * FRAME + 1, FRAME), (8 * FRAME, 8 * FRAME)] {
        let (mut socket, _) = api.connect().await;
        say_in_frames(&mut socket, size, frame).await;
        assert_eq!(close_code(&mut socket).await, 1009, "{size} in {frame}");
    }
    assert_eq!(api.disconnect().await["disconnectStatusCode"], 1009);
    assert!(api.work.events().is_empty());
}

#[tokio::test]
async fn binary_messages_close_with_1003() {
    let api = start(template(), quick()).await;
    let (mut socket, _) = api.connect().await;
    socket.send(Message::binary(vec![1, 2])).await.unwrap();
    assert_eq!(close_code(&mut socket).await, 1003);
    assert_eq!(api.disconnect().await["disconnectStatusCode"], 1003);
}

#[tokio::test]
async fn an_idle_connection_is_closed_and_activity_keeps_it() {
    let idle = Duration::from_millis(800);
    let api = start(
        template(),
        Limits {
            idle,
            ..Limits::default()
        },
    )
    .await;
    let (mut socket, _) = api.connect().await;
    for _ in 0..4 {
        tokio::time::sleep(idle * 3 / 8).await;
        say(&mut socket, "still here").await;
        assert_eq!(hear(&mut socket).await, "still here");
    }
    assert_eq!(close_code(&mut socket).await, 1001);
    let context = api.disconnect().await;
    assert_eq!(
        (&context["disconnectStatusCode"], &context["disconnectReason"]),
        (&json!(1001), &json!("Going away"))
    );
}

#[tokio::test]
async fn a_connection_ends_after_its_life_in_any_case() {
    let api = start(
        template(),
        Limits {
            life: Duration::from_millis(1200),
            ..Limits::default()
        },
    )
    .await;
    let (mut socket, _) = api.connect().await;
    tokio::time::sleep(Duration::from_millis(600)).await;
    say(&mut socket, "still here").await;
    assert_eq!(hear(&mut socket).await, "still here");
    assert_eq!(close_code(&mut socket).await, 1001);
}

#[tokio::test]
async fn pings_are_answered() {
    let api = start(template(), quick()).await;
    let (mut socket, _) = api.connect().await;
    socket.send(Message::Ping("x".into())).await.unwrap();
    let pong = tokio::time::timeout(Duration::from_secs(5), socket.next())
        .await
        .unwrap();
    assert_eq!(pong.unwrap().unwrap(), Message::Pong("x".into()));
}

/// A client with a small window that is connected and never reads.
async fn connect_without_reading(api: &Api) -> WebSocketStream<TcpStream> {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let stream = socket.connect(api.host.parse().unwrap()).await.unwrap();
    let url = format!("ws://{}/prod?token=good", api.host);
    tokio_tungstenite::client_async(url, stream).await.unwrap().0
}

#[tokio::test]
async fn a_client_that_sends_and_never_reads_is_not_kept_for_ever() {
    let life = Duration::from_secs(2);
    let limits = Limits {
        life,
        outbound_messages: 1,
        ..Limits::default()
    };
    let api = start(template(), limits).await;
    let mut socket = connect_without_reading(&api).await;
    // Each is sent back, until nothing goes in either direction any more.
    let text = "x".repeat(4 * FRAME);
    let sending = tokio::spawn(async move {
        let chunks: Vec<&[u8]> = text.as_bytes().chunks(FRAME).collect();
        loop {
            for (index, chunk) in chunks.iter().enumerate() {
                let kind = if index == 0 { Data::Text } else { Data::Continue };
                let frame = Frame::message(chunk.to_vec(), OpCode::Data(kind), index + 1 == chunks.len());
                if socket.send(Message::Frame(frame)).await.is_err() {
                    return;
                }
            }
        }
    });
    assert_eq!(api.disconnect_within(4 * life).await["disconnectStatusCode"], 1001);
    let ended = tokio::time::timeout(life, sending).await;
    assert!(ended.is_ok(), "the socket is let go of");
}

//! One connection from its handshake to its `$disconnect`: reading, writing, and the ways to end.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::stream::{SplitSink, SplitStream};
use futures::{SinkExt, StreamExt};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{CloseCode, Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};

use super::connections::Connection;
use super::{Gateway, Limits, dispatch, events};

/// Messages of a client that wait for their turn; further ones stay in the socket.
const INBOUND_MESSAGES: usize = 64;
/// How long the end of a connection may take before it is simply dropped.
const CLOSING: Duration = Duration::from_secs(1);
/// Allocated per connection at its start, so not the library's 128 KB.
const READ_BUFFER_BYTES: usize = 8 * 1024;

type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// How a connection ended, for the client's close frame and for `$disconnect`.
struct End {
    code: u16,
    reason: String,
    /// Whether the client has to be told.
    is_ours: bool,
}

impl End {
    fn ours(code: u16, reason: &str) -> Self {
        Self {
            code,
            reason: reason.to_owned(),
            is_ours: true,
        }
    }

    fn theirs(code: u16, reason: &str) -> Self {
        Self {
            code,
            reason: reason.to_owned(),
            is_ours: false,
        }
    }

    fn abnormal() -> Self {
        Self::theirs(1006, "Connection closed abnormally")
    }

    fn of_error(error: &Error) -> Self {
        match error {
            Error::Capacity(_) => Self::ours(1009, "Message too long"),
            Error::Utf8(_) => Self::ours(1007, "Invalid UTF-8"),
            Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => Self::abnormal(),
            Error::Protocol(_) => Self::ours(1002, "Protocol error"),
            _ => Self::abnormal(),
        }
    }

    fn of_frame(frame: Option<CloseFrame>) -> Self {
        match frame {
            None => Self::theirs(1005, "Client-side close frame status not set"),
            Some(frame) if frame.reason.is_empty() => {
                let code = u16::from(frame.code);
                Self::theirs(
                    code,
                    if code == 1001 {
                        "Going away"
                    } else {
                        "Connection Closed Normally"
                    },
                )
            }
            Some(frame) => Self::theirs(u16::from(frame.code), &frame.reason),
        }
    }
}

/// Serves the connection until it ends, then tells `$disconnect`.
pub(super) async fn run(
    gateway: Arc<Gateway>,
    connection: Arc<Connection>,
    outbound: mpsc::Receiver<Bytes>,
    upgrade: OnUpgrade,
) {
    let end = match upgrade.await {
        Ok(upgraded) => converse(&gateway, &connection, outbound, upgraded).await,
        Err(_) => End::abnormal(),
    };
    gateway.connections.remove(&connection.id);
    if let Some((_, route)) = gateway.route("$disconnect") {
        let event = events::disconnect(gateway.address(), &connection, end.code, &end.reason);
        // The pool has logged a failure, and the client is not there to be told.
        let _ = gateway.invoke(route, &event).await;
    }
}

async fn converse(
    gateway: &Arc<Gateway>,
    connection: &Arc<Connection>,
    outbound: mpsc::Receiver<Bytes>,
    upgraded: Upgraded,
) -> End {
    let limits = &gateway.limits;
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER_BYTES)
        .max_message_size(Some(limits.message_bytes))
        .max_frame_size(Some(limits.frame_bytes));
    let socket = Socket::from_raw_socket(TokioIo::new(upgraded), Role::Server, Some(config)).await;
    let (sink, mut stream) = socket.split();
    let (stop, stopped) = oneshot::channel();
    let (is_writing, broken) = oneshot::channel();
    let writing = write(sink, outbound, Arc::clone(connection), limits.frame_bytes, stopped);
    let mut writer = tokio::spawn(async move {
        let _is_writing: oneshot::Sender<()> = is_writing;
        writing.await
    });
    let (inbound, messages) = mpsc::channel(INBOUND_MESSAGES);
    let dispatcher = tokio::spawn(dispatch::run(Arc::clone(gateway), Arc::clone(connection), messages));

    let end = read(&mut stream, &inbound, connection, limits, broken).await;
    // From here on the connection is gone for everybody else.
    gateway.connections.remove(&connection.id);
    drop(inbound);
    let _ = stop.send(end.is_ours);
    let farewell = async {
        if let Ok(sink) = (&mut writer).await
            && let Ok(socket) = sink.reunite(stream)
        {
            close(socket, &end).await;
        }
    };
    if tokio::time::timeout(CLOSING, farewell).await.is_err() {
        // The client does not listen: the socket is dropped with whatever was still to be said.
        writer.abort();
    }
    // What the client sent before it went is still worked on, and before `$disconnect`.
    let _ = dispatcher.await;
    end
}

type Sink = SplitSink<Socket, Message>;

/// Waits until the connection has to end, whatever its client sends.
async fn ending(connection: &Connection, limits: &Limits, mut broken: oneshot::Receiver<()>) -> End {
    let dies_at = Instant::now() + limits.life;
    loop {
        let idle_left = limits.idle.saturating_sub(connection.idle_for());
        if idle_left.is_zero() || Instant::now() >= dies_at {
            return End::ours(1001, "Going away");
        }
        let look_again_at = (Instant::now() + idle_left).min(dies_at);
        tokio::select! {
            () = tokio::time::sleep_until(look_again_at) => {}
            () = connection.deleted.notified() => return End::ours(1000, "Connection Closed Normally"),
            _ = &mut broken => return End::abnormal(),
        }
    }
}

/// Reads until the connection has to end.
async fn read(
    stream: &mut SplitStream<Socket>,
    inbound: &mpsc::Sender<Utf8Bytes>,
    connection: &Connection,
    limits: &Limits,
    broken: oneshot::Receiver<()>,
) -> End {
    let mut ending = pin!(ending(connection, limits, broken));
    loop {
        let received = tokio::select! {
            received = stream.next() => received,
            end = &mut ending => return end,
        };
        match received {
            None => return End::abnormal(),
            Some(Err(error)) => return End::of_error(&error),
            Some(Ok(Message::Close(frame))) => return End::of_frame(frame),
            Some(Ok(Message::Binary(_))) => return End::ours(1003, "Binary messages are not supported"),
            Some(Ok(Message::Text(text))) => {
                connection.touch();
                // There is no room while the client does not read its answers, which may be for ever.
                let taken = tokio::select! {
                    taken = inbound.send(text) => taken,
                    end = &mut ending => return end,
                };
                // An error means that the dispatcher is gone; then nobody would answer.
                if taken.is_err() {
                    return End::ours(1011, "Internal server error");
                }
            }
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => connection.touch(),
        }
    }
}

/// Writes queued messages until told to stop, or until the socket is broken. A farewell of ours (`true`) comes after what
/// was posted before it; to a client that has said goodbye nothing more can be sent.
async fn write(
    mut sink: Sink,
    mut outbound: mpsc::Receiver<Bytes>,
    connection: Arc<Connection>,
    frame_bytes: usize,
    mut stopped: oneshot::Receiver<bool>,
) -> Sink {
    loop {
        let message = tokio::select! {
            biased;
            is_farewell_ours = &mut stopped => {
                while let (Ok(true), Ok(message)) = (&is_farewell_ours, outbound.try_recv()) {
                    // An error means that the client is gone, and then so is the rest of its messages.
                    let _ = send(&mut sink, message, frame_bytes).await;
                }
                return sink;
            }
            message = outbound.recv() => message,
        };
        let Some(message) = message else { return sink };
        if send(&mut sink, message, frame_bytes).await.is_err() {
            return sink;
        }
        connection.touch();
    }
}

/// Sends one message in frames of at most `frame_bytes`, as API Gateway does.
async fn send(sink: &mut Sink, message: Bytes, frame_bytes: usize) -> Result<(), Error> {
    let first = if std::str::from_utf8(&message).is_ok() {
        Data::Text
    } else {
        Data::Binary
    };
    let mut rest = message;
    let mut kind = first;
    loop {
        let frame = rest.split_to(rest.len().min(frame_bytes));
        let is_last = rest.is_empty();
        sink.feed(Message::Frame(Frame::message(frame, OpCode::Data(kind), is_last)))
            .await?;
        if is_last {
            return sink.flush().await;
        }
        kind = Data::Continue;
    }
}

/// Says goodbye, or lets the library answer the client's goodbye, and reads what is still coming: a socket closed with
/// unread data is reset, and the client would lose our close frame with it.
async fn close(mut socket: Socket, end: &End) {
    if end.is_ours {
        let reason = Utf8Bytes::from(end.reason.as_str());
        // An error means that the client is gone.
        let _ = socket
            .close(Some(CloseFrame {
                code: CloseCode::from(end.code),
                reason,
            }))
            .await;
    } else {
        let _ = socket.flush().await;
    }
    let stream = socket.get_mut();
    if stream.shutdown().await.is_ok() {
        let mut discarded = vec![0; READ_BUFFER_BYTES];
        while stream.read(&mut discarded).await.is_ok_and(|bytes| bytes > 0) {}
    }
}

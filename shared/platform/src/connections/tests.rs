//! Against a server that answers as it is told.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use aws_config::{BehaviorVersion, Region};
use aws_credential_types::Credentials;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::*;

/// Answers each request of a connection with the status that its path names; `hang` is not answered.
async fn serve(mut stream: TcpStream) {
    let mut received = String::new();
    let mut buffer = [0; 4096];
    while let Ok(read @ 1..) = stream.read(&mut buffer).await {
        received.push_str(std::str::from_utf8(&buffer[..read]).unwrap());
        let is_whole = received.starts_with("DELETE ") && received.ends_with("\r\n\r\n");
        if !is_whole && !received.ends_with("a frame") {
            continue;
        }
        assert!(
            received.contains("\r\nauthorization: AWS4-HMAC-SHA256 Credential=local/"),
            "{received}"
        );
        assert!(received.contains("\r\nx-amz-security-token: token\r\n"), "{received}");
        let path = received.split(' ').nth(1).unwrap();
        let status = path.strip_prefix("/live/@connections/").unwrap();
        if status != "hang" {
            let answer = format!("HTTP/1.1 {status} Status\r\ncontent-length: 4\r\n\r\nsaid");
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
        received.clear();
    }
}

async fn connections() -> Connections {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}/live", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream));
        }
    });
    let credentials = Credentials::new("local", "local", Some("token".to_owned()), None, "test");
    let configuration = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .build();
    Connections::new(&configuration, &endpoint, Duration::from_millis(500)).unwrap()
}

#[tokio::test]
async fn what_became_of_a_post_is_told() {
    let connections = connections().await;
    let failed = |status: &str| Err(PostError::Other(format!("{status}: said")));
    for (connection, expected) in [
        ("200", Ok(())),
        ("410", Err(PostError::Gone)),
        ("429", Err(PostError::Throttled)),
        ("403", failed("403 Forbidden")),
        ("500", failed("500 Internal Server Error")),
        ("hang", Err(PostError::TimedOut)),
        ("204", Ok(())),
    ] {
        let posted = connections.post(connection, Bytes::from_static(b"a frame")).await;
        assert_eq!(posted, expected, "{connection}");
    }
}

#[tokio::test]
async fn what_is_gone_is_closed_and_what_can_not_be_closed_is_told() {
    let connections = connections().await;
    for (connection, expected) in [("204", true), ("410", true), ("403", false), ("hang", false)] {
        let closed = connections.close(connection).await;
        assert_eq!(closed.is_ok(), expected, "{connection}: {closed:?}");
    }
}

#[tokio::test]
async fn nobody_there_is_an_error() {
    let connections = connections().await;
    let nobody = SdkConfig::builder()
        .region(Region::new("eu-central-1"))
        .credentials_provider(connections.0.credentials.clone())
        .build();
    let unused = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let there = Connections::new(&nobody, &format!("http://{unused}/live"), Duration::from_secs(5)).unwrap();
    let posted = there.post("any", Bytes::from_static(b"a frame")).await;
    assert!(matches!(posted, Err(PostError::Other(_))), "{posted:?}");
    assert!(Connections::new(&nobody, "nowhere", IDLE).is_err());
}

//! A server with TLS: it is used, its certificate has to be of an authority that is trusted and to name the server.

use std::path::{Path, PathBuf};
use std::process::Command;

use database::listener::Listener;
use database::{Database, Error, LOGIN_ROLE};
use local_cloud::postgres::{Postgres, Server};
use tokio_postgres::NoTls;

use crate::tidy::{read, root};

/// Certificates of this run, in a folder that goes with the test.
fn certificates() -> PathBuf {
    let folder = std::env::temp_dir().join(format!("tls-{}", uuid::Uuid::new_v4()));
    std::fs::create_dir_all(&folder).unwrap();
    let python = Command::new(tests::required("TEST_PYTHON"))
        .arg(root().join("tests/integration/tls/certificates.py"))
        .arg(&folder)
        .output()
        .unwrap();
    assert!(python.status.success(), "{}", String::from_utf8_lossy(&python.stderr));
    folder
}

/// Has the server, which runs as somebody else, write a file that it alone reads, and use it.
async fn turn_on(url: &str, folder: &Path) {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    let task = tokio::spawn(connection);
    for file in ["server.pem", "server.key"] {
        let lines = read(&folder.join(file)).replace('\n', "','");
        let copy = format!("COPY (SELECT unnest(ARRAY['{lines}'])) TO PROGRAM 'umask 077; cat > {file}'");
        client.batch_execute(&copy).await.unwrap();
    }
    for setting in [
        "ssl_cert_file = 'server.pem'",
        "ssl_key_file = 'server.key'",
        "ssl = on",
    ] {
        client
            .batch_execute(&format!("ALTER SYSTEM SET {setting}"))
            .await
            .unwrap();
    }
    client.batch_execute("SELECT pg_reload_conf()").await.unwrap();
    drop(client);
    task.await.unwrap().unwrap();
}

/// What a session says of its own connection.
async fn is_encrypted(url: &str, authorities: &str) -> Result<bool, Error> {
    let database = Database::trusting(url, LOGIN_ROLE, authorities)?;
    let session = database.session().await?;
    let rows = session
        .query("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()", &[])
        .await?;
    Ok(rows[0].get(0))
}

#[tokio::test]
async fn a_server_is_believed_only_with_a_certificate_of_its_own() {
    let folder = certificates();
    let port = std::net::TcpListener::bind(("127.0.0.1", 0))
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let server = Server {
        script: root().join("infra/database/start-postgres"),
        data: folder.join("data"),
        log: folder.join("postgres.log"),
        port,
    };
    let postgres = Postgres::start(server).await.unwrap();
    let (ours, other) = (read(&folder.join("ca.pem")), read(&folder.join("other.pem")));
    let required = format!("{}?sslmode=require", postgres.url);
    let refused = |result: Result<bool, Error>| result.unwrap_err().to_string();

    let plain = refused(is_encrypted(&required, &ours).await);
    assert!(plain.contains("server does not support TLS"), "{plain}");
    turn_on(&postgres.url, &folder).await;
    let began = tests::waiting::eventually("the server turns TLS on", async || {
        is_encrypted(&required, &ours).await.ok()
    });
    assert!(began.await);
    for (name, url, authorities) in [
        ("another authority", &required, other.as_str()),
        ("those of browsers", &required, ""),
        (
            "another name",
            &required.replace("127.0.0.1", "localhost"),
            ours.as_str(),
        ),
    ] {
        let error = refused(is_encrypted(url, authorities).await);
        assert!(error.contains("certificate"), "{name}: {error}");
    }
    let trusting = Database::trusting(&required, "postgres", &ours).unwrap();
    Listener::start(&trusting, &["channel"]).await.map(drop).unwrap();
    let doubting = Database::trusting(&required, "postgres", &other).unwrap();
    Listener::start(&doubting, &["channel"]).await.map(drop).unwrap_err();

    postgres.stop().await;
    std::fs::remove_dir_all(&folder).unwrap();
}

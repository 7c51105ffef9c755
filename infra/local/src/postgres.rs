//! The database: one that `DATABASE_URL` names, or a server of our own that ends with the cloud.

pub mod cells;
mod supervisor;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};
use tokio_postgres::NoTls;
use tokio_postgres::config::Host;

use self::supervisor::Supervised;

/// A first start initialises the cluster; a start after a crash replays its log.
const START_LIMIT: Duration = Duration::from_secs(120);
const POLL_EVERY: Duration = Duration::from_millis(50);
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// A fast shutdown writes a checkpoint, which takes seconds after a load.
const STOP_LIMIT: Duration = Duration::from_secs(30);

/// A database to use.
#[derive(Debug)]
pub struct Postgres {
    /// How functions reach it; may carry a password.
    pub url: String,
    server: Option<Supervised>,
}

/// How to run a server of our own.
#[derive(Debug, Clone)]
pub struct Server {
    /// `infra/database/start-postgres`.
    pub script: PathBuf,
    /// Where its files are. The script puts them elsewhere, with a link, where its user could not reach them.
    pub data: PathBuf,
    /// Where its output goes.
    pub log: PathBuf,
    /// The port on 127.0.0.1.
    pub port: u16,
}

impl Postgres {
    /// Uses a database that runs already.
    ///
    /// # Errors
    /// One sentence with host and port, never the password, when nothing answers there.
    pub async fn use_existing(url: &str) -> anyhow::Result<Self> {
        // The parser's own message may quote the text, and with it the password.
        let Ok(config) = url.parse::<tokio_postgres::Config>() else {
            bail!("DATABASE_URL is not a PostgreSQL URL")
        };
        let port = config.get_ports().first().copied().unwrap_or(5432);
        let Some(Host::Tcp(host)) = config.get_hosts().first() else {
            bail!("DATABASE_URL names no host to connect to over TCP")
        };
        match timeout(CONNECT_LIMIT, TcpStream::connect((host.as_str(), port))).await {
            Ok(Ok(_)) => Ok(Self {
                url: url.to_owned(),
                server: None,
            }),
            Ok(Err(error)) => bail!("the database of DATABASE_URL at {host}:{port} does not answer: {error}"),
            Err(_) => bail!(
                "the database of DATABASE_URL at {host}:{port} does not answer within {} s",
                CONNECT_LIMIT.as_secs()
            ),
        }
    }

    /// Starts a server, waits until it takes connections, and starts it again whenever it ends by itself.
    ///
    /// # Errors
    /// One sentence when its script cannot be run, it does not start, or a server that an earlier run left behind does not stop.
    pub async fn start(server: Server) -> anyhow::Result<Self> {
        stop_leftover(&server.data).await?;
        File::create(&server.log).with_context(|| format!("{} cannot be written", server.log.display()))?;
        let running = server.run().await?;
        Ok(Self {
            url: server.url(),
            server: Some(Supervised::over(server, running)),
        })
    }

    /// Stops the server if it is ours.
    pub async fn stop(self) {
        if let Some(server) = self.server {
            server.stop().await;
        }
    }

    /// Resolves with a sentence when a server of our own has ended and can't be started again.
    pub async fn ended(&mut self) -> String {
        match &mut self.server {
            Some(server) => server.given_up().await,
            None => std::future::pending().await,
        }
    }
}

impl Server {
    fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/analytics", self.port)
    }

    /// Starts it and waits until it takes connections. One that does not is stopped.
    async fn run(&self) -> anyhow::Result<Running> {
        let log = File::options().create(true).append(true).open(&self.log);
        let log = log.with_context(|| format!("{} cannot be written", self.log.display()))?;
        let child = Command::new(&self.script)
            .arg(&self.data)
            .arg(self.port.to_string())
            .stdin(Stdio::null())
            .stdout(log.try_clone().context("the log of PostgreSQL cannot be shared")?)
            .stderr(log)
            // A group of its own: Ctrl-C in the terminal must not end the database before the functions that use it.
            .process_group(0)
            .spawn()
            .with_context(|| format!("{} cannot be started", self.script.display()))?;
        let mut running = Running(child);
        let deadline = Instant::now() + START_LIMIT;
        while !answers(&self.url()).await {
            if let Some(status) = running.0.try_wait()? {
                bail!("PostgreSQL did not start ({status}): {}", last_line(&self.log));
            }
            if Instant::now() >= deadline {
                running.stop().await;
                let limit_s = START_LIMIT.as_secs();
                bail!("PostgreSQL does not answer after {limit_s} s: {}", last_line(&self.log));
            }
            sleep(POLL_EVERY).await;
        }
        Ok(running)
    }
}

async fn answers(url: &str) -> bool {
    let Ok(Ok((client, connection))) = timeout(CONNECT_LIMIT, tokio_postgres::connect(url, NoTls)).await else {
        return false;
    };
    // The connection ends as soon as its client is gone.
    drop(client);
    let _ = timeout(CONNECT_LIMIT, connection).await;
    true
}

/// A server's process.
#[derive(Debug)]
struct Running(Child);

impl Running {
    /// Ends it the fast way (SIGINT: no waiting for clients), at last by force.
    async fn stop(mut self) {
        // The group, because a first start has children that initialise the cluster.
        if let Some(group) = self.0.id() {
            interrupt(&format!("-{group}"));
        }
        if timeout(STOP_LIMIT, self.0.wait()).await.is_err() {
            tracing::error!(
                "PostgreSQL does not stop within {} s and is killed",
                STOP_LIMIT.as_secs()
            );
            let _ = self.0.kill().await;
        }
    }

    /// Resolves when it ends by itself, with how.
    async fn ended(&mut self) -> String {
        match self.0.wait().await {
            Ok(status) => status.to_string(),
            Err(error) => error.to_string(),
        }
    }
}

/// Without an orderly stop (an error, a signal while starting) the server ends all the same, only unwatched.
impl Drop for Running {
    fn drop(&mut self) {
        if let Some(group) = self.0.id() {
            interrupt(&format!("-{group}"));
        }
    }
}

/// Sends SIGINT. There is no safe call for it in the standard library; every Linux has the program, which takes milliseconds.
fn interrupt(process: &str) {
    let _ = std::process::Command::new("kill")
        .args(["-s", "INT", "--", process])
        .stderr(Stdio::null())
        .status();
}

/// A cloud that was killed leaves its server running. The state folder is locked by now, so it is nobody else's.
async fn stop_leftover(data: &Path) -> anyhow::Result<()> {
    let deadline = Instant::now() + STOP_LIMIT;
    while let Some(pid) = leftover(data) {
        if Instant::now() >= deadline {
            bail!("process {pid}, a PostgreSQL server left by an earlier run, does not stop");
        }
        interrupt(&pid.to_string());
        sleep(POLL_EVERY).await;
    }
    Ok(())
}

/// The server that runs on this data, by its own notes and by what the process says it is.
fn leftover(data: &Path) -> Option<u32> {
    let cluster = std::fs::canonicalize(data).ok()?.join("17");
    let notes = std::fs::read_to_string(cluster.join("postmaster.pid")).ok()?;
    let pid: u32 = notes.lines().next()?.trim().parse().ok()?;
    let arguments = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let runs_on = |argument: &[u8]| argument == cluster.as_os_str().as_encoded_bytes();
    arguments.split(|byte| *byte == 0).any(runs_on).then_some(pid)
}

fn last_line(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let line = text
        .lines()
        .rev()
        .map(str::trim)
        .find(|line| !line.is_empty())
        .unwrap_or("it said nothing");
    line.strip_prefix("error: ").unwrap_or(line).to_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    /// A port on which nothing listens.
    fn free_port() -> u16 {
        std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port()
    }

    #[tokio::test]
    async fn a_dead_database_is_one_sentence_without_the_password() {
        let port = free_port();
        let error = Postgres::use_existing(&format!("postgres://app:hunter2@127.0.0.1:{port}/analytics"))
            .await
            .unwrap_err()
            .to_string();
        assert!(error.contains(&format!("127.0.0.1:{port}")), "{error}");
        assert!(!error.contains("hunter2") && !error.contains('\n'), "{error}");
        let error = Postgres::use_existing("mysql://app:hunter2@host/x")
            .await
            .unwrap_err()
            .to_string();
        assert_eq!(error, "DATABASE_URL is not a PostgreSQL URL");
    }

    #[tokio::test]
    async fn a_server_that_does_not_start_says_why() {
        let folder = std::env::temp_dir().join(format!("local-cloud-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir_all(&folder).unwrap();
        let (script, log) = (folder.join("start"), folder.join("log"));
        std::fs::write(&script, "#!/bin/sh\necho 'error: no disk' >&2\nexit 1\n").unwrap();
        std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
        let port = free_port();
        let server = Server {
            script,
            data: folder.join("data"),
            log,
            port,
        };
        let error = Postgres::start(server).await.unwrap_err().to_string();
        assert!(error.ends_with("no disk"), "{error}");
        std::fs::remove_dir_all(&folder).unwrap();
    }
}

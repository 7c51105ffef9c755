//! The product as a process of its own, which a test may kill.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use tokio::process::{Child, Command};
use tokio::time::Instant;

use super::{Product, ready};

/// How long a start may take that makes a database.
const START: Duration = Duration::from_secs(120);

/// A running local cloud. Dropped, it is killed.
pub struct CloudProcess {
    child: Child,
}

impl CloudProcess {
    /// Starts it over a state folder, with a database of its own if none is given. The functions of `only` get their events from
    /// the queues and never begin: nobody starts them.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start(state: &Path, database_url: Option<&str>, only: &[&str]) -> (Self, Product) {
        let started = Self::try_start(state, database_url, only).await;
        ready(started, "the local cloud does not start")
    }

    async fn try_start(state: &Path, database_url: Option<&str>, only: &[&str]) -> Result<(Self, Product)> {
        let functions = PathBuf::from(crate::required("FUNCTIONS_DIR"));
        let project = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
        // One that was killed has left it, and what is waited for below is the new one.
        let _ = std::fs::remove_file(state.join("cloud.json"));
        let log = state.join("process.log");
        let output = File::options().create(true).append(true).open(&log)?;
        let mut command = Command::new(functions.join("local-cloud"));
        command.arg("--state-dir").arg(state);
        command.args([
            "run",
            "--no-demo",
            "--http-port",
            "0",
            "--websocket-port",
            "0",
            "--console-port",
            "0",
        ]);
        command
            .arg("--project")
            .arg(project.context("the tests are in the project")?);
        for function in only {
            command.args(["--only", function]);
        }
        match database_url {
            Some(url) => command.args(["--database-url", url]),
            None => command.env_remove("DATABASE_URL"),
        };
        let child = command
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .kill_on_drop(true)
            .spawn()?;
        let mut cloud = Self { child };
        let until = Instant::now() + START;
        while !state.join("cloud.json").exists() {
            let ended = cloud.child.try_wait()?;
            if ended.is_some() || Instant::now() >= until {
                bail!("{ended:?}: {}", std::fs::read_to_string(&log)?);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok((cloud, Product::connect(state.to_owned())?))
    }

    /// Kills it (SIGKILL), and returns when it is gone.
    ///
    /// # Panics
    /// When it has ended before.
    pub async fn kill(mut self) {
        ready(self.child.kill().await, "the local cloud has ended before");
    }

    /// Interrupts it, as Ctrl-C does, and waits for its end.
    ///
    /// # Panics
    /// When it can't be interrupted.
    pub async fn interrupt(mut self) -> ExitStatus {
        let process = ready(self.child.id().context("it has ended before"), "no interrupt");
        ready(signal("INT", process), "no interrupt");
        ready(self.child.wait().await, "the local cloud is lost")
    }
}

/// Sends a signal to a process.
///
/// # Errors
/// When there is no such process.
pub fn signal(name: &str, process: u32) -> Result<()> {
    let status = std::process::Command::new("kill")
        .args(["-s", name, "--", &process.to_string()])
        .status()?;
    anyhow::ensure!(status.success(), "process {process} can't be sent {name}");
    Ok(())
}

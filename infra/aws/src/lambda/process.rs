//! A function's process: started with a clean environment, its output in our log, gone when we are.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::{Notify, watch};

/// Log lines are cut here: a function that logs a whole payload must not fill the terminal.
const LINE_BYTES: usize = 4 * 1024;

/// A running (or ended) process.
pub(super) struct Process {
    status: watch::Receiver<Option<String>>,
    kill: Arc<Notify>,
}

impl Process {
    /// Starts `binary` for the function `name`.
    ///
    /// The process is its own group, so that Ctrl-C reaches only us and the shutdown is orderly. Should we be killed
    /// outright, the Runtime API's connection breaks and every runtime ends at its next request.
    pub(super) fn start(name: &str, binary: &Path, environment: &BTreeMap<String, String>) -> io::Result<Self> {
        let mut child = Command::new(binary)
            .env_clear()
            .envs(environment)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        if let Some(output) = child.stdout.take() {
            tokio::spawn(forward(name.to_owned(), output));
        }
        if let Some(output) = child.stderr.take() {
            tokio::spawn(forward(name.to_owned(), output));
        }
        let (ended, status) = watch::channel(None);
        let kill = Arc::new(Notify::new());
        tokio::spawn(watch_over(child, Arc::clone(&kill), ended));
        Ok(Self { status, kill })
    }

    pub(super) fn kill(&self) {
        self.kill.notify_one();
    }

    pub(super) fn has_exited(&self) -> bool {
        self.status.borrow().is_some()
    }

    /// Resolves with the exit status.
    pub(super) async fn exited(&self) -> String {
        let mut status = self.status.clone();
        match status.wait_for(Option::is_some).await {
            Ok(status) => status.clone().unwrap_or_default(),
            Err(_) => "its guardian ended".to_owned(),
        }
    }
}

async fn watch_over(mut child: Child, kill: Arc<Notify>, ended: watch::Sender<Option<String>>) {
    let status = tokio::select! {
        status = child.wait() => status,
        () = kill.notified() => {
            // An error means that it has just ended by itself, and `wait` says how.
            let _ = child.start_kill();
            child.wait().await
        }
    };
    ended.send_replace(Some(describe(status)));
}

fn describe(status: io::Result<ExitStatus>) -> String {
    status.map_or_else(|error| error.to_string(), |status| status.to_string())
}

async fn forward(name: String, output: impl AsyncRead + Unpin) {
    let mut lines = BufReader::new(output).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let end = line.floor_char_boundary(LINE_BYTES);
        let text = &line[..end];
        match level(&line).as_deref() {
            Some("ERROR") => tracing::error!(target: "function", "{name}: {text}"),
            Some("WARN") => tracing::warn!(target: "function", "{name}: {text}"),
            _ => tracing::info!(target: "function", "{name}: {text}"),
        }
    }
}

/// The level that a function gave its line; a panic's message has none.
fn level(line: &str) -> Option<String> {
    /// The part of a line that matters here.
    #[derive(serde::Deserialize)]
    struct Line {
        level: String,
    }
    serde_json::from_str(line).map(|line: Line| line.level).ok()
}

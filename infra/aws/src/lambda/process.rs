//! A function's process: started with a clean environment, its output in our log, gone when we are.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::{fmt, io};

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::{Notify, watch};
use tokio::time::MissedTickBehavior;

use super::memory::{LOOK_EVERY, Memory};

/// Log lines are cut here: a function that logs a whole payload must not fill the terminal.
const LINE_BYTES: usize = 4 * 1024;

/// How a process ended.
#[derive(Debug, Clone)]
pub(super) enum Ending {
    /// By itself, or because it was told to: the exit status or signal.
    Exited(String),
    /// It was ended, because it had more memory than its function may have.
    OutOfMemory {
        /// What it had at most, in MiB.
        peak_mb: u64,
    },
}

/// A running (or ended) process.
pub(super) struct Process {
    ending: watch::Receiver<Option<Ending>>,
    kill: Arc<Notify>,
    memory: Option<Memory>,
}

impl Process {
    /// Starts `binary` for the function `name`, which may have `memory_mb` MiB of memory.
    ///
    /// The process is its own group, so that Ctrl-C reaches only us and the shutdown is orderly. Should we be killed
    /// outright, the Runtime API's connection breaks and every runtime ends at its next request.
    pub(super) fn start(
        name: &str,
        memory_mb: u32,
        binary: &Path,
        environment: &BTreeMap<String, String>,
    ) -> io::Result<Self> {
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
        let (ended, ending) = watch::channel(None);
        let kill = Arc::new(Notify::new());
        // Only a process that was waited for already has no id.
        let memory = child.id().map(|process| Memory::of(process, memory_mb));
        let (name, killed) = (name.to_owned(), Arc::clone(&kill));
        tokio::spawn(async move {
            let ending = watch_over(child, &killed, memory).await;
            if let Ending::OutOfMemory { peak_mb } = ending {
                tracing::error!(
                    function = name,
                    limit_mb = memory_mb,
                    peak_mb,
                    "Runtime.OutOfMemory: the function has more memory than its MemorySize and was killed"
                );
            }
            ended.send_replace(Some(ending));
        });
        Ok(Self { ending, kill, memory })
    }

    pub(super) fn kill(&self) {
        self.kill.notify_one();
    }

    pub(super) fn has_exited(&self) -> bool {
        self.ending.borrow().is_some()
    }

    /// Whether it has, or once had, more memory than it may: then it is about to end.
    pub(super) fn is_out_of_memory(&self) -> bool {
        self.memory.is_some_and(|memory| memory.excess_mb().is_some())
    }

    /// Resolves when it has ended, with how.
    pub(super) async fn exited(&self) -> Ending {
        let mut ending = self.ending.clone();
        let ending = ending.wait_for(Option::is_some).await;
        let ending = ending.ok().and_then(|ending| ending.clone());
        ending.unwrap_or_else(|| Ending::Exited("its guardian ended".to_owned()))
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited(status) => write!(formatter, "{status}"),
            Self::OutOfMemory { peak_mb } => write!(formatter, "out of memory at {peak_mb} MiB"),
        }
    }
}

async fn watch_over(mut child: Child, kill: &Notify, memory: Option<Memory>) -> Ending {
    let mut looks = tokio::time::interval(LOOK_EVERY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        tokio::select! {
            status = child.wait() => return Ending::Exited(describe(status)),
            () = kill.notified() => {
                // An error means that it has just ended by itself, and `wait` says how.
                let _ = child.start_kill();
                return Ending::Exited(describe(child.wait().await));
            }
            _ = looks.tick() => {
                if let Some(peak_mb) = memory.and_then(Memory::excess_mb) {
                    let _ = child.start_kill();
                    let _ = child.wait().await;
                    return Ending::OutOfMemory { peak_mb };
                }
            }
        }
    }
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

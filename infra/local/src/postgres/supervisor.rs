//! A server that is started again when it ends by itself: killed, out of memory, or by a fault of its own.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::{Running, Server};

/// Pauses before the tries to start it again, 15 s together. The processes of a server that was killed end by themselves, but
/// not at once, and as long as one of them is there no other server may touch the data.
const PAUSES: [Duration; 6] = [
    Duration::from_millis(200),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(8),
];

/// A server that ends more often than this within [`WITHIN`] has a reason that another start does not mend.
const RESTARTS: usize = 5;
const WITHIN: Duration = Duration::from_secs(600);

/// A server and the task that watches it.
#[derive(Debug)]
pub(super) struct Supervised {
    stop: Arc<Notify>,
    given_up: watch::Receiver<Option<String>>,
    task: JoinHandle<()>,
}

impl Supervised {
    /// Watches a server that runs.
    pub(super) fn over(server: Server, running: Running) -> Self {
        let stop = Arc::new(Notify::new());
        let (tell, given_up) = watch::channel(None);
        let stopping = Arc::clone(&stop);
        let task = tokio::spawn(async move {
            if let Err(sentence) = keep_running(&server, running, &stopping).await {
                tell.send_replace(Some(sentence));
            }
        });
        Self { stop, given_up, task }
    }

    /// Stops the server, and resolves when it is gone.
    pub(super) async fn stop(mut self) {
        self.stop.notify_one();
        if let Err(error) = (&mut self.task).await {
            tracing::error!(%error, "PostgreSQL was not watched to its end");
        }
    }

    /// Resolves with a sentence when the server can't be started again.
    pub(super) async fn given_up(&mut self) -> String {
        match self.given_up.wait_for(Option::is_some).await {
            Ok(sentence) => sentence.clone().unwrap_or_default(),
            // It was stopped.
            Err(_) => std::future::pending().await,
        }
    }
}

/// The server ends with whoever watches it.
impl Drop for Supervised {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Until it is to stop, or has ended too often.
async fn keep_running(server: &Server, mut running: Running, stop: &Notify) -> Result<(), String> {
    let mut ends = VecDeque::new();
    loop {
        let status = tokio::select! {
            biased;
            () = stop.notified() => {
                running.stop().await;
                return Ok(());
            }
            status = running.ended() => status,
        };
        let now = Instant::now();
        ends.retain(|end| now.duration_since(*end) < WITHIN);
        ends.push_back(now);
        if ends.len() > RESTARTS {
            let (times, minutes, log) = (ends.len(), WITHIN.as_secs() / 60, server.log.display());
            return Err(format!(
                "PostgreSQL ended by itself {times} times within {minutes} minutes, the last time with {status}: see {log}"
            ));
        }
        tracing::warn!("PostgreSQL ended by itself ({status}) and is started again");
        running = tokio::select! {
            biased;
            () = stop.notified() => return Ok(()),
            again = start_again(server, &PAUSES) => again?,
        };
        tracing::warn!(
            "PostgreSQL takes connections again, {:.1} s after it ended",
            now.elapsed().as_secs_f64()
        );
    }
}

async fn start_again(server: &Server, pauses: &[Duration]) -> Result<Running, String> {
    let mut last = String::new();
    for pause in pauses {
        sleep(*pause).await;
        match server.run().await {
            Ok(running) => return Ok(running),
            Err(error) => last = format!("{error:#}"),
        }
    }
    Err(format!(
        "{last} (tried {} times; see {})",
        pauses.len(),
        server.log.display()
    ))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[tokio::test]
    async fn a_server_that_can_not_be_started_again_is_given_up_with_the_reason() {
        let folder = std::env::temp_dir().join(format!("local-cloud-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir_all(&folder).unwrap();
        let script = folder.join("start");
        std::fs::write(&script, "#!/bin/sh\necho 'error: no disk' >&2\nexit 1\n").unwrap();
        std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let server = Server {
            script,
            data: folder.join("data"),
            log: folder.join("log"),
            port,
        };
        let error = start_again(&server, &[Duration::from_millis(1); 3]).await.unwrap_err();
        assert!(error.contains("no disk (tried 3 times"), "{error}");
        assert_eq!(
            std::fs::read_to_string(&server.log).unwrap().lines().count(),
            3,
            "the log keeps every try"
        );
        std::fs::remove_dir_all(&folder).unwrap();
    }
}

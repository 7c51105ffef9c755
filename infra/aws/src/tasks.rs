//! Background work with one end: everything that is spawned here stops together.

use std::io;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::gate::{Gate, guarded};

/// How long servers may take to finish the requests they have when they are to stop.
const GRACE: Duration = Duration::from_millis(500);

/// Tasks, and the signal that ends them.
#[derive(Debug)]
pub struct Tasks {
    stop: watch::Sender<bool>,
    set: JoinSet<()>,
}

/// Resolves when the tasks are to stop; cheap to clone.
#[derive(Debug, Clone)]
pub struct Stopped(watch::Receiver<bool>);

impl Stopped {
    /// Waits until the tasks are to stop (or are gone).
    pub async fn wait(mut self) {
        // An error means that the sender is gone, which is a stop as well.
        let _ = self.0.wait_for(|stop| *stop).await;
    }
}

impl Default for Tasks {
    fn default() -> Self {
        Self {
            stop: watch::Sender::new(false),
            set: JoinSet::new(),
        }
    }
}

impl Tasks {
    /// The signal that the tasks of this set see.
    #[must_use]
    pub fn stopped(&self) -> Stopped {
        Stopped(self.stop.subscribe())
    }

    /// Runs `work` until it ends or is to stop.
    pub fn spawn(&mut self, work: impl Future<Output = ()> + Send + 'static) {
        let stopped = self.stopped();
        self.set.spawn(async move {
            tokio::select! {
                () = work => {}
                () = stopped.wait() => {}
            }
        });
    }

    /// Serves `router` on `listener` to those that pass the gate; at the stop, requests under way get a moment to finish.
    ///
    /// # Errors
    /// When the listener has no address.
    pub(crate) fn serve(&mut self, listener: TcpListener, router: Router, gate: Gate) -> io::Result<()> {
        let (stopped, router) = (self.stopped(), guarded(router, listener.local_addr()?, gate));
        self.set.spawn(async move {
            if let Err(error) = axum::serve(listener, router)
                .with_graceful_shutdown(stopped.wait())
                .await
            {
                tracing::error!(%error, "a listener ended");
            }
        });
        Ok(())
    }

    /// Runs `work`, which watches [`Tasks::stopped`] itself.
    pub fn spawn_attentive(&mut self, work: impl Future<Output = ()> + Send + 'static) {
        self.set.spawn(work);
    }

    /// Ends every task: first by the signal, after a moment by force.
    pub async fn shutdown(mut self) {
        self.stop.send_replace(true);
        let ended = async { while self.set.join_next().await.is_some() {} };
        if tokio::time::timeout(GRACE, ended).await.is_err() {
            self.set.shutdown().await;
        }
    }
}

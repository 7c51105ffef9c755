//! The whole local cloud: started in order, stopped in the opposite one.

mod access;
mod components;
mod console;
mod later;
mod options;
mod ports;

use std::path::PathBuf;

use anyhow::Context as _;
use aws_stand_in::lambda::{ExternalFunction, Invoker};
use bytes::Bytes;
use serde_json::Value;

pub use self::access::{Access, NOT_RUNNING};
use self::components::{Components, Started};
pub use self::console::Console;
pub use self::later::Build;
pub use self::options::Options;
pub use self::ports::Ports;

/// A running cloud. [`Cloud::shutdown`] stops it in order; dropping it stops everything as well, but does not wait.
#[derive(Debug)]
pub struct Cloud {
    /// Every address, and the demo's user.
    pub access: Access,
    /// How to start each function that [`Options::only`] left out.
    pub external: Vec<ExternalFunction>,
    /// Functions that had no binary when it started.
    pub missing: Vec<String>,
    /// The console, where the template has one.
    pub console: Option<Console>,
    invoker: Invoker,
    components: Components,
    access_path: PathBuf,
}

impl Cloud {
    /// Starts everything, and returns when it is ready: with a demo, when its facts are loaded.
    ///
    /// # Errors
    /// One sentence on what did not start; what had started is stopped.
    pub async fn start(options: &Options) -> anyhow::Result<Self> {
        let cloud = Self::start_unless(options, std::future::pending()).await?;
        cloud.context("the start was given up")
    }

    /// The same, but gives up when `stop` resolves: then there is no cloud, and nothing of it is left.
    ///
    /// # Errors
    /// As for [`Cloud::start`].
    pub async fn start_unless(options: &Options, stop: impl Future<Output = ()>) -> anyhow::Result<Option<Self>> {
        let mut components = Components::new(&options.state_dir)?;
        let started = async {
            // On the heap, because it holds all that is being started: whoever starts a cloud would carry it along.
            let started = Box::pin(components.start(options)).await?;
            let path = started.access.write(&options.state_dir)?;
            anyhow::Ok((started, path))
        };
        let started = tokio::select! {
            started = started => started.map(Some),
            () = stop => Ok(None),
        };
        match started {
            Ok(Some((started, access_path))) => {
                let Started {
                    access,
                    external,
                    missing,
                    console,
                    invoker,
                } = started;
                Ok(Some(Self {
                    access,
                    external,
                    missing,
                    console,
                    invoker,
                    components,
                    access_path,
                }))
            }
            not_started => {
                components.shutdown().await;
                not_started.map(|_| None)
            }
        }
    }

    /// Invokes a function.
    ///
    /// # Errors
    /// When it fails, or its answer is not JSON.
    pub async fn invoke(&self, function: &str, event: &Value) -> anyhow::Result<Value> {
        let answer = self.invoker.invoke(function, Bytes::from(event.to_string())).await;
        let answer = answer
            .map_err(anyhow::Error::msg)
            .with_context(|| format!("function {function}"))?;
        serde_json::from_slice(&answer).with_context(|| format!("function {function} does not answer with JSON"))
    }

    /// Resolves with a sentence when something ends without which the cloud is none.
    pub async fn broken(&mut self) -> String {
        self.components.broken().await
    }

    /// Ends everything that was started and waits until it is gone.
    pub async fn shutdown(self) {
        // First, so that no script finds a cloud that is about to end.
        let _ = std::fs::remove_file(&self.access_path);
        self.components.shutdown().await;
    }
}

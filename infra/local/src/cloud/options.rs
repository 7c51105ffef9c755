//! What can be chosen when a local cloud is started.

use std::path::{Path, PathBuf};
use std::time::Duration;

use aws_stand_in::api_gateway::websocket_api;

use super::Ports;

/// How to start a cloud.
#[derive(Debug, Clone)]
pub struct Options {
    /// The checkout: where `infra/database/start-postgres` is.
    pub project: PathBuf,
    /// `template.yaml`.
    pub template: PathBuf,
    /// Where the function binaries are.
    pub functions_dir: PathBuf,
    /// Where secrets, objects and the database are kept; one cloud at a time.
    pub state_dir: PathBuf,
    /// A database to use instead of a server of our own.
    pub database_url: Option<String>,
    /// How many further databases are made on the same server, in which clients can live: `cell-1` and on.
    pub cells: u8,
    /// Where to listen.
    pub ports: Ports,
    /// Functions that somebody else runs, under a debugger.
    pub only: Vec<String>,
    /// Whether functions may be missing when it starts: they are built later.
    pub builds_later: bool,
    /// Whether to make the demo's client, load its facts and replay them.
    pub demo: bool,
    /// The Parquet file of real facts; without it the demo has definitions only.
    pub facts: Option<PathBuf>,
    /// Replaces the visibility timeout of every queue, so that a test need not wait for it.
    pub visibility: Option<Duration>,
    /// Limits of the WebSocket API; API Gateway's by default.
    pub websocket_limits: websocket_api::Limits,
    /// Print nothing.
    pub quiet: bool,
}

impl Options {
    /// A cloud for a test: any ports, no demo, quiet.
    #[must_use]
    pub fn quiet(project: &Path, functions_dir: &Path, state_dir: &Path) -> Self {
        Self {
            project: project.to_owned(),
            template: project.join("template.yaml"),
            functions_dir: functions_dir.to_owned(),
            state_dir: state_dir.to_owned(),
            database_url: None,
            cells: 0,
            ports: Ports::ANY,
            only: Vec::new(),
            builds_later: false,
            demo: false,
            facts: None,
            visibility: None,
            websocket_limits: websocket_api::Limits::default(),
            quiet: true,
        }
    }
}

//! `.local/cloud.json`: how scripts reach a running cloud and sign in to its demo.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use aws_stand_in::StandIn;
use aws_stand_in::listeners::Endpoints;
use aws_stand_in::secrets_manager::write_private;
use serde::{Deserialize, Serialize};

use crate::demo::Client;

/// The name of the file in the state folder.
const FILE_NAME: &str = "cloud.json";

/// What sample events call their client and token; in a running cloud they stand for the demo's.
const SAMPLE_CLIENT: &str = "018f4e2a-7c1b-7d3e-9a52-3f6f1c2a5201";
const SAMPLE_TOKEN: &str = "not-a-real-token";

/// How often [`renew_tokens`] looks whether the token is still good.
pub(super) const RENEW_EVERY: Duration = Duration::from_secs(30);

/// How to reach a running cloud and sign in to its demo, whose part is missing when there is no demo.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Access {
    /// AWS's services.
    #[serde(flatten)]
    pub endpoints: Endpoints,
    /// The folder of the mails that were sent.
    pub mail: PathBuf,
    /// The database.
    pub database_url: String,
    /// The bucket whose objects are loaded.
    pub incoming_bucket: Option<String>,
    /// The demo's client.
    pub client: Option<String>,
    /// The demo's user.
    pub email: Option<String>,
    /// The user's password.
    pub password: Option<String>,
    /// An access token of the user. It is good for an hour; the cloud puts a new one here before that.
    pub token: Option<String>,
}

impl Access {
    /// The way to these services and this database; there is no demo yet.
    pub(super) fn new(services: &StandIn, database_url: String) -> Self {
        let watched = services.template().bucket_notifications.first();
        Self {
            endpoints: services.endpoints().clone(),
            mail: services.mail().to_owned(),
            database_url,
            incoming_bucket: watched.map(|notification| notification.bucket.clone()),
            client: None,
            email: None,
            password: None,
            token: None,
        }
    }

    /// Writes the file, which is there whole or not at all.
    pub(super) fn write(&self, state: &Path) -> anyhow::Result<PathBuf> {
        let path = state.join(FILE_NAME);
        write_private(&path, &serde_json::to_string_pretty(self)?)?;
        Ok(path)
    }

    /// Removes the file, if there is one.
    pub(super) fn remove(state: &Path) -> anyhow::Result<()> {
        let path = state.join(FILE_NAME);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(error).with_context(|| format!("{} cannot be removed", path.display()))
            }
            _ => Ok(()),
        }
    }

    /// A sample event with the demo's client and token in the place of the sample's.
    #[must_use]
    pub fn with_demo_identity(&self, event: &str) -> String {
        let mut event = event.to_owned();
        for (sample, own) in [(SAMPLE_CLIENT, &self.client), (SAMPLE_TOKEN, &self.token)] {
            if let Some(own) = own {
                event = event.replace(sample, own);
            }
        }
        event
    }

    /// Reads the file of a running cloud.
    ///
    /// # Errors
    /// One sentence when there is none.
    pub fn read(state: &Path) -> anyhow::Result<Self> {
        let path = state.join(FILE_NAME);
        match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .with_context(|| format!("{} is not the file of a running cloud", path.display())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => bail!(NOT_RUNNING),
            Err(error) => Err(error).with_context(|| format!("{} cannot be read", path.display())),
        }
    }
}

/// Puts each new token of `client` into the file, so that a script finds one that is good. Looks `every` so often.
pub(super) async fn renew_tokens(client: Arc<Client>, state: PathBuf, every: Duration) {
    loop {
        tokio::time::sleep(every).await;
        let written = match client.token().await {
            Ok(token) => write_token(&state, token),
            Err(error) => Err(error),
        };
        if let Err(error) = written {
            tracing::warn!(error = format!("{error:#}"), "the token in {FILE_NAME} is not renewed");
        }
    }
}

/// Writes a token into the file if it is another one. Without a file the cloud is starting or stopping: it stays so.
fn write_token(state: &Path, token: String) -> anyhow::Result<()> {
    if !state.join(FILE_NAME).exists() {
        return Ok(());
    }
    let mut access = Access::read(state)?;
    if access.token.as_ref() != Some(&token) {
        access.token = Some(token);
        access.write(state)?;
    }
    Ok(())
}

/// What to say when nothing answers.
pub const NOT_RUNNING: &str = "no local cloud is running: start one with `make run`";

#[cfg(test)]
mod tests;

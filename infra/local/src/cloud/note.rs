//! `.local/cloud.json`: where a running cloud is, for scripts.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};

use super::doors::{Doors, url};
use crate::demo::Client;
use crate::secrets::write_private;
use crate::template::Template;

/// The name of the file in the state folder.
const NAME: &str = "cloud.json";

/// What sample events call their client and token; in a running cloud they stand for the demo's.
const SAMPLE_CLIENT: &str = "018f4e2a-7c1b-7d3e-9a52-3f6f1c2a5201";
const SAMPLE_TOKEN: &str = "not-a-real-token";

/// How often [`keep_token`] looks whether the token is still good.
pub(super) const LOOK_EVERY: Duration = Duration::from_secs(30);

/// What scripts need to know. The demo's part is missing when there is no demo.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Note {
    /// Base address of the HTTP API.
    pub http: String,
    /// Address of the WebSocket API, its stage included.
    pub websocket: String,
    /// The DynamoDB endpoint.
    pub dynamodb: String,
    /// The S3 endpoint.
    pub s3: String,
    /// The SQS endpoint.
    pub sqs: String,
    /// The EventBridge endpoint.
    pub eventbridge: String,
    /// The SES v2 endpoint.
    pub sesv2: String,
    /// The folder of the mails that were sent.
    pub mail: PathBuf,
    /// The Lambda endpoint.
    pub lambda: String,
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

impl Note {
    /// The addresses of what is behind `doors`; there is no demo yet.
    pub(super) fn new(doors: &Doors, template: &Template, database_url: String, state: &Path) -> anyhow::Result<Self> {
        let watched = template.bucket_notifications.first();
        Ok(Self {
            http: url(&doors.http)?,
            websocket: format!("ws://{}/{}", doors.websocket.local_addr()?, template.live_stage),
            dynamodb: url(&doors.state.dynamodb)?,
            s3: url(&doors.state.s3)?,
            sqs: url(&doors.state.sqs)?,
            eventbridge: url(&doors.state.eventbridge)?,
            sesv2: url(&doors.state.sesv2)?,
            mail: state.join("mail"),
            lambda: url(&doors.lambda)?,
            database_url,
            incoming_bucket: watched.map(|notification| notification.bucket.clone()),
            client: None,
            email: None,
            password: None,
            token: None,
        })
    }

    /// Writes the file, which is there whole or not at all.
    pub(super) fn write(&self, state: &Path) -> anyhow::Result<PathBuf> {
        let path = state.join(NAME);
        write_private(&path, &serde_json::to_string_pretty(self)?)?;
        Ok(path)
    }

    /// A sample event with the demo's client and token in the place of the sample's.
    #[must_use]
    pub fn fill_in(&self, event: &str) -> String {
        let mut event = event.to_owned();
        for (sample, own) in [(SAMPLE_CLIENT, &self.client), (SAMPLE_TOKEN, &self.token)] {
            if let Some(own) = own {
                event = event.replace(sample, own);
            }
        }
        event
    }

    /// Reads the note of a running cloud.
    ///
    /// # Errors
    /// One sentence when there is none.
    pub fn read(state: &Path) -> anyhow::Result<Self> {
        let path = state.join(NAME);
        match std::fs::read(&path) {
            Ok(bytes) => {
                serde_json::from_slice(&bytes).with_context(|| format!("{} is not the note of a cloud", path.display()))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => bail!(NOT_RUNNING),
            Err(error) => Err(error).with_context(|| format!("{} cannot be read", path.display())),
        }
    }
}

/// Puts each new token of `client` into the note, so that a script finds one that is good. Looks `every` so often.
pub(super) async fn keep_token(client: Arc<Client>, state: PathBuf, every: Duration) {
    loop {
        tokio::time::sleep(every).await;
        let renewed = match client.token().await {
            Ok(token) => renew_token(&state, token),
            Err(error) => Err(error),
        };
        if let Err(error) = renewed {
            tracing::warn!(error = format!("{error:#}"), "the token in {NAME} is not renewed");
        }
    }
}

/// Writes a token into the note if it is another one. Without a note the cloud is starting or stopping: it stays so.
fn renew_token(state: &Path, token: String) -> anyhow::Result<()> {
    if !state.join(NAME).exists() {
        return Ok(());
    }
    let mut note = Note::read(state)?;
    if note.token.as_ref() != Some(&token) {
        note.token = Some(token);
        note.write(state)?;
    }
    Ok(())
}

/// What to say when nothing answers.
pub const NOT_RUNNING: &str = "no local cloud is running: start one with `make run`";

#[cfg(test)]
mod tests;

//! The demo: a client of its own, definitions, the real facts, and live events without end. Everything goes through the
//! product's own APIs and bucket, so that what works here works for a customer.

mod catalog;
mod client;
mod facts;
mod replay;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use aws_stand_in::clock;
use aws_stand_in::lambda::Invoker;
use jiff::ToSpan as _;
use jiff::tz::TimeZone;
use serde::Deserialize;
use serde_json::json;

pub use self::client::Client;
use self::facts::Target;
use crate::progress::Progress;

const EMAIL: &str = "demo@example.com";
const NAME: &str = "Demo Airlines";

/// Years of the demo's licence: it is started again and again, and an evaluation would end after a month.
const LICENCE_YEARS: i32 = 10;

/// What the demo uses of the cloud.
#[derive(Debug)]
pub struct Stage<'a> {
    /// For what an operator does, which has no route.
    pub invoker: &'a Invoker,
    /// Base address of the HTTP API.
    pub http: &'a str,
    /// The S3 endpoint.
    pub s3: &'a str,
    /// The bucket that `load-files` watches.
    pub incoming_bucket: Option<&'a str>,
    /// Where the steps are shown.
    pub progress: Progress,
}

/// The demo's user, signed in.
#[derive(Debug, Clone)]
pub struct Demo {
    /// The client's id.
    pub client_id: String,
    /// The user's e-mail address.
    pub email: String,
    /// The user's password.
    pub password: String,
    /// Signed in, and renews its token.
    pub client: Arc<Client>,
}

#[derive(Deserialize)]
struct Provisioned {
    client: String,
}

impl Demo {
    /// Makes the client unless it is there, signs in and defines the entity and its KPIs.
    ///
    /// # Errors
    /// When a function or the API refuses.
    pub async fn start(stage: &Stage<'_>, password: String) -> anyhow::Result<Self> {
        let step = stage.progress.step(format!("creating the client {NAME}"));
        let today = TimeZone::UTC.to_datetime(clock::now()).date();
        let licence = json!({
            "features": ["ingest", "live", "modelling", "proposals", "series"],
            "seats": 100,
            "starts_on": today,
            "ends_on": today.saturating_add(LICENCE_YEARS.years()),
        });
        let request =
            json!({"name": NAME, "time_zone": "UTC", "email": EMAIL, "password": password, "licence": licence});
        let answer = stage
            .invoker
            .invoke("provision-client", request.to_string().into())
            .await;
        let answer = answer
            .map_err(anyhow::Error::msg)
            .context("the demo's client could not be created")?;
        let Provisioned { client: client_id } =
            serde_json::from_slice(&answer).context("provision-client answers without a client")?;
        let signed_in = Client::sign_in(stage.http, EMAIL, &password).await;
        let client = Arc::new(signed_in.context("the demo's user could not sign in")?);
        step.done();
        let step = stage.progress.step("defining an entity and six KPIs");
        catalog::define(&client).await?;
        step.done();
        Ok(Self {
            client_id,
            email: EMAIL.to_owned(),
            password,
            client,
        })
    }

    /// Loads the real facts unless they are loaded.
    ///
    /// # Errors
    /// When the file, S3 or the API fails; the demo goes on without the facts.
    pub async fn load(&self, stage: &Stage<'_>, file: &Path) -> anyhow::Result<()> {
        if facts::loaded(&self.client).await? >= facts::FLIGHTS {
            return Ok(());
        }
        let Some(bucket) = stage.incoming_bucket else {
            bail!("the template has no bucket that a function watches")
        };
        let mut step = stage.progress.step("loading 3,000,000 flights");
        let target = Target {
            endpoint: stage.s3,
            bucket,
            client: &self.client_id,
        };
        facts::upload(file, &target).await?;
        let loaded = facts::wait(&self.client, &mut step).await?;
        if loaded < facts::FLIGHTS {
            bail!(
                "only {loaded} of {} flights are loaded, and no more come",
                facts::FLIGHTS
            );
        }
        step.done();
        Ok(())
    }

    /// Plays the last days of the facts as live events until the future is dropped.
    pub async fn replay(self, file: PathBuf) {
        replay::run(&self.client, file).await;
    }
}

//! `request-reset`: takes that somebody, it may be a stranger, says to have forgotten a password, and queues it for `send-mails`.
//!
//! It has no database and does the same whatever the address is, so neither the answer nor its time tells whether that is a user's. However often it is asked,
//! nobody else's runs are taken: users are managed by another function.

use anyhow::{Context as _, Result};
use api::users::{MailToSend, ResetRequest};
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use identity::Email;
use platform::extract::{Json, Source};
use platform::http::Routes;
use platform::queue::Queue;
use platform::{Problem, clock, environment};
use registry::Registry;
use registry::attempts::ATTEMPT_WINDOW_SECONDS;

/// What the function has from its environment.
#[derive(Clone)]
pub struct Context {
    registry: Registry,
    mails: Queue,
}

impl Context {
    /// Reads the environment.
    ///
    /// # Errors
    /// When a variable is missing.
    pub async fn from_environment() -> Result<Self> {
        let table = environment::required("REGISTRY_TABLE")?;
        Ok(Self {
            registry: Registry::connect_to(&platform::aws_configuration().await, table),
            mails: Queue::from_environment("MAILS_QUEUE_URL").await?,
        })
    }
}

/// The routes of this function.
pub fn router(context: Context) -> Router {
    routes().router(context)
}

fn routes() -> Routes<Context> {
    Routes::new().serve(&api::users::ASK_FOR_RESET, ask)
}

async fn ask(
    State(context): State<Context>,
    Source(source): Source,
    Json(ResetRequest { email }): Json<ResetRequest>,
) -> Result<StatusCode, Problem> {
    let email: Email = email
        .parse()
        .map_err(|error| Problem::invalid(format!("/email: {error}")))?;
    let allowed = context.registry.allow_reset(&source, clock::now()).await;
    if !allowed.context("count a request for a reset")? {
        tracing::warn!(source, "too many passwords were asked to be reset from one source");
        return Err(too_many());
    }
    let mail = MailToSend::Forgotten {
        email: email.as_str().to_owned(),
    };
    // In the group of the source: a flood from one keeps no other waiting.
    let queued = context
        .mails
        .send_in_group(source, mail.message().context("write a message")?);
    queued.await?;
    Ok(StatusCode::ACCEPTED)
}

fn too_many() -> Problem {
    let minutes = ATTEMPT_WINDOW_SECONDS / 60;
    Problem::too_many(
        format!("too many passwords were asked to be reset from this network within {minutes} minutes"),
        u16::try_from(ATTEMPT_WINDOW_SECONDS).unwrap_or(u16::MAX),
    )
    .hint(format!("wait {minutes} minutes, then try again"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_serves_exactly_its_routes() {
        assert_eq!(
            routes().differences(env!("CARGO_PKG_NAME"), &api::users::ROUTES),
            [""; 0]
        );
    }
}

//! `manage-users`: who the users of a client are, what they may do, their passwords and their sessions.
//!
//! What is changed is in the database first, and sessions end after that: whoever signs in or refreshes meanwhile reads what is new, or has a session that
//! ends. Every change is in the log, by identities: e-mail addresses, passwords and secrets never are.

mod credentials;
mod mails;
mod resets;
mod sessions;
mod users;

use anyhow::{Context as _, Result};
use axum::Router;
use database::{Database, Timeouts};
use platform::connections::{CLOSE_WITHIN, Connections};
use platform::environment;
use platform::http::Routes;
use platform::queue::Queue;
use registry::Registry;

/// What the function has from its environment.
#[derive(Clone)]
pub struct Context {
    database: Database,
    registry: Registry,
    connections: Connections,
    mails: Queue,
}

impl Context {
    /// Reads the environment.
    ///
    /// # Errors
    /// When a variable is missing or malformed.
    pub async fn from_environment() -> Result<Self> {
        let database = platform::database::from_environment().context("read where the database is")?;
        let configuration = platform::aws_configuration().await;
        let endpoint = environment::required("CONNECTIONS_ENDPOINT")?;
        Ok(Self {
            database: database.with_timeouts(Timeouts::REQUEST),
            registry: Registry::connect_to(&configuration, environment::required("REGISTRY_TABLE")?),
            connections: Connections::new(&configuration, &endpoint, CLOSE_WITHIN)?,
            mails: Queue::from_environment("MAILS_QUEUE_URL").await?,
        })
    }
}

/// The routes of this function.
pub fn router(context: Context) -> Router {
    routes().router(context)
}

fn routes() -> Routes<Context> {
    Routes::new()
        .serve(&api::users::CHANGE_PASSWORD, credentials::change)
        .serve(&api::users::END_SESSIONS, sessions::end_own)
        .serve(&api::users::LIST_USERS, users::list)
        .serve(&api::users::ADD_USER, users::add)
        .serve(&api::users::CHANGE_ROLE, users::change_role)
        .serve(&api::users::REMOVE_USER, users::remove)
        .serve(&api::users::END_SESSIONS_OF_USER, sessions::end_of_user)
        .serve(&api::users::RESET_PASSWORD_OF_USER, resets::by_administrator)
        .serve(&api::users::RESET_PASSWORD, resets::reset)
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

//! `sign-in`: a password or a refresh token in, an access and a refresh token out.
//!
//! E-mail addresses, passwords and tokens are never logged. Neither the answer's text nor its time tells a stranger whether an
//! address is known.

mod password;
mod refresh;
mod session;

use std::sync::Arc;

use anyhow::{Context as _, Result};
use axum::Router;
use database::{Database, Timeouts};
use identity::{SigningKey, VerifyingKey};
use platform::connections::{CLOSE_WITHIN, Connections};
use platform::environment;
use platform::http::Routes;
use registry::Registry;

/// What the function has from its environment.
#[derive(Clone)]
pub struct Context {
    database: Database,
    registry: Registry,
    /// To close those of a session that ends.
    connections: Connections,
    signing_key: Arc<SigningKey>,
    verifying_key: VerifyingKey,
}

impl Context {
    /// Reads the environment.
    ///
    /// # Errors
    /// When a variable is missing or malformed.
    pub async fn from_environment() -> Result<Self> {
        let database = platform::database::from_environment()?.with_timeouts(Timeouts::REQUEST);
        let table = environment::required("REGISTRY_TABLE")?;
        let endpoint = environment::required("CONNECTIONS_ENDPOINT")?;
        let configuration = platform::aws_configuration().await;
        let signing_key = SigningKey::from_pem(&environment::required("TOKEN_SIGNING_KEY")?);
        let verifying_key = VerifyingKey::from_pem(&environment::required("TOKEN_VERIFYING_KEY")?);
        Ok(Self {
            database,
            registry: Registry::connect_to(&configuration, table),
            connections: Connections::new(&configuration, &endpoint, CLOSE_WITHIN)?,
            signing_key: Arc::new(signing_key.context("read TOKEN_SIGNING_KEY")?),
            verifying_key: verifying_key.context("read TOKEN_VERIFYING_KEY")?,
        })
    }
}

/// The routes of this function.
pub fn router(context: Context) -> Router {
    routes().router(context)
}

fn routes() -> Routes<Context> {
    Routes::new()
        .serve(&api::identity::SIGN_IN, password::sign_in)
        .serve(&api::identity::REFRESH_TOKEN, refresh::refresh)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_serves_exactly_its_routes() {
        assert_eq!(
            routes().differences(env!("CARGO_PKG_NAME"), &api::identity::ROUTES),
            [""; 0]
        );
    }
}

//! `manage-licences`: issue, list, verify and revoke licences; list and withdraw the keys that sign them.
//!
//! Licences are issued by operators, who work for the provider; a client's administrator reads its own and verifies keys.
//!
//! **Rotating the signing key.** The private key is a field of the secret `analytics-engine/STAGE/licences`, and the template's
//! parameter `LicenceSigningKey` names the field. To rotate, add another key under another name and deploy with that name: new
//! licences are signed with it, and `GET /v1/licences/keys` shows both. Earlier licences still verify, because the public half of a
//! key is stored with the first licence that it signs. A key that leaked is also withdrawn (`POST /v1/licences/keys/{kid}/withdraw`), and
//! the licences that it signed are issued again.

mod keys;
mod licences;
mod response;
mod verify;

use std::sync::Arc;

use anyhow::{Context as _, Result};
use axum::Router;
use database::{Database, Timeouts};
use identity::licence::key::LicenceSigningKey;
use identity::{Caller, Permission};
use jiff::civil::Date;
use platform::extract::permitted;
use platform::http::Routes;
use platform::{Problem, clock, environment};
use records::clients;
use uuid::Uuid;

/// What the function has from its environment.
#[derive(Clone)]
pub struct Context {
    database: Database,
    signing_key: Arc<LicenceSigningKey>,
}

impl Context {
    /// Reads the environment.
    ///
    /// # Errors
    /// When a variable is missing or malformed.
    pub fn from_environment() -> Result<Self> {
        let signing_key = LicenceSigningKey::from_pem(&environment::required("LICENCE_SIGNING_KEY")?);
        // Licences are at home wherever their client lives, so it is not given cells.
        let url = environment::required("DATABASE_URL")?;
        let authorities = environment::optional("DATABASE_CA").unwrap_or_default();
        let database = Database::trusting(&url, &environment::required("DATABASE_ROLE")?, &authorities)?;
        Ok(Self {
            database: database.with_timeouts(Timeouts::REQUEST),
            signing_key: Arc::new(signing_key.context("read LICENCE_SIGNING_KEY")?),
        })
    }

    /// Today, by a client's calendar.
    async fn today(&self, client: Uuid) -> Result<Date, Problem> {
        let calendar = clients::calendar(&self.database, client)
            .await
            .context("read calendar")?;
        let calendar = calendar.ok_or_else(|| no_client(client))?;
        Ok(calendar.date(clock::now()))
    }
}

fn no_client(client: Uuid) -> Problem {
    Problem::not_found("client", &client.to_string())
}

/// Whether the caller may see licences of this client: its own, or everyone's.
fn may_see(caller: &Caller, client: Uuid) -> Result<(), Problem> {
    if client == caller.client {
        return Ok(());
    }
    permitted(caller, Permission::IssueLicences)
}

/// The most characters of the reason for a revocation or withdrawal.
const MAX_REASON: usize = 500;

/// A reason, without blanks at its ends.
fn checked_reason(reason: &str) -> Result<&str, Problem> {
    let reason = reason.trim();
    let length = reason.chars().count();
    if (1..=MAX_REASON).contains(&length) && !reason.chars().any(char::is_control) {
        return Ok(reason);
    }
    Err(Problem::invalid(format!(
        "/reason has {length} characters: 1 to {MAX_REASON} are allowed, and no control characters"
    )))
}

/// The routes of this function.
pub fn router(context: Context) -> Router {
    routes().router(context)
}

fn routes() -> Routes<Context> {
    Routes::new()
        .serve(&api::licences::ISSUE_LICENCE, licences::issue)
        .serve(&api::licences::LIST_LICENCES, licences::list)
        .serve(&api::licences::VERIFY_LICENCE, verify::verify)
        .serve(&api::licences::REVOKE_LICENCE, licences::revoke)
        .serve(&api::licences::LIST_LICENCE_KEYS, keys::list)
        .serve(&api::licences::WITHDRAW_LICENCE_KEY, keys::withdraw)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_serves_exactly_its_routes() {
        assert_eq!(
            routes().differences(env!("CARGO_PKG_NAME"), &api::licences::ROUTES),
            [""; 0]
        );
    }
}

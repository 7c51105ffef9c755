//! `PUT /v1/me/password`, and what sets a password.

use anyhow::Context as _;
use api::users::PasswordChange;
use axum::extract::State;
use axum::http::StatusCode;
use identity::password::check_new_password;
use identity::{hash_password, verify_password};
use platform::extract::{Authorized, Json, Source};
use platform::{Problem, clock};
use records::users;
use registry::attempts::{ATTEMPT_WINDOW_SECONDS, Attempt};

use crate::{Context, sessions};

/// Who has a user's token and not the password must not guess it here either: failures count with those of signing in.
pub(crate) async fn change(
    State(context): State<Context>,
    Authorized(caller): Authorized,
    Source(source): Source,
    Json(PasswordChange {
        current_password,
        new_password,
    }): Json<PasswordChange>,
) -> Result<StatusCode, Problem> {
    check(&new_password)?;
    let (client, user, now) = (caller.client, caller.user, clock::now());
    let found = users::credentials(&context.database, client, user).await;
    let found = found.context("read a user")?.ok_or_else(user_is_gone)?;
    let attempt = Attempt {
        address: &found.email,
        source: &source,
    };
    let allowed = context.registry.allow_attempt(attempt, now).await;
    if !allowed.context("count an attempt")? {
        return Err(too_many_attempts());
    }
    let before = found.password_hash.clone();
    let verified = spent(move || verify_password(&current_password, &before)).await?;
    if !verified {
        return Err(Problem::invalid("/current_password is not the password"));
    }
    let forgiven = context.registry.forgive_attempt(attempt, now).await;
    forgiven.context("take an attempt out of the counts")?;
    let hash = hashed(new_password).await?;
    let set = users::set_password(&context.database, client, user, &found.password_hash, Some(&hash)).await;
    if !set.context("set a password")? {
        return Err(Problem::conflict("the password was changed meanwhile").hint("sign in with the one of then"));
    }
    let forgotten = context.registry.forget_secret(client, user).await;
    forgotten.context("forget a secret")?;
    sessions::end(&context, client, user, now).await?;
    tracing::info!(%client, %user, "changed the own password");
    Ok(StatusCode::NO_CONTENT)
}

/// Whether a password may be set, before anything is spent on it.
pub(crate) fn check(new_password: &str) -> Result<(), Problem> {
    check_new_password(new_password).map(drop).map_err(|error| {
        Problem::invalid(format!("/new_password: {error}"))
            .hint("a few words that have nothing to do with each other are good")
    })
}

/// The hash of a password that was checked.
pub(crate) async fn hashed(password: String) -> Result<String, Problem> {
    let hash = spent(move || hash_password(&password)).await?;
    Ok(hash.context("hash a password")?)
}

/// Hashing takes tens of milliseconds of processor: off the async threads.
async fn spent<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
    let done = tokio::task::spawn_blocking(work).await;
    Ok(done.context("hash a password")?)
}

pub(crate) fn user_is_gone() -> Problem {
    Problem::unauthenticated("the token's user does not exist any more")
}

fn too_many_attempts() -> Problem {
    let minutes = ATTEMPT_WINDOW_SECONDS / 60;
    let detail = format!("too many attempts with a wrong password within {minutes} minutes");
    Problem::too_many(detail, u16::try_from(ATTEMPT_WINDOW_SECONDS).unwrap_or(u16::MAX)).hint(format!(
        "wait {minutes} minutes, or have the password reset: POST /v1/password-resets"
    ))
}

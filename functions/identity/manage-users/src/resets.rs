//! Passwords that are set by a secret or taken back: `PUT /v1/password-resets`, and `POST /v1/users/{id}/password-reset`.

use anyhow::{Context as _, Result};
use api::users::{MailToSend, PasswordReset};
use axum::extract::State;
use axum::http::StatusCode;
use identity::{Email, OneTimeSecret};
use platform::extract::{Authorized, Json, Path};
use platform::{Problem, clock};
use records::users::{self, SetBySecret};
use uuid::Uuid;

use crate::users::{id_of, no_user, still_administers, taken};
use crate::{Context, credentials, mails, sessions};

/// `PUT /v1/password-resets`.
pub(crate) async fn reset(
    State(context): State<Context>,
    Json(PasswordReset { secret, new_password }): Json<PasswordReset>,
) -> Result<StatusCode, Problem> {
    let secret: OneTimeSecret = secret.parse().map_err(|_| not_good())?;
    credentials::check(&new_password)?;
    let (client, user, fingerprint) = (secret.client, secret.user, secret.fingerprint());
    // Before the work of hashing: strangers have no part in that.
    let known = context
        .registry
        .knows_secret(client, user, &fingerprint, clock::now())
        .await;
    if !known.context("look a secret up")? {
        return Err(not_good());
    }
    // Before it is used up: it is good again where that user is removed.
    if has_lost_its_address(&context, client, user).await? {
        return Err(taken_elsewhere());
    }
    let hash = credentials::hashed(new_password).await?;
    let now = clock::now();
    let redeemed = context.registry.redeem_secret(client, user, &fingerprint, now).await;
    if !redeemed.context("use a secret up")? {
        return Err(not_good());
    }
    let set = users::set_by_secret(&context.database, client, user, &hash).await;
    match set.context("set a password")? {
        SetBySecret::Set => {}
        SetBySecret::Gone => return Err(not_good()),
        SetBySecret::Taken => return Err(taken_elsewhere()),
    }
    sessions::end(&context, client, user, now).await?;
    tracing::info!(%client, %user, "set a password by a secret");
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /v1/users/{id}/password-reset`. What is taken away is gone first: where no mail can be queued after that, the same request queues one.
pub(crate) async fn by_administrator(
    State(context): State<Context>,
    Authorized(caller): Authorized,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    still_administers(&context, &caller).await?;
    let (client, user, now) = (caller.client, id_of(&id)?, clock::now());
    let found = users::credentials(&context.database, client, user).await;
    let found = found.context("read a user")?.ok_or_else(|| no_user(&id))?;
    let to: Email = found.email.parse().context("read a user's address")?;
    let is_anothers = users::is_anothers(&context.database, &to, user).await;
    if is_anothers.context("find whose an address is")? {
        return Err(taken());
    }
    mails::allow(&context, client, &to, now).await?;
    // Not one that was set since it was read: whoever did that has had no mail yet.
    let taken = users::set_password(&context.database, client, user, &found.password_hash, None).await;
    let taken = taken.context("take a password back")?;
    sessions::end(&context, client, user, now).await?;
    if !taken {
        mails::give_back(&context, client, &to, now).await?;
        let still = users::credentials(&context.database, client, user).await;
        still.context("read a user again")?.ok_or_else(|| no_user(&id))?;
        tracing::info!(%client, %user, by = %caller.user, "did not reset a password that was changed meanwhile");
        return Err(changed_meanwhile());
    }
    mails::send(&context, client, &MailToSend::TakenBack { client, user }).await?;
    tracing::info!(%client, %user, by = %caller.user, "reset a user's password");
    Ok(StatusCode::NO_CONTENT)
}

/// Whether the address of a user has become another's, who has set a password first.
async fn has_lost_its_address(context: &Context, client: Uuid, user: Uuid) -> Result<bool> {
    let found = users::credentials(&context.database, client, user).await;
    let Some(found) = found.context("read a user")? else {
        return Ok(false);
    };
    let address: Email = found.email.parse().context("read a user's address")?;
    let taken = users::is_anothers(&context.database, &address, user).await;
    taken.context("find whose an address is")
}

/// It may have been changed by the user, or by who the administrator wants to be rid of: nobody here can tell.
fn changed_meanwhile() -> Problem {
    Problem::conflict(
        "the password was changed while it was to be reset, and the new one stays; all sessions of the user have ended",
    )
    .hint("ask the user; where it was not theirs to change, send the request again, which resets the new one")
}

/// Whoever has the secret has the mailbox, and is told.
fn taken_elsewhere() -> Problem {
    Problem::conflict(
        "the address belongs to a user of another organisation by now: one address signs in to one organisation",
    )
    .hint(
        "ask the administrator who invited you to add another address of yours, or have the user with this one removed",
    )
}

/// One text whatever is wrong with the secret.
fn not_good() -> Problem {
    Problem::unauthenticated(
        "the secret is not good, or not any more: it is used once, and within the time that the mail says",
    )
    .hint("ask for another with POST /v1/password-resets; who was invited asks who has invited them")
}

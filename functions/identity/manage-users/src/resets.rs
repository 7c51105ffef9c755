//! Passwords that are forgotten or taken back: `/v1/password-resets`, and `POST /v1/users/{id}/password-reset`.

use std::time::Duration;

use anyhow::{Context as _, Result};
use api::users::{PasswordReset, ResetRequest};
use axum::extract::State;
use axum::http::StatusCode;
use identity::{Email, OneTimeSecret};
use jiff::Timestamp;
use platform::extract::{Authorized, Json, Path, Source};
use platform::mail::Mail;
use platform::{Problem, clock};
use records::users::{self, Owner};
use registry::attempts::{ATTEMPT_WINDOW_SECONDS, Attempt, ResetAllowance};
use tokio::time::Instant;

use crate::mail::Occasion;
use crate::users::{id_of, no_user, still_administers};
use crate::{Context, credentials, sessions};

/// When a request for a reset is answered, whatever was done: a mail takes some 200 ms, and the time must not tell that one was sent.
const ANSWER_AFTER: Duration = Duration::from_secs(2);

/// `POST /v1/password-resets`. Neither the answer nor its time tells whether the address is a user's, or was asked for too often. So what fails is only in the log.
pub(crate) async fn ask(
    State(context): State<Context>,
    Source(source): Source,
    Json(ResetRequest { email }): Json<ResetRequest>,
) -> Result<StatusCode, Problem> {
    let until = Instant::now() + ANSWER_AFTER;
    let email: Email = email
        .parse()
        .map_err(|error| Problem::invalid(format!("/email: {error}")))?;
    let now = clock::now();
    let asked = Attempt {
        address: email.as_str(),
        source: &source,
    };
    let allowance = context.registry.allow_reset(asked, now).await;
    match allowance.context("count a request for a reset")? {
        ResetAllowance::TooManyFromSource => return Err(too_many()),
        ResetAllowance::TooManyForAddress => tracing::warn!("a password was asked to be reset too often"),
        ResetAllowance::Allowed => {
            match tokio::time::timeout_at(until, Box::pin(send_if_known(&context, &email, now))).await {
                Ok(Ok(())) => {}
                Ok(Err(cause)) => tracing::error!(cause = format!("{cause:#}"), "a mail with a secret was not sent"),
                Err(_) => tracing::error!("a mail with a secret was not sent within {ANSWER_AFTER:?}"),
            }
        }
    }
    tokio::time::sleep_until(until).await;
    Ok(StatusCode::ACCEPTED)
}

async fn send_if_known(context: &Context, email: &Email, now: Timestamp) -> Result<()> {
    let Some(owner) = users::owner_of(&context.database, email).await? else {
        tracing::info!("a password of nobody was asked to be reset");
        return Ok(());
    };
    send(context, owner, email, Occasion::Forgotten, now).await?;
    tracing::info!(client = %owner.client_id, user = %owner.id, "sent a secret to who forgot a password");
    Ok(())
}

/// Makes a secret and sends it; one of before is not good any more.
pub(crate) async fn send(
    context: &Context,
    owner: Owner,
    to: &Email,
    occasion: Occasion,
    now: Timestamp,
) -> Result<()> {
    let Owner {
        client_id: client,
        id: user,
    } = owner;
    let name = users::client_name(&context.database, client).await?;
    let name = name.context("the client is gone")?;
    let secret = OneTimeSecret::generate(client, user)?;
    let until = now.saturating_add(occasion.life())?;
    let remembered = context
        .registry
        .remember_secret(client, user, &secret.fingerprint(), until)
        .await;
    remembered.context("remember a secret")?;
    let mail = Mail {
        to,
        subject: occasion.subject(),
        text: &occasion.text(&name, &secret),
    };
    context.mailer.send(mail).await
}

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
    let hash = credentials::hashed(new_password).await?;
    let now = clock::now();
    let redeemed = context.registry.redeem_secret(client, user, &fingerprint, now).await;
    if !redeemed.context("use a secret up")? {
        return Err(not_good());
    }
    let set = users::set_password(&context.database, client, user, None, Some(&hash)).await;
    if !set.context("set a password")? {
        return Err(not_good());
    }
    sessions::end(&context, client, user, now).await?;
    tracing::info!(%client, %user, "set a password by a secret");
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /v1/users/{id}/password-reset`. The mail comes first: where none can be sent, the user keeps the password.
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
    let owner = Owner {
        client_id: client,
        id: user,
    };
    send(&context, owner, &to, Occasion::TakenBack, now).await?;
    // Not one that was set by the secret meanwhile.
    let taken = users::set_password(&context.database, client, user, Some(&found.password_hash), None).await;
    let taken = taken.context("take a password back")?;
    sessions::end(&context, client, user, now).await?;
    if !taken {
        tracing::info!(%client, %user, by = %caller.user, "did not reset a password that was changed meanwhile");
        return Err(changed_meanwhile());
    }
    tracing::info!(%client, %user, by = %caller.user, "reset a user's password");
    Ok(StatusCode::NO_CONTENT)
}

/// It may have been changed by the user, or by who the administrator wants to be rid of: nobody here can tell.
fn changed_meanwhile() -> Problem {
    Problem::conflict(
        "the password was changed while it was to be reset, and the new one stays; all sessions of the user have ended",
    )
    .hint("ask the user; where it was not theirs to change, send the request again, which resets the new one")
}

/// One text whatever is wrong with the secret.
fn not_good() -> Problem {
    Problem::unauthenticated(
        "the secret is not good, or not any more: it is used once, and within the time that the mail says",
    )
    .hint("ask for another with POST /v1/password-resets")
}

fn too_many() -> Problem {
    let minutes = ATTEMPT_WINDOW_SECONDS / 60;
    Problem::too_many(
        format!("too many passwords were asked to be reset from this network within {minutes} minutes"),
        u16::try_from(ATTEMPT_WINDOW_SECONDS).unwrap_or(u16::MAX),
    )
    .hint(format!("wait {minutes} minutes, then try again"))
}

//! `POST /v1/sign-in`.

use anyhow::Context as _;
use api::identity::SignIn;
use axum::extract::State;
use axum::response::Response;
use identity::{Caller, Email, spend_verification, verify_password};
use platform::extract::{Json, Source};
use platform::{Problem, clock};
use records::clients::{self, User};
use registry::attempts::{ATTEMPT_WINDOW_SECONDS, Attempt};

use crate::{Context, session};

pub(crate) async fn sign_in(
    State(context): State<Context>,
    Source(source): Source,
    Json(SignIn { email, password }): Json<SignIn>,
) -> Result<Response, Problem> {
    // What can't be an address belongs to nobody and need not be counted.
    let email: Email = email.parse().map_err(|_| wrong())?;
    let now = clock::now();
    let attempt = Attempt {
        address: email.as_str(),
        source: &source,
    };
    if !context
        .registry
        .allow_attempt(attempt, now)
        .await
        .context("count a sign-in attempt")?
    {
        tracing::warn!(source, "too many sign-in attempts for one address, or from one source");
        return Err(too_many());
    }
    let user = clients::user_for_sign_in(&context.database, &email)
        .await
        .context("look up a user")?;
    let Some(user) = verified(user, password).await? else {
        tracing::info!("sign-in refused");
        return Err(wrong());
    };
    if let Err(error) = context.registry.forgive_attempt(attempt, now).await {
        tracing::warn!(cause = %error, "an attempt that succeeded stays counted");
    }
    let caller = Caller {
        client: user.client_id,
        user: user.id,
        role: user.role.parse().context("read a user's role")?,
        features: session::features(&context, user.client_id, now).await?,
    };
    let (session, answer) = session::open(&context, &caller, now).await?;
    // Whoever changes a password, a role or a user ends sessions after that: this one was there by then, or is noticed here.
    if clients::user_for_sign_in(&context.database, &email)
        .await
        .context("look up a user again")?
        != Some(user)
    {
        session::end(&context, session, now).await?;
        tracing::info!("a user was changed while signing in");
        return Err(wrong());
    }
    tracing::info!(client = %caller.client, user = %caller.user, "signed in");
    Ok(answer)
}

/// The user, if the password is theirs. It takes as long when there is no user.
async fn verified(user: Option<User>, password: String) -> anyhow::Result<Option<User>> {
    // argon2 takes tens of milliseconds on purpose.
    let verifying = tokio::task::spawn_blocking(move || match user {
        Some(user) => verify_password(&password, &user.password_hash).then_some(user),
        None => {
            spend_verification(&password);
            None
        }
    });
    verifying.await.context("verify a password")
}

/// One text for an unknown address and for a wrong password.
fn wrong() -> Problem {
    Problem::unauthenticated("the e-mail address or the password is wrong")
}

fn too_many() -> Problem {
    let minutes = ATTEMPT_WINDOW_SECONDS / 60;
    let detail =
        format!("too many attempts to sign in to this account, or from this network, within {minutes} minutes");
    Problem::too_many(detail, u16::try_from(ATTEMPT_WINDOW_SECONDS).unwrap_or(u16::MAX))
        .hint(format!("wait {minutes} minutes, then try again"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

    use axum::http::header;
    use axum::response::IntoResponse as _;
    use identity::hash_password;
    use uuid::Uuid;

    use super::*;

    #[tokio::test]
    async fn only_the_own_password_verifies() {
        let (id, client) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let password_hash = hash_password("correct horse").unwrap();
        let user = User {
            id,
            client_id: client,
            password_hash,
            role: "viewer".to_owned(),
        };
        let cases = [
            (Some(user.clone()), "correct horse", Some(id)),
            (Some(user), "battery staple", None),
            (None, "correct horse", None),
        ];
        for (user, password, expected) in cases {
            assert_eq!(
                verified(user, password.to_owned()).await.unwrap().map(|user| user.id),
                expected,
                "{password}"
            );
        }
    }

    #[test]
    fn too_many_attempts_say_when_to_come_back() {
        let response = too_many().into_response();
        assert_eq!(response.status(), 429);
        assert_eq!(response.headers()[header::RETRY_AFTER], "900");
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/problem+json");
    }
}

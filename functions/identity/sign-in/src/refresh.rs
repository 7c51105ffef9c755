//! `POST /v1/refresh-token`.

use anyhow::Context as _;
use api::identity::RefreshToken;
use axum::extract::State;
use axum::response::Response;
use identity::{Caller, TokenUse};
use platform::extract::Json;
use platform::{Problem, clock};
use records::clients;

use crate::{Context, session};

pub(crate) async fn refresh(
    State(context): State<Context>,
    Json(RefreshToken { refresh_token }): Json<RefreshToken>,
) -> Result<Response, Problem> {
    let now = clock::now();
    let claims = context
        .verifying_key
        .verify(&refresh_token, TokenUse::Refresh, now)
        .map_err(|reason| {
            tracing::info!(%reason, "refused a refresh token");
            refused()
        })?;
    let (client, user) = (claims.client, claims.sub);
    // The role is read anew, and so are the licences: what was withdrawn ends here, and so does a deleted user. Read before the token is redeemed, so
    // that a database that is down does not use it up.
    let role = clients::role_of(&context.database, client, user)
        .await
        .context("read a user's role")?;
    let Some(role) = role else {
        tracing::info!(%client, %user, "refused a refresh token of a deleted user");
        return Err(refused());
    };
    let caller = Caller {
        client,
        user,
        role: role.parse().context("read a user's role")?,
        features: session::features(&context, client, now).await?,
    };
    if !context
        .registry
        .redeem_refresh(client, claims.jti, now)
        .await
        .context("redeem a refresh token")?
    {
        // The lawful owner refreshes once; a second time is a lost answer, or a thief.
        tracing::warn!(%client, %user, "a refresh token was presented again");
        return Err(refused());
    }
    session::open(&context, &caller, now).await
}

/// One text whatever is wrong with the token.
fn refused() -> Problem {
    Problem::unauthenticated("the refresh token is not valid any more").hint("sign in again")
}

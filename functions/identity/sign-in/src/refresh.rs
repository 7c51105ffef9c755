//! `POST /v1/refresh-token`.

use anyhow::Context as _;
use api::identity::RefreshToken;
use axum::extract::State;
use axum::response::Response;
use identity::{Caller, Claims, TokenUse};
use jiff::Timestamp;
use platform::extract::Json;
use platform::{Problem, clock};
use records::clients;
use registry::Redeemed;

use crate::{Context, session};

/// How often the role is read: once more where it was changed meanwhile, and once for good measure.
const ROLE_READS: usize = 3;

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
    for _ in 0..ROLE_READS {
        let Some(caller) = caller(&context, &claims, now).await? else {
            tracing::info!(%client, %user, "refused a refresh token of a removed user");
            return Err(refused());
        };
        match session::renew(&context, &caller, &claims, now).await? {
            Ok(answer) => return Ok(answer),
            Err(Redeemed::OtherRole) => {}
            // The lawful owner refreshes once; a second time is a thief, or the owner after one. A lost answer looks the same.
            Err(Redeemed::Again(connections)) => {
                tracing::warn!(%client, %user, session = %claims.session, "a refresh token was presented again: its session is ended");
                session::close(&context, client, connections, now).await?;
                return Err(refused());
            }
            Err(_) => {
                tracing::info!(%client, %user, "refused a refresh token of a session that has ended");
                return Err(refused());
            }
        }
    }
    Err(Problem::conflict("the user's role is being changed").hint("refresh once more: the token was not used up"))
}

/// Who refreshes, as of now. The role is read anew, and so are the licences: what was withdrawn ends here, and so does a removed user. Read before the
/// token is redeemed, so that a database that is down does not use it up.
async fn caller(context: &Context, claims: &Claims, now: Timestamp) -> Result<Option<Caller>, Problem> {
    let (client, user) = (claims.client, claims.sub);
    let role = clients::role_of(&context.database, client, user).await;
    let Some(role) = role.context("read a user's role")? else {
        return Ok(None);
    };
    Ok(Some(Caller {
        client,
        user,
        role: role.parse().context("read a user's role")?,
        features: session::features(context, client, now).await?,
    }))
}

/// One text whatever is wrong with the token.
fn refused() -> Problem {
    Problem::unauthenticated("the refresh token is not valid any more").hint("sign in again")
}

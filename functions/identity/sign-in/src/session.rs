//! Sessions, and the pair of tokens that both routes answer with.

use anyhow::{Context as _, Result};
use api::identity::{TokenType, Tokens};
use axum::Json;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures::{StreamExt as _, stream};
use identity::{ACCESS_TOKEN_SECONDS, Caller, Claims, Features, KeyError, SigningKey, TokenUse};
use jiff::Timestamp;
use platform::Problem;
use records::licences;
use registry::{Peer, Redeemed, RefreshToken, SessionId};
use uuid::Uuid;

use crate::Context;

/// Opens a session: which, and its first tokens.
pub(crate) async fn open(context: &Context, caller: &Caller, now: Timestamp) -> Result<(SessionId, Response), Problem> {
    let session = session_of(caller, Uuid::new_v4());
    let (tokens, refresh) = issue(&context.signing_key, caller, session.session, now).context("issue tokens")?;
    let opened = context
        .registry
        .open_session(session, caller.role.name(), first(&refresh));
    let of_ended = opened.await.context("open a session")?;
    if let Err(cause) = close(context, caller.client, of_ended, now).await {
        // Of another session than this one, which is open.
        tracing::error!(client = %caller.client, %cause, "did not close all connections of a session that ended for a new one");
    }
    Ok((session, answer(tokens)))
}

/// Ends a session that was opened a moment ago.
pub(crate) async fn end(context: &Context, session: SessionId, now: Timestamp) -> Result<()> {
    let ended = context.registry.end_session(session).await;
    close(context, session.client, ended.context("end a session")?, now).await
}

/// Connections that are closed at once: those of a user, of which there are a hundred, within the seconds of a request.
const CLOSED_AT_ONCE: usize = 16;

/// Closes connections of a session that has ended, each first for whoever sends to it, then for who is at its other end. One that is not closed keeps no other from
/// being closed; which session they were of is known only here.
pub(crate) async fn close(context: &Context, client: Uuid, connections: Vec<String>, now: Timestamp) -> Result<()> {
    let closed: Vec<Result<()>> = stream::iter(connections)
        .map(|id| Box::pin(close_one(context, client, id, now)))
        .buffer_unordered(CLOSED_AT_ONCE)
        .collect()
        .await;
    closed.into_iter().collect()
}

async fn close_one(context: &Context, client: Uuid, id: String, now: Timestamp) -> Result<()> {
    let forgotten = context.registry.disconnect(Peer { client, id: &id }, now).await;
    let closed = context.connections.close(&id).await;
    forgotten.context("forget a connection")?;
    closed
}

/// Goes on with a session whose refresh token is presented: the next tokens, or what became of it.
pub(crate) async fn renew(
    context: &Context,
    caller: &Caller,
    presented: &Claims,
    now: Timestamp,
) -> Result<Result<Response, Redeemed>, Problem> {
    let session = session_of(caller, presented.session);
    let (tokens, refresh) = issue(&context.signing_key, caller, session.session, now).context("issue tokens")?;
    let role = caller.role.name();
    let redeemed = context
        .registry
        .redeem_refresh(session, role, presented.jti, first(&refresh), now)
        .await
        .context("redeem a refresh token")?;
    Ok(match redeemed {
        Redeemed::Now => Ok(answer(tokens)),
        other => Err(other),
    })
}

fn session_of(caller: &Caller, session: Uuid) -> SessionId {
    SessionId {
        client: caller.client,
        user: caller.user,
        session,
    }
}

fn first(refresh: &Claims) -> RefreshToken {
    RefreshToken {
        id: refresh.jti,
        expires_at: refresh.expires_at(),
    }
}

/// No cache on the way may keep them (RFC 6749, 5.1).
fn answer(tokens: Tokens) -> Response {
    ([(header::CACHE_CONTROL, "no-store")], Json(tokens)).into_response()
}

/// What the client is licensed for today.
pub(crate) async fn features(context: &Context, client: Uuid, now: Timestamp) -> Result<Features, Problem> {
    let licensed = licences::features(&context.database, client, now).await;
    Ok(licensed.context("read licences")?)
}

/// The tokens of a session, and what the refresh token claims.
fn issue(
    signing_key: &SigningKey,
    caller: &Caller,
    session: Uuid,
    now: Timestamp,
) -> Result<(Tokens, Claims), KeyError> {
    let claims = |token_use| Claims::new(caller, token_use, Uuid::new_v4(), now).of_session(session);
    let (access, refresh) = (claims(TokenUse::Access), claims(TokenUse::Refresh));
    let tokens = Tokens {
        access_token: signing_key.sign(&access)?,
        refresh_token: signing_key.sign(&refresh)?,
        token_type: TokenType::Bearer,
        expires_in: ACCESS_TOKEN_SECONDS,
    };
    Ok((tokens, refresh))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

    use identity::{Feature, Role, TokenError, VerifyingKey, generate_key_pair};

    use super::*;

    #[test]
    fn each_token_is_good_for_its_own_use_only() {
        let pair = generate_key_pair().unwrap();
        let signing_key = SigningKey::from_pem(&pair.signing_pem).unwrap();
        let verifying_key = VerifyingKey::from_pem(&pair.verifying_pem).unwrap();
        let now: Timestamp = "2026-03-01T12:00:00Z".parse().unwrap();
        let caller = Caller {
            client: Uuid::from_u128(1),
            user: Uuid::from_u128(2),
            role: Role::Analyst,
            features: [Feature::Live, Feature::Series].into_iter().collect(),
        };
        let session = Uuid::from_u128(3);
        let (tokens, refresh) = issue(&signing_key, &caller, session, now).unwrap();
        let access = verifying_key
            .verify(&tokens.access_token, TokenUse::Access, now)
            .unwrap();
        assert_eq!(Caller::from(&access), caller);
        assert_eq!(access.exp, now.as_second() + tokens.expires_in);
        assert_eq!(
            verifying_key.verify(&tokens.refresh_token, TokenUse::Refresh, now),
            Ok(refresh.clone())
        );
        assert_ne!(access.jti, refresh.jti);
        assert_eq!((access.session, refresh.session), (session, session));
        for (token, wrong_use) in [
            (&tokens.access_token, TokenUse::Refresh),
            (&tokens.refresh_token, TokenUse::Access),
        ] {
            assert_eq!(verifying_key.verify(token, wrong_use, now), Err(TokenError::Use));
        }
    }
}

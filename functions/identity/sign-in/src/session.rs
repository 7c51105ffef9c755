//! The pair of tokens that both routes answer with.

use anyhow::{Context as _, Result};
use api::identity::{TokenType, Tokens};
use axum::Json;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use identity::{ACCESS_TOKEN_SECONDS, Caller, Claims, Features, KeyError, SigningKey, TokenUse};
use jiff::Timestamp;
use platform::Problem;
use records::licences;
use uuid::Uuid;

use crate::Context;

/// Issues tokens and remembers the refresh token, which is redeemed once.
pub(crate) async fn open(context: &Context, caller: &Caller, now: Timestamp) -> Result<Response, Problem> {
    let (tokens, refresh) = issue(&context.signing_key, caller, now).context("issue tokens")?;
    context
        .registry
        .remember_refresh(caller.client, refresh.jti, refresh.expires_at())
        .await
        .context("remember a refresh token")?;
    // No cache on the way may keep them (RFC 6749, 5.1).
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(tokens)).into_response())
}

/// What the client is licensed for today.
pub(crate) async fn features(context: &Context, client: Uuid, now: Timestamp) -> Result<Features, Problem> {
    let licensed = licences::features(&context.database, client, now).await;
    Ok(licensed.context("read licences")?)
}

/// The tokens, and what the refresh token claims.
fn issue(signing_key: &SigningKey, caller: &Caller, now: Timestamp) -> Result<(Tokens, Claims), KeyError> {
    let access = Claims::new(caller, TokenUse::Access, Uuid::new_v4(), now);
    let refresh = Claims::new(caller, TokenUse::Refresh, Uuid::new_v4(), now);
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
        let (tokens, refresh) = issue(&signing_key, &caller, now).unwrap();
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
        for (token, wrong_use) in [
            (&tokens.access_token, TokenUse::Refresh),
            (&tokens.refresh_token, TokenUse::Access),
        ] {
            assert_eq!(verifying_key.verify(token, wrong_use, now), Err(TokenError::Use));
        }
    }
}

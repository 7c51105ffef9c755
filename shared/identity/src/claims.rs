//! What a token says.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Caller, Features, Role};

/// Life of an access token: one hour. A licence that has ended or was revoked is in force for at most this long: what a token allows is
/// read when it is issued. A role that was changed, or a session that was ended, is in force for the minute that API Gateway keeps the
/// authorizer's answer: that looks at the session.
pub const ACCESS_TOKEN_SECONDS: i64 = 60 * 60;

/// Life of a refresh token: 30 days. Each is redeemed once, for a new pair; who presents one again ends the session.
pub const REFRESH_TOKEN_SECONDS: i64 = 30 * 24 * 60 * 60;

/// Who issues tokens (`iss`).
pub const ISSUER: &str = "analytics-engine";

/// Whom tokens are for (`aud`).
pub const AUDIENCE: &str = "analytics-engine";

/// What a token may be used for: a token for one use is never accepted for the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TokenUse {
    /// Calls the API.
    Access,
    /// Gets a new pair of tokens.
    Refresh,
}

impl TokenUse {
    /// How long a token for this use lives.
    #[must_use]
    pub const fn seconds(self) -> i64 {
        match self {
            Self::Access => ACCESS_TOKEN_SECONDS,
            Self::Refresh => REFRESH_TOKEN_SECONDS,
        }
    }
}

/// The body of a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// The user.
    pub sub: Uuid,
    /// The client organisation.
    pub client: Uuid,
    /// What the user may do.
    pub role: Role,
    /// What the client is licensed for. A token without this claim opens nothing that is licensed.
    #[serde(default)]
    pub features: Features,
    /// What the token is good for (`use` in the token).
    #[serde(rename = "use")]
    pub token_use: TokenUse,
    /// The token's own id, by which a refresh token is redeemed once.
    pub jti: Uuid,
    /// The session: what a sign-in has opened, with all the tokens that follow from it. A token of none is good for nothing.
    #[serde(rename = "sid", default)]
    pub session: Uuid,
    /// Issued at, seconds since the epoch.
    pub iat: i64,
    /// Expires at, seconds since the epoch; from this second on it is refused.
    pub exp: i64,
    /// Issuer.
    pub iss: String,
    /// Audience.
    pub aud: String,
}

impl Claims {
    /// Claims for a caller, from now until the end of life of this kind of token.
    #[must_use]
    pub fn new(caller: &Caller, token_use: TokenUse, jti: Uuid, now: Timestamp) -> Self {
        let iat = now.as_second();
        Self {
            sub: caller.user,
            client: caller.client,
            role: caller.role,
            features: caller.features,
            token_use,
            jti,
            session: Uuid::nil(),
            iat,
            exp: iat.saturating_add(token_use.seconds()),
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
        }
    }

    /// The same, of a session.
    #[must_use]
    pub fn of_session(self, session: Uuid) -> Self {
        Self { session, ..self }
    }

    /// When the token stops being accepted.
    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        Timestamp::from_second(self.exp).unwrap_or(Timestamp::MAX)
    }
}

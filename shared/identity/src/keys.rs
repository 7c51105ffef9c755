//! Signing and verifying tokens: Ed25519 and nothing else.
//!
//! The verifier fixes the algorithm; what the token's header asks for is only compared with it. So an unsigned token, or one
//! signed by HMAC with the public key as its secret, is refused before its claims are read.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};

use crate::claims::{AUDIENCE, ISSUER};
use crate::{Claims, TokenUse};

/// The most bytes of a token that is looked at. Ours are about 700 bytes: 440 of claims, 36 of header, 64 of signature, times 4/3.
pub const MAX_TOKEN_BYTES: usize = 4 * 1024;

/// How far the issuer's clock may be ahead of ours.
pub const CLOCK_SKEW_SECONDS: i64 = 60;

/// Why a key was not accepted. The text never holds the key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The text is not a PEM private key of Ed25519.
    #[error("the token signing key is not an ed25519 private key in pem (pkcs#8)")]
    Signing,
    /// The text is not a PEM public key of Ed25519.
    #[error("the token verifying key is not an ed25519 public key in pem")]
    Verifying,
    /// The system's source of randomness failed.
    #[error("a key pair can't be generated")]
    Generation,
    /// The key is good, but the token can't be made.
    #[error("the token can't be signed")]
    Unsigned,
}

/// Why a token was refused: for the log. A stranger is only told that it was. The text never holds the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Not three parts, not base64, not JSON, longer than [`MAX_TOKEN_BYTES`], or unsigned.
    #[error("token is malformed or unsigned")]
    Malformed,
    /// The header asks for an algorithm other than EdDSA.
    #[error("token is not signed with eddsa")]
    Algorithm,
    /// Signed by another key, or changed after signing.
    #[error("token signature does not match")]
    Signature,
    /// Claims are missing or of the wrong type.
    #[error("token claims are incomplete")]
    Claims,
    /// Issued by somebody else.
    #[error("token is of another issuer")]
    Issuer,
    /// Issued for somebody else.
    #[error("token is for another audience")]
    Audience,
    /// A refresh token where an access token belongs, or the other way round.
    #[error("token is for another use")]
    Use,
    /// Its time has passed.
    #[error("token has expired")]
    Expired,
    /// It says that it was issued in the future.
    #[error("token is not valid yet")]
    NotYetValid,
}

/// The private half: only the sign-in function has it.
pub struct SigningKey(EncodingKey);

impl SigningKey {
    /// Reads a PKCS#8 private key, as `openssl genpkey -algorithm ed25519` writes it.
    ///
    /// # Errors
    /// When the text is not such a key.
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        let key = EncodingKey::from_ed_pem(pem.as_bytes()).map_err(|_| KeyError::Signing)?;
        // The PEM's frame was read, not the key in it: a key that can't sign is found out at boot, not at the first sign-in.
        jsonwebtoken::encode(&Header::new(Algorithm::EdDSA), &(), &key).map_err(|_| KeyError::Signing)?;
        Ok(Self(key))
    }

    /// The signed token.
    ///
    /// # Errors
    /// When signing fails, which a key that was read does not.
    pub fn sign(&self, claims: &Claims) -> Result<String, KeyError> {
        jsonwebtoken::encode(&Header::new(Algorithm::EdDSA), claims, &self.0).map_err(|_| KeyError::Unsigned)
    }
}

/// The public half: everything that checks tokens has it.
#[derive(Clone)]
pub struct VerifyingKey {
    key: DecodingKey,
    validation: Validation,
}

impl VerifyingKey {
    /// Reads a public key, as `openssl pkey -pubout` writes it.
    ///
    /// # Errors
    /// When the text is not such a key.
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        let key = DecodingKey::from_ed_pem(pem.as_bytes()).map_err(|_| KeyError::Verifying)?;
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        // The library would read the system's clock; `verify` compares with the time that it is given.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        Ok(Self { key, validation })
    }

    /// The claims of a token, if it is ours, unchanged, for this use, and valid now.
    ///
    /// # Errors
    /// When it is not, with the first reason found.
    pub fn verify(&self, token: &str, token_use: TokenUse, now: Timestamp) -> Result<Claims, TokenError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(TokenError::Malformed);
        }
        let claims = jsonwebtoken::decode::<Claims>(token, &self.key, &self.validation)
            .map_err(|error| refusal(error.kind(), token))?
            .claims;
        if claims.token_use != token_use {
            return Err(TokenError::Use);
        }
        let now = now.as_second();
        if claims.exp <= now {
            return Err(TokenError::Expired);
        }
        if claims.iat > now.saturating_add(CLOCK_SKEW_SECONDS) {
            return Err(TokenError::NotYetValid);
        }
        Ok(claims)
    }
}

/// The library's error as one of ours. JSON that can't be parsed is in the header of a malformed token, or in signed claims.
fn refusal(kind: &ErrorKind, token: &str) -> TokenError {
    match kind {
        ErrorKind::InvalidAlgorithm | ErrorKind::InvalidAlgorithmName | ErrorKind::UnsupportedAlgorithm => {
            TokenError::Algorithm
        }
        ErrorKind::InvalidSignature => TokenError::Signature,
        ErrorKind::InvalidIssuer => TokenError::Issuer,
        ErrorKind::InvalidAudience => TokenError::Audience,
        ErrorKind::MissingRequiredClaim(_) | ErrorKind::InvalidClaimFormat(_) => TokenError::Claims,
        ErrorKind::Json(_) if jsonwebtoken::decode_header(token).is_ok() => TokenError::Claims,
        _ => TokenError::Malformed,
    }
}

/// A new pair of keys as PEM text.
pub struct KeyPair {
    /// For [`SigningKey::from_pem`]: a secret.
    pub signing_pem: String,
    /// For [`VerifyingKey::from_pem`].
    pub verifying_pem: String,
}

/// Makes a pair of keys, for setting up an environment and for tests.
///
/// # Errors
/// When the system's source of randomness fails.
pub fn generate_key_pair() -> Result<KeyPair, KeyError> {
    let pair = Ed25519KeyPair::generate().map_err(|_| KeyError::Generation)?;
    let private: Pkcs8V1Der<'_> = pair.as_der().map_err(|_| KeyError::Generation)?;
    let public: PublicKeyX509Der<'_> = pair.public_key().as_der().map_err(|_| KeyError::Generation)?;
    Ok(KeyPair {
        signing_pem: pem("PRIVATE KEY", private.as_ref()),
        verifying_pem: pem("PUBLIC KEY", public.as_ref()),
    })
}

/// An Ed25519 key fits one line of base64: 48 bytes are 64 characters.
fn pem(tag: &str, der: &[u8]) -> String {
    format!("-----BEGIN {tag}-----\n{}\n-----END {tag}-----\n", STANDARD.encode(der))
}

#[cfg(test)]
mod tests;

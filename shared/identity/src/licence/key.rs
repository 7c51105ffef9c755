//! Licence keys: signing a licence, and opening what claims to be one.
//!
//! A key is `v4.public.` with the licence as JSON, its Ed25519 signature, and a footer `{"kid": "k4.pid.…"}` that says which
//! signing key made it (<https://github.com/paseto-standard/paseto-spec>, version 4). Signing keys are named by a hash of
//! themselves (PASERK `pid`), so a name can't be given to another key. Nothing but the footer is read before the signature is verified, and
//! that only to look the verifying key up.

use aws_lc_rs::encoding::{AsBigEndian as _, Curve25519SeedBin};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use pasetors::keys::{AsymmetricPublicKey, AsymmetricSecretKey};
use pasetors::paserk::{FormatAsPaserk as _, Id};
use pasetors::token::{Public, UntrustedToken};
use pasetors::version4::{PublicToken, V4};
use serde::{Deserialize, Serialize};

use super::{Licence, LicenceError};
use crate::KeyError;

/// The most bytes of a key that is looked at: 120 names of 240 bytes with quotes and a comma, 700 bytes of the rest and of the signature, times 4/3.
pub const MAX_KEY_BYTES: usize = 40 * 1024;

/// The footer. Other fields are not refused: they are signed too.
#[derive(Serialize, Deserialize)]
struct Footer {
    kid: String,
}

/// The private half: only functions that issue licences have it.
pub struct LicenceSigningKey {
    secret: AsymmetricSecretKey<V4>,
    verifying: LicenceVerifyingKey,
}

impl LicenceSigningKey {
    /// Reads a PKCS#8 private key, as `openssl genpkey -algorithm ed25519` writes it.
    ///
    /// # Errors
    /// When the text is not such a key.
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        let wrong = |_| KeyError::Signing;
        let frame = pem::parse(text).map_err(|_| KeyError::Signing)?;
        if frame.tag() != "PRIVATE KEY" {
            return Err(KeyError::Signing);
        }
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(frame.contents()).map_err(|_| KeyError::Signing)?;
        let seed: Curve25519SeedBin<'_> = pair.seed().and_then(|seed| seed.as_be_bytes()).map_err(wrong)?;
        let public = pair.public_key().as_ref();
        // PASETO's form of a private key is the seed and the public key.
        let secret = AsymmetricSecretKey::from(&[seed.as_ref(), public].concat()).map_err(|_| KeyError::Signing)?;
        let public = AsymmetricPublicKey::from(public).map_err(|_| KeyError::Signing)?;
        let verifying = LicenceVerifyingKey::new(public)?;
        Ok(Self { secret, verifying })
    }

    /// The public half.
    #[must_use]
    pub const fn verifying_key(&self) -> &LicenceVerifyingKey {
        &self.verifying
    }

    /// The licence as a key.
    ///
    /// # Errors
    /// When signing fails, which a key that was read does not.
    pub fn sign(&self, licence: &Licence) -> Result<String, KeyError> {
        let footer = Footer {
            kid: self.verifying.id.clone(),
        };
        let payload = serde_json::to_vec(licence).map_err(|_| KeyError::Unsigned)?;
        let footer = serde_json::to_vec(&footer).map_err(|_| KeyError::Unsigned)?;
        self.sign_bytes(&payload, &footer)
    }

    fn sign_bytes(&self, payload: &[u8], footer: &[u8]) -> Result<String, KeyError> {
        PublicToken::sign(&self.secret, payload, Some(footer), None).map_err(|_| KeyError::Unsigned)
    }
}

/// The public half, with its name.
#[derive(Debug, Clone)]
pub struct LicenceVerifyingKey {
    key: AsymmetricPublicKey<V4>,
    id: String,
    text: String,
}

impl LicenceVerifyingKey {
    fn new(key: AsymmetricPublicKey<V4>) -> Result<Self, KeyError> {
        let (mut id, mut text) = (String::new(), String::new());
        Id::from(&key).fmt(&mut id).map_err(|_| KeyError::Verifying)?;
        key.fmt(&mut text).map_err(|_| KeyError::Verifying)?;
        Ok(Self { key, id, text })
    }

    /// Reads the text of a public key, `k4.public.…`.
    ///
    /// # Errors
    /// When the text is not such a key.
    pub fn from_text(text: &str) -> Result<Self, KeyError> {
        Self::new(AsymmetricPublicKey::try_from(text).map_err(|_| KeyError::Verifying)?)
    }

    /// Its name, `k4.pid.…`, which is a hash of it.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Its text, `k4.public.…` (PASERK).
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The licence of a key that this one signed.
    ///
    /// # Errors
    /// [`LicenceError::Malformed`], [`LicenceError::UnknownKey`], [`LicenceError::Tampered`] or [`LicenceError::Unreadable`]. Whether
    /// the licence counts today is another question.
    pub fn open(&self, key: &str) -> Result<Licence, LicenceError> {
        let named = signing_key_id(key)?;
        if named != self.id {
            return Err(LicenceError::UnknownKey(named));
        }
        let payload = self.verify(key)?;
        serde_json::from_str(&payload).map_err(|_| LicenceError::Unreadable)
    }

    fn verify(&self, key: &str) -> Result<String, LicenceError> {
        let trusted = PublicToken::verify(&self.key, &untrusted(key)?, None, None);
        let trusted = trusted.map_err(|_| LicenceError::Tampered)?;
        Ok(trusted.payload().to_owned())
    }
}

fn untrusted(key: &str) -> Result<UntrustedToken<Public, V4>, LicenceError> {
    if key.len() > MAX_KEY_BYTES {
        return Err(LicenceError::Malformed);
    }
    UntrustedToken::try_from(key).map_err(|_| LicenceError::Malformed)
}

/// The name of the signing key that a key says it is signed by. It is not verified, so it is good for looking that key up and for nothing else.
///
/// # Errors
/// [`LicenceError::Malformed`] when the text is not a key or names none.
pub fn signing_key_id(key: &str) -> Result<String, LicenceError> {
    let footer: Result<Footer, _> = serde_json::from_slice(untrusted(key)?.untrusted_footer());
    footer.map(|footer| footer.kid).map_err(|_| LicenceError::Malformed)
}

#[cfg(test)]
mod tests;

//! One-time secrets: what is sent to a user by mail, and sets a password once. Only a fingerprint of one is kept.

use std::fmt::{self, Write as _};
use std::str::FromStr;

use aws_lc_rs::{digest, rand};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

/// Random bytes of a secret: it can't be guessed, however often it is tried.
const SECRET_BYTES: usize = 32;

/// Bytes of a secret with whose it is.
const BYTES: usize = 16 + 16 + SECRET_BYTES;

/// A secret for one user of one client. As text it is 86 letters that need no quotes anywhere.
#[derive(Clone, PartialEq, Eq)]
pub struct OneTimeSecret {
    /// The user's client.
    pub client: Uuid,
    /// The user.
    pub user: Uuid,
    secret: [u8; SECRET_BYTES],
}

/// Why there is no secret. The text never holds one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OneTimeSecretError {
    /// The text is none.
    #[error("not a one-time secret: it has 86 letters, as the mail has it")]
    Malformed,
    /// The system's source of randomness failed.
    #[error("a one-time secret can't be generated")]
    Generation,
}

impl OneTimeSecret {
    /// A new one.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn generate(client: Uuid, user: Uuid) -> Result<Self, OneTimeSecretError> {
        let mut secret = [0; SECRET_BYTES];
        rand::fill(&mut secret).map_err(|_| OneTimeSecretError::Generation)?;
        Ok(Self { client, user, secret })
    }

    /// What is kept of it: SHA-256 of all of it, in hexadecimal digits. Who reads that has no secret.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let digest = digest::digest(&digest::SHA256, &self.bytes());
        digest
            .as_ref()
            .iter()
            .fold(String::with_capacity(64), |mut text, byte| {
                // Writing to a text does not fail.
                let _ = write!(text, "{byte:02x}");
                text
            })
    }

    fn bytes(&self) -> [u8; BYTES] {
        let mut bytes = [0; BYTES];
        bytes[..16].copy_from_slice(self.client.as_bytes());
        bytes[16..32].copy_from_slice(self.user.as_bytes());
        bytes[32..].copy_from_slice(&self.secret);
        bytes
    }
}

impl fmt::Display for OneTimeSecret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&URL_SAFE_NO_PAD.encode(self.bytes()))
    }
}

/// Secrets are never logged, so they are not printed for debugging either.
impl fmt::Debug for OneTimeSecret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("OneTimeSecret(…)")
    }
}

impl FromStr for OneTimeSecret {
    type Err = OneTimeSecretError;

    fn from_str(text: &str) -> Result<Self, OneTimeSecretError> {
        let mut bytes = [0; BYTES + 3];
        let length = URL_SAFE_NO_PAD
            .decode_slice(text.trim(), &mut bytes)
            .map_err(|_| OneTimeSecretError::Malformed)?;
        if length != BYTES {
            return Err(OneTimeSecretError::Malformed);
        }
        let part = |from: usize| -> [u8; 16] {
            let mut part = [0; 16];
            part.copy_from_slice(&bytes[from..from + 16]);
            part
        };
        let mut secret = [0; SECRET_BYTES];
        secret.copy_from_slice(&bytes[32..BYTES]);
        Ok(Self {
            client: Uuid::from_bytes(part(0)),
            user: Uuid::from_bytes(part(16)),
            secret,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn a_secret_reads_back_and_another_is_another() {
        let (client, user) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let secret = OneTimeSecret::generate(client, user).unwrap();
        let text = secret.to_string();
        assert_eq!(text.len(), 86);
        let read: OneTimeSecret = format!(" {text}\n").parse().unwrap();
        assert_eq!((read.client, read.user), (client, user));
        assert_eq!(read.fingerprint(), secret.fingerprint());
        assert_eq!(secret.fingerprint().len(), 64);
        let other = OneTimeSecret::generate(client, user).unwrap();
        assert_ne!(other.fingerprint(), secret.fingerprint());
        assert!(!format!("{secret:?}").contains(&text[..8]));
    }

    #[test]
    fn what_is_no_secret_is_refused() {
        let text = OneTimeSecret::generate(Uuid::nil(), Uuid::nil()).unwrap().to_string();
        for wrong in [
            "",
            "abc",
            &text[1..],
            &format!("{text}AAAA"),
            &format!("{}!", &text[1..]),
        ] {
            assert_eq!(
                wrong.parse::<OneTimeSecret>().unwrap_err(),
                OneTimeSecretError::Malformed,
                "{wrong}"
            );
        }
    }
}

//! Password hashing: argon2id with the library's default cost (19 MiB, two passes), as PHC text.
//!
//! Slow on purpose, some tens of milliseconds: call it from a blocking task.

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};

/// The fewest characters of a password.
pub const MIN_PASSWORD_CHARACTERS: usize = 8;

/// The most characters of a password; at four bytes each, argon2 hashes at most 512 bytes.
pub const MAX_PASSWORD_CHARACTERS: usize = 128;

/// A hash that no password matches: its salt and its output are random bytes. Verifying it costs as much as verifying any other.
const NOBODYS_HASH: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$itieut5QTtAv2k71b6cHPQ$peRejwm7ma0Qehb7/v4AiYKxPRETztk2bc7klzpsP/o";

/// Why a password can't be used. The text never holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// Fewer than [`MIN_PASSWORD_CHARACTERS`].
    #[error("password is shorter than {MIN_PASSWORD_CHARACTERS} characters")]
    TooShort,
    /// More than [`MAX_PASSWORD_CHARACTERS`].
    #[error("password is longer than {MAX_PASSWORD_CHARACTERS} characters")]
    TooLong,
    /// There was not enough memory, or no randomness.
    #[error("password can't be hashed")]
    Unhashable,
}

/// The salted hash to store.
///
/// # Errors
/// When the password is outside the limits, or hashing fails.
pub fn hash_password(password: &str) -> Result<String, PasswordError> {
    check_length(password)?;
    let hash: PasswordHash = Argon2::default()
        .hash_password(password.as_bytes())
        .map_err(|_| PasswordError::Unhashable)?;
    Ok(hash.to_string())
}

/// Whether this is the password that was hashed. A hash that can't be read matches nothing.
#[must_use]
pub fn verify_password(password: &str, phc: &str) -> bool {
    // No stored hash is of a password outside the limits; this also bounds the work that a stranger can ask for.
    if check_length(password).is_err() {
        return false;
    }
    PasswordHash::new(phc).is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
}

/// Takes the time of [`verify_password`], so that an unknown user can't be told from a wrong password by the clock.
pub fn spend_verification(password: &str) {
    let _never = verify_password(password, NOBODYS_HASH);
}

fn check_length(password: &str) -> Result<(), PasswordError> {
    // Counting stops one past the limit, however long the input is.
    match password.chars().take(MAX_PASSWORD_CHARACTERS + 1).count() {
        0..MIN_PASSWORD_CHARACTERS => Err(PasswordError::TooShort),
        MIN_PASSWORD_CHARACTERS..=MAX_PASSWORD_CHARACTERS => Ok(()),
        _ => Err(PasswordError::TooLong),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn only_the_password_itself_verifies() {
        let hash = hash_password("correct horse battery").unwrap();
        assert!(hash.starts_with("$argon2id$v=19$"), "{hash}");
        assert!(verify_password("correct horse battery", &hash));
        for wrong in [
            "correct horse batterx",
            "Correct horse battery",
            "correct horse battery ",
            "",
        ] {
            assert!(!verify_password(wrong, &hash), "{wrong:?}");
        }
        assert_ne!(
            hash,
            hash_password("correct horse battery").unwrap(),
            "each hash has its own salt"
        );
    }

    #[test]
    fn length_is_limited_in_characters() {
        let cases = [
            (String::new(), Err(PasswordError::TooShort)),
            ("x".repeat(7), Err(PasswordError::TooShort)),
            ("x".repeat(8), Ok(())),
            ("ß".repeat(7), Err(PasswordError::TooShort)),
            ("🦀".repeat(128), Ok(())),
            ("x".repeat(129), Err(PasswordError::TooLong)),
            ("x".repeat(10_000_000), Err(PasswordError::TooLong)),
        ];
        for (password, expected) in cases {
            let outcome = hash_password(&password).map(|hash| assert!(verify_password(&password, &hash)));
            assert_eq!(outcome, expected, "{} bytes", password.len());
        }
    }

    #[test]
    fn a_hash_that_cannot_be_read_matches_nothing() {
        for hash in ["", "plain", "$argon2id$", "$2b$12$abcdefghijklmnopqrstuv"] {
            assert!(!verify_password("correct horse battery", hash), "{hash:?}");
        }
    }

    #[test]
    fn verifying_nobody_costs_as_much_as_verifying_somebody() {
        let parameters = |hash: &str| hash.split('$').take(4).collect::<Vec<_>>().join("$");
        assert_eq!(
            parameters(NOBODYS_HASH),
            parameters(&hash_password("correct horse battery").unwrap())
        );
        assert!(PasswordHash::new(NOBODYS_HASH).unwrap().hash.is_some());
        spend_verification("correct horse battery");
    }
}

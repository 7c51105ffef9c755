//! Password hashing: argon2id with the library's default cost (19 MiB, two passes), as PHC text.
//!
//! Slow on purpose, some tens of milliseconds: call it from a blocking task. A run of a function takes one request at a time, so it has one hash in memory.
//!
//! A password is hashed in one form of what looks alike (Unicode's NFKC): what one keyboard composes of two characters is one of another keyboard's.

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use unicode_normalization::UnicodeNormalization as _;

/// The fewest characters of a new password.
pub const MIN_PASSWORD_CHARACTERS: usize = 12;

/// The fewest characters that are left of a new password without what everybody tries first: common words, and characters that follow from the one before.
const MIN_OWN_CHARACTERS: usize = 6;

/// What the most common passwords are made of.
const COMMON: [&str; 28] = [
    "password",
    "passwort",
    "motdepasse",
    "contraseña",
    "qwerty",
    "qwertz",
    "azerty",
    "asdf",
    "yxcv",
    "zxcv",
    "welcome",
    "willkommen",
    "letmein",
    "administrator",
    "admin",
    "iloveyou",
    "monkey",
    "dragon",
    "football",
    "baseball",
    "sunshine",
    "princess",
    "login",
    "master",
    "secret",
    "changeme",
    "default",
    "test",
];

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
    /// Made of what everybody tries first.
    #[error(
        "password is made of common words and rows of characters: {MIN_OWN_CHARACTERS} characters or more must be left without them"
    )]
    TooCommon,
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
    let password = check_new_password(password)?;
    let hash: PasswordHash = Argon2::default()
        .hash_password(password.as_bytes())
        .map_err(|_| PasswordError::Unhashable)?;
    Ok(hash.to_string())
}

/// Whether this is the password that was hashed. A hash that can't be read, which a user has who has set no password yet, matches nothing, and takes as long.
#[must_use]
pub fn verify_password(password: &str, phc: &str) -> bool {
    // No stored hash is of a longer password; this also bounds the work that a stranger can ask for.
    if is_too_long(password) {
        return false;
    }
    let normal = normal(password);
    let Ok(hash) = PasswordHash::new(phc) else {
        if phc != NOBODYS_HASH {
            spend_verification(password);
        }
        return false;
    };
    let is_it = |text: &str| Argon2::default().verify_password(text.as_bytes(), &hash).is_ok();
    // Before passwords had one form they were hashed as they came.
    is_it(&normal) || (normal != password && is_it(password))
}

/// Takes the time of [`verify_password`], so that an unknown user can't be told from a wrong password by the clock.
pub fn spend_verification(password: &str) {
    let _never = verify_password(password, NOBODYS_HASH);
}

/// Whether a password may be set; in the form in which it is hashed.
///
/// # Errors
/// When it is too short, too long or too common.
pub fn check_new_password(password: &str) -> Result<String, PasswordError> {
    if is_too_long(password) {
        return Err(PasswordError::TooLong);
    }
    let password = normal(password);
    match password.chars().count() {
        0..MIN_PASSWORD_CHARACTERS => Err(PasswordError::TooShort),
        MIN_PASSWORD_CHARACTERS..=MAX_PASSWORD_CHARACTERS if own_characters(&password) < MIN_OWN_CHARACTERS => {
            Err(PasswordError::TooCommon)
        }
        MIN_PASSWORD_CHARACTERS..=MAX_PASSWORD_CHARACTERS => Ok(password),
        _ => Err(PasswordError::TooLong),
    }
}

fn is_too_long(password: &str) -> bool {
    // Counting stops one past the limit, however long the input is.
    password.chars().take(MAX_PASSWORD_CHARACTERS + 1).count() > MAX_PASSWORD_CHARACTERS
}

fn normal(password: &str) -> String {
    password.nfkc().collect()
}

/// How many characters are left without common words and without those that equal the one before or come right before or after it: `1234`, `aaaa`, `cba`.
fn own_characters(password: &str) -> usize {
    let mut rest = password.to_lowercase();
    for word in COMMON {
        rest = rest.replace(word, "");
    }
    let follows = |(one, next): (char, char)| u32::from(one).abs_diff(u32::from(next)) <= 1;
    let followers = rest
        .chars()
        .zip(rest.chars().skip(1))
        .filter(|pair| follows(*pair))
        .count();
    rest.chars().count() - followers
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
            ("Tr0ub4dor&3".to_owned(), Err(PasswordError::TooShort)),
            ("Tr0ub4dor&3x".to_owned(), Ok(())),
            // Two characters for each of these become one.
            ("a\u{308}o\u{308}".repeat(5), Err(PasswordError::TooShort)),
            ("🦀x".repeat(64), Ok(())),
            ("x🦀".repeat(64) + "x", Err(PasswordError::TooLong)),
            // One character that becomes eighteen.
            ("\u{fdfa}".repeat(128), Err(PasswordError::TooLong)),
            ("x".repeat(10_000_000), Err(PasswordError::TooLong)),
        ];
        for (password, expected) in cases {
            let outcome = hash_password(&password).map(|hash| assert!(verify_password(&password, &hash)));
            assert_eq!(outcome, expected, "{} bytes", password.len());
        }
    }

    #[test]
    fn what_everybody_tries_first_is_refused() {
        for common in [
            "password1234",
            "Password123456!",
            "123456789012",
            "aaaaaaaaaaaa",
            "qwertyuiop12",
            "abcdefghijklm",
            "adminadmin1234",
            "WELCOME-welcome",
        ] {
            assert_eq!(check_new_password(common), Err(PasswordError::TooCommon), "{common}");
        }
        for good in ["correct horse battery", "8c6976e5b5410415bde9", "password of my own"] {
            assert_eq!(check_new_password(good).as_deref(), Ok(good));
        }
    }

    #[test]
    fn what_looks_alike_is_one_password() {
        let hash = hash_password("Käsefüße am Stiel").unwrap();
        for (typed, expected) in [
            ("Ka\u{308}sefu\u{308}ße am Stiel", true),
            ("Käsefüße am Stiel", true),
            ("Kasefuße am Stiel", false),
        ] {
            assert_eq!(verify_password(typed, &hash), expected, "{typed}");
        }
        // One that was hashed as it came.
        let before: PasswordHash = Argon2::default().hash_password("ﬁsh".as_bytes()).unwrap();
        assert!(verify_password("ﬁsh", &before.to_string()));
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

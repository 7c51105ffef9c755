//! E-mail addresses in the one form in which they are stored, counted and compared.

use std::fmt;
use std::str::FromStr;

use unicode_normalization::UnicodeNormalization as _;

/// The most bytes of an address: 256 bytes of a path in SMTP less its two brackets (RFC 5321).
pub const MAX_EMAIL_BYTES: usize = 254;

/// An address without surrounding space, in lower case and in one form of what is the same to Unicode (NFC). Two addresses are the same user's if these texts are equal.
#[derive(Clone, PartialEq, Eq)]
pub struct Email(String);

/// The text is not an e-mail address. The text itself is left out: it may be a password in the wrong field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an e-mail address: it needs a name, an @ and a host, no space, and at most {MAX_EMAIL_BYTES} bytes")]
pub struct InvalidEmail;

impl Email {
    /// The address as it is stored.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Email {
    type Err = InvalidEmail;

    fn from_str(text: &str) -> Result<Self, InvalidEmail> {
        let text: String = text.trim().to_lowercase().nfc().collect();
        let (name, host) = text.split_once('@').ok_or(InvalidEmail)?;
        let is_plain = |character: char| !character.is_whitespace() && !character.is_control();
        let is_address =
            !name.is_empty() && !host.is_empty() && text.len() <= MAX_EMAIL_BYTES && text.chars().all(is_plain);
        if is_address { Ok(Self(text)) } else { Err(InvalidEmail) }
    }
}

/// Addresses are never logged, so they are not printed for debugging either.
impl fmt::Debug for Email {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Email(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_one_form() {
        let longest = format!("{}@example.com", "x".repeat(MAX_EMAIL_BYTES - 12));
        let too_long = format!("x{longest}");
        let cases = [
            (" Ada@Example.com\n", Some("ada@example.com")),
            ("ada@example.com", Some("ada@example.com")),
            ("ÄDA@example.com", Some("äda@example.com")),
            ("a\u{308}da@example.com", Some("äda@example.com")),
            (&longest, Some(longest.as_str())),
            (&too_long, None),
            ("", None),
            ("ada", None),
            ("@example.com", None),
            ("ada@", None),
            ("a da@example.com", None),
            // PostgreSQL has no such text.
            ("ada\0@example.com", None),
        ];
        for (text, expected) in cases {
            let email = text.parse::<Email>();
            assert_eq!(email.as_ref().ok().map(Email::as_str), expected, "{text:?}");
        }
    }

    #[test]
    fn an_address_is_not_printed() {
        let email = "ada@example.com".parse::<Email>();
        assert!(!format!("{email:?}").contains("ada"));
    }
}

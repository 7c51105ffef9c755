//! What a user is told by mail, with the secret by which to set a password.

use identity::OneTimeSecret;
use jiff::SignedDuration;

/// Why somebody gets a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Occasion {
    /// Somebody, it may be a stranger, says that the password is forgotten.
    Forgotten,
    /// An administrator has taken the password back.
    TakenBack,
    /// The user was added.
    Added,
}

impl Occasion {
    /// How long the secret is good. What anybody can ask for is good for as long as one needs who has just asked; who was added may be on leave.
    pub(crate) const fn life(self) -> SignedDuration {
        match self {
            Self::Forgotten => SignedDuration::from_hours(1),
            Self::TakenBack => SignedDuration::from_hours(24),
            Self::Added => SignedDuration::from_hours(7 * 24),
        }
    }

    const fn life_in_words(self) -> &'static str {
        match self {
            Self::Forgotten => "one hour",
            Self::TakenBack => "24 hours",
            Self::Added => "seven days",
        }
    }

    /// One line.
    pub(crate) const fn subject(self) -> &'static str {
        match self {
            Self::Forgotten => "Set another password for the Analytics Engine",
            Self::TakenBack => "Your password for the Analytics Engine was reset",
            Self::Added => "Your access to the Analytics Engine",
        }
    }

    /// Plain text, for the user of a client.
    pub(crate) fn text(self, client: &str, secret: &OneTimeSecret) -> String {
        let why = match self {
            Self::Forgotten => format!(
                "Somebody has asked for another password for your access to the Analytics Engine of {client}. If that was not you, do nothing: your password stays as it is."
            ),
            Self::TakenBack => format!(
                "An administrator of {client} has reset your password for the Analytics Engine: the one you had is not good any more."
            ),
            Self::Added => format!("An administrator of {client} has given you access to the Analytics Engine."),
        };
        format!(
            "{why}

To set a password, enter this secret where you sign in, or send it with the password to PUT /v1/password-resets:

{secret}

It is good once, for {life}. Nobody will ever ask you for it.
",
            life = self.life_in_words()
        )
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_mail_says_who_why_and_for_how_long() {
        let secret = OneTimeSecret::generate(Uuid::nil(), Uuid::nil()).unwrap();
        for (occasion, why, life, hours) in [
            (Occasion::Forgotten, "your password stays as it is", "one hour", 1),
            (Occasion::TakenBack, "not good any more", "24 hours", 24),
            (Occasion::Added, "given you access", "seven days", 168),
        ] {
            let text = occasion.text("Example Airlines", &secret);
            for part in ["Example Airlines", why, life, &secret.to_string()] {
                assert!(text.contains(part), "{part}: {text}");
            }
            assert_eq!(occasion.life().as_hours(), hours);
        }
    }
}

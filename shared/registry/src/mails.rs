//! Mails with a secret by which a password is set: so many of a client, and a few of them to one address, so that nobody fills a stranger's mailbox through us.
//!
//! What anybody can ask for, who says to have forgotten a password, is counted apart from what administrators send, and by address alone: strangers keep no administrator
//! from inviting, and nobody else from a password. How often strangers ask is limited by where they ask from.
//! All of it is counted by client, so that what one client sends to an address keeps no other client from writing there.

use jiff::Timestamp;
use uuid::Uuid;

use crate::keys::Key;
use crate::windows::Window;
use crate::{Registry, Result};

/// Mails to one address of one client in one window: one that got lost, and one more.
pub const MAX_MAILS_PER_ADDRESS: u32 = 3;

/// Mails that the administrators of one client send in one window: an office is invited in an hour, and an organisation of the most users in ten. Who tries which addresses are taken has as many tries.
pub const MAX_MAILS_PER_CLIENT: u32 = 100;

/// A window's length: an hour from its first mail.
pub const MAIL_WINDOW_SECONDS: i64 = 60 * 60;

/// Who has a mail sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AskedBy {
    /// An administrator of the client.
    Administrator,
    /// Anybody, it may be a stranger.
    Anybody,
}

/// A mail that is to be sent.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// Whose user gets it.
    pub client: Uuid,
    /// To where. It is hashed, so no item holds an address.
    pub address: &'a str,
    /// Who has it sent.
    pub by: AskedBy,
}

/// Whether a mail may be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailAllowance {
    /// It may.
    Allowed,
    /// The client has sent too many to this address; so many seconds until it may again.
    TooManyToAddress(u16),
    /// The client has sent too many; so many seconds until it may again.
    TooManyOfClient(u16),
}

impl AskedBy {
    /// What its keys say.
    const fn name(self) -> &'static str {
        match self {
            Self::Administrator => "ADMINISTRATOR",
            Self::Anybody => "ANYBODY",
        }
    }
}

impl Asked<'_> {
    fn window(self, address: Option<&str>, limit: u32) -> Window {
        Window {
            key: Key::mails(self.client, self.by.name(), address),
            limit,
            seconds: MAIL_WINDOW_SECONDS,
        }
    }
}

impl Registry {
    /// Counts a mail, and says whether it may be sent. One that is refused is counted nowhere.
    ///
    /// # Errors
    /// When DynamoDB does not answer.
    pub async fn allow_mail(&self, asked: Asked<'_>, now: Timestamp) -> Result<MailAllowance> {
        let to_address = asked.window(Some(asked.address), MAX_MAILS_PER_ADDRESS);
        if !self.count_in_window(&to_address, now).await? {
            let seconds = self.seconds_left(&to_address, now).await?;
            return Ok(MailAllowance::TooManyToAddress(seconds));
        }
        // Else strangers who know some addresses of a client would keep its other users from their passwords.
        if asked.by == AskedBy::Anybody {
            return Ok(MailAllowance::Allowed);
        }
        let of_client = asked.window(None, MAX_MAILS_PER_CLIENT);
        if !self.count_in_window(&of_client, now).await? {
            self.take_out_of_window(&to_address.key, now).await?;
            let seconds = self.seconds_left(&of_client, now).await?;
            return Ok(MailAllowance::TooManyOfClient(seconds));
        }
        Ok(MailAllowance::Allowed)
    }

    /// Takes a mail that is not sent after all out of what its address got; that it was tried stays counted for the client.
    ///
    /// # Errors
    /// When DynamoDB does not answer.
    pub async fn give_mail_back(&self, asked: Asked<'_>, now: Timestamp) -> Result<()> {
        let to_address = asked.window(Some(asked.address), MAX_MAILS_PER_ADDRESS);
        self.take_out_of_window(&to_address.key, now).await
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

    use super::*;
    use crate::testing::{CLIENT, OTHER, at, registry};

    #[tokio::test]
    async fn mails_are_limited_by_address_and_by_client_whoever_asks() {
        let registry = registry().await;
        let ask = async |client: Uuid, address: &str, by: AskedBy, second: i64| {
            let asked = Asked { client, address, by };
            registry.allow_mail(asked, at(second)).await.unwrap()
        };
        let end = u16::try_from(MAIL_WINDOW_SECONDS).unwrap();
        for by in [AskedBy::Administrator, AskedBy::Anybody] {
            for _ in 0..MAX_MAILS_PER_ADDRESS {
                assert_eq!(ask(CLIENT, "someone", by, 0).await, MailAllowance::Allowed);
            }
            let refused = ask(CLIENT, "someone", by, 10).await;
            assert_eq!(refused, MailAllowance::TooManyToAddress(end - 10), "{by:?}");
            let asked = Asked {
                client: CLIENT,
                address: "someone",
                by,
            };
            registry.give_mail_back(asked, at(10)).await.unwrap();
            assert_eq!(ask(CLIENT, "someone", by, 10).await, MailAllowance::Allowed);
            // What one client sends keeps no other from writing there.
            assert_eq!(ask(OTHER, "someone", by, 10).await, MailAllowance::Allowed);
            for number in MAX_MAILS_PER_ADDRESS + 1..MAX_MAILS_PER_CLIENT {
                assert_eq!(ask(CLIENT, &number.to_string(), by, 20).await, MailAllowance::Allowed);
            }
            if by == AskedBy::Anybody {
                assert_eq!(ask(CLIENT, "one more", by, 30).await, MailAllowance::Allowed);
                continue;
            }
            for _ in 0..=MAX_MAILS_PER_ADDRESS {
                let refused = ask(CLIENT, "one more", by, 30).await;
                assert_eq!(refused, MailAllowance::TooManyOfClient(end - 30), "{by:?}");
            }
            assert_eq!(
                ask(CLIENT, "one more", by, MAIL_WINDOW_SECONDS).await,
                MailAllowance::Allowed
            );
        }
    }
}

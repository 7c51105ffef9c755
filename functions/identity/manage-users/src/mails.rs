//! Mails with a secret that an administrator has sent: counted here, before anything is changed, and sent by `send-mails`.

use anyhow::{Context as _, Result};
use api::users::MailToSend;
use identity::Email;
use jiff::Timestamp;
use platform::Problem;
use registry::mails::{Asked, AskedBy, MAX_MAILS_PER_ADDRESS, MAX_MAILS_PER_CLIENT, MailAllowance};
use uuid::Uuid;

use crate::Context;

/// Counts a mail to an address, and refuses what is too many.
pub(crate) async fn allow(context: &Context, client: Uuid, address: &Email, now: Timestamp) -> Result<(), Problem> {
    let allowed = context.registry.allow_mail(asked(client, address), now).await;
    match allowed.context("count a mail")? {
        MailAllowance::Allowed => Ok(()),
        MailAllowance::TooManyToAddress(seconds) => Err(Problem::too_many(
            format!("{MAX_MAILS_PER_ADDRESS} mails were sent to this address within an hour"),
            seconds,
        )
        .hint("the last of them has the secret that is good; it may be among what was taken for spam")),
        MailAllowance::TooManyOfClient(seconds) => Err(Problem::too_many(
            format!("your organisation has sent {MAX_MAILS_PER_CLIENT} mails to users within an hour"),
            seconds,
        )
        .hint("nothing was changed: send the request again when the hour is over")),
    }
}

/// Takes a mail that is not sent after all out of what its address got.
pub(crate) async fn give_back(context: &Context, client: Uuid, address: &Email, now: Timestamp) -> Result<()> {
    let given = context.registry.give_mail_back(asked(client, address), now).await;
    given.context("take a mail out of the counts")
}

fn asked(client: Uuid, address: &Email) -> Asked<'_> {
    Asked {
        client,
        address: address.as_str(),
        by: AskedBy::Administrator,
    }
}

/// Has a mail sent: when this returns, it is not lost any more.
pub(crate) async fn send(context: &Context, client: Uuid, mail: &MailToSend) -> Result<()> {
    let message = mail.message().context("write a message")?;
    context.mails.send_in_group(client, message).await
}

//! `send-mails`: sends users the secrets by which they set a password: who was added, whose password was taken back, and who forgot it.
//!
//! A secret is made when its mail is sent, and only its fingerprint is kept: no message of the queue holds one. A mail that SES does not take comes back, and ends in the
//! queue of dead letters, of which an alarm tells. One that comes twice has another secret, which takes the place of the first.

mod letter;

use anyhow::{Context as _, Result};
use api::users::MailToSend;
use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use database::{Database, Timeouts};
use identity::{Email, OneTimeSecret};
use jiff::Timestamp;
use lambda_runtime::LambdaEvent;
use platform::mail::{Mail, Mailer};
use platform::queue::{Backoff, Queue};
use platform::{clock, environment};
use records::clients::NO_PASSWORD;
use records::users::{self, Owner};
use registry::Registry;
use registry::mails::{Asked, AskedBy, MailAllowance};

use letter::Occasion;

/// Pauses of a mail that was not sent: with the five tries of its queue it has seven minutes.
const BACKOFF: Backoff = Backoff {
    first: std::time::Duration::from_secs(10),
    factor: 3,
    steps: 3,
};

/// What the function has from its environment.
pub struct Context {
    database: Database,
    registry: Registry,
    mailer: Mailer,
    queue: Queue,
}

impl Context {
    /// Reads the environment.
    ///
    /// # Errors
    /// When a variable is missing or malformed.
    pub async fn from_environment() -> Result<Self> {
        let database = platform::database::from_environment().context("read where the database is")?;
        let configuration = platform::aws_configuration().await;
        Ok(Self {
            database: database.with_timeouts(Timeouts::REQUEST),
            registry: Registry::connect_to(&configuration, environment::required("REGISTRY_TABLE")?),
            mailer: Mailer::new(&configuration, environment::required("MAIL_FROM")?),
            queue: Queue::from_environment("MAILS_QUEUE_URL").await?,
        })
    }
}

/// Takes messages, each of which asks for a mail.
///
/// # Errors
/// Never: failures are reported per message.
pub async fn handle(
    context: &Context,
    event: LambdaEvent<SqsEvent>,
) -> Result<SqsBatchResponse, lambda_runtime::Error> {
    let work = context
        .queue
        .work(event.payload, BACKOFF, async |message| take(context, message).await);
    Ok(Box::pin(work).await)
}

async fn take(context: &Context, message: &SqsMessage) -> Result<()> {
    let body = message.body.as_deref().unwrap_or_default();
    let asked: MailToSend = serde_json::from_str(body).context("the message asks for no mail")?;
    let now = clock::now();
    let (owner, occasion) = match asked {
        MailToSend::Forgotten { email } => {
            let email: Email = email.parse().context("read an address")?;
            return forgotten(context, &email, now).await;
        }
        MailToSend::TakenBack { client, user } => (owner(client, user), Occasion::TakenBack),
        MailToSend::Added { client, user } => (owner(client, user), Occasion::Added),
    };
    send(context, owner, occasion, now).await
}

const fn owner(client_id: uuid::Uuid, id: uuid::Uuid) -> Owner {
    Owner { client_id, id }
}

/// Sends a secret to who has forgotten a password, if the address is a user's who may get a mail. A stranger learns nothing of it: it is only in the log.
async fn forgotten(context: &Context, email: &Email, now: Timestamp) -> Result<()> {
    let Some(owner) = users::owner_of(&context.database, email).await? else {
        tracing::info!("a password of nobody was asked to be reset");
        return Ok(());
    };
    let (client, user) = (owner.client_id, owner.id);
    let asked = Asked {
        client,
        address: email.as_str(),
        by: AskedBy::Anybody,
    };
    let allowed = context.registry.allow_mail(asked, now).await;
    match allowed.context("count a mail")? {
        MailAllowance::Allowed => {}
        refused => {
            tracing::warn!(%client, %user, ?refused, "a password was asked to be reset too often");
            return Ok(());
        }
    }
    let sent = send(context, owner, Occasion::Forgotten, now).await;
    if sent.is_err() {
        // The message comes again, and is counted again.
        let given = context.registry.give_mail_back(asked, now).await;
        given.context("take a mail that was not sent out of the counts")?;
    }
    sent
}

/// Makes a secret and sends it; one of before is not good any more.
async fn send(context: &Context, owner: Owner, occasion: Occasion, now: Timestamp) -> Result<()> {
    let (client, user) = (owner.client_id, owner.id);
    let found = users::credentials(&context.database, client, user).await?;
    let name = users::client_name(&context.database, client).await?;
    let (Some(found), Some(name)) = (found, name) else {
        tracing::info!(%client, %user, "a user who was to get a mail is gone");
        return Ok(());
    };
    // A message that came late, or a second time.
    if occasion != Occasion::Forgotten && found.password_hash != NO_PASSWORD {
        tracing::info!(%client, %user, ?occasion, "a user who was to set a password has one");
        return Ok(());
    }
    let to: Email = found.email.parse().context("read a user's address")?;
    if users::is_anothers(&context.database, &to, user).await? {
        tracing::info!(%client, %user, ?occasion, "the address of a user who was to get a mail has become another's");
        return Ok(());
    }
    let secret = OneTimeSecret::generate(client, user)?;
    let until = now.saturating_add(occasion.life())?;
    let remembered = context
        .registry
        .remember_secret(client, user, &secret.fingerprint(), until)
        .await;
    remembered.context("remember a secret")?;
    let mail = Mail {
        to: &to,
        subject: occasion.subject(),
        text: &occasion.text(&name, &secret),
    };
    if let Err(error) = context.mailer.send(mail).await {
        // Administrators see who has a secret: nobody has this one.
        let forgotten = context.registry.forget_secret(client, user).await;
        forgotten.context("forget a secret that was not sent")?;
        return Err(error);
    }
    tracing::info!(%client, %user, ?occasion, "sent a secret");
    Ok(())
}

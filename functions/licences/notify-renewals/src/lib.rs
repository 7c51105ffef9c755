//! `notify-renewals`: tells a client's administrators 90, 30 and 7 days before a licence ends, once each.
//!
//! It runs daily. A mail is claimed in the database before it is sent, and marked after; so two runs at once send it once, and a crash
//! between sending and marking repeats that one mail when the claim has ended. A mail that SES refuses is tried again by the next run.

mod due;
mod text;

use anyhow::{Context as _, Result};
use database::{Database, Timeouts};
use identity::licence::notice::NOTICE_DAYS;
use jiff::{SignedDuration, Timestamp, ToSpan as _};
use lambda_runtime::LambdaEvent;
use platform::mail::{Mail, Mailer};
use platform::{clock, environment};
use records::renewal_notices::{self, Delivery, MAX_PAGE};
use records::{clients, licences};
use serde::Serialize;
use series::Calendar;
use uuid::Uuid;

pub use due::{Due, due};

/// How long a claimed mail is left alone: longer than a run, whose limit is the template's 300 s.
const CLAIM: SignedDuration = SignedDuration::from_mins(10);

/// A run begins no client with less than this left: one has 50 administrators at most, and a mail takes less than a second.
const RESERVE: SignedDuration = SignedDuration::from_secs(60);

/// What the function has from its environment.
pub struct Context {
    database: Database,
    mailer: Mailer,
}

impl Context {
    /// Reads the environment.
    ///
    /// # Errors
    /// When a variable is missing or malformed.
    pub async fn from_environment() -> Result<Self> {
        let from = environment::required("MAIL_FROM")?;
        let database = platform::database::from_environment()?.with_timeouts(Timeouts::REQUEST);
        Ok(Self::new(
            database,
            Mailer::new(&platform::aws_configuration().await, from),
        ))
    }

    /// A context over a database and a mailer.
    #[must_use]
    pub const fn new(database: Database, mailer: Mailer) -> Self {
        Self { database, mailer }
    }
}

/// What a run did.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Clients that were looked at.
    pub clients: usize,
    /// Mails that were sent.
    pub sent: usize,
    /// Mails and clients that failed, with the cause in the log.
    pub failed: usize,
    /// Whether every client was looked at; the next run begins at the first again.
    pub complete: bool,
}

/// Sends the notices that are due today.
///
/// # Errors
/// When a mail or a client failed, after all others had their turn: Lambda tries again, and the alarm counts it.
pub async fn handle(context: &Context, event: LambdaEvent<serde_json::Value>) -> Result<Report, lambda_runtime::Error> {
    let deadline = i64::try_from(event.context.deadline).ok();
    let deadline = deadline.and_then(|deadline_ms| Timestamp::from_millisecond(deadline_ms).ok());
    let report = run(context, clock::now, deadline.unwrap_or(Timestamp::MAX)).await?;
    tracing::info!(
        clients = report.clients,
        sent = report.sent,
        failed = report.failed,
        complete = report.complete,
        "renewal notices"
    );
    if report.failed > 0 || !report.complete {
        return Err(format!("not every notice was sent: {report:?}").into());
    }
    Ok(report)
}

/// Reminds every client of which a licence ends soon, by a clock.
///
/// # Errors
/// When the clients can't be listed.
pub async fn run(context: &Context, clock: impl Fn() -> Timestamp, deadline: Timestamp) -> Result<Report> {
    let utc = Calendar::utc().date(clock());
    // A day more at either end: calendars of clients are at most a day from UTC's.
    let days = (
        utc.saturating_sub(1.day()),
        utc.saturating_add((NOTICE_DAYS[0] + 1).days()),
    );
    let mut report = Report::default();
    let mut previous: Option<Uuid> = None;
    loop {
        let page = renewal_notices::clients_to_remind(&context.database, days, previous).await?;
        for client in &page {
            if deadline.duration_since(clock()) < RESERVE {
                return Ok(report);
            }
            report.clients += 1;
            if let Err(error) = remind(context, *client, &clock, &mut report).await {
                tracing::error!(%client, cause = format!("{error:#}"), "could not check a client's licences");
                report.failed += 1;
            }
        }
        previous = page.last().copied();
        if i64::try_from(page.len()).is_ok_and(|count| count < MAX_PAGE) {
            report.complete = true;
            return Ok(report);
        }
    }
}

async fn remind(context: &Context, client: Uuid, clock: &impl Fn() -> Timestamp, report: &mut Report) -> Result<()> {
    let database = &context.database;
    let calendar = clients::calendar(database, client)
        .await?
        .context("the client is gone")?;
    let today = calendar.date(clock());
    let licences = licences::list(database, client).await?;
    let audience = renewal_notices::audience(database, client).await?;
    for due in due(&licences, &audience, today) {
        let now = clock();
        if !renewal_notices::claim(database, client, due.notice, (now, now.saturating_add(CLAIM)?)).await? {
            continue;
        }
        let sent = match due.to.parse() {
            Ok(to) => {
                let subject = text::subject(&audience.client_name, &due, today);
                let text = text::text(&audience.client_name, &due, today);
                let mail = Mail {
                    to: &to,
                    subject: &subject,
                    text: &text,
                };
                context.mailer.send(mail).await
            }
            Err(error) => Err(anyhow::Error::from(error).context("read an administrator's address")),
        };
        let delivery = match &sent {
            Ok(()) => Delivery::Sent(clock()),
            Err(_) => Delivery::Failed(clock()),
        };
        renewal_notices::settle(database, client, due.notice, delivery).await?;
        match sent {
            Ok(()) => report.sent += 1,
            Err(error) => {
                let licence = due.notice.licence_id;
                tracing::error!(%client, %licence, user = %due.notice.user_id, cause = format!("{error:#}"), "a notice was not sent");
                report.failed += 1;
            }
        }
    }
    Ok(())
}

//! From the event that a proposal was issued to files on S3, and the row that says where they are.
//!
//! Files are named after their content and the row is written last, once: a run that is killed half way leaves at most files
//! that the next one writes again, and two runs at a time end in the same documents.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use api::domain_events::{Delivered, DomainEvent, EventPayload};
use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use bytes::Bytes;
use database::{Database, Timeouts};
use document::{Logo, Plan, Theme, ThemeError};
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use jiff::civil::Date;
use lambda_runtime::LambdaEvent;
use platform::bucket::{self, Bucket};
use platform::environment;
use platform::queue::{Backoff, Queue};
use records::branding;
use records::renderings::{self, File, FileKind, Revision, Source};
use schedule::Gantt;
use serde::Deserialize;
use series::Calendar;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::RenderError;
use crate::issued_revision::{Files, IssuedRevision};

/// What fails is tried again after 5 s, 30 s, 3 min, 18 min; the queue gives five tries.
const BACKOFF: Backoff = Backoff {
    first: Duration::from_secs(5),
    factor: 6,
    steps: 3,
};

/// Files that are on their way to S3 at a time.
const MAX_UPLOADS: usize = 8;

/// What a reader is told when documents failed for a reason that is not in the proposal.
const OUR_FAILURE: &str = "they could not be made or stored";

/// What the function has from its environment.
pub struct Context {
    database: Database,
    documents: Bucket,
    /// Where the messages come from.
    queue: Queue,
    /// Who offers: the sender of every document.
    provider: String,
}

impl Context {
    /// Reads the environment.
    ///
    /// # Errors
    /// When a variable is missing or malformed.
    pub async fn from_environment() -> Result<Self> {
        Ok(Self {
            database: platform::database::from_environment()?.with_timeouts(Timeouts::REQUEST),
            documents: Bucket::from_environment("DOCUMENTS_BUCKET").await?,
            queue: Queue::from_environment("RENDERS_QUEUE_URL").await?,
            provider: environment::required("PROVIDER_NAME")?,
        })
    }
}

/// Takes messages of the queue of renders, each of which tells of an issued proposal.
///
/// # Errors
/// Never: failures are reported per message, and a message that failed comes back.
pub async fn handle(
    context: &Context,
    event: LambdaEvent<SqsEvent>,
) -> Result<SqsBatchResponse, lambda_runtime::Error> {
    let queue = &context.queue;
    Ok(queue
        .work(event.payload, BACKOFF, async |message| {
            deliver(context, message.body.as_deref().unwrap_or_default()).await
        })
        .await)
}

async fn deliver(context: &Context, body: &str) -> Result<()> {
    let Delivered { detail } = serde_json::from_str(body).context("the message is not one of our events")?;
    let DomainEvent {
        client,
        correlation_id,
        what,
        ..
    } = detail;
    let (EventPayload::ProposalIssued { proposal, revision, .. }
    | EventPayload::ProposalDocumentsRequested { proposal, revision }) = what
    else {
        bail!("a {} has no documents", what.name());
    };
    let which = (proposal, revision);
    let known = renderings::find(&context.database, client, which).await?;
    if known.is_some_and(|known| known.files.is_some()) {
        tracing::info!(%client, %proposal, revision, correlation_id, "the documents are there already");
        return Ok(());
    }
    renderings::begun(&context.database, client, which).await?;
    match render(context, client, which).await {
        Ok(count) => {
            tracing::info!(%client, %proposal, revision, correlation_id, files = count, "rendered");
            Ok(())
        }
        Err(error) => {
            let ours = error.downcast_ref::<RenderError>().map(ToString::to_string);
            let theirs = error.downcast_ref::<ThemeError>().map(ToString::to_string);
            let told = ours.or(theirs).unwrap_or_else(|| OUR_FAILURE.to_owned());
            renderings::failed(&context.database, client, which, &told)
                .await
                .context("record the failure")?;
            Err(error.context(format!(
                "render revision {revision} of proposal {proposal} ({correlation_id})"
            )))
        }
    }
}

/// Makes and stores the documents of a revision; says how many files they are.
async fn render(context: &Context, client: Uuid, which: Revision) -> Result<usize> {
    let source = renderings::source(&context.database, client, which).await?;
    let source = source.context("there is no such issued revision")?;
    let branding = branding::find(&context.database, client).await?;
    let branding = branding.map(|(branding, _)| branding);
    // Seconds of processor at most, off the async threads.
    let provider = context.provider.clone();
    let made = tokio::task::spawn_blocking(move || made(which, &source, branding, &provider)).await;
    let Files { pdf, docx, pages } = made.context("render")??;
    let documents = [(FileKind::Pdf, pdf), (FileKind::Word, docx)];
    let all = documents
        .into_iter()
        .chain(pages.into_iter().map(|page| (FileKind::Page, page.png)));
    let stored: Vec<File> = stream::iter(all)
        .map(|(kind, bytes)| store(context, client, kind, bytes))
        .buffered(MAX_UPLOADS)
        .try_collect()
        .await?;
    renderings::rendered(&context.database, client, which, &stored).await?;
    Ok(stored.len())
}

/// The files of what is stored.
fn made(
    (proposal, revision): Revision,
    source: &Source,
    branding: Option<branding::Branding>,
    provider: &str,
) -> Result<Files> {
    let calendar = Calendar::of(&source.time_zone).context("the client's time zone")?;
    let plan: Option<StoredPlan> = source.plan.as_ref().map(StoredPlan::deserialize).transpose()?;
    let conditions = branding.as_ref().map(|branding| branding.conditions.clone());
    let theme = branding.map(theme).transpose()?;
    let issued = IssuedRevision {
        proposal: &proposal.to_string(),
        name: &source.project,
        revision,
        client: &source.client_name,
        date: calendar.date(source.issued_at),
        valid_until: source.valid_until,
        answers: &source.answers,
        terms: &source.terms,
        required: &source.required,
        quote: &source.quote,
        prepared_by: provider,
        theme: theme.as_ref(),
        plan: plan
            .as_ref()
            .map(|StoredPlan { start, gantt }| Plan { start: *start, gantt }),
        conditions: conditions.as_deref().unwrap_or_default(),
    };
    Ok(issued.render()?)
}

/// What the documents show of the stored plan: a part of the API's type `Planned`.
#[derive(Deserialize)]
struct StoredPlan {
    start: Date,
    gantt: Gantt,
}

/// Colours and logo, which were checked when they were stored.
fn theme(stored: branding::Branding) -> Result<Theme> {
    let branding::Branding {
        primary_colour,
        accent_colour,
        logo,
        conditions: _,
    } = stored;
    Ok(Theme {
        primary: primary_colour.parse()?,
        accent: accent_colour.parse()?,
        logo: logo.map(|logo| Logo::new(&logo)).transpose()?,
    })
}

async fn store(context: &Context, client: Uuid, kind: FileKind, bytes: Vec<u8>) -> Result<File> {
    let hash: String = Sha256::digest(&bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let file = File {
        kind,
        key: format!("{client}/{hash}.{}", kind.ending()),
        bytes: bytes.len(),
    };
    let object = bucket::File {
        key: file.key.clone(),
        media_type: kind.media_type(),
        bytes: Bytes::from(bytes),
    };
    context.documents.put(object).await?;
    Ok(file)
}

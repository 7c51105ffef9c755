//! Where the documents of an issued revision are.

use std::time::Duration;

use anyhow::{Context as _, Result};
use api::domain_events::EventPayload;
use api_proposals::{DocumentFile, DocumentState, Documents, DocumentsRequest};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use identity::Caller;
use jiff::SignedDuration;
use platform::extract::{Authorized, CorrelationId, Json as Body, Path, Query};
use platform::{Problem, clock};
use records::outbox;
use records::proposals::{self as stored, StoredProposal};
use records::renderings::{self, File, FileKind, Rendering};
use serde::Deserialize;

use crate::{Context, WHAT, event};

/// How long a link works: long enough to load a page and click, too short to be passed around.
const LINK_LIFE: Duration = Duration::from_secs(15 * 60);

/// The most characters of a project's name in the name of a file.
const MAX_NAME: usize = 60;

/// An attempt that has reported nothing for so long was ended: twice the timeout of `render-proposals`.
const LONGEST_ATTEMPT: SignedDuration = SignedDuration::from_secs(60);

/// What is reported of such an attempt.
const CUT_SHORT: &str = "the last attempt was cut short";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RevisionParameter {
    revision: Option<i32>,
}

pub(crate) async fn read(
    State(context): State<Context>,
    Authorized(caller): Authorized,
    Path(id): Path<String>,
    Query(RevisionParameter { revision }): Query<RevisionParameter>,
) -> Result<Json<Documents>, Problem> {
    let found = context.proposal(caller.client, &id).await?;
    let revision = issued_revision(&context, &caller, &found, revision).await?;
    documents_of(&context, &caller, &found, revision).await.map(Json)
}

/// Asks again for documents that are not there. They are made when a proposal is issued, and a failure is retried
/// automatically for a while.
pub(crate) async fn request(
    State(context): State<Context>,
    Authorized(caller): Authorized,
    CorrelationId(correlation): CorrelationId,
    Path(id): Path<String>,
    Body(DocumentsRequest { revision }): Body<DocumentsRequest>,
) -> Result<(StatusCode, Json<Documents>), Problem> {
    let found = context.proposal(caller.client, &id).await?;
    let revision = issued_revision(&context, &caller, &found, Some(revision)).await?;
    let documents = documents_of(&context, &caller, &found, revision).await?;
    if documents.state == DocumentState::Ready {
        return Ok((StatusCode::OK, Json(documents)));
    }
    let proposal = found.id;
    let asked = event(
        &caller,
        &correlation,
        EventPayload::ProposalDocumentsRequested { proposal, revision },
    );
    outbox::add(&context.database, &::outbox::pending(&asked)?)
        .await
        .context("store a request of documents")?;
    ::outbox::send_now(&context.database, &context.bus, caller.client).await;
    Ok((StatusCode::ACCEPTED, Json(documents)))
}

/// How far the documents of a revision are, with links to those that are there.
async fn documents_of(
    context: &Context,
    caller: &Caller,
    found: &StoredProposal,
    revision: i32,
) -> Result<Documents, Problem> {
    let rendering = renderings::find(&context.database, caller.client, (found.id, revision))
        .await
        .context("read documents")?;
    let life = SignedDuration::try_from(LINK_LIFE).context("the life of a link")?;
    let links_expire_at = clock::now().saturating_add(life).context("the end of a link")?;
    let mut documents = Documents {
        revision,
        state: DocumentState::Pending,
        failure: None,
        files: Vec::new(),
        pages: Vec::new(),
        links_expire_at,
    };
    let Some(Rendering {
        files,
        failure,
        updated_at,
        ..
    }) = rendering
    else {
        return Ok(documents);
    };
    let silent = files.is_none() && clock::now().duration_since(updated_at) > LONGEST_ATTEMPT;
    let failure = failure.or_else(|| silent.then(|| CUT_SHORT.to_owned()));
    documents.state = match (&files, &failure) {
        (Some(_), _) => DocumentState::Ready,
        (None, Some(_)) => DocumentState::Failed,
        (None, None) => DocumentState::Pending,
    };
    documents.failure = failure;
    let name = format!("{}-r{revision}", slug(&found.name));
    for file in files.unwrap_or_default() {
        let pages = &mut documents.pages;
        let list = match file.kind {
            FileKind::Page => pages,
            FileKind::Pdf | FileKind::Word => &mut documents.files,
        };
        let number = list.len() + 1;
        list.push(linked(context, file, &name, number).await?);
    }
    Ok(documents)
}

/// The revision that is named, or the latest that was issued.
async fn issued_revision(
    context: &Context,
    caller: &Caller,
    found: &StoredProposal,
    named: Option<i32>,
) -> Result<i32, Problem> {
    let issued = stored::revisions(&context.database, caller.client, found.id)
        .await
        .context("read revisions")?;
    let numbers = issued.iter().map(|(issued, _)| issued.revision);
    match named {
        Some(named) if numbers.clone().any(|number| number == named) => Ok(named),
        Some(named) => Err(Problem::not_found("issued revision", &named.to_string())
            .hint(format!("GET /v1/proposals/{}/revisions lists them", found.id))),
        None => numbers.max().ok_or_else(|| {
            Problem::conflict(format!(
                "{WHAT} \"{}\" has no documents: it has not been issued",
                found.id
            ))
            .hint("issue it: its documents are made then")
        }),
    }
}

async fn linked(context: &Context, file: File, name: &str, number: usize) -> Result<DocumentFile, Problem> {
    let ending = file.kind.ending();
    let name = match file.kind {
        FileKind::Pdf | FileKind::Word => format!("{name}.{ending}"),
        FileKind::Page => format!("{name}-page-{number}.{ending}"),
    };
    Ok(DocumentFile {
        url: context.documents.link(&file.key, &name, LINK_LIFE).await?,
        name,
        media_type: file.kind.media_type().to_owned(),
        bytes: file.bytes,
    })
}

/// A project's name in letters that every file system and header takes; "proposal" when nothing of it is left.
fn slug(name: &str) -> String {
    let words = name.split(|character: char| !character.is_ascii_alphanumeric());
    let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
    let mut slug = words.join("-").to_ascii_lowercase();
    slug.truncate(MAX_NAME);
    let slug = slug.trim_end_matches('-');
    if slug.is_empty() { "proposal" } else { slug }.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_becomes_one_of_a_file() {
        for (name, expected) in [
            ("Punctuality 2027", "punctuality-2027"),
            ("  ../../etc/passwd\"; x=\"", "etc-passwd-x"),
            ("Größe & Wert", "gr-e-wert"),
            ("مشروع", "proposal"),
            (
                &"long ".repeat(40),
                "long-long-long-long-long-long-long-long-long-long-long-long",
            ),
        ] {
            assert_eq!(slug(name), expected);
        }
    }
}

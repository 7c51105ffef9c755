//! A stored proposal as the API answers with it.

use anyhow::Context as _;
use api_proposals::{Actor, Issued, Proposal};
use axum::Json;
use axum::response::{IntoResponse, Response};
use platform::Problem;
use platform::versions::{etag, etag_with};
use proposal::{PriceBook, Questionnaire, Quote};
use records::definitions::ClientCatalog;
use records::proposals::{self as stored, StoredProposal};
use uuid::Uuid;

use crate::{WHAT, current_state};

/// Digits of a fingerprint: two prices do not meet by chance in so many.
const FINGERPRINT_DIGITS: usize = 12;

/// A proposal with its `ETag`, and what is missing by today's catalogue.
pub(crate) fn proposal_response(stored: StoredProposal, definitions: &ClientCatalog) -> Result<Response, Problem> {
    let book = PriceBook::of(&stored.price_book).with_context(|| format!("read price book of {WHAT} {}", stored.id))?;
    let required = proposal::required_objects(&definitions.catalog, &stored.answers.kpi_selection.kpis);
    let tag = match &stored.issued {
        Some(_) => etag(stored.version),
        None => {
            let quote = proposal::quote(book, &stored.answers, &stored.terms, &required);
            etag_with(stored.version, &price_fingerprint(stored.id, &quote)?)
        }
    };
    let body = Proposal {
        // What was issued was complete, whatever the catalogue has become since.
        missing: match &stored.issued {
            Some(_) => Vec::new(),
            None => proposal::missing(&Questionnaire::new(book), &stored.answers, &required),
        },
        state: current_state(&stored, definitions),
        id: stored.id,
        name: stored.name,
        price_book: stored.price_book,
        version: stored.version,
        revision: stored.revision,
        answers: stored.answers,
        terms: stored.terms,
        team: stored.team,
        issued: stored.issued.map(issued),
        created_at: stored.created_at,
        created_by: actor(stored.created_by),
        updated_at: stored.updated_at,
        updated_by: stored.updated_by.map(actor),
        terms_by: stored.terms_by.map(actor),
    };
    Ok((tag, Json(body)).into_response())
}

/// What tells one price of a draft from another. Its answers and terms have versions; the catalogue that it is priced by is
/// changed by others.
pub(crate) fn price_fingerprint(id: Uuid, quote: &Quote) -> Result<String, Problem> {
    let quote = serde_json::to_vec(quote).context("write quote")?;
    let mut fingerprint = Uuid::new_v5(&id, &quote).simple().to_string();
    fingerprint.truncate(FINGERPRINT_DIGITS);
    Ok(fingerprint)
}

/// Who issued a revision, and what became of it.
pub(crate) fn issued(issued: stored::IssuedRevision) -> Issued {
    Issued {
        at: issued.issued_at,
        by: actor(issued.issued_by),
        valid_until: issued.valid_until,
        decided_at: issued.decided_at,
        decided_by: issued.decided_by.map(actor),
        reason: issued.reason,
    }
}

fn actor(actor: stored::Actor) -> Actor {
    Actor {
        user: actor.user,
        email: actor.email,
    }
}

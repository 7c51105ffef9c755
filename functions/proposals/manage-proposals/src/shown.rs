//! What is stored, as it is answered.

use anyhow::Context as _;
use api::proposals::{Issued, Person, Proposal};
use axum::Json;
use axum::response::{IntoResponse, Response};
use platform::Problem;
use platform::versions::{etag, etag_with};
use proposal::{PriceBook, Questionnaire, Quote};
use records::definitions::ClientCatalog;
use records::proposals::{self as stored, Stored};
use uuid::Uuid;

use crate::{WHAT, state};

/// Digits of a mark: prices do not meet by chance in so many.
const MARK_DIGITS: usize = 12;

/// A proposal with its `ETag`, and what is missing by the catalogue of now.
pub(crate) fn shown(found: Stored, definitions: &ClientCatalog) -> Result<Response, Problem> {
    let book = PriceBook::of(&found.price_book).with_context(|| format!("read price book of {WHAT} {}", found.id))?;
    let required = proposal::required_objects(&definitions.catalog, &found.answers.kpi_selection.kpis);
    let tag = match &found.issued {
        Some(_) => etag(found.version),
        None => {
            let quote = proposal::quote(book, &found.answers, &found.terms, &required);
            etag_with(found.version, &mark(found.id, &quote)?)
        }
    };
    let body = Proposal {
        // What was issued was complete, whatever the catalogue has become since.
        missing: match &found.issued {
            Some(_) => Vec::new(),
            None => proposal::missing(&Questionnaire::new(book), &found.answers, &required),
        },
        state: state(&found, definitions),
        id: found.id,
        name: found.name,
        price_book: found.price_book,
        version: found.version,
        revision: found.revision,
        answers: found.answers,
        terms: found.terms,
        team: found.team,
        issued: found.issued.map(issued),
        created_at: found.created_at,
        created_by: person(found.created_by),
        updated_at: found.updated_at,
        updated_by: found.updated_by.map(person),
        terms_by: found.terms_by.map(person),
    };
    Ok((tag, Json(body)).into_response())
}

/// What tells one price of a draft from another. Its answers and terms have versions; the catalogue that it is priced by is
/// changed by others.
pub(crate) fn mark(id: Uuid, quote: &Quote) -> Result<String, Problem> {
    let quote = serde_json::to_vec(quote).context("write quote")?;
    let mut mark = Uuid::new_v5(&id, &quote).simple().to_string();
    mark.truncate(MARK_DIGITS);
    Ok(mark)
}

/// Who issued a revision, and what became of it.
pub(crate) fn issued(issued: stored::Issued) -> Issued {
    Issued {
        at: issued.issued_at,
        by: person(issued.issued_by),
        valid_until: issued.valid_until,
        decided_at: issued.decided_at,
        decided_by: issued.decided_by.map(person),
        reason: issued.reason,
    }
}

fn person(person: stored::Person) -> Person {
    Person {
        user: person.user,
        email: person.email,
    }
}

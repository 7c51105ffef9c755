//! What is stored, as it is answered.

use anyhow::Context as _;
use api::proposals::{Issued, Person, Proposal};
use axum::Json;
use axum::response::{IntoResponse, Response};
use database::definitions::ClientCatalog;
use database::proposals::{self as stored, Stored};
use platform::Problem;
use platform::versions::etag;
use proposal::{PriceBook, Questionnaire};

use crate::{WHAT, state};

/// A proposal with its `ETag`, and what is missing by the catalogue of now.
pub(crate) fn shown(found: Stored, definitions: &ClientCatalog) -> Result<Response, Problem> {
    let book = PriceBook::of(&found.price_book).with_context(|| format!("read price book of {WHAT} {}", found.id))?;
    let required = proposal::required_objects(&definitions.catalog, &found.answers.kpi_selection.kpis);
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
    Ok((etag(found.version), Json(body)).into_response())
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

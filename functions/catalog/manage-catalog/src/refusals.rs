//! What the catalogue refuses, as problem answers.

use axum::http::StatusCode;
use platform::Problem;
use platform::problem::Issue;
use platform::versions::changed_meanwhile;
use records::definitions::{MAX_CHANGE, Written};

/// Everything that is wrong with a definition, each with its place and hint.
pub(crate) fn invalid(what: &str, code: &str, problems: Vec<catalog::Problem>) -> Problem {
    let issues: Vec<Issue> = problems
        .into_iter()
        .map(|problem| Issue {
            pointer: problem.pointer,
            detail: problem.message,
            hint: problem.hint,
            span: problem.span.map(|span| [span.start, span.end]),
        })
        .collect();
    let first = issues
        .first()
        .map(|issue| format!(": {} {}", issue.pointer, issue.detail))
        .unwrap_or_default();
    Problem::invalid(format!("{what} {code:?} is not valid{first}")).issues(issues)
}

/// The version that a write made, or the problem that kept it from being made.
pub(crate) fn version(written: Written, what: &str, code: &str) -> Result<i32, Problem> {
    Err(match written {
        Written::Stored(version) => return Ok(version),
        Written::Stale(version) => changed_meanwhile(what, code, version),
        Written::Exists(taken) if taken == code => {
            Problem::conflict(format!("{what} {code:?} exists already")).hint("PUT replaces it")
        }
        Written::Exists(taken) => Problem::conflict(format!(
            "{what} {code:?} can't be told apart from {taken:?}, which exists already"
        ))
        .hint("choose another code, or replace that one with PUT"),
        Written::Missing => Problem::not_found(what, code),
        Written::Invalid(problems) => invalid(what, code, problems),
        Written::Full(most) => Problem::conflict(format!(
            "there are {most} definitions of this kind, which is the limit, so {what} {code:?} can't be added"
        ))
        .hint("change one that is not needed any more with PUT; definitions are not deleted, because facts stay"),
        Written::BuiltIn => Problem::conflict(format!("{what} {code:?} is built in and can't be replaced"))
            .hint("define an entity of your own for other attributes"),
        Written::DerivedTooLate => Problem::conflict(format!(
            "{what} {code:?} has facts, which would lack the new derived attribute"
        ))
        .hint("define a new entity and load the facts into it"),
        Written::TooLong => Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "took-too-long",
            "Took too long",
            format!(
                "the change of {what} {code:?} took more than {} s and was undone",
                MAX_CHANGE.as_secs()
            ),
        )
        .hint("try again when less of this entity is being loaded"),
    })
}

//! What the catalogue refuses, as problems.

use database::definitions::Written;
use platform::Problem;
use platform::problem::Issue;
use platform::versions::changed_meanwhile;

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

/// How a write ended, as the version or a problem.
pub(crate) fn version(written: Written, what: &str, code: &str) -> Result<i32, Problem> {
    match written {
        Written::Stored(version) => Ok(version),
        Written::Exists => Err(Problem::conflict(format!("{what} {code:?} exists already")).hint("PUT replaces it")),
        Written::Missing => Err(Problem::not_found(what, code)),
        Written::Stale(version) => Err(changed_meanwhile(what, code, version)),
        Written::FinestFixed(dimensions) => Err(Problem::conflict(format!(
            "the grouping [{}] of {what} {code:?} is kept from another level on, which can't be changed",
            dimensions.join(", ")
        ))
        .hint("what the grouping does not answer is read from the facts; define a new entity for another level")),
        Written::DerivedTooLate => Err(Problem::conflict(format!(
            "{what} {code:?} has facts, which would lack the new derived attribute"
        ))
        .hint("define a new entity and load the facts into it")),
    }
}

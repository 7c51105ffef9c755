//! What the catalogue refuses, as problem answers.

use axum::http::StatusCode;
use catalog::Catalog;
use platform::Problem;
use platform::problem::Issue;
use platform::versions::changed_meanwhile;
use records::definitions::{MAX_CHANGE, User, Written};

/// Seconds after which most of what came under a code has followed the entity that had it.
const FOLLOWED_AFTER: u16 = 60;

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
        .hint("delete one that is not needed any more"),
        Written::BuiltIn => Problem::conflict(format!("{what} {code:?} is built in and can't be changed"))
            .hint("define an entity of your own for other attributes"),
        Written::InUse(users) => in_use(what, code, &users),
        Written::HasFacts => Problem::conflict(format!("{what} {code:?} has facts"))
            .hint("with ?facts=delete they go with it, and its dead letters, batches and files' records too; none of it comes back"),
        Written::Departing(taken) => Problem {
            retry_after: Some(FOLLOWED_AFTER),
            ..Problem::conflict(format!(
                "{what} {taken:?} was deleted or got another code, and not all that came under the code has followed yet"
            ))
            .hint("try again in a minute, or choose another code")
        },
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

/// What is not deleted, because these use it.
pub(crate) fn in_use(what: &str, code: &str, users: &[User]) -> Problem {
    let issues = users.iter().map(|user| Issue {
        pointer: String::new(),
        detail: format!("{} uses it", user.what),
        hint: Some(user.way_out.clone()),
        span: None,
    });
    let first = users.first().map_or("something", |user| user.what.as_str());
    let others = match users.len() {
        0 | 1 => String::new(),
        many => format!(" and {} more", many - 1),
    };
    Problem::new(
        StatusCode::CONFLICT,
        "in-use",
        "In use",
        format!("{what} {code:?} is used by {first}{others}"),
    )
    .hint("see to those that use it first: `issues` names them")
    .issues(issues.collect())
}

/// There is no such entity.
pub(crate) fn no_entity(catalog: &Catalog, code: &str) -> Problem {
    let renamed = catalog.former_entity(code);
    not_found("entity", code, renamed.map(|entity| entity.code()))
}

/// There is no such KPI.
pub(crate) fn no_kpi(catalog: &Catalog, code: &str) -> Problem {
    let renamed = catalog.former_kpi(code);
    not_found("KPI", code, renamed.map(|kpi| kpi.code()))
}

fn not_found(what: &str, code: &str, renamed: Option<&str>) -> Problem {
    let problem = Problem::not_found(what, code);
    match renamed {
        Some(new) => problem.hint(format!("it was renamed to {new}")),
        None => problem,
    }
}

//! `DELETE /v1/entities/{code}/facts`: counted first, and deleted by the confirmation that the count came with.

use anyhow::{Context as _, Result};
use api::ingest::{DeletedFacts, Deletion};
use axum::Json;
use axum::extract::State;
use facts::Placed;
use facts::changes::deletion::{self, Deleted};
use jiff::Timestamp;
use platform::Problem;
use platform::extract::{Authorized, Path, Query};
use platform::query::Pairs;
use records::batches::BatchReport;
use records::undo;
use series::filters::check_value;
use series::plan::{Filter, MAX_FILTER_VALUES, MAX_FILTERS};

use crate::Context;
use crate::undo::{described, go_on, placed};

/// What a request asks for.
struct Wanted {
    from: Timestamp,
    to: Timestamp,
    filter: Filter,
    confirm: Option<String>,
}

pub(crate) async fn delete(
    State(context): State<Context>,
    Authorized(caller): Authorized,
    Path(code): Path<String>,
    Query(pairs): Query<Vec<(String, String)>>,
) -> Result<Json<Deletion>, Problem> {
    let client = caller.client;
    let placed = placed(&context, client, &code).await?;
    let placed = placed.ok_or_else(|| Problem::not_found("entity", &code))?;
    let wanted = wanted(&pairs)?;
    check(&placed, &wanted.filter)?;
    let confirmed = wanted.confirm.as_deref().map(|text| {
        deletion::commit_of(text).ok_or_else(|| {
            Problem::invalid(format!("`confirm` is {text:?}, which is no confirmation"))
                .hint("leave it out: the answer counts what would be deleted, and has the confirmation")
        })
    });
    let up_to = match confirmed.transpose()? {
        Some(commit) => commit,
        None => deletion::last_commit(&context.database, client, &placed)
            .await
            .context("read the last commit")?,
    };
    let deleted = Deleted {
        from: wanted.from,
        to: wanted.to,
        filter: wanted.filter,
        up_to,
    };
    let found = deletion::preview(&context.database, client, &placed, &deleted).await;
    let found = found.context("count facts")?;
    let mut answer = Deletion {
        facts: found.facts,
        first: found.first,
        last: found.last,
        confirmation: found.confirmation,
        change: None,
    };
    let Some(confirm) = wanted.confirm else {
        return Ok(Json(answer));
    };
    if confirm != answer.confirmation {
        return Err(Problem::conflict(
            "the confirmation is not that of these facts: they are others by now, or the request is",
        )
        .hint("send it again without `confirm`, look at what is counted, and confirm that"));
    }
    if answer.facts > 0 {
        let begun = undo::delete(&context.database, client, &placed, &deleted, caller.user).await;
        let change = begun.context("delete facts")?;
        go_on(&context, client, &placed, change).await;
        answer.change = described(&context, client, change).await?;
    }
    Ok(Json(answer))
}

fn wanted(pairs: &[(String, String)]) -> Result<Wanted, Problem> {
    let mut pairs = Pairs::new(pairs, MAX_FILTERS, MAX_FILTER_VALUES)?;
    let (from, to) = pairs.range()?;
    Ok(Wanted {
        from,
        to,
        confirm: pairs.take("confirm").map(str::to_owned),
        filter: pairs.finish()?,
    })
}

/// What a deletion that is listed was asked for, and by whom.
pub(crate) fn asked(report: &BatchReport) -> Result<DeletedFacts> {
    let filter = report.filter.as_deref().unwrap_or("{}");
    Ok(DeletedFacts {
        from: report.deleted_from,
        to: report.deleted_to,
        filter: serde_json::from_str(filter).context("read the filter of a deletion")?,
        by: report.begun_by,
        by_email: report.begun_by_email.clone(),
    })
}

/// Refuses a filter on what is no dimension, with what it never has, or with what PostgreSQL's text can't have: what finds nothing would tell nobody why.
fn check(placed: &Placed, filter: &Filter) -> Result<(), Problem> {
    for (name, values) in filter {
        let mut dimensions = placed.entity.dimensions();
        let Some((_, dimension)) = dimensions.find(|(_, attribute)| attribute.name == *name) else {
            let all: Vec<&str> = placed
                .entity
                .dimensions()
                .map(|(_, attribute)| attribute.name.as_str())
                .collect();
            return Err(
                Problem::invalid(format!("{name:?} is no dimension of {}", placed.entity.code()))
                    .hint(format!("its dimensions are {}", all.join(", "))),
            );
        };
        if values.iter().any(|value| value.contains('\0')) {
            return Err(Problem::invalid(format!(
                "`filter[{name}]` contains the character U+0000"
            )));
        }
        for value in values {
            check_value(name, dimension.kind, value)
                .map_err(|wrong| Problem::invalid(wrong.detail).hint(wrong.hint))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn pairs(text: &str) -> Vec<(String, String)> {
        let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
        pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    #[test]
    fn what_is_deleted_is_said_in_full() {
        let range = "from=2026-01-01T00:00:00Z&to=2026-02-01T00:00:00Z";
        let found = wanted(&pairs(&format!(r"{range}&filter[region]=north,a\,b&filter[big]="))).unwrap();
        assert_eq!(found.filter["region"], ["a,b", "north"].map(str::to_owned).into());
        assert_eq!(found.filter["big"], [String::new()].into());
        for (text, named) in [
            ("from=2026-01-01T00:00:00Z", "\"to\""),
            ("from=yesterday&to=2026-02-01T00:00:00Z", "yesterday"),
            ("from=2026-02-01T00:00:00Z&to=2026-01-01T00:00:00Z", "before"),
            (&format!("{range}&fitler=1"), "fitler"),
        ] {
            let problem = wanted(&pairs(text)).err().unwrap();
            assert!(problem.detail.contains(named), "{text}: {}", problem.detail);
        }
    }
}

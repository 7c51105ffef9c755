//! A draft's discounts, currency and tax.

use anyhow::Context as _;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use database::proposals::Change;
use identity::{Permission, Role};
use platform::Problem;
use platform::extract::{Authorized, Json as Body, Path};
use platform::versions::{changed_meanwhile, expected_version};
use proposal::lifecycle::Action;
use proposal::{PriceBook, Terms};

use crate::shown::shown;
use crate::{Context, WHAT, allowed, invalid, state};

pub(crate) async fn replace(
    State(context): State<Context>,
    authorized: Authorized,
    Path(id): Path<String>,
    headers: HeaderMap,
    Body(terms): Body<Terms>,
) -> Result<Response, Problem> {
    let caller = authorized.with(Permission::WriteProposals)?;
    let expected = expected_version(&headers)?;
    let found = context.proposal(caller.client, &id).await?;
    let definitions = context.definitions(caller.client).await?;
    if found.terms == terms && expected.is_none_or(|expected| expected <= found.version) {
        return shown(found, &definitions);
    }
    if expected.is_some_and(|expected| expected != found.version) {
        return Err(changed_meanwhile(WHAT, &id, found.version));
    }
    allowed(&found, state(&found, &definitions), Action::Edit)?;
    let book = PriceBook::of(&found.price_book).context("read price book")?;
    let problems = terms.problems(&book.currency);
    if !problems.is_empty() {
        return Err(invalid("the terms", problems));
    }
    within_limit(book, caller.role, &terms)?;
    let changed = context.change(&caller, &found, Change::Terms(&terms)).await?;
    shown(changed, &definitions)
}

/// How much may be taken off depends on who gives it.
fn within_limit(book: &PriceBook, role: Role, terms: &Terms) -> Result<(), Problem> {
    let limits = &book.discount_limits;
    let limit = match role {
        Role::Admin => limits.admin_percent.value,
        Role::Analyst | Role::Viewer => limits.analyst_percent.value,
    };
    let highest = terms.highest_discount();
    if highest <= limit {
        return Ok(());
    }
    let most = limits.admin_percent.value;
    let refused = Problem::forbidden(format!(
        "a discount of {highest} % is above the {limit} % of the role {:?}",
        role.name()
    ));
    Err(if highest > most {
        refused.hint(format!("up to {most} % is possible"))
    } else {
        refused.hint("an administrator of your organisation may give it")
    })
}

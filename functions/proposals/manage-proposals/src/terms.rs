//! A draft's discounts, currency and tax.

use anyhow::Context as _;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use identity::{Permission, Role};
use platform::Problem;
use platform::extract::{Authorized, Json as Body, Path};
use platform::versions::{changed_meanwhile, expected_version};
use proposal::lifecycle::Action;
use proposal::{PriceBook, Terms};
use records::proposals::Change;

use crate::shown::shown;
use crate::{Context, MAX_TRIES, WHAT, allowed, invalid, state, too_busy};

pub(crate) async fn replace(
    State(context): State<Context>,
    authorized: Authorized,
    Path(id): Path<String>,
    headers: HeaderMap,
    Body(terms): Body<Terms>,
) -> Result<Response, Problem> {
    let caller = authorized.with(Permission::WriteProposals)?;
    let expected = expected_version(&headers)?;
    for _ in 0..MAX_TRIES {
        let (found, definitions) = context.read(&caller, &id).await?;
        let book = PriceBook::of(&found.price_book).context("read price book")?;
        let checked = terms.clone().checked(&book.currency);
        let checked = checked.map_err(|problems| invalid("the terms", problems))?;
        // The same terms again: a repeated request finds its own effect, whatever version it names.
        if found.terms == checked && expected.is_none_or(|expected| expected <= found.version) {
            return shown(found, &definitions);
        }
        if expected.is_some_and(|expected| expected != found.version) {
            return Err(changed_meanwhile(WHAT, &id, found.version));
        }
        allowed(found.revision, state(&found, &definitions), Action::Edit)?;
        within_limits(book, caller.role, &found.terms, &checked)?;
        if let Some(changed) = context.change(&caller, &found, Change::Terms(&checked)).await? {
            return shown(changed, &definitions);
        }
    }
    Err(too_busy(&id))
}

/// How much may be taken off depends on who gives it; a rate of exchange weighs as much. What an administrator has set stays.
fn within_limits(book: &PriceBook, role: Role, before: &Terms, terms: &Terms) -> Result<(), Problem> {
    let admin = "an administrator of your organisation may set it";
    if terms.exchange != before.exchange && role != Role::Admin {
        return Err(
            Problem::forbidden(format!("the role {:?} may not set a rate of exchange", role.name())).hint(admin),
        );
    }
    let limits = &book.discount_limits;
    let (most, limit) = match role {
        Role::Admin => (limits.admin_percent.value, limits.admin_percent.value),
        Role::Analyst | Role::Viewer | Role::Operator => (limits.admin_percent.value, limits.analyst_percent.value),
    };
    let highest = terms.highest_discount();
    if highest <= limit || terms.discounts == before.discounts {
        return Ok(());
    }
    let role = role.name();
    let refused = Problem::forbidden(format!(
        "a discount of {highest} % is above the {limit} % of the role {role:?}"
    ));
    Err(if highest > most {
        refused.hint(format!("up to {most} % is possible"))
    } else {
        refused.hint(admin)
    })
}

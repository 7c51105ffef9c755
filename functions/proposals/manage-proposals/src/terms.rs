//! A draft's discounts, currency and tax.

use anyhow::Context as _;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use identity::Role;
use platform::Problem;
use platform::extract::{Authorized, Json as Body, Path};
use platform::versions::expected_version;
use proposal::{PriceBook, Terms};
use records::proposals::ProposalChange;

use crate::{Context, invalid};

pub(crate) async fn replace(
    State(context): State<Context>,
    Authorized(caller): Authorized,
    Path(id): Path<String>,
    headers: HeaderMap,
    Body(terms): Body<Terms>,
) -> Result<Response, Problem> {
    let expected = expected_version(&headers)?;
    context
        .change_proposal(&caller, &id, |attempt| async {
            let before = &attempt.proposal.terms;
            let book = PriceBook::of(&attempt.proposal.price_book).context("read price book")?;
            let checked = terms.clone().checked(&book.currency);
            let checked = checked.map_err(|problems| invalid("the terms", problems))?;
            if !attempt.is_to_be_edited(expected, *before == checked)? {
                return Ok(attempt.unchanged());
            }
            within_limits(book, caller.role, before, &checked)?;
            attempt.write(ProposalChange::Terms(&checked)).await
        })
        .await
}

/// How high a discount may be depends on who gives it; an exchange rate weighs as much. What an administrator has set stays.
fn within_limits(book: &PriceBook, role: Role, before: &Terms, terms: &Terms) -> Result<(), Problem> {
    let admin = "an administrator of your organisation may set it";
    if terms.exchange != before.exchange && role != Role::Admin {
        return Err(Problem::forbidden(format!("the role {:?} may not set an exchange rate", role.name())).hint(admin));
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
        "a discount of {highest} % is above the limit of {limit} % for the role {role:?}"
    ));
    Err(if highest > most {
        refused.hint(format!("up to {most} % is possible"))
    } else {
        refused.hint(admin)
    })
}

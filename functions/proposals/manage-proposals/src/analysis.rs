//! What is asked, and what KPIs need, without a proposal.

use anyhow::Context as _;
use api_proposals::KpiCodes;
use axum::Json;
use axum::extract::State;
use platform::Problem;
use platform::extract::{Authorized, Json as Body};
use proposal::{MAX_KPIS, PriceBook, Questionnaire, RequiredObjects};

use crate::Context;

pub(crate) async fn questionnaire() -> Result<Json<Questionnaire>, Problem> {
    let book = PriceBook::newest().context("read price book")?;
    Ok(Json(Questionnaire::new(book)))
}

pub(crate) async fn required_objects(
    State(context): State<Context>,
    Authorized(caller): Authorized,
    Body(codes): Body<KpiCodes>,
) -> Result<Json<RequiredObjects>, Problem> {
    let count = codes.kpis.len();
    if count > MAX_KPIS {
        return Err(
            Problem::invalid(format!("/kpis has {count} codes, but at most {MAX_KPIS} are allowed"))
                .hint("ask about fewer at a time"),
        );
    }
    let definitions = context.definitions(caller.client).await?;
    let catalog = &definitions.catalog;
    let codes = codes.kpis.into_iter().collect();
    Ok(Json(proposal::required_objects(catalog, &codes)))
}

//! The routes of lists: entities and KPIs, both from the definitions that are in memory, by their codes.

use std::ops::Bound;

use api::catalog::{Entities, Entity, Kpi, Kpis};
use axum::Json;
use axum::extract::State;
use catalog::EntityDefinition;
use platform::Problem;
use platform::extract::Authorized;
use platform::list::{List, Page};

use crate::Context;

pub(crate) async fn entities(
    State(context): State<Context>,
    Authorized(caller): Authorized,
    list: List,
) -> Result<Json<Entities>, Problem> {
    let known = context.definitions(caller.client).await?;
    let (domain, search) = (list.text("domain"), list.search());
    let is_wanted = |definition: &EntityDefinition| {
        domain.is_none_or(|domain| definition.domain == domain)
            && search
                .as_ref()
                .is_none_or(|search| search.finds(&[&definition.code, &definition.description]))
    };
    let after: Option<String> = list.after()?;
    let from = after.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
    let following = known.placed.range::<str, _>((from, Bound::Unbounded));
    let wanted = following.filter(|(_, placed)| is_wanted(placed.entity.definition()));
    let found = wanted.map(|(code, placed)| {
        let entity = Entity {
            definition: placed.entity.definition().clone(),
            version: placed.version,
            hints: Vec::new(),
        };
        (code.clone(), entity)
    });
    let Page { items: entities, next } = list.page(found, None)?;
    Ok(Json(Entities { entities, next }))
}

pub(crate) async fn kpis(
    State(context): State<Context>,
    Authorized(caller): Authorized,
    list: List,
) -> Result<Json<Kpis>, Problem> {
    let known = context.definitions(caller.client).await?;
    let (entity, search) = (list.text("entity"), list.search());
    let is_wanted = |kpi: &catalog::Kpi| {
        let definition = &kpi.definition;
        let is = |name: &str, value: &str| list.text(name).is_none_or(|wanted| wanted == value);
        is("module", &definition.module)
            && is("value_chain", &definition.value_chain)
            && is("unit", &definition.unit)
            && is("direction", definition.direction.name())
            && entity.is_none_or(|entity| kpi.reads(entity))
            && search
                .as_ref()
                .is_none_or(|search| search.finds(&[&definition.code, &definition.name, &definition.description]))
    };
    let after: Option<String> = list.after()?;
    let is_before = |kpi: &catalog::Kpi| after.as_deref().is_some_and(|after| kpi.code() <= after);
    let following = known.catalog.kpis().skip_while(|kpi| is_before(kpi));
    let found = following.filter(|kpi| is_wanted(kpi)).map(|kpi| {
        let shown = Kpi {
            definition: kpi.definition.clone(),
            version: known.kpi_versions.get(kpi.code()).copied().unwrap_or_default(),
            refers_to: kpi.refers_to.clone(),
            hints: Vec::new(),
        };
        (kpi.code().to_owned(), shown)
    });
    let Page { items: kpis, next } = list.page(found, None)?;
    Ok(Json(Kpis { kpis, next }))
}

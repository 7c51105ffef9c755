//! The routes of lists: entities, KPIs and what stands beside them, all from the definitions that are in memory, by their codes.

use std::ops::Bound;

use api::catalog::companions::{Actors, Defined, Relationships, ValueChainPatterns};
use api::catalog::{Entities, Entity, Kpi, Kpis};
use axum::Json;
use axum::extract::State;
use catalog::{Actor, Companion, EntityDefinition, Named, Relationship, ValueChainPattern};
use platform::Problem;
use platform::extract::Authorized;
use platform::list::{List, Page, Search};
use records::definitions::ClientCatalog;

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
            && finds(search.as_ref(), &[&definition.code, &definition.description])
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
            && finds(
                search.as_ref(),
                &[&definition.code, &definition.name, &definition.description],
            )
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

pub(crate) async fn relationships(
    State(context): State<Context>,
    Authorized(caller): Authorized,
    list: List,
) -> Result<Json<Relationships>, Problem> {
    let known = context.definitions(caller.client).await?;
    let search = list.search();
    let is_wanted =
        |it: &Relationship| finds(search.as_ref(), &[&it.code, &it.name, &it.description]) && of_entity(&list, it);
    let Page { items, next } = companions(&list, &known, is_wanted)?;
    Ok(Json(Relationships {
        relationships: items,
        next,
    }))
}

pub(crate) async fn actors(
    State(context): State<Context>,
    Authorized(caller): Authorized,
    list: List,
) -> Result<Json<Actors>, Problem> {
    let known = context.definitions(caller.client).await?;
    let search = list.search();
    let is_wanted = |it: &Actor| finds(search.as_ref(), &[&it.code, &it.name, &it.description]) && of_entity(&list, it);
    let Page { items: actors, next } = companions(&list, &known, is_wanted)?;
    Ok(Json(Actors { actors, next }))
}

pub(crate) async fn value_chain_patterns(
    State(context): State<Context>,
    Authorized(caller): Authorized,
    list: List,
) -> Result<Json<ValueChainPatterns>, Problem> {
    let known = context.definitions(caller.client).await?;
    let search = list.search();
    let is = |name: &str, value: &str| list.text(name).is_none_or(|wanted| wanted == value);
    let is_wanted = |it: &ValueChainPattern| {
        let fits = is("industry", &it.industry) && is("value_chain", &it.value_chain);
        fits && finds(search.as_ref(), &[&it.code, &it.name, &it.description])
    };
    let Page { items, next } = companions(&list, &known, is_wanted)?;
    Ok(Json(ValueChainPatterns {
        value_chain_patterns: items,
        next,
    }))
}

/// Whether the texts of a definition have what is searched for, if anything is.
fn finds(search: Option<&Search>, texts: &[&str]) -> bool {
    search.is_none_or(|search| search.finds(texts))
}

/// Whether a definition names the entity that is asked for, if one is.
fn of_entity<C: Companion>(list: &List, companion: &C) -> bool {
    list.text("entity")
        .is_none_or(|entity| companion.names(Named::Entity(entity)))
}

/// A page of a kind that stands beside entities and KPIs.
fn companions<C: Companion>(
    list: &List,
    known: &ClientCatalog,
    is_wanted: impl Fn(&C) -> bool,
) -> Result<Page<Defined<C>>, Problem> {
    let after: Option<String> = list.after()?;
    let is_before = |companion: &C| after.as_deref().is_some_and(|after| companion.code() <= after);
    let following = known.catalog.companions::<C>().skip_while(|it| is_before(it));
    let found = following.filter(|it| is_wanted(it)).map(|it| {
        let code = it.code().to_owned();
        let shown = Defined {
            definition: C::clone(it),
            version: known.companion_version::<C>(&code).unwrap_or_default(),
        };
        (code, shown)
    });
    list.page(found, None)
}

//! `manage-catalog`: creates, replaces, reads, lists, renames and deletes entities and KPIs, and what stands beside them, draws the graph of all, checks and completes
//! formulas, and tells what versions there were of definitions, and what is kept of groupings.

mod advice;
mod companions;
mod deletions;
mod entities;
mod formulas;
mod graph;
mod groupings;
mod hints;
mod kpis;
mod lists;
mod refusals;
mod renames;
mod streams;
mod versions;

use std::sync::Arc;

use answer::Definitions;
use anyhow::{Context as _, Result};
use api::catalog::companions as beside;
use axum::Router;
use catalog::{Actor, Relationship, ValueChainPattern};
use database::{Database, Timeouts};
use identity::Caller;
use platform::http::Routes;
use platform::{Problem, environment};
use records::definitions::{Author, ClientCatalog, MAX_CHANGE};
use registry::Registry;
use uuid::Uuid;

/// A change has so long as a whole, which its transaction sees to ([`MAX_CHANGE`]); no statement takes longer.
const TIMEOUTS: Timeouts = Timeouts {
    statement: MAX_CHANGE,
    lock: MAX_CHANGE,
};

/// Tries of a change that meets a move or a grouping that becomes readable.
const MAX_TRIES: usize = 3;

/// What the function has from its environment.
#[derive(Clone)]
pub struct Context {
    database: Database,
    definitions: Definitions,
    /// For the streams that are pinned.
    registry: Registry,
}

impl Context {
    /// Reads the environment.
    ///
    /// # Errors
    /// When a variable is missing or malformed.
    pub async fn from_environment() -> Result<Self> {
        let table = environment::required("REGISTRY_TABLE")?;
        Ok(Self {
            registry: Registry::connect_to(&platform::aws_configuration().await, table),
            database: platform::database::from_environment()?.with_timeouts(TIMEOUTS),
            definitions: Definitions::default(),
        })
    }

    async fn definitions(&self, client: Uuid) -> Result<Arc<ClientCatalog>, Problem> {
        let current = self.definitions.current(&self.database, client).await;
        current.context("read definitions")?.ok_or_else(Problem::client_is_gone)
    }
}

/// A user who changes the definitions of its client.
fn author(caller: &Caller) -> Author {
    Author {
        client: caller.client,
        user: Some(caller.user),
    }
}

/// The routes of this function.
pub fn router(context: Context) -> Router {
    routes().router(context)
}

fn routes() -> Routes<Context> {
    let routes = Routes::new()
        .serve(&api::catalog::CREATE_ENTITY, entities::create)
        .serve(&api::catalog::LIST_ENTITIES, lists::entities)
        .serve(&api::catalog::READ_ENTITY, entities::read)
        .serve(&api::catalog::REPLACE_ENTITY, entities::replace)
        .serve(&api::catalog::DELETE_ENTITY, deletions::entity)
        .serve(&api::catalog::RENAME_ENTITY, renames::entity)
        .serve(&api::catalog::LIST_GROUPINGS, groupings::list)
        .serve(&api::catalog::GIVE_UP_GROUPINGS, groupings::give_up)
        .serve(&api::catalog::versions::LIST_ENTITY_VERSIONS, versions::list_of_entity)
        .serve(&api::catalog::versions::READ_ENTITY_VERSION, versions::read_of_entity)
        .serve(
            &api::catalog::versions::COMPARE_ENTITY_VERSIONS,
            versions::compare_of_entity,
        )
        .serve(&api::catalog::CREATE_KPI, kpis::create)
        .serve(&api::catalog::LIST_KPIS, lists::kpis)
        .serve(&api::catalog::READ_KPI, kpis::read)
        .serve(&api::catalog::REPLACE_KPI, kpis::replace)
        .serve(&api::catalog::RENAME_KPI, renames::kpi)
        .serve(&api::catalog::DELETE_KPI, deletions::kpi)
        .serve(&api::catalog::versions::LIST_KPI_VERSIONS, versions::list_of_kpi)
        .serve(&api::catalog::versions::READ_KPI_VERSION, versions::read_of_kpi)
        .serve(&api::catalog::versions::COMPARE_KPI_VERSIONS, versions::compare_of_kpi)
        .serve(&api::catalog::advice::ADVISE_GROUPINGS, advice::advise)
        .serve(&api::catalog::formulas::CHECK_FORMULA, formulas::check)
        .serve(&api::catalog::formulas::COMPLETE_FORMULA, formulas::completions);
    routes_beside(routes)
}

/// Those of what stands beside entities and KPIs.
fn routes_beside(routes: Routes<Context>) -> Routes<Context> {
    use companions::{create, delete, read, replace};
    routes
        .serve(&beside::CREATE_RELATIONSHIP, create::<Relationship>)
        .serve(&beside::LIST_RELATIONSHIPS, lists::relationships)
        .serve(&beside::READ_RELATIONSHIP, read::<Relationship>)
        .serve(&beside::REPLACE_RELATIONSHIP, replace::<Relationship>)
        .serve(&beside::DELETE_RELATIONSHIP, delete::<Relationship>)
        .serve(&beside::CREATE_ACTOR, create::<Actor>)
        .serve(&beside::LIST_ACTORS, lists::actors)
        .serve(&beside::READ_ACTOR, read::<Actor>)
        .serve(&beside::REPLACE_ACTOR, replace::<Actor>)
        .serve(&beside::DELETE_ACTOR, delete::<Actor>)
        .serve(&beside::CREATE_VALUE_CHAIN_PATTERN, create::<ValueChainPattern>)
        .serve(&beside::LIST_VALUE_CHAIN_PATTERNS, lists::value_chain_patterns)
        .serve(&beside::READ_VALUE_CHAIN_PATTERN, read::<ValueChainPattern>)
        .serve(&beside::REPLACE_VALUE_CHAIN_PATTERN, replace::<ValueChainPattern>)
        .serve(&beside::DELETE_VALUE_CHAIN_PATTERN, delete::<ValueChainPattern>)
        .serve(&beside::READ_GRAPH, graph::read)
}

/// The code in the path and the one in the body must be the same.
fn same_code(path: &str, body: &str) -> Result<(), Problem> {
    if path == body {
        return Ok(());
    }
    Err(
        Problem::invalid(format!("the path names {path:?} and the body {body:?}"))
            .hint("POST …/rename gives it another code"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_serves_exactly_its_routes() {
        let all = [&api::catalog::ROUTES[..], &beside::ROUTES[..]].concat();
        assert_eq!(routes().differences(env!("CARGO_PKG_NAME"), &all), [""; 0]);
    }
}

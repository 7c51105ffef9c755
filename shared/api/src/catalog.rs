//! The catalogue: definitions of entities and KPIs with what is known of them.

use catalog::{EntityDefinition, KpiDefinition};
use identity::Permission;
use route::{Access, Answer, Body, Method, Parameter, Route};
use serde::Serialize;
use utoipa::ToSchema;

const CODE: Parameter = Parameter::path("code", "Code of the definition.");

/// All routes of this area.
pub static ROUTES: [&Route; 8] = [
    &CREATE_ENTITY,
    &LIST_ENTITIES,
    &READ_ENTITY,
    &REPLACE_ENTITY,
    &CREATE_KPI,
    &LIST_KPIS,
    &READ_KPI,
    &REPLACE_KPI,
];

/// Defines an entity and creates its tables.
pub static CREATE_ENTITY: Route = Route {
    function: "manage-catalog",
    method: Method::Post,
    path: "/v1/entities",
    access: Access::Needs(Permission::WriteCatalog),
    operation: "createEntity",
    summary: "Defines an entity and creates its tables.",
    parameters: &[],
    request: Some(Body::of::<EntityDefinition>()),
    answer: Answer::created::<Entity>(),
};

/// All entities.
pub static LIST_ENTITIES: Route = Route {
    function: "manage-catalog",
    method: Method::Get,
    path: "/v1/entities",
    access: Access::Needs(Permission::ReadCatalog),
    operation: "listEntities",
    summary: "All entities.",
    parameters: &[],
    request: None,
    answer: Answer::ok::<Entities>(),
};

/// One entity with its ETag.
pub static READ_ENTITY: Route = Route {
    function: "manage-catalog",
    method: Method::Get,
    path: "/v1/entities/{code}",
    access: Access::Needs(Permission::ReadCatalog),
    operation: "readEntity",
    summary: "One entity with its ETag.",
    parameters: &[CODE],
    request: None,
    answer: Answer::ok::<Entity>(),
};

/// Replaces an entity's definition, by additions only.
pub static REPLACE_ENTITY: Route = Route {
    function: "manage-catalog",
    method: Method::Put,
    path: "/v1/entities/{code}",
    access: Access::Needs(Permission::WriteCatalog),
    operation: "replaceEntity",
    summary: "Replaces an entity's definition, by additions only: attributes and groupings.",
    parameters: &[CODE, Parameter::IF_MATCH],
    request: Some(Body::of::<EntityDefinition>()),
    answer: Answer::ok::<Entity>(),
};

/// Defines a KPI.
pub static CREATE_KPI: Route = Route {
    function: "manage-catalog",
    method: Method::Post,
    path: "/v1/kpis",
    access: Access::Needs(Permission::WriteCatalog),
    operation: "createKpi",
    summary: "Defines a KPI.",
    parameters: &[],
    request: Some(Body::of::<KpiDefinition>()),
    answer: Answer::created::<Kpi>(),
};

/// All KPIs.
pub static LIST_KPIS: Route = Route {
    function: "manage-catalog",
    method: Method::Get,
    path: "/v1/kpis",
    access: Access::Needs(Permission::ReadCatalog),
    operation: "listKpis",
    summary: "All KPIs.",
    parameters: &[],
    request: None,
    answer: Answer::ok::<Kpis>(),
};

/// One KPI with its ETag.
pub static READ_KPI: Route = Route {
    function: "manage-catalog",
    method: Method::Get,
    path: "/v1/kpis/{code}",
    access: Access::Needs(Permission::ReadCatalog),
    operation: "readKpi",
    summary: "One KPI with its ETag.",
    parameters: &[CODE],
    request: None,
    answer: Answer::ok::<Kpi>(),
};

/// Replaces a KPI's definition.
pub static REPLACE_KPI: Route = Route {
    function: "manage-catalog",
    method: Method::Put,
    path: "/v1/kpis/{code}",
    access: Access::Needs(Permission::WriteCatalog),
    operation: "replaceKpi",
    summary: "Replaces a KPI's definition.",
    parameters: &[CODE, Parameter::IF_MATCH],
    request: Some(Body::of::<KpiDefinition>()),
    answer: Answer::ok::<Kpi>(),
};

/// An entity with what is known of it.
#[derive(Serialize, ToSchema)]
pub struct Entity {
    /// Its definition.
    #[serde(flatten)]
    pub definition: EntityDefinition,
    /// Version, which is also the `ETag`.
    pub version: i32,
}

/// A KPI with what is known of it.
#[derive(Serialize, ToSchema)]
pub struct Kpi {
    /// Its definition.
    #[serde(flatten)]
    pub definition: KpiDefinition,
    /// Version, which is also the `ETag`.
    pub version: i32,
}

/// `GET /v1/entities`.
#[derive(Serialize, ToSchema)]
pub struct Entities {
    /// By code.
    pub entities: Vec<Entity>,
}

/// `GET /v1/kpis`.
#[derive(Serialize, ToSchema)]
pub struct Kpis {
    /// By code.
    pub kpis: Vec<Kpi>,
}

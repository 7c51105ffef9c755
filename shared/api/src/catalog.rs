//! The catalogue: definitions of entities and KPIs with what is known of them.

pub mod advice;
pub mod companions;
pub mod formulas;
pub mod versions;
mod written;

use std::borrow::Cow;

use catalog::{EntityDefinition, EntityRename, KpiDefinition, KpiRename, Level};
use identity::Permission;
use jiff::Timestamp;
use route::{Access, Answer, Body, Form, Method, Parameter, Route};
use serde::Serialize;
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

pub use written::Written;

const CODE: Parameter = Parameter::path("code", "Code of the definition.");

/// All routes of entities, KPIs and formulas; those of what stands beside them are in [`companions`].
pub static ROUTES: [&Route; 23] = [
    &CREATE_ENTITY,
    &LIST_ENTITIES,
    &READ_ENTITY,
    &REPLACE_ENTITY,
    &DELETE_ENTITY,
    &RENAME_ENTITY,
    &LIST_GROUPINGS,
    &GIVE_UP_GROUPINGS,
    &versions::LIST_ENTITY_VERSIONS,
    &versions::READ_ENTITY_VERSION,
    &versions::COMPARE_ENTITY_VERSIONS,
    &CREATE_KPI,
    &LIST_KPIS,
    &READ_KPI,
    &REPLACE_KPI,
    &RENAME_KPI,
    &DELETE_KPI,
    &versions::LIST_KPI_VERSIONS,
    &versions::READ_KPI_VERSION,
    &versions::COMPARE_KPI_VERSIONS,
    &formulas::CHECK_FORMULA,
    &formulas::COMPLETE_FORMULA,
    &advice::ADVISE_GROUPINGS,
];

/// Defines an entity.
pub static CREATE_ENTITY: Route = Route {
    function: "manage-catalog",
    method: Method::Post,
    path: "/v1/entities",
    access: Access::Needs(Permission::WriteCatalog),
    operation: "createEntity",
    summary: "Defines an entity.",
    parameters: &[],
    request: Some(Body::of::<Written<EntityDefinition>>()),
    answer: Answer::created::<Entity>(),
};

/// Entities by their codes.
pub static LIST_ENTITIES: Route = Route {
    function: "manage-catalog",
    method: Method::Get,
    path: "/v1/entities",
    access: Access::Needs(Permission::ReadCatalog),
    operation: "listEntities",
    summary: "Entities by their codes.",
    parameters: &[
        Parameter::filter("domain", "Only of this domain."),
        Parameter::filter(
            "search",
            "Only with this text in code or description, in upper or lower case.",
        ),
        Parameter::CURSOR,
        Parameter::LIMIT,
    ],
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
    request: Some(Body::of::<Written<EntityDefinition>>()),
    answer: Answer::ok::<Entity>(),
};

/// Deletes an entity.
pub static DELETE_ENTITY: Route = Route {
    function: "manage-catalog",
    method: Method::Delete,
    path: "/v1/entities/{code}",
    access: Access::Needs(Permission::WriteCatalog),
    operation: "deleteEntity",
    summary: "Deletes an entity that nothing uses: 409 names the KPIs, relationships, actors, value chain patterns and proposals that do, and what is at work on it. One that has facts is deleted only with facts=delete. Its code can be defined anew, and nothing of before comes back; what is sent to it meanwhile becomes dead letters, as for any code that is not defined.",
    parameters: &[
        CODE,
        Parameter::IF_MATCH,
        Parameter::query(
            "facts",
            "Has its facts go with it, and its dead letters, batches and files' records. Else it is deleted only without facts, and dead letters stay: they can be replayed once the code is defined anew.",
        )
        .of(Form::OneOf(&["delete"])),
    ],
    request: None,
    answer: Answer::NO_CONTENT,
};

/// Gives an entity, or its attributes, other names.
pub static RENAME_ENTITY: Route = Route {
    function: "manage-catalog",
    method: Method::Post,
    path: "/v1/entities/{code}/rename",
    access: Access::Needs(Permission::WriteCatalog),
    operation: "renameEntity",
    summary: "Gives an entity another code, or attributes of it other names, in one step. Its facts, and the groupings, formulas, relationships, actors, value chain patterns, pinned streams and drafts of proposals that name it, follow. What comes under an old name still counts, as long as `formerly` in the definition has it; asked for under an old code it is not found, and the answer names the new one.",
    parameters: &[CODE, Parameter::IF_MATCH],
    request: Some(Body::of::<EntityRename>()),
    answer: Answer::ok::<Entity>(),
};

/// What is kept of an entity's groupings.
pub static LIST_GROUPINGS: Route = Route {
    function: "manage-catalog",
    method: Method::Get,
    path: "/v1/entities/{code}/groupings",
    access: Access::Needs(Permission::ReadCatalog),
    operation: "listGroupings",
    summary: "An entity's groupings: kept, being filled from the facts that were there before them, or kept no longer because they have too many groups. Questions that only one of the latter two could answer go to the facts.",
    parameters: &[
        CODE,
        Parameter::query("state", "Only those of which this holds.").of(Form::OneOf(&["kept", "filling", "stopped"])),
        Parameter::CURSOR,
        Parameter::LIMIT,
    ],
    request: None,
    answer: Answer::ok::<Groupings>(),
};

/// Gives up those that are being filled, or kept no longer.
pub static GIVE_UP_GROUPINGS: Route = Route {
    function: "manage-catalog",
    method: Method::Post,
    path: "/v1/entities/{code}/groupings/give-up",
    access: Access::Needs(Permission::WriteCatalog),
    operation: "giveUpGroupings",
    summary: "Gives up the groupings that are still being filled, and those that are kept no longer: they are taken out of the definition. A new definition may add them again, and they are filled then.",
    parameters: &[CODE],
    request: None,
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
    request: Some(Body::of::<Written<KpiDefinition>>()),
    answer: Answer::created::<Kpi>(),
};

/// KPIs by their codes.
pub static LIST_KPIS: Route = Route {
    function: "manage-catalog",
    method: Method::Get,
    path: "/v1/kpis",
    access: Access::Needs(Permission::ReadCatalog),
    operation: "listKpis",
    summary: "KPIs by their codes.",
    parameters: &[
        Parameter::filter(
            "entity",
            "Only those that read this entity, by their formula or by a target or threshold.",
        ),
        Parameter::filter("module", "Only of this module."),
        Parameter::filter("value_chain", "Only of this part of the value chain."),
        Parameter::filter("unit", "Only in this unit."),
        Parameter::query("direction", "Only those of which this way is good.").of(Form::OneOf(&[
            "higher_is_better",
            "lower_is_better",
            "between",
            "neutral",
        ])),
        Parameter::filter(
            "search",
            "Only with this text in code, name or description, in upper or lower case.",
        ),
        Parameter::CURSOR,
        Parameter::LIMIT,
    ],
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
    request: Some(Body::of::<Written<KpiDefinition>>()),
    answer: Answer::ok::<Kpi>(),
};

/// Gives a KPI another code.
pub static RENAME_KPI: Route = Route {
    function: "manage-catalog",
    method: Method::Post,
    path: "/v1/kpis/{code}/rename",
    access: Access::Needs(Permission::WriteCatalog),
    operation: "renameKpi",
    summary: "Gives a KPI another code. Formulas of KPIs that refer to it, value chain patterns, pinned streams and drafts of proposals follow; offers that were issued keep theirs. Who watches it under the old code is told that there is none any more, and who asks for that is told the new one.",
    parameters: &[CODE, Parameter::IF_MATCH],
    request: Some(Body::of::<KpiRename>()),
    answer: Answer::ok::<Kpi>(),
};

/// Deletes a KPI.
pub static DELETE_KPI: Route = Route {
    function: "manage-catalog",
    method: Method::Delete,
    path: "/v1/kpis/{code}",
    access: Access::Needs(Permission::WriteCatalog),
    operation: "deleteKpi",
    summary: "Deletes a KPI that nothing uses: 409 names the KPIs that refer to it, the value chain patterns, the pinned streams and the proposals that are not ended. No fact goes with it. Who watches it is told that there is none any more.",
    parameters: &[CODE, Parameter::IF_MATCH],
    request: None,
    answer: Answer::NO_CONTENT,
};

/// An entity with what is known of it.
#[derive(Serialize)]
pub struct Entity {
    /// Its definition.
    #[serde(flatten)]
    pub definition: EntityDefinition,
    /// Version, which is also the `ETag`.
    pub version: i32,
    /// Where it was defined or replaced: what the formulas of its attributes do that their author may not expect.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hints: Vec<Hint>,
}

/// A KPI with what is known of it.
#[derive(Serialize)]
pub struct Kpi {
    /// Its definition.
    #[serde(flatten)]
    pub definition: KpiDefinition,
    /// Version, which is also the `ETag`.
    pub version: i32,
    /// The KPIs that its formula names.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub refers_to: Vec<String>,
    /// Where it was defined or replaced: what the definition does that its author may not expect.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hints: Vec<Hint>,
}

/// What a definition does that its author may not expect, such as a sum that has no value where nothing is added up.
#[derive(Serialize, ToSchema)]
pub struct Hint {
    /// JSON pointer to the field, `/formula`.
    pub pointer: String,
    /// What it does.
    pub detail: String,
    /// What to write where that is not meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Where in the text of the field, in UTF-8 bytes from its start: `[from, to)`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub span: Option<[usize; 2]>,
}

/// What is said of the version of a definition that is read.
const VERSION: &str = "Version, which is also the `ETag`.";

impl ToSchema for Entity {
    fn name() -> Cow<'static, str> {
        "Entity".into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        EntityDefinition::schemas(schemas);
        schemas.push((Hint::name().into(), Hint::schema()));
    }
}

impl PartialSchema for Entity {
    fn schema() -> RefOr<Schema> {
        written::answered::<EntityDefinition>(VERSION)
    }
}

impl ToSchema for Kpi {
    fn name() -> Cow<'static, str> {
        "Kpi".into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        KpiDefinition::schemas(schemas);
        schemas.push((Hint::name().into(), Hint::schema()));
    }
}

impl PartialSchema for Kpi {
    fn schema() -> RefOr<Schema> {
        written::answered::<KpiDefinition>(VERSION)
    }
}

/// `GET /v1/entities`.
#[derive(Serialize, ToSchema)]
pub struct Entities {
    /// By code.
    pub entities: Vec<Entity>,
    /// The `cursor` of the next page; null on the last.
    pub next: Option<String>,
}

/// `GET /v1/kpis`.
#[derive(Serialize, ToSchema)]
pub struct Kpis {
    /// By code.
    pub kpis: Vec<Kpi>,
    /// The `cursor` of the next page; null on the last.
    pub next: Option<String>,
}

/// `GET /v1/entities/{code}/groupings`.
#[derive(Serialize, ToSchema)]
pub struct Groupings {
    /// The whole comes first.
    pub groupings: Vec<Grouping>,
    /// The `cursor` of the next page; null on the last.
    pub next: Option<String>,
}

/// A grouping and what is kept of it.
#[derive(Serialize, ToSchema)]
pub struct Grouping {
    /// The names of its dimensions.
    pub dimensions: Vec<String>,
    /// The finest rollup that is kept.
    pub finest: Level,
    /// What is kept of it.
    pub state: GroupingState,
    /// Of one that is being filled: how many of the facts that were there are done; 0 while they are counted, and less than 100 until it answers questions.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 100)]
    pub percent: Option<i64>,
    /// When it began to be filled, or was stopped.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub since: Option<Timestamp>,
    /// Of one that was stopped: groups that a day had.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub groups: Option<i64>,
    /// Of one that was stopped: groups that a day may have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub most: Option<i64>,
    /// Of one that was stopped: why, where that is not the number of its groups, and what to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What is kept of a grouping.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum GroupingState {
    /// It answers questions.
    Kept,
    /// It is being filled from the facts that were there before it.
    Filling,
    /// It is kept no longer.
    Stopped,
}

impl GroupingState {
    /// As it is answered, and asked for.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Filling => "filling",
            Self::Stopped => "stopped",
        }
    }
}

//! What stands beside entities and KPIs: relationships, actors and patterns of value chains; and the graph of all definitions.

use std::borrow::Cow;

use catalog::{Actor, Graph, Relationship, ValueChainPattern};
use identity::Permission;
use route::{Access, Answer, Body, Form, Method, Parameter, Route};
use serde::Serialize;
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::written::versioned;
use super::{CODE, VERSION, Written};

/// All routes of what stands beside entities and KPIs.
pub static ROUTES: [&Route; 16] = [
    &CREATE_RELATIONSHIP,
    &LIST_RELATIONSHIPS,
    &READ_RELATIONSHIP,
    &REPLACE_RELATIONSHIP,
    &DELETE_RELATIONSHIP,
    &CREATE_ACTOR,
    &LIST_ACTORS,
    &READ_ACTOR,
    &REPLACE_ACTOR,
    &DELETE_ACTOR,
    &CREATE_VALUE_CHAIN_PATTERN,
    &LIST_VALUE_CHAIN_PATTERNS,
    &READ_VALUE_CHAIN_PATTERN,
    &REPLACE_VALUE_CHAIN_PATTERN,
    &DELETE_VALUE_CHAIN_PATTERN,
    &READ_GRAPH,
];

const SEARCH: Parameter = Parameter::filter(
    "search",
    "Only with this text in code, name or description, in upper or lower case.",
);

/// Defines a relationship.
pub static CREATE_RELATIONSHIP: Route = Route {
    function: "manage-catalog",
    method: Method::Post,
    path: "/v1/relationships",
    access: Access::Needs(Permission::WriteCatalog),
    operation: "createRelationship",
    summary: "Defines a relationship: an attribute of one entity says which fact of another one is meant.",
    parameters: &[],
    request: Some(Body::of::<Written<Relationship>>()),
    answer: Answer::created::<DefinedRelationship>(),
};

/// Relationships by their codes.
pub static LIST_RELATIONSHIPS: Route = Route {
    function: "manage-catalog",
    method: Method::Get,
    path: "/v1/relationships",
    access: Access::Needs(Permission::ReadCatalog),
    operation: "listRelationships",
    summary: "Relationships by their codes.",
    parameters: &[
        Parameter::filter("entity", "Only those from this entity, or to it."),
        SEARCH,
        Parameter::CURSOR,
        Parameter::LIMIT,
    ],
    request: None,
    answer: Answer::ok::<Relationships>(),
};

/// One relationship with its ETag.
pub static READ_RELATIONSHIP: Route = Route {
    function: "manage-catalog",
    method: Method::Get,
    path: "/v1/relationships/{code}",
    access: Access::Needs(Permission::ReadCatalog),
    operation: "readRelationship",
    summary: "One relationship with its ETag.",
    parameters: &[CODE],
    request: None,
    answer: Answer::ok::<DefinedRelationship>(),
};

/// Replaces a relationship's definition.
pub static REPLACE_RELATIONSHIP: Route = Route {
    function: "manage-catalog",
    method: Method::Put,
    path: "/v1/relationships/{code}",
    access: Access::Needs(Permission::WriteCatalog),
    operation: "replaceRelationship",
    summary: "Replaces a relationship's definition.",
    parameters: &[CODE, Parameter::IF_MATCH],
    request: Some(Body::of::<Written<Relationship>>()),
    answer: Answer::ok::<DefinedRelationship>(),
};

/// Deletes a relationship.
pub static DELETE_RELATIONSHIP: Route = Route {
    function: "manage-catalog",
    method: Method::Delete,
    path: "/v1/relationships/{code}",
    access: Access::Needs(Permission::WriteCatalog),
    operation: "deleteRelationship",
    summary: "Deletes a relationship. No fact goes with it.",
    parameters: &[CODE, Parameter::IF_MATCH],
    request: None,
    answer: Answer::NO_CONTENT,
};

/// Defines an actor.
pub static CREATE_ACTOR: Route = Route {
    function: "manage-catalog",
    method: Method::Post,
    path: "/v1/actors",
    access: Access::Needs(Permission::WriteCatalog),
    operation: "createActor",
    summary: "Defines an actor: a role of people who work with entities.",
    parameters: &[],
    request: Some(Body::of::<Written<Actor>>()),
    answer: Answer::created::<DefinedActor>(),
};

/// Actors by their codes.
pub static LIST_ACTORS: Route = Route {
    function: "manage-catalog",
    method: Method::Get,
    path: "/v1/actors",
    access: Access::Needs(Permission::ReadCatalog),
    operation: "listActors",
    summary: "Actors by their codes.",
    parameters: &[
        Parameter::filter("entity", "Only those who work with this entity."),
        SEARCH,
        Parameter::CURSOR,
        Parameter::LIMIT,
    ],
    request: None,
    answer: Answer::ok::<Actors>(),
};

/// One actor with its ETag.
pub static READ_ACTOR: Route = Route {
    function: "manage-catalog",
    method: Method::Get,
    path: "/v1/actors/{code}",
    access: Access::Needs(Permission::ReadCatalog),
    operation: "readActor",
    summary: "One actor with its ETag.",
    parameters: &[CODE],
    request: None,
    answer: Answer::ok::<DefinedActor>(),
};

/// Replaces an actor's definition.
pub static REPLACE_ACTOR: Route = Route {
    function: "manage-catalog",
    method: Method::Put,
    path: "/v1/actors/{code}",
    access: Access::Needs(Permission::WriteCatalog),
    operation: "replaceActor",
    summary: "Replaces an actor's definition.",
    parameters: &[CODE, Parameter::IF_MATCH],
    request: Some(Body::of::<Written<Actor>>()),
    answer: Answer::ok::<DefinedActor>(),
};

/// Deletes an actor.
pub static DELETE_ACTOR: Route = Route {
    function: "manage-catalog",
    method: Method::Delete,
    path: "/v1/actors/{code}",
    access: Access::Needs(Permission::WriteCatalog),
    operation: "deleteActor",
    summary: "Deletes an actor that nothing uses: 409 names the patterns that do.",
    parameters: &[CODE, Parameter::IF_MATCH],
    request: None,
    answer: Answer::NO_CONTENT,
};

/// Defines a pattern of a value chain.
pub static CREATE_VALUE_CHAIN_PATTERN: Route = Route {
    function: "manage-catalog",
    method: Method::Post,
    path: "/v1/value-chain-patterns",
    access: Access::Needs(Permission::WriteCatalog),
    operation: "createValueChainPattern",
    summary: "Defines a pattern of a value chain: its stages, with who works in each, on what, and what it is measured by.",
    parameters: &[],
    request: Some(Body::of::<Written<ValueChainPattern>>()),
    answer: Answer::created::<DefinedValueChainPattern>(),
};

/// Patterns of value chains by their codes.
pub static LIST_VALUE_CHAIN_PATTERNS: Route = Route {
    function: "manage-catalog",
    method: Method::Get,
    path: "/v1/value-chain-patterns",
    access: Access::Needs(Permission::ReadCatalog),
    operation: "listValueChainPatterns",
    summary: "Patterns of value chains by their codes.",
    parameters: &[
        Parameter::filter("industry", "Only of this industry."),
        Parameter::filter("value_chain", "Only of this value chain."),
        SEARCH,
        Parameter::CURSOR,
        Parameter::LIMIT,
    ],
    request: None,
    answer: Answer::ok::<ValueChainPatterns>(),
};

/// One pattern of a value chain with its ETag.
pub static READ_VALUE_CHAIN_PATTERN: Route = Route {
    function: "manage-catalog",
    method: Method::Get,
    path: "/v1/value-chain-patterns/{code}",
    access: Access::Needs(Permission::ReadCatalog),
    operation: "readValueChainPattern",
    summary: "One pattern of a value chain with its ETag.",
    parameters: &[CODE],
    request: None,
    answer: Answer::ok::<DefinedValueChainPattern>(),
};

/// Replaces the definition of a pattern of a value chain.
pub static REPLACE_VALUE_CHAIN_PATTERN: Route = Route {
    function: "manage-catalog",
    method: Method::Put,
    path: "/v1/value-chain-patterns/{code}",
    access: Access::Needs(Permission::WriteCatalog),
    operation: "replaceValueChainPattern",
    summary: "Replaces the definition of a pattern of a value chain.",
    parameters: &[CODE, Parameter::IF_MATCH],
    request: Some(Body::of::<Written<ValueChainPattern>>()),
    answer: Answer::ok::<DefinedValueChainPattern>(),
};

/// Deletes a pattern of a value chain.
pub static DELETE_VALUE_CHAIN_PATTERN: Route = Route {
    function: "manage-catalog",
    method: Method::Delete,
    path: "/v1/value-chain-patterns/{code}",
    access: Access::Needs(Permission::WriteCatalog),
    operation: "deleteValueChainPattern",
    summary: "Deletes a pattern of a value chain.",
    parameters: &[CODE, Parameter::IF_MATCH],
    request: None,
    answer: Answer::NO_CONTENT,
};

/// The graph of definitions.
pub static READ_GRAPH: Route = Route {
    function: "manage-catalog",
    method: Method::Get,
    path: "/v1/graph",
    access: Access::Needs(Permission::ReadCatalog),
    operation: "readGraph",
    summary: "The graph of all definitions, or of what some KPIs need: as JSON, or as the text of a PlantUML diagram.",
    parameters: &[
        Parameter::query(
            "kpis",
            "Codes of KPIs, separated by commas: only these, the entities that they read, the relationships between those, and their modules and value chains.",
        )
        .of(Form::Like("^[A-Z][A-Z0-9_]{0,63}(,[A-Z][A-Z0-9_]{0,63})*$")),
        Parameter::query(
            "format",
            "How it is written. Without it `Accept` says so: `text/plain` where that is preferred to `application/json`.",
        )
        .of(Form::OneOf(&["json", "plantuml"])),
    ],
    request: None,
    answer: Answer::ok::<Graph>().or_text("The text of a PlantUML diagram."),
};

/// A definition that stands beside entities and KPIs, with what is known of it.
#[derive(Serialize)]
pub struct Defined<C> {
    /// Its definition.
    #[serde(flatten)]
    pub definition: C,
    /// Version, which is also the `ETag`.
    pub version: i32,
}

/// A relationship with what is known of it.
pub type DefinedRelationship = Defined<Relationship>;

/// An actor with what is known of it.
pub type DefinedActor = Defined<Actor>;

/// A pattern of a value chain with what is known of it.
pub type DefinedValueChainPattern = Defined<ValueChainPattern>;

impl<C: ToSchema> ToSchema for Defined<C> {
    /// That of the definition, `ActorDefinition`, becomes `DefinedActor`.
    fn name() -> Cow<'static, str> {
        format!("Defined{}", C::name().trim_end_matches("Definition")).into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        C::schemas(schemas);
    }
}

impl<C: PartialSchema> PartialSchema for Defined<C> {
    fn schema() -> RefOr<Schema> {
        versioned::<C>(VERSION)
    }
}

/// `GET /v1/relationships`.
#[derive(Serialize, ToSchema)]
pub struct Relationships {
    /// By code.
    pub relationships: Vec<DefinedRelationship>,
    /// The `cursor` of the next page; null on the last.
    pub next: Option<String>,
}

/// `GET /v1/actors`.
#[derive(Serialize, ToSchema)]
pub struct Actors {
    /// By code.
    pub actors: Vec<DefinedActor>,
    /// The `cursor` of the next page; null on the last.
    pub next: Option<String>,
}

/// `GET /v1/value-chain-patterns`.
#[derive(Serialize, ToSchema)]
pub struct ValueChainPatterns {
    /// By code.
    pub value_chain_patterns: Vec<DefinedValueChainPattern>,
    /// The `cursor` of the next page; null on the last.
    pub next: Option<String>,
}

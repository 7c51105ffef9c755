//! Versions of definitions: what each was, from when on, who made it so, and in what two of them differ.

use identity::Permission;
use jiff::Timestamp;
use route::{Access, Answer, Form, Method, Parameter, Route};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

const CODE: Parameter = Parameter::path("code", "Code that the definition has, or had then.");
const NUMBER: Parameter = Parameter::path("number", "Number of the version.").of(Form::Whole(1, 2_147_483_647));
const AT: Parameter = Parameter::query(
    "at",
    "Only the version that was in force at this instant, or is, where it has not come yet. 404 where none was, or none of then is kept.",
)
.of(Form::Time);
const AGAINST: Parameter = Parameter::query(
    "against",
    "Number of the version to compare with, in place of the one before.",
)
.of(Form::Whole(1, 2_147_483_647));

/// Versions of an entity.
pub static LIST_ENTITY_VERSIONS: Route = Route {
    function: "manage-catalog",
    method: Method::Get,
    path: "/v1/entities/{code}/versions",
    access: Access::Needs(Permission::ReadCatalog),
    operation: "listEntityVersions",
    summary: "What was defined under an entity's code, the newest first: each version whole, from when on it was in force, and who made it. Also of what was deleted, or has another code.",
    parameters: &[CODE, AT, Parameter::CURSOR, Parameter::LIMIT],
    request: None,
    answer: Answer::ok::<DefinitionVersions>(),
};

/// One version of an entity.
pub static READ_ENTITY_VERSION: Route = Route {
    function: "manage-catalog",
    method: Method::Get,
    path: "/v1/entities/{code}/versions/{number}",
    access: Access::Needs(Permission::ReadCatalog),
    operation: "readEntityVersion",
    summary: "One version of an entity, whole.",
    parameters: &[CODE, NUMBER],
    request: None,
    answer: Answer::ok::<DefinitionVersion>(),
};

/// In what two versions of an entity differ.
pub static COMPARE_ENTITY_VERSIONS: Route = Route {
    function: "manage-catalog",
    method: Method::Get,
    path: "/v1/entities/{code}/versions/{number}/diff",
    access: Access::Needs(Permission::ReadCatalog),
    operation: "compareEntityVersions",
    summary: "In what a version of an entity differs from the one before, or from another.",
    parameters: &[CODE, NUMBER, AGAINST],
    request: None,
    answer: Answer::ok::<DefinitionComparison>(),
};

/// Versions of a KPI.
pub static LIST_KPI_VERSIONS: Route = Route {
    function: "manage-catalog",
    method: Method::Get,
    path: "/v1/kpis/{code}/versions",
    access: Access::Needs(Permission::ReadCatalog),
    operation: "listKpiVersions",
    summary: "What was defined under a KPI's code, the newest first: each version whole, from when on it was in force, and who made it. Also of what was deleted, or has another code.",
    parameters: &[CODE, AT, Parameter::CURSOR, Parameter::LIMIT],
    request: None,
    answer: Answer::ok::<DefinitionVersions>(),
};

/// One version of a KPI.
pub static READ_KPI_VERSION: Route = Route {
    function: "manage-catalog",
    method: Method::Get,
    path: "/v1/kpis/{code}/versions/{number}",
    access: Access::Needs(Permission::ReadCatalog),
    operation: "readKpiVersion",
    summary: "One version of a KPI, whole.",
    parameters: &[CODE, NUMBER],
    request: None,
    answer: Answer::ok::<DefinitionVersion>(),
};

/// In what two versions of a KPI differ.
pub static COMPARE_KPI_VERSIONS: Route = Route {
    function: "manage-catalog",
    method: Method::Get,
    path: "/v1/kpis/{code}/versions/{number}/diff",
    access: Access::Needs(Permission::ReadCatalog),
    operation: "compareKpiVersions",
    summary: "In what a version of a KPI differs from the one before, or from another.",
    parameters: &[CODE, NUMBER, AGAINST],
    request: None,
    answer: Answer::ok::<DefinitionComparison>(),
};

/// Versions of what was defined under a code.
#[derive(Serialize, ToSchema)]
pub struct DefinitionVersions {
    /// The newest first. Where the last of all has a number greater than 1, and was not the first of its code, older ones are not kept any more.
    pub versions: Vec<DefinitionVersion>,
    /// The `cursor` of the next page; null on the last.
    pub next: Option<String>,
}

/// What a definition was from a time on.
#[derive(Serialize, ToSchema)]
pub struct DefinitionVersion {
    /// The code that it is a version of.
    pub code: String,
    /// Its number, which was the `version` and the `ETag` of the definition. Numbers of a code grow, also when something is defined anew under it.
    pub number: i32,
    /// What made it.
    pub change: VersionChange,
    /// From when on it was in force, to a few milliseconds: when its change was written, right before that took effect.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// The user who made it; null where it was none, or that is not known.
    #[schema(value_type = Option<String>, format = "uuid")]
    pub by: Option<Uuid>,
    /// The address that the user had then.
    pub by_email: Option<String>,
    /// Where it was renamed: the code that it had before, under which its earlier versions are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub renamed_from: Option<String>,
    /// Where it was renamed away from this code: the code that it has from then on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub renamed_to: Option<String>,
    /// Where it followed the rename of something else: the code which that has since.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub followed: Option<String>,
    /// All of it, as it is read without its version; null where nothing has the code from then on.
    #[schema(value_type = Option<Object>)]
    pub definition: Option<Value>,
}

/// What made a version of a definition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum VersionChange {
    /// It was there when versions began to be kept: what it was before is not known.
    Found,
    /// It was defined.
    Created,
    /// Another definition took its place.
    Replaced,
    /// It, or attributes of it, got other names.
    Renamed,
    /// Something that it names got another name.
    Followed,
    /// Groupings that were being filled, or kept no longer, were given up.
    GivenUp,
    /// It was deleted.
    Deleted,
}

impl VersionChange {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Found,
        Self::Created,
        Self::Replaced,
        Self::Renamed,
        Self::Followed,
        Self::GivenUp,
        Self::Deleted,
    ];

    /// As it is answered.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Found => "found",
            Self::Created => "created",
            Self::Replaced => "replaced",
            Self::Renamed => "renamed",
            Self::Followed => "followed",
            Self::GivenUp => "given_up",
            Self::Deleted => "deleted",
        }
    }
}

/// In what two versions differ.
#[derive(Serialize, ToSchema)]
pub struct DefinitionComparison {
    /// The one that is compared with; null where there was none before.
    pub before: Option<VersionName>,
    /// The one that was asked for.
    pub after: VersionName,
    /// Their differences; none exactly when they are equal.
    pub differences: Vec<DefinitionDifference>,
}

/// Which version it is.
#[derive(Serialize, ToSchema)]
pub struct VersionName {
    /// The code that it is a version of.
    pub code: String,
    /// Its number.
    pub number: i32,
}

/// A part in which two versions differ, the smallest one: of an attribute with another formula the formula, of a new attribute all of it. Attributes and groupings are
/// compared with those of the same name, wherever they stand and whatever they were called before.
#[derive(Serialize, ToSchema)]
pub struct DefinitionDifference {
    /// JSON pointer to it in the version that was asked for, `/formula`; of what is gone, in the other one. Empty for the whole definition.
    pub pointer: String,
    /// What it was; absent where it is new.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// What it is; absent where it is gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::VersionChange;

    #[test]
    fn changes_have_the_names_that_are_answered() {
        for change in VersionChange::ALL {
            assert_eq!(serde_json::to_value(change).unwrap(), change.name());
        }
    }
}

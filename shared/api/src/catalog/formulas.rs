//! Formulas that nothing is defined by yet: what is right and wrong with them, and what may stand at a place.

use catalog::Level;
use formula::{AttributeType, CompletionKind};
use identity::Permission;
use route::{Access, Answer, Body, Method, Route};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::schema::{Object, ObjectBuilder, Type};

/// Checks a formula.
pub static CHECK_FORMULA: Route = Route {
    function: "manage-catalog",
    method: Method::Post,
    path: "/v1/formulas/check",
    access: Access::Needs(Permission::ReadCatalog),
    operation: "checkFormula",
    summary: "What a text would be as the formula of a KPI, or of a derived attribute: everything that is wrong with it, its canonical form, what it gives and reads, and which rollups answer it. Nothing is defined.",
    parameters: &[],
    request: Some(Body::of::<FormulaText>()),
    answer: Answer::ok::<CheckedFormula>(),
};

/// Says what may stand at a place.
pub static COMPLETE_FORMULA: Route = Route {
    function: "manage-catalog",
    method: Method::Post,
    path: "/v1/formulas/complete",
    access: Access::Needs(Permission::ReadCatalog),
    operation: "completeFormula",
    summary: "What may stand at a place of a formula, best first, for editors. What comes after the place, and what is wrong elsewhere, is no reason to be silent.",
    parameters: &[],
    request: Some(Body::of::<FormulaPlace>()),
    answer: Answer::ok::<Completions>(),
};

/// The body of `POST /v1/formulas/check`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FormulaText {
    /// The text.
    #[schema(examples("COUNT(Flight WHERE on_time) / COUNT(Flight)"))]
    pub formula: String,
    /// Of what it is the formula; of a KPI where this is not said.
    #[serde(default)]
    pub of: Option<FormulaOf>,
}

/// The body of `POST /v1/formulas/complete`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FormulaPlace {
    /// The text as far as it is written.
    #[schema(examples("COUNT(Flight WHERE on"))]
    pub formula: String,
    /// The place, in UTF-16 code units from its start: what editors in a browser count, and JavaScript's `length` of what is before it.
    #[schema(examples(21), maximum = 4096)]
    pub position: usize,
    /// Of what it is the formula; of a KPI where this is not said.
    #[serde(default)]
    pub of: Option<FormulaOf>,
}

/// What a derived attribute's formula belongs to.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FormulaOf {
    /// The code of the entity that the attribute is, or would be, of.
    #[schema(examples("Flight"))]
    pub entity: String,
}

/// What is known of a formula.
#[derive(Serialize, ToSchema)]
pub struct CheckedFormula {
    /// Its canonical form, as it is printed everywhere: null where its form is wrong, or where it is longer or deeper in that form than a formula may be.
    pub canonical: Option<String>,
    /// Everything that is wrong with it; a formula without any can be used.
    pub diagnostics: Vec<FormulaRemark>,
    /// What it does that its author may not expect.
    pub hints: Vec<FormulaRemark>,
    /// The type of what it gives; not there where it is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = result)]
    pub result: Option<AttributeType>,
    /// The aggregates of a KPI's formula that can be used, each once.
    pub measures: Vec<FormulaMeasure>,
    /// What a formula that can be used reads, by entity.
    pub reads: Vec<FormulaReads>,
}

/// What is wrong with a formula, or worth knowing of it.
#[derive(Serialize, ToSchema)]
pub struct FormulaRemark {
    /// Stable name of the kind of remark, for programs.
    #[schema(examples("unknown-attribute"))]
    pub code: &'static str,
    /// What it is.
    pub detail: String,
    /// What to write instead, where that can be said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Where in the text, in UTF-8 bytes from its start: `[from, to)`.
    pub span: [usize; 2],
    /// The same in UTF-16 code units, which is how editors in a browser count.
    pub span_utf16: [usize; 2],
}

/// An aggregate of a formula.
#[derive(Serialize, ToSchema)]
pub struct FormulaMeasure {
    /// The aggregate, written out.
    #[schema(examples("COUNT(Flight WHERE on_time)"))]
    pub measure: String,
    /// The entity whose facts it reads.
    pub entity: String,
    /// The rollup that answers it where a question has neither filter nor split; null where the facts themselves are read.
    pub rollup: Option<FormulaRollup>,
}

/// A rollup that answers a measure.
#[derive(Serialize, ToSchema)]
pub struct FormulaRollup {
    /// The dimensions of its grouping.
    pub dimensions: Vec<String>,
    /// From which level on; finer questions read the facts.
    pub finest: Level,
}

/// What a formula reads of an entity.
#[derive(Serialize, ToSchema)]
pub struct FormulaReads {
    /// The entity.
    pub entity: String,
    /// What is aggregated, filtered by or computed with, by name.
    pub attributes: Vec<String>,
}

/// What may stand at a place.
#[derive(Serialize, ToSchema)]
pub struct Completions {
    /// What each item replaces, in UTF-8 bytes from the start of the text: `[from, to)`. It is the word at the place, or nothing.
    pub replaces: [usize; 2],
    /// The same in UTF-16 code units.
    pub replaces_utf16: [usize; 2],
    /// Best first.
    #[schema(max_items = 128)]
    pub items: Vec<Completion>,
    /// Whether there are more: who types on, or asks again with a letter typed, gets others.
    pub incomplete: bool,
}

/// One thing that may stand at a place.
#[derive(Serialize, ToSchema)]
pub struct Completion {
    /// What it is called.
    #[schema(examples("on_time"))]
    pub label: String,
    /// What it is.
    #[schema(schema_with = kind)]
    pub kind: CompletionKind,
    /// What to write in the place of what it replaces.
    #[schema(examples("on_time"))]
    pub insert: String,
    /// What it is or how it is written, in one line; not there where the label says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// The schema of what a formula gives.
fn result() -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(AttributeType::ALL.map(AttributeType::name)))
        .description(Some(
            "The type of what it gives; not there where it is wrong. A duration is a number of seconds.",
        ))
        .build()
}

/// The schema of what a completion is.
fn kind() -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(CompletionKind::ALL.map(CompletionKind::name)))
        .description(Some("What it is."))
        .build()
}

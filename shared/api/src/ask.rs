//! Asking for numbers: a KPI's current value, its series over a range, and many of both at once.

use std::collections::BTreeMap;

use catalog::{Level, Limit, Mode, Period, Status};
use identity::Permission;
use jiff::Timestamp;
use route::{Access, Answer, Body, Form, Method, Parameter, Route};
use serde::{Deserialize, Serialize};
use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::numbers::{Figure, NumberForm, figure_schema};
use crate::openapi::problem;

const CODE: Parameter = Parameter::path("code", "Code of the KPI.");

const PERIOD: Parameter = Parameter::query(
    "period",
    "Length of the buckets, which begin by the clocks and the calendar of the time zone; weeks begin on Mondays, as ISO 8601 has them, and fiscal years with January, unless the client declared otherwise.",
)
.of(Form::OneOf(&Period::NAMES))
.required();

const TIME_ZONE: Parameter = Parameter::query(
    "time_zone",
    "The IANA time zone whose clocks and calendar the buckets begin by, such as `Asia/Tokyo`; the client's own when absent.",
);

const FILTER: Parameter = Parameter::query(
    "filter",
    r"Values of a dimension, or of one that a path leads to (`filter[customer.segment]=gold`), that count, separated by commas: `filter[origin]=ORD,LAX`. A value's own comma is written `\,` and its own backslash `\\`; an empty value, as in `filter[origin]=` or `filter[origin]=ORD,`, asks for facts without one.",
)
.of(Form::ByKey);

const NUMBERS: Parameter = Parameter::query(
    "numbers",
    "How values are written: `shortest`, which it is when absent, or `text`: every value as a text with all its digits.",
)
.of(Form::OneOf(&["shortest", "text"]));

const STATUS: Parameter = Parameter::query(
    "status",
    "`true`: what each value is held against, and how it stands to it. Refused for a KPI that declares no target and no threshold.",
)
.of(Form::OneOf(&["true"]));

const MODE: Parameter = Parameter::query(
    "mode",
    "`exact`, or `approximate`: percentiles and numbers of different values are answered within a bound from the sketches that the entity declares, and exactly where it keeps none; the KPI's own mode when absent.",
)
.of(Form::OneOf(&["exact", "approximate"]));

/// All routes of this area.
pub static ROUTES: [&Route; 3] = [&READ_VALUE, &READ_SERIES, &CALCULATE];

/// A KPI's value over the current bucket.
pub static READ_VALUE: Route = Route {
    function: "read-series",
    method: Method::Get,
    path: "/v1/kpis/{code}/value",
    access: Access::Needs(Permission::ReadSeries),
    operation: "readValue",
    summary: "A KPI's value over the current bucket.",
    parameters: &[
        CODE,
        PERIOD,
        TIME_ZONE,
        Parameter::query("at", "An instant inside the bucket; now when absent.").of(Form::Time),
        FILTER,
        NUMBERS,
        STATUS,
        MODE,
    ],
    request: None,
    answer: Answer::ok::<KpiValue>(),
};

/// A KPI's values over a range.
pub static READ_SERIES: Route = Route {
    function: "read-series",
    method: Method::Get,
    path: "/v1/kpis/{code}/series",
    access: Access::Needs(Permission::ReadSeries),
    operation: "readSeries",
    summary: "A KPI's values over a range.",
    parameters: &[
        CODE,
        PERIOD,
        TIME_ZONE,
        Parameter::query("from", "RFC 3339; widened to whole buckets.")
            .of(Form::Time)
            .required(),
        Parameter::query("to", "RFC 3339, outside the range; widened to whole buckets.")
            .of(Form::Time)
            .required(),
        Parameter::query("by", "Dimensions to split by, separated by commas; one of another entity by its path, as `customer.segment`."),
        Parameter::query(
            "gaps",
            "`fill`: a point for every bucket that has begun, also for those in which no fact counts, in each group that the range has. Without it they are left out.",
        )
        .of(Form::OneOf(&["fill"])),
        FILTER,
        NUMBERS,
        STATUS,
        MODE,
    ],
    request: None,
    answer: Answer::ok::<Series>(),
};

/// The most questions of one call: what a large dashboard shows.
pub const MAX_QUESTIONS: usize = 128;

/// Many questions at once.
pub static CALCULATE: Route = Route {
    function: "read-series",
    method: Method::Post,
    path: "/v1/calculate",
    access: Access::Needs(Permission::ReadSeries),
    operation: "calculate",
    summary: "Answers many questions at once, as a dashboard has them: all of the same facts, read in one statement, which takes much less time than one after the other.",
    parameters: &[],
    request: Some(Body::of::<Calculation>()),
    answer: Answer::ok::<Calculated>(),
};

/// The body of `POST /v1/calculate`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Calculation {
    /// What is asked.
    #[schema(min_items = 1, max_items = 128)]
    pub questions: Vec<KpiQuestion>,
    /// How the values of all answers are written.
    #[serde(default)]
    pub numbers: NumberForm,
}

/// A question: of a KPI's value over one bucket, or with `from` and `to` of its values over a range. What its fields mean is as in the query strings of
/// `/v1/kpis/{code}/value` and `/v1/kpis/{code}/series`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KpiQuestion {
    /// Code of the KPI.
    #[schema(examples("REVENUE"))]
    pub kpi: String,
    /// Length of the buckets.
    pub period: Period,
    /// The IANA time zone whose clocks and calendar the buckets begin by; the client's own when absent.
    #[serde(default)]
    #[schema(examples("Asia/Tokyo"))]
    pub time_zone: Option<String>,
    /// Of a value: an instant inside the bucket; now when absent.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub at: Option<Timestamp>,
    /// Of values over a range: its start, widened to whole buckets.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub from: Option<Timestamp>,
    /// Its end, outside the range; widened to whole buckets.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub to: Option<Timestamp>,
    /// Of each dimension that is named the values that count; the empty text asks for facts without one.
    #[serde(default)]
    pub filter: BTreeMap<String, Vec<String>>,
    /// Of values over a range: the dimensions to split by.
    #[serde(default)]
    pub by: Vec<String>,
    /// Of values over a range: which buckets in which no fact counts have a point too.
    #[serde(default)]
    pub gaps: Option<Gaps>,
    /// Whether each value is held against the KPI's target and thresholds.
    #[serde(default)]
    pub status: bool,
    /// How percentiles and numbers of different values are answered; the KPI's own mode when absent.
    #[serde(default)]
    pub mode: Option<Mode>,
}

/// What becomes of buckets in which no fact counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Gaps {
    /// Each that has begun has a point.
    Fill,
}

/// The answers to many questions.
#[derive(Serialize, ToSchema)]
pub struct Calculated {
    /// One for each question, in their order.
    pub answers: Vec<OneOfMany>,
}

/// The answer to one of many questions.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OneOfMany {
    /// A value over one bucket.
    Value(Box<KpiValue>),
    /// Values over a range.
    Series(Box<Series>),
    /// Why it can't be answered as it is asked, which spoils no other.
    Problem(RefusedQuestion),
}

/// What a request is answered that is refused, as a part of an answer.
#[derive(Serialize)]
#[serde(transparent)]
pub struct RefusedQuestion(pub serde_json::Value);

impl PartialSchema for RefusedQuestion {
    fn schema() -> RefOr<Schema> {
        problem()
    }
}

impl ToSchema for RefusedQuestion {}

/// A KPI's value over the bucket that holds an instant.
#[derive(Serialize, ToSchema)]
pub struct KpiValue {
    /// KPI.
    pub kpi: String,
    /// Its name.
    pub name: String,
    /// Unit of the value.
    pub unit: String,
    /// Length of the bucket.
    pub period: Period,
    /// The IANA time zone whose clocks and calendar the bucket begins by.
    pub time_zone: String,
    /// Start of the bucket.
    #[schema(value_type = String, format = DateTime)]
    pub from: Timestamp,
    /// End of the bucket, outside it.
    #[schema(value_type = String, format = DateTime)]
    pub to: Timestamp,
    /// The value; null where the formula has none, as in a division by zero. Where no fact counts it is what `empty` of a series is: 0 for a count.
    #[schema(schema_with = figure_schema)]
    pub value: Option<Figure>,
    /// Facts that it is made of; of each entity those of the one stretch of time that has most, where the formula is over several.
    pub facts: i64,
    /// With `status=true`: what it is held against.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub goal: Option<Held>,
    /// Whether the bucket's end is still to come.
    pub open: bool,
    /// `approximate` where something of it is from sketches.
    pub mode: Mode,
    /// In the mode `approximate`: how each of the formula's medians, percentiles and numbers of different values was answered.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub measures: Vec<MeasureMode>,
    /// Where the answer was read from.
    pub plan: Vec<PlanStep>,
    /// What each function of other or shorter periods in the formula means for this question.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub windows: Vec<WindowRule>,
}

/// A KPI's values over a range.
#[derive(Serialize, ToSchema)]
pub struct Series {
    /// KPI.
    pub kpi: String,
    /// Its name.
    pub name: String,
    /// Unit of the values.
    pub unit: String,
    /// Length of the buckets.
    pub period: Period,
    /// The IANA time zone whose clocks and calendar they begin by.
    pub time_zone: String,
    /// Start of the first bucket.
    #[schema(value_type = String, format = DateTime)]
    pub from: Timestamp,
    /// End of the last bucket.
    #[schema(value_type = String, format = DateTime)]
    pub to: Timestamp,
    /// The value of each bucket that has no point, because none of its facts count: 0 for a count, null for a rate.
    #[schema(schema_with = figure_schema)]
    pub empty: Option<Figure>,
    /// Points by bucket, then by group; a bucket in which no fact counts, of its own or of another period that its value is over, has one only with `gaps=fill`.
    pub points: Vec<SeriesPoint>,
    /// `approximate` where something of it is from sketches.
    pub mode: Mode,
    /// In the mode `approximate`: how each of the formula's medians, percentiles and numbers of different values was answered.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub measures: Vec<MeasureMode>,
    /// Where the answer was read from.
    pub plan: Vec<PlanStep>,
    /// What each function of other or shorter periods in the formula means for this question.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub windows: Vec<WindowRule>,
}

/// A value over one bucket, of one group.
#[derive(Serialize, ToSchema)]
pub struct SeriesPoint {
    /// Start of the bucket.
    #[schema(value_type = String, format = DateTime)]
    pub bucket: Timestamp,
    /// The group's value of each dimension in `by`; the empty text stands for facts without one.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub group: BTreeMap<String, String>,
    /// The value; null where the formula has none.
    #[schema(schema_with = figure_schema)]
    pub value: Option<Figure>,
    /// Facts that it is made of; of each entity those of the one stretch of time that has most, where the formula is over several.
    pub facts: i64,
    /// With `status=true`: what it is held against.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub goal: Option<Held>,
}

/// What a value is held against, in its bucket and group, and how it stands to that.
#[derive(Serialize, ToSchema)]
pub struct Held {
    /// How the value stands; null where it, or something that it is held against, has no value.
    pub status: Option<Status>,
    /// What is aimed for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = limit_schema)]
    pub target: Option<Limit<Option<Figure>>>,
    /// Beyond it a value needs attention; without it, beyond the target.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = limit_schema)]
    pub warning: Option<Limit<Option<Figure>>>,
    /// Beyond it a value needs attention at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = limit_schema)]
    pub critical: Option<Limit<Option<Figure>>>,
}

/// What a limit may be: a number, or both ends of a band.
fn limit_schema() -> RefOr<Schema> {
    let band = ObjectBuilder::new()
        .schema_type(Type::Object)
        .property("from", figure_schema())
        .property("to", figure_schema())
        .required("from")
        .required("to")
        .description(Some("Both ends of a band, where `direction` is `between`."));
    RefOr::T(Schema::OneOf(
        OneOfBuilder::new().item(figure_schema()).item(band).build(),
    ))
}

/// A function of other periods, as it was answered.
#[derive(Serialize, ToSchema)]
pub struct WindowRule {
    /// The function, with a point in place of what it is of: `PREVIOUS(…, 1, YEAR)`.
    pub function: String,
    /// Which time it is over for a bucket of the question, and what holds where calendars differ, in words.
    pub rule: String,
    /// Start of the time that it is over, for all buckets of the answer together; not there where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, format = DateTime)]
    pub from: Option<Timestamp>,
    /// Its end, outside it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, format = DateTime)]
    pub to: Option<Timestamp>,
}

/// How a measure was answered that can be answered from a sketch.
#[derive(Serialize, ToSchema)]
pub struct MeasureMode {
    /// The measure, as the formula has it.
    pub measure: String,
    /// How it was answered.
    pub mode: Mode,
    /// By which share of it, at most, a percentile differs from the exact one; of the middle of two values by which share of the larger.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub relative_error: Option<f64>,
    /// The standard error of a number of different values, as a share of it: of 100 numbers 68 are within it, and 95 within twice as much.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub standard_error: Option<f64>,
    /// Why it is exact, with what to declare.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// One read of a plan.
#[derive(Serialize, ToSchema)]
pub struct PlanStep {
    /// Entity.
    pub entity: String,
    /// The rollup's relation, or the facts' where no rollup covers the question.
    pub relation: String,
    /// Dimensions of the grouping whose rollup it is; not there where the facts were read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grouping: Option<Vec<String>>,
    /// Whether the facts themselves were read.
    pub raw: bool,
    /// Length of the buckets that were read.
    pub level: Level,
}

//! Answers that were checked: one type for each step. [`crate::questionnaire`] says what is asked.

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::questionnaire::StepKey;

/// The answers of a proposal. A step that was not answered is absent; inside a step, so is a question without a default.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct Answers {
    /// The cart.
    pub kpi_selection: KpiSelection,
    /// Licensing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub licensing: Option<Licensing>,
    /// By the code of the object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_integration: Option<BTreeMap<String, ObjectIntegration>>,
    /// By the code of the KPI.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kpi_implementation: Option<BTreeMap<String, KpiImplementation>>,
    /// Where the engine runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<Environment>,
    /// How long data is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention: Option<Retention>,
    /// What the sizes are estimated from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub infrastructure: Option<Infrastructure>,
    /// Support.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub managed_services: Option<ManagedServices>,
}

/// The cart.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct KpiSelection {
    /// Codes of KPIs.
    #[schema(value_type = Vec<String>)]
    pub kpis: BTreeSet<String>,
}

/// How long a licence runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Term {
    /// One year.
    OneYear,
    /// Three years.
    ThreeYears,
    /// Five years.
    FiveYears,
}

impl Term {
    /// How many years.
    #[must_use]
    pub fn years(self) -> u8 {
        match self {
            Self::OneYear => 1,
            Self::ThreeYears => 3,
            Self::FiveYears => 5,
        }
    }
}

/// The answers about licensing.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct Licensing {
    /// How long the licence runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub term: Option<Term>,
    /// Value chains beyond those of the KPIs.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    pub additional_value_chains: BTreeSet<String>,
}

/// How an object's data come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Batches that fit already.
    BatchConformed,
    /// Batches of one source, to be transformed.
    BatchSingleSource,
    /// Batches of several sources, to be merged.
    BatchMultiSource,
    /// Batches whose duplicates are to be matched.
    BatchEntityResolution,
    /// A stream with a documented interface.
    StreamingArchitected,
    /// A stream without one: time and materials.
    StreamingNonArchitected,
}

/// The answers about one object.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct ObjectIntegration {
    /// The system that the data come from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_system: Option<String>,
    /// How they come in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<Method>,
}

/// How much of a KPI is made for the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Complexity {
    /// As the catalogue has it.
    OutOfTheBox,
    /// With a changed formula.
    CustomBasic,
    /// With rows restricted by role.
    Rbac,
    /// With rows restricted by a hierarchy: time and materials.
    DynamicRbac,
}

/// The answers about one KPI.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct KpiImplementation {
    /// How much of it is made for the client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub complexity: Option<Complexity>,
}

/// Where the engine runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Platform {
    /// The client's own machines.
    OnPremises,
    /// Azure.
    Azure,
    /// AWS.
    Aws,
    /// GCP.
    Gcp,
    /// Oracle Cloud.
    Oracle,
    /// An environment that exists already: nothing is set up.
    Existing,
}

/// The answers about the environment.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct Environment {
    /// Where the engine runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// The cloud architect's hours, when they were agreed; else the book's range.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cloud_architect_hours: Option<u32>,
}

/// How long data stay in the active database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Active {
    /// 30 days.
    Days30,
    /// 90 days.
    Days90,
    /// 180 days.
    Days180,
    /// 365 days.
    Days365,
    /// 730 days.
    Days730,
    /// As many days as the next question says.
    Custom,
}

/// How long data stay in the archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Archive {
    /// One year.
    Years1,
    /// Three years.
    Years3,
    /// Five years.
    Years5,
    /// Seven years.
    Years7,
    /// Ten years.
    Years10,
    /// For ever.
    Indefinitely,
}

/// What detail of the analytics data is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Granularity {
    /// Every value.
    Raw,
    /// Aggregates by the minute.
    Minute,
    /// Aggregates by the hour.
    Hour,
    /// Aggregates by the day.
    Day,
    /// Aggregates by the month.
    Month,
}

/// A regulation that the client is held to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Regulation {
    /// Data protection in the EU.
    Gdpr,
    /// Financial reporting.
    Sox,
    /// Healthcare.
    Hipaa,
    /// Information security.
    Iso27001,
    /// One of the client's industry, named by the next question.
    Industry,
}

/// The answers about retention.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Retention {
    /// Source data in the active database.
    pub source_active: Active,
    /// Days, when custom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_active_days: Option<u32>,
    /// Whether source data are archived; else they are deleted.
    pub source_archive: bool,
    /// For how long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_archive_for: Option<Archive>,
    /// Analytics data in the active database.
    pub analytics_active: Active,
    /// Days, when custom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub analytics_active_days: Option<u32>,
    /// Whether analytics data are archived; else they are deleted.
    pub analytics_archive: bool,
    /// For how long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub analytics_archive_for: Option<Archive>,
    /// What detail of the analytics data is kept.
    #[schema(value_type = Vec<Granularity>)]
    pub granularity: BTreeSet<Granularity>,
    /// Regulations.
    #[serde(default)]
    #[schema(value_type = Vec<Regulation>)]
    pub compliance: BTreeSet<Regulation>,
    /// The name of the industry's regulation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub industry_regulation: Option<String>,
    /// The least years that it asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub industry_minimum_years: Option<u32>,
}

/// How often dashboards refresh.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Refresh {
    /// Every minute.
    Minute,
    /// Every hour.
    Hour,
    /// Every day.
    Day,
}

/// The answers about load.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct Infrastructure {
    /// Source data that come in, in GB a day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub daily_volume_gb: Option<Decimal>,
    /// Users at the same time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrent_users: Option<u32>,
    /// How often dashboards refresh.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh_period: Option<Refresh>,
    /// Traffic in GB a month, when it is known; else it is estimated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub monthly_transfer_gb: Option<Decimal>,
}

/// Hours of support a year beyond the retainer's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AdditionalHours {
    /// Up to 50, which the retainer covers.
    UpTo50,
    /// From 50 to 100.
    From50To100,
    /// From 100 to 200.
    From100To200,
    /// As many as the next question says.
    Custom,
}

/// The answers about support.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct ManagedServices {
    /// Whether there is a retainer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retainer: Option<bool>,
    /// Hours a year beyond it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub additional_hours: Option<AdditionalHours>,
    /// How many, when custom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub additional_hours_custom: Option<u32>,
}

impl Answers {
    /// Answers that know the cart only.
    #[must_use]
    pub fn to_cart(kpis: impl IntoIterator<Item = String>) -> Self {
        Self {
            kpi_selection: KpiSelection {
                kpis: kpis.into_iter().collect(),
            },
            ..Self::default()
        }
    }

    /// The answers of a step as JSON, such as a form shows them; `None` when it was not answered.
    ///
    /// # Errors
    /// Never for answers of this crate: every type here can be written as JSON.
    pub fn of(&self, step: StepKey) -> Result<Option<serde_json::Value>, serde_json::Error> {
        let value = match step {
            StepKey::KpiSelection => serde_json::to_value(&self.kpi_selection),
            StepKey::Licensing => serde_json::to_value(&self.licensing),
            StepKey::DataIntegration => serde_json::to_value(&self.data_integration),
            StepKey::KpiImplementation => serde_json::to_value(&self.kpi_implementation),
            StepKey::Environment => serde_json::to_value(&self.environment),
            StepKey::Retention => serde_json::to_value(&self.retention),
            StepKey::Infrastructure => serde_json::to_value(&self.infrastructure),
            StepKey::ManagedServices => serde_json::to_value(&self.managed_services),
        };
        value.map(|value| if value.is_null() { None } else { Some(value) })
    }
}

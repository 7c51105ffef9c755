//! Roles of the delivery team, and the skills that each of them has.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A skill that a task takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Skill {
    /// Access to the client's environment: network, accounts, permissions.
    Access,
    /// Setting up the environment.
    Environment,
    /// Integration of batches.
    BatchIntegration,
    /// Integration of streams with a documented interface.
    StreamingArchitected,
    /// Integration of streams without one.
    StreamingNonArchitected,
    /// KPIs of the catalogue, and those with a changed formula.
    Kpi,
    /// KPIs with rows restricted by role.
    KpiRbac,
    /// KPIs with rows restricted by a hierarchy.
    KpiDynamicRbac,
    /// Testing, and help with the client's acceptance.
    Testing,
}

/// A role of the delivery team.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// All work at fixed prices: batches, documented streams, KPIs that are not dynamic. Tests it, too.
    IntegrationDeveloper,
    /// All integration and KPIs by the hour.
    IntegrationArchitect,
    /// Access to the client's environment, at the beginning.
    AccessSpecialist,
    /// The environment, when it is to be set up.
    CloudArchitect,
}

impl Role {
    /// All roles, in the order of the specification.
    pub const ALL: [Self; 4] = [
        Self::IntegrationDeveloper,
        Self::IntegrationArchitect,
        Self::AccessSpecialist,
        Self::CloudArchitect,
    ];

    /// What it is called.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::IntegrationDeveloper => "Integration developer/analyst",
            Self::IntegrationArchitect => "Integration architect",
            Self::AccessSpecialist => "Access specialist",
            Self::CloudArchitect => "Cloud architect",
        }
    }

    /// What anyone of this role can do.
    #[must_use]
    pub fn skills(self) -> &'static [Skill] {
        match self {
            Self::IntegrationDeveloper => &[
                Skill::BatchIntegration,
                Skill::StreamingArchitected,
                Skill::Kpi,
                Skill::KpiRbac,
                Skill::Testing,
            ],
            Self::IntegrationArchitect => &[Skill::StreamingNonArchitected, Skill::KpiDynamicRbac],
            Self::AccessSpecialist => &[Skill::Access],
            Self::CloudArchitect => &[Skill::Environment],
        }
    }
}

//! Roles of the delivery team: what they can do, and what an hour of them costs.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::book::PriceBook;

/// What an hour of an integration developer costs the provider. Clients pay fixed prices: no quote shows this rate.
const DEVELOPER_INTERNAL_RATE: u32 = 70;

/// Something that a task asks of whoever does it.
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

/// Who pays for an hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// The provider, out of fixed prices. Not for a client's eyes.
    Internal,
    /// The client, by the hour.
    TimeAndMaterials,
    /// Nobody: it is a part of the setup.
    Included,
}

/// A role with its rate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct RoleProfile {
    /// The role.
    pub role: Role,
    /// What it is called.
    pub title: &'static str,
    /// What anyone of this role can do.
    pub skills: Vec<Skill>,
    /// Who pays.
    pub basis: Basis,
    /// An hour, in the book's currency; absent when it is included.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub rate_per_hour: Option<Decimal>,
}

/// The roles with their rates by a book.
#[must_use]
pub fn roles(book: &PriceBook) -> Vec<RoleProfile> {
    let profile = |role: Role| {
        let (basis, rate_per_hour) = match role {
            Role::IntegrationDeveloper => (Basis::Internal, Some(Decimal::from(DEVELOPER_INTERNAL_RATE))),
            Role::IntegrationArchitect => (
                Basis::TimeAndMaterials,
                Some(book.integration.streaming_non_architected.rate),
            ),
            Role::CloudArchitect => (Basis::TimeAndMaterials, Some(book.environment.cloud_architect.rate)),
            Role::AccessSpecialist => (Basis::Included, None),
        };
        RoleProfile {
            role,
            title: role.title(),
            skills: role.skills().to_vec(),
            basis,
            rate_per_hour,
        }
    };
    Role::ALL.map(profile).to_vec()
}

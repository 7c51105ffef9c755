//! What an hour of the delivery team costs, by role.

use rust_decimal::Decimal;
use schedule::{Role, Skill};
use serde::Serialize;
use utoipa::ToSchema;

use crate::price_book::PriceBook;

/// What an hour of an integration developer costs the provider. Clients pay fixed prices: no quote shows this rate.
const DEVELOPER_INTERNAL_RATE: u32 = 70;

/// Who pays for an hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// The provider, out of fixed prices. Not for a client's eyes.
    Internal,
    /// The client, by the hour.
    TimeAndMaterials,
    /// Nobody: it is part of the setup.
    Included,
}

/// A role with its rate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct RoleRate {
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

/// The roles with their rates in a price book.
#[must_use]
pub fn role_rates(book: &PriceBook) -> Vec<RoleRate> {
    let rate = |role: Role| {
        let (basis, rate_per_hour) = match role {
            Role::IntegrationDeveloper => (Basis::Internal, Some(Decimal::from(DEVELOPER_INTERNAL_RATE))),
            Role::IntegrationArchitect => (
                Basis::TimeAndMaterials,
                Some(book.integration.streaming_non_architected.rate),
            ),
            Role::CloudArchitect => (Basis::TimeAndMaterials, Some(book.environment.cloud_architect.rate)),
            Role::AccessSpecialist => (Basis::Included, None),
        };
        RoleRate {
            role,
            title: role.title(),
            skills: role.skills().to_vec(),
            basis,
            rate_per_hour,
        }
    };
    Role::ALL.map(rate).to_vec()
}

//! Price books: every figure that a quote is computed from, with where it comes from.
//!
//! A book is a file of `price_books/`, compiled in, and never changed once a proposal was priced with it: new prices are a new
//! file. A proposal keeps the version it was begun with. Reading a book checks that it has every item, so pricing
//! never looks for one that is missing.

use std::sync::LazyLock;

use rust_decimal::Decimal;
use serde::Deserialize;

/// The versions that exist, oldest first.
static BOOKS: LazyLock<Vec<Result<PriceBook, PriceBookError>>> =
    LazyLock::new(|| vec![PriceBook::parse(include_str!("../price_books/2025-11-11.json"))]);

/// Prices, rates and the figures that sizes are estimated with.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PriceBook {
    /// The name of this version, a date.
    pub version: String,
    /// The currency of every price, as an ISO 4217 code.
    pub currency: String,
    /// A value chain for a year, by the term of the licence.
    pub license: License,
    /// An object of the client's data, by the way it is integrated.
    pub integration: Integration,
    /// A KPI, by its complexity.
    pub kpi: KpiPrices,
    /// Setting up where the engine runs.
    pub environment: Setup,
    /// Instances, for a month.
    pub compute: Compute,
    /// Storage, for a month.
    pub storage: Storage,
    /// Traffic.
    pub network: Network,
    /// Support.
    pub managed_services: Support,
    /// Most percent that may be taken off, by who gives the discount.
    pub discount_limits: DiscountLimits,
    /// What sizes are estimated with.
    pub sizing: Sizing,
}

/// A price of one piece.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// The price.
    pub price: Decimal,
    /// Where the figure comes from.
    pub source: String,
}

/// A fixed price of work.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fixed {
    /// The price of the whole.
    pub price: Decimal,
    /// The hours of work it is planned with.
    pub hours: Decimal,
    /// Where the figures come from.
    pub source: String,
}

/// Work by the hour (T&M), whose hours are estimated.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hourly {
    /// The price of an hour.
    pub rate: Decimal,
    /// The least hours of one piece.
    pub min_hours: Decimal,
    /// The most hours of one piece.
    pub max_hours: Decimal,
    /// Where the figures come from.
    pub source: String,
}

/// A figure that is no price.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Figure {
    /// The figure, in the unit that its name says.
    pub value: Decimal,
    /// Where it comes from.
    pub source: String,
}

/// A part of the book: a struct whose fields are items, and the list of them.
macro_rules! part {
    ($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $field:ident: $kind:ty,)* }) => {
        $(#[$about])*
        #[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct $name { $($(#[$doc])* pub $field: $kind,)* }

        impl $name {
            fn problems(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
                [$((stringify!($field), self.$field.problem())),*]
                    .into_iter()
                    .filter_map(|(field, problem)| Some((field, problem?)))
            }
        }
    };
}

part! {
    /// A value chain for a year.
    License {
        /// Of a licence for one year.
        one_year: Price,
        /// Of a licence for three years.
        three_years: Price,
        /// Of a licence for five years.
        five_years: Price,
    }
}
part! {
    /// The integration of one object.
    Integration {
        /// Batches that fit already.
        batch_conformed: Fixed,
        /// Batches of one source, to be transformed.
        batch_single_source: Fixed,
        /// Batches of several sources, to be merged.
        batch_multi_source: Fixed,
        /// Batches whose duplicates are to be matched.
        batch_entity_resolution: Fixed,
        /// A stream with a documented interface.
        streaming_architected: Fixed,
        /// A stream without one.
        streaming_non_architected: Hourly,
    }
}
part! {
    /// The implementation of one KPI.
    KpiPrices {
        /// As the catalogue has it.
        out_of_the_box: Fixed,
        /// With a changed formula.
        custom_basic: Fixed,
        /// With rows restricted by role.
        rbac: Fixed,
        /// With rows restricted by a hierarchy.
        dynamic_rbac: Hourly,
    }
}
part! {
    /// Setting up an environment.
    Setup {
        /// The cloud architect.
        cloud_architect: Hourly,
    }
}
part! {
    /// Instances for a month.
    Compute {
        /// Of the gateway.
        gateway: Price,
        /// Of a business service.
        business: Price,
        /// Of a backend service.
        backend: Price,
    }
}
part! {
    /// Storage for a month.
    Storage {
        /// A GB of the active database.
        hot: Price,
        /// A GB of the archive.
        cold: Price,
        /// The instance for messages and caching.
        cache: Price,
    }
}
part! {
    /// Traffic.
    Network {
        /// A GB.
        transfer: Price,
    }
}
part! {
    /// Support.
    Support {
        /// The retainer for a year.
        retainer: Price,
        /// An hour.
        hour: Price,
    }
}
part! {
    /// Most percent of a discount.
    DiscountLimits {
        /// Of one that an analyst gives.
        analyst_percent: Figure,
        /// Of one that an administrator gives.
        admin_percent: Figure,
    }
}
part! {
    /// What sizes are estimated with.
    Sizing {
        /// Services of the business tier, and as many of the backend tier.
        services_per_tier: Figure,
        /// The least replicas of anything.
        least_replicas: Figure,
        /// Concurrent users of a replica whose dashboards refresh by the minute; the gateway's replicas at any refresh.
        users_per_replica_minute: Figure,
        /// The same by the hour.
        users_per_replica_hour: Figure,
        /// The same by the day.
        users_per_replica_day: Figure,
        /// KPIs of a replica.
        kpis_per_replica: Figure,
        /// GB of source data a day of a replica.
        gb_per_day_per_replica: Figure,
        /// Stored KPI values by the event, as a share of the source data.
        analytics_share_raw: Figure,
        /// Aggregates by the minute, likewise.
        analytics_share_minute: Figure,
        /// Aggregates by the hour.
        analytics_share_hour: Figure,
        /// Aggregates by the day.
        analytics_share_day: Figure,
        /// Aggregates by the month.
        analytics_share_month: Figure,
        /// GB a month to a user, refresh by the minute.
        transfer_gb_per_user_minute: Figure,
        /// GB a month to a user, refresh by the hour.
        transfer_gb_per_user_hour: Figure,
        /// GB a month to a user, refresh by the day.
        transfer_gb_per_user_day: Figure,
    }
}

/// Why there is no such book.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PriceBookError {
    /// No file has this version.
    #[error("there is no price book {0:?}")]
    Unknown(String),
    /// The file is not a price book: an item is missing, unknown or malformed.
    #[error("the price book can't be read: {0}")]
    Malformed(String),
    /// A figure has an impossible value.
    #[error("the price book {version:?} has a wrong item {item}: {problem}")]
    Wrong {
        /// The version.
        version: String,
        /// The item, `integration.batch_conformed`.
        item: String,
        /// What is wrong with it.
        problem: &'static str,
    },
}

impl PriceBook {
    /// The newest book, for new proposals.
    ///
    /// # Errors
    /// When the file is broken.
    pub fn newest() -> Result<&'static Self, PriceBookError> {
        match BOOKS.last() {
            Some(book) => book.as_ref().map_err(Clone::clone),
            None => Err(PriceBookError::Unknown("newest".to_owned())),
        }
    }

    /// The book of a version, for proposals that were begun with it.
    ///
    /// # Errors
    /// When there is none.
    pub fn of(version: &str) -> Result<&'static Self, PriceBookError> {
        let mut whole = BOOKS.iter().filter_map(|book| book.as_ref().ok());
        whole
            .find(|book| book.version == version)
            .ok_or_else(|| PriceBookError::Unknown(version.to_owned()))
    }

    /// Reads a book and checks that it is whole.
    ///
    /// # Errors
    /// The first item that is missing, or cannot be what it is.
    pub fn parse(text: &str) -> Result<Self, PriceBookError> {
        let book: Self = serde_json::from_str(text).map_err(|error| PriceBookError::Malformed(error.to_string()))?;
        match book.wrong_item() {
            Some((item, problem)) => Err(PriceBookError::Wrong {
                version: book.version,
                item,
                problem,
            }),
            None => Ok(book),
        }
    }

    fn wrong_item(&self) -> Option<(String, &'static str)> {
        let named = |part: &'static str| move |(field, problem)| (format!("{part}.{field}"), problem);
        let mut prices = (self.license.problems().map(named("license")))
            .chain(self.integration.problems().map(named("integration")))
            .chain(self.kpi.problems().map(named("kpi")))
            .chain(self.environment.problems().map(named("environment")))
            .chain(self.compute.problems().map(named("compute")))
            .chain(self.storage.problems().map(named("storage")))
            .chain(self.network.problems().map(named("network")))
            .chain(self.managed_services.problems().map(named("managed_services")))
            .chain(self.discount_limits.problems().map(named("discount_limits")))
            .chain(self.sizing.problems().map(named("sizing")));
        prices.next()
    }
}

const NO_SOURCE: &str = "it has no source";
const NOT_POSITIVE: &str = "it must be above zero";
const HOURS_REVERSED: &str = "its maximum of hours is below its minimum";

fn problem(source: &str, figures: &[Decimal]) -> Option<&'static str> {
    if source.trim().is_empty() {
        Some(NO_SOURCE)
    } else if figures.iter().any(|figure| *figure <= Decimal::ZERO) {
        // Replicas and rates are divided by, and nothing in a book is given away.
        Some(NOT_POSITIVE)
    } else {
        None
    }
}

impl Price {
    fn problem(&self) -> Option<&'static str> {
        problem(&self.source, &[self.price])
    }
}

impl Fixed {
    fn problem(&self) -> Option<&'static str> {
        problem(&self.source, &[self.price, self.hours])
    }
}

impl Figure {
    fn problem(&self) -> Option<&'static str> {
        problem(&self.source, &[self.value])
    }
}

impl Hourly {
    fn problem(&self) -> Option<&'static str> {
        let reversed = (self.max_hours < self.min_hours).then_some(HOURS_REVERSED);
        problem(&self.source, &[self.rate, self.min_hours]).or(reversed)
    }
}

#[cfg(test)]
mod tests;

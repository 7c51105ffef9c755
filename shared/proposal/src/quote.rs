//! A quote: lines, and totals that are sums of them.

use rust_decimal::{Decimal, RoundingStrategy};
use serde::Serialize;
use utoipa::ToSchema;

use crate::check::Missing;
use crate::retention::Adjustment;

/// Months of a year.
const YEAR_MONTHS: u32 = 12;

/// Two numbers: the least and the most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, ToSchema)]
pub struct Range {
    /// The least.
    #[schema(value_type = String)]
    pub min: Decimal,
    /// The most.
    #[schema(value_type = String)]
    pub max: Decimal,
}

impl Range {
    /// Both are the same.
    pub(crate) fn exactly(value: impl Into<Decimal>) -> Self {
        let value = value.into();
        Self { min: value, max: value }
    }

    fn map(self, change: impl Fn(Decimal) -> Decimal) -> Self {
        Self {
            min: change(self.min),
            max: change(self.max),
        }
    }
}

impl std::ops::Add for Range {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            min: self.min + other.min,
            max: self.max + other.max,
        }
    }
}

impl std::iter::Sum for Range {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), std::ops::Add::add)
    }
}

/// A part of a quote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Section {
    /// Licences.
    Licensing,
    /// Integration of objects at fixed prices.
    DataIntegration,
    /// Implementation of KPIs at fixed prices.
    KpiImplementation,
    /// Setting up the environment.
    Environment,
    /// Integration and KPIs by the hour.
    TimeAndMaterials,
    /// Compute, storage and network.
    Infrastructure,
    /// Support.
    ManagedServices,
}

/// How often a line is paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Period {
    /// Once.
    Once,
    /// Every month.
    Month,
    /// Every year.
    Year,
}

/// One line: its amount is quantity times unit price, rounded to the cent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Line {
    /// The part of the quote.
    pub section: Section,
    /// The item of the price book, which also names its description: `integration.batch_conformed`.
    pub key: &'static str,
    /// What it is for: the code of an object or a KPI, a value chain, a platform.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The system that an object comes from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_system: Option<String>,
    /// How many units.
    pub quantity: Range,
    /// The unit: `each`, `hour`, `instance`, `GB`.
    pub unit: &'static str,
    /// The price of a unit.
    #[schema(value_type = String)]
    pub unit_price: Decimal,
    /// How often it is paid.
    pub period: Period,
    /// The amount each time.
    pub amount: Range,
    /// Hours of work, or of support, that it stands for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hours: Option<Range>,
}

impl Line {
    /// A line of a quantity. Here alone, amounts are rounded: to the cent, halves away from zero.
    pub(crate) fn new(
        section: Section,
        key: &'static str,
        quantity: Range,
        unit: &'static str,
        unit_price: Decimal,
    ) -> Self {
        let cents = |amount: Decimal| amount.round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero);
        let period = match section {
            Section::Licensing | Section::ManagedServices => Period::Year,
            Section::Infrastructure => Period::Month,
            _ => Period::Once,
        };
        Self {
            section,
            key,
            subject: None,
            source_system: None,
            quantity,
            unit,
            unit_price,
            period,
            amount: quantity.map(|quantity| cents(quantity * unit_price)),
            hours: None,
        }
    }

    pub(crate) fn about(mut self, subject: impl Into<String>) -> Self {
        self.subject = Some(subject.into());
        self
    }

    pub(crate) fn of_system(mut self, system: Option<&String>) -> Self {
        self.source_system = system.cloned();
        self
    }

    pub(crate) fn taking(mut self, hours: Range) -> Self {
        self.hours = Some(hours);
        self
    }

    /// What it costs in a year; nothing when it is paid once.
    fn per_year(&self) -> Range {
        match self.period {
            Period::Once => Range::default(),
            Period::Month => self.amount.map(|amount| amount * Decimal::from(YEAR_MONTHS)),
            Period::Year => self.amount,
        }
    }
}

/// Sums of lines. Nothing here is rounded.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, ToSchema)]
pub struct Totals {
    /// Licences, a year.
    pub licensing_per_year: Range,
    /// Licences over their term; absent without a term.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub licensing_term: Option<Range>,
    /// Integration of objects at fixed prices.
    pub data_integration: Range,
    /// Implementation of KPIs at fixed prices.
    pub kpi_implementation: Range,
    /// Setting up the environment.
    pub environment: Range,
    /// Integration and KPIs by the hour.
    pub time_and_materials: Range,
    /// The four before together: what is paid once.
    pub implementation: Range,
    /// Hours of the four together.
    pub implementation_hours: Range,
    /// Compute, storage and network, a month.
    pub infrastructure_per_month: Range,
    /// The same, a year.
    pub infrastructure_per_year: Range,
    /// Support, a year.
    pub managed_services_per_year: Range,
    /// The first year: what is paid once, and what is paid every year.
    pub year_1: Range,
    /// Every later year.
    pub recurring_per_year: Range,
    /// All years of the term; absent without a term.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub term: Option<Range>,
}

impl Totals {
    pub(crate) fn of(lines: &[Line], term_years: Option<u8>) -> Self {
        let of = |section| lines.iter().filter(move |line| line.section == section);
        let once = |section| of(section).map(|line| line.amount).sum::<Range>();
        let per_year = |section| of(section).map(Line::per_year).sum::<Range>();
        let one_time = || lines.iter().filter(|line| line.period == Period::Once);
        let implementation: Range = one_time().map(|line| line.amount).sum();
        let recurring: Range = lines.iter().map(Line::per_year).sum();
        let years = |amount: Range, years: u8| amount.map(|amount| amount * Decimal::from(years));
        let licensing_per_year = per_year(Section::Licensing);
        let year_1 = implementation + recurring;
        Self {
            licensing_per_year,
            licensing_term: term_years.map(|term| years(licensing_per_year, term)),
            data_integration: once(Section::DataIntegration),
            kpi_implementation: once(Section::KpiImplementation),
            environment: once(Section::Environment),
            time_and_materials: once(Section::TimeAndMaterials),
            implementation,
            implementation_hours: one_time().filter_map(|line| line.hours).sum(),
            infrastructure_per_month: once(Section::Infrastructure),
            infrastructure_per_year: per_year(Section::Infrastructure),
            managed_services_per_year: per_year(Section::ManagedServices),
            year_1,
            recurring_per_year: recurring,
            term: term_years.map(|term| year_1 + years(recurring, term.saturating_sub(1))),
        }
    }
}

/// Something that a reader of the quote should know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Notice {
    /// What it is about: the name of a step, a slash, and what there.
    pub pointer: String,
    /// What is so.
    pub text: String,
    /// What can be done about it.
    pub hint: String,
}

/// What the answers so far cost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Quote {
    /// The version of the price book.
    pub price_book: String,
    /// The currency of every amount.
    pub currency: String,
    /// Whether nothing is missing and every KPI of the cart exists.
    pub complete: bool,
    /// The lines, section by section.
    pub lines: Vec<Line>,
    /// Sums of the lines.
    pub totals: Totals,
    /// What is still to be answered, and so not in the lines.
    pub missing: Vec<Missing>,
    /// Retention that was lengthened.
    pub adjustments: Vec<Adjustment>,
    /// What else a reader should know.
    pub notices: Vec<Notice>,
}

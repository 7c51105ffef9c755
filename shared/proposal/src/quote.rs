//! A quote: lines, and totals that are sums of them.

use std::borrow::Cow;

use rust_decimal::{Decimal, RoundingStrategy};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::check::Missing;
use crate::retention::Adjustment;

/// Months of a year.
const YEAR_MONTHS: u32 = 12;

/// Decimals of an amount in the currencies of price books.
pub(crate) const CENTS: u32 = 2;

/// An amount as it is paid and written: with all decimals of its currency, halves rounded away from zero.
pub(crate) fn money(amount: Decimal, decimals: u32) -> Decimal {
    let mut amount = amount.round_dp_with_strategy(decimals, RoundingStrategy::MidpointAwayFromZero);
    amount.rescale(decimals);
    amount
}

/// Two numbers: the least and the most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct Range {
    /// The least.
    #[schema(value_type = String)]
    pub min: Decimal,
    /// The most.
    #[schema(value_type = String)]
    pub max: Decimal,
}

impl Range {
    /// One number: both ends are the same.
    #[must_use]
    pub fn exactly(value: impl Into<Decimal>) -> Self {
        let value = value.into();
        Self { min: value, max: value }
    }

    /// The same range with a change made to both ends.
    #[must_use]
    pub fn map(self, change: impl Fn(Decimal) -> Decimal) -> Self {
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
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
    /// What is taken off: amounts below zero.
    Discount,
    /// Tax.
    Tax,
}

/// How often a line is paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Period {
    /// Once.
    Once,
    /// Every month.
    Month,
    /// Every year.
    Year,
}

/// One line: its amount is quantity times unit price, rounded to the decimals of its currency. For a discount or a tax, the quantity is the amount that it
/// is calculated on, and the unit price the share: then each end of the amount belongs to that end of the quantity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Line {
    /// The part of the quote.
    pub section: Section,
    /// The item of the price book, which also names its description: `integration.batch_conformed`.
    pub key: Cow<'static, str>,
    /// What it is for: the code of an object or a KPI, a value chain, a platform.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The system that an object comes from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_system: Option<String>,
    /// How many units.
    pub quantity: Range,
    /// The unit: `each`, `hour`, `instance`, `GB`, `of amount`.
    pub unit: Cow<'static, str>,
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
    /// A line of a quantity, in the currency of a price book.
    pub(crate) fn new(
        section: Section,
        key: &'static str,
        quantity: Range,
        unit: &'static str,
        unit_price: Decimal,
    ) -> Self {
        let period = match section {
            Section::Licensing | Section::ManagedServices => Period::Year,
            Section::Infrastructure => Period::Month,
            _ => Period::Once,
        };
        Self {
            section,
            key: key.into(),
            subject: None,
            source_system: None,
            quantity,
            unit: unit.into(),
            unit_price,
            period,
            amount: quantity.map(|quantity| money(quantity * unit_price, CENTS)),
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

    /// What it costs once; nothing when it is paid again and again.
    #[must_use]
    pub fn paid_once(&self) -> Range {
        match self.period {
            Period::Once => self.amount,
            Period::Month | Period::Year => Range::default(),
        }
    }

    /// What it costs in a year; nothing when it is paid once.
    #[must_use]
    pub fn per_year(&self) -> Range {
        match self.period {
            Period::Once => Range::default(),
            Period::Month => self.amount.map(|amount| amount * Decimal::from(YEAR_MONTHS)),
            Period::Year => self.amount,
        }
    }
}

/// Sums of lines. Nothing here is rounded.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
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
    /// The four before together, before discounts and tax.
    pub implementation: Range,
    /// Hours of the four together.
    pub implementation_hours: Range,
    /// Compute, storage and network, a month.
    pub infrastructure_per_month: Range,
    /// The same, a year.
    pub infrastructure_per_year: Range,
    /// Support, a year.
    pub managed_services_per_year: Range,
    /// What discounts take off the first year, below zero; absent without discounts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub discounts_year_1: Option<Range>,
    /// Tax of the first year; absent without tax.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tax_year_1: Option<Range>,
    /// The first year: what is paid once, and what is paid every year, discounts and tax included.
    pub year_1: Range,
    /// Every later year.
    pub recurring_per_year: Range,
    /// All years of the term; absent without a term.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub term: Option<Range>,
}

impl Totals {
    /// Sums of lines whose amounts have `decimals`. Nothing is rounded, only written with them.
    pub(crate) fn of(lines: &[Line], term_years: Option<u8>, decimals: u32) -> Self {
        let of = |section| lines.iter().filter(move |line| line.section == section);
        let sum =
            |amounts: &mut dyn Iterator<Item = Range>| amounts.sum::<Range>().map(|amount| money(amount, decimals));
        let once = |section| sum(&mut of(section).map(|line| line.amount));
        let per_year = |section| sum(&mut of(section).map(Line::per_year));
        let one_time = || lines.iter().filter(|line| line.period == Period::Once);
        let paid_once = sum(&mut one_time().map(|line| line.amount));
        let recurring = sum(&mut lines.iter().map(Line::per_year));
        let first_year = |section| {
            let amounts = &mut of(section).map(|line| line.paid_once() + line.per_year()).peekable();
            amounts.peek().is_some().then(|| sum(amounts))
        };
        let years = |amount: Range, years: u8| amount.map(|amount| amount * Decimal::from(years));
        let licensing_per_year = per_year(Section::Licensing);
        let year_1 = paid_once + recurring;
        let implementation = [
            Section::DataIntegration,
            Section::KpiImplementation,
            Section::Environment,
            Section::TimeAndMaterials,
        ];
        Self {
            licensing_per_year,
            licensing_term: term_years.map(|term| years(licensing_per_year, term)),
            data_integration: once(Section::DataIntegration),
            kpi_implementation: once(Section::KpiImplementation),
            environment: once(Section::Environment),
            time_and_materials: once(Section::TimeAndMaterials),
            implementation: sum(&mut implementation.map(once).into_iter()),
            implementation_hours: one_time().filter_map(|line| line.hours).sum(),
            infrastructure_per_month: once(Section::Infrastructure),
            infrastructure_per_year: per_year(Section::Infrastructure),
            managed_services_per_year: per_year(Section::ManagedServices),
            discounts_year_1: first_year(Section::Discount),
            tax_year_1: first_year(Section::Tax),
            year_1,
            recurring_per_year: recurring,
            term: term_years.map(|term| year_1 + years(recurring, term.saturating_sub(1))),
        }
    }
}

/// Something that a reader of the quote should know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Notice {
    /// What it is about: the name of a step, a slash, and what there.
    pub pointer: String,
    /// What there is to know.
    pub text: String,
    /// What can be done about it.
    pub hint: String,
}

/// What the answers so far cost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
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
    /// Retention periods that were lengthened.
    pub adjustments: Vec<Adjustment>,
    /// What else a reader should know.
    pub notices: Vec<Notice>,
}

//! Service proposals: what is asked, what follows from the answers, and what it costs.
//!
//! A proposal begins with a cart of KPIs. [`required_objects`] says which objects and value chains they need. The
//! [`Questionnaire`] is data that a form renders and that [`Answers::replace`] checks answers against. [`quote`] prices
//! what is answered so far by a [`PriceBook`], and says what is missing. [`disagreements`] lists where the
//! specification contradicts itself or is silent, and how it is read here. [`statement_of_work`] turns a quote into tasks, which
//! the crate `schedule` plans.
//!
//! Money is decimal. Each line's amount is rounded once, to the decimals of its currency, halves away from zero; totals are sums
//! of lines and of their multiples by whole months and years, so they need no rounding.
//!
//! A draft is issued, accepted, declined or revised as [`lifecycle`] says; [`differences`] lists what differs between two revisions.
//!
//! Pure: no I/O, no clock. Prices are compiled in.

mod answers;
mod check;
mod differences;
pub mod disagreements;
pub mod lifecycle;
mod price_book;
mod pricing;
mod questionnaire;
mod quote;
pub mod rates;
mod required;
mod retention;
pub mod statement_of_work;
mod terms;

pub use answers::{
    Active, AdditionalHours, Answers, Archive, Complexity, Environment, Granularity, Infrastructure, KpiImplementation,
    KpiSelection, Licensing, ManagedServices, Method, ObjectIntegration, Platform, Refresh, Regulation, Retention,
    Term,
};
pub use check::{Missing, checked_name, missing};
pub use differences::{Difference, MAX_DIFFERENCES, differences};
pub use price_book::{PriceBook, PriceBookError};
pub use pricing::quote;
pub use questionnaire::{AnswerKind, Choice, ChoicePrice, Condition, ForEach, Question, Questionnaire, Step, StepKey};
pub use quote::{Line, Notice, Period, Quote, Range, Section, Totals};
pub use required::{RequestedKpi, RequiredChain, RequiredObject, RequiredObjects, required_objects};
pub use retention::Adjustment;
pub use terms::{CURRENCIES, Discount, Discounts, Exchange, Tax, Terms};

/// The most KPIs of a cart: several times a large catalogue, and a quote of so many lines can still be read.
pub const MAX_KPIS: usize = 500;

/// The most value chains that can be added to those of the KPIs.
pub const MAX_CHAINS: usize = 20;

/// The most problems that one set of answers is told.
pub const MAX_PROBLEMS: usize = 100;

/// The longest time in the active database: ten years, the longest archive.
pub const MAX_ACTIVE_DAYS: u32 = 3_650;

/// The most source data, in GB a day: 100 TB, more than one TimescaleDB takes in.
pub const MAX_DAILY_VOLUME_GB: u32 = 100_000;

/// The most traffic, in GB a month: thirty days of the most source data, and as much again and more for users.
pub const MAX_MONTHLY_TRANSFER_GB: u32 = 10_000_000;

/// The most users at the same time.
pub const MAX_USERS: u32 = 1_000_000;

/// The most hours of support a year: five people who do nothing else.
pub const MAX_ADDITIONAL_HOURS: u32 = 10_000;

/// The most decimals of a number in an answer: a GB is a thousand million bytes, and these tell kilobytes apart.
pub const MAX_DECIMALS: u32 = 6;

//! Buckets, facts, measure states and their merge, the planning of reads, and finishing to a value. Pure.
//!
//! Every route to a KPI's value (pushed, fetched, recomputed) goes through the same three steps of this crate: [`plan`]
//! says what to read, the states that were read are merged ([`state`]), and [`answer`] finishes them. What batches write
//! ([`partials`]) is made of the same states. That is what makes one KPI one number.
//!
//! Sums are exact, and FIRST and LAST break ties of time by value, so a merge gives the same result in any
//! order.

pub mod answer;
pub mod calendar;
mod covered;
pub mod digits;
pub mod fact;
pub mod field;
pub mod filters;
pub mod gaps;
mod json;
pub mod mapping;
pub mod partials;
pub mod plan;
pub mod pushed;
pub mod sketch;
mod spread;
pub mod state;
mod sum;
pub mod windows;

pub use answer::{Absent, Point, SeriesKey, answer, answer_ahead};
pub use calendar::{Calendar, Range, floor};
pub use covered::covered;
pub use fact::Fact;
pub use field::Field;
pub use formula::{Basis, Measured};
pub use mapping::{Mapper, Rejection};
pub use partials::Partials;
pub use plan::{Part, Purpose, Question, Request, Source, Spread, plan};
pub use state::{AttributeState, GroupState, State, States};
pub use sum::Sum;

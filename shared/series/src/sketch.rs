//! Sketches: states of an attribute that take little room, merge exactly and in any order, and answer within a bound.
//!
//! What a sketch has to be is the same for whoever makes it of the same values: its bytes are compared in tests. So nothing in it is computed by what differs
//! from machine to machine, as logarithms do. t-digests, which others use for percentiles, depend on the order of merging.

mod bytes;
mod histogram;
mod registers;

use catalog::SketchKind;
use formula::{Aggregate, Measure, Measured, Number, Second};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

pub use self::histogram::{Histogram, RELATIVE_ERROR};
pub use self::registers::{Registers, STANDARD_ERROR};

/// A sketch of some values of an attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sketch {
    /// How many values are in each of bins of one relative width.
    Percentiles(Histogram),
    /// Registers of a HyperLogLog.
    Distinct(Registers),
}

impl Sketch {
    /// That of no values.
    #[must_use]
    pub fn empty(kind: SketchKind) -> Self {
        match kind {
            SketchKind::Percentiles => Self::Percentiles(Histogram::default()),
            SketchKind::Distinct => Self::Distinct(Registers::default()),
        }
    }

    /// What it tells.
    #[must_use]
    pub const fn kind(&self) -> SketchKind {
        match self {
            Self::Percentiles(_) => SketchKind::Percentiles,
            Self::Distinct(_) => SketchKind::Distinct,
        }
    }

    /// Adds a value that so many facts have.
    pub fn add(&mut self, value: &Seen) {
        match (self, value) {
            (Self::Percentiles(histogram), Seen::InBin(bin, facts)) => histogram.add(*bin, *facts),
            (Self::Distinct(registers), Seen::Hashed(hash)) => registers.add(*hash),
            // Whoever makes a value of a kind adds it to sketches of that kind.
            (Self::Percentiles(_), Seen::Hashed(_)) | (Self::Distinct(_), Seen::InBin(..)) => {}
        }
    }

    /// Adds what another one of the same kind knows.
    pub fn merge(&mut self, other: &Self) {
        match (self, other) {
            (Self::Percentiles(mine), Self::Percentiles(theirs)) => mine.merge(theirs),
            (Self::Distinct(mine), Self::Distinct(theirs)) => mine.merge(theirs),
            (Self::Percentiles(_), Self::Distinct(_)) | (Self::Distinct(_), Self::Percentiles(_)) => {}
        }
    }

    /// Its bytes, which begin with the version of their form: equal exactly for equal sketches.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Percentiles(histogram) => histogram.to_bytes(),
            Self::Distinct(registers) => registers.to_bytes(),
        }
    }

    /// The sketch of its bytes; `None` where they are none of a form that is known.
    #[must_use]
    pub fn from_bytes(kind: SketchKind, bytes: &[u8]) -> Option<Self> {
        match kind {
            SketchKind::Percentiles => Histogram::from_bytes(bytes).map(Self::Percentiles),
            SketchKind::Distinct => Registers::from_bytes(bytes).map(Self::Distinct),
        }
    }

    /// The value of a measure that it was kept for; `None` where there are no values.
    #[must_use]
    pub fn value(&self, measure: &Measure) -> Option<Number> {
        match (self, measure.aggregate, &measure.second) {
            (Self::Percentiles(histogram), Aggregate::Median, _) => histogram.median(),
            (Self::Percentiles(histogram), Aggregate::Percentile, Some(Second::Percent(percent))) => {
                histogram.percentile(hundredths(*percent)?)
            }
            (Self::Distinct(registers), Aggregate::Distinct, _) => Some(registers.estimate().into()),
            _ => None,
        }
    }
}

/// Percent in hundredths: formulas have no more than two decimals of them.
fn hundredths(percent: Decimal) -> Option<u32> {
    percent.checked_mul(Decimal::ONE_HUNDRED)?.to_u32()
}

/// A value as sketches take it, of which a question may read as many as there are facts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// The bin of a number, and how many facts have a number there.
    InBin(i32, i64),
    /// The hash of a value.
    Hashed(u64),
}

impl Seen {
    /// A value by its one text, as [`text`](crate::answer::text) writes it, and how many facts have it; `None` where it should be a number and is none.
    #[must_use]
    pub fn of(kind: SketchKind, text: &str, facts: i64) -> Option<Self> {
        match kind {
            SketchKind::Percentiles => Some(Self::InBin(histogram::bin_of(text)?, facts)),
            SketchKind::Distinct => Some(Self::Hashed(registers::hash_of(text))),
        }
    }
}

/// What is read for a measure from sketches: whole ones of an hour or day, and values of hours that have none yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sketched {
    /// A sketch.
    Cell(Box<Sketch>),
    /// A value.
    Value(Seen),
}

/// Adds to what is known so far, which is nothing at first.
pub(crate) fn merge(known: &mut Option<Box<Sketch>>, more: &Sketched, kind: SketchKind) {
    match (known, more) {
        (known @ None, Sketched::Cell(cell)) => *known = Some(cell.clone()),
        (Some(known), Sketched::Cell(cell)) => known.merge(cell),
        (known, Sketched::Value(value)) => known.get_or_insert_with(|| Box::new(Sketch::empty(kind))).add(value),
    }
}

/// The attribute of which a measure can be answered from a sketch, and the kind of it. Nothing is said of its condition.
#[must_use]
pub fn of_measure(measure: &Measure) -> Option<(&str, SketchKind)> {
    let kind = match measure.aggregate {
        Aggregate::Median | Aggregate::Percentile => SketchKind::Percentiles,
        Aggregate::Distinct => SketchKind::Distinct,
        _ => return None,
    };
    let name = measure.attribute.as_ref().and_then(Measured::attribute)?;
    Some((name, kind))
}

#[cfg(test)]
mod tests;

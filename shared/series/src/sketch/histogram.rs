//! A log-bucket histogram, as DDSketch is one (Masson, Rim, Lee: DDSketch, VLDB 2019): values are counted in bins whose ends differ by a ratio, so that whatever is in
//! a bin is known within it. Bins are even within each power of two, as in the sketch's linear mapping: a bin follows from the bits of a float alone, and no machine
//! finds another one.

use std::cmp::Ordering;

use formula::{Arithmetic, Number};

use super::bytes::{Reader, write};

/// By how much a value that is told may differ from the one that it stands for, as a share of it: half a bin at the beginning of a power of two, where bins are
/// widest, is 1 / 107 of its middle, and rounding it to [`DIGITS`] digits adds 1 / 2,000 at most.
pub const RELATIVE_ERROR: f64 = 0.01;

/// Bins of each power of two: the fewest with which the error stays below [`RELATIVE_ERROR`].
const BINS: i32 = 53;

/// Digits of the value that stands for a bin.
const DIGITS: usize = 4;

/// What is added to the bin of a value without its sign, so that all of one sign are on one side of zero's.
const OFFSET: i32 = 60_000;

/// The form of the bytes.
const VERSION: u8 = 1;

/// How many values are in each bin.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    /// Bins with values, in the order of these: below zero, zero, above.
    bins: Vec<(i32, i64)>,
}

/// The bin of a number in decimal digits: the float that is next to it tells it, which parsing finds exactly everywhere.
pub(super) fn bin_of(text: &str) -> Option<i32> {
    let value: f64 = text.parse().ok().filter(|value: &f64| value.is_finite())?;
    let bits = value.abs().to_bits();
    let exponent = i32::try_from(bits >> 52).ok()? - 1023;
    // Of what is below 2^-1022 the exponent says nothing; no attribute has so many decimals.
    if exponent == -1023 {
        return Some(0);
    }
    let fraction = bits & ((1 << 52) - 1);
    let place = i32::try_from((fraction * u64::from(BINS.unsigned_abs())) >> 52).ok()?;
    let bin = exponent * BINS + place + OFFSET;
    Some(if value < 0.0 { -bin } else { bin })
}

/// The number that stands for a bin: the one whose relative distance from both its ends is the same, in few digits.
fn middle_of(bin: i32) -> Option<Number> {
    if bin == 0 {
        return Some(Number::from(0));
    }
    let place = bin.abs() - OFFSET;
    let (exponent, place) = (place.div_euclid(BINS), f64::from(place.rem_euclid(BINS)));
    let bins = f64::from(BINS);
    let low = (bins + place) / bins;
    let high = (bins + place + 1.0) / bins;
    let power = f64::from_bits(u64::try_from(exponent + 1023).ok()? << 52);
    let middle = power * (2.0 * low * high / (low + high));
    let sign = if bin < 0 { "-" } else { "" };
    format!("{sign}{middle:.*e}", DIGITS - 1).parse().ok()
}

impl Histogram {
    /// Adds a number by its bin, which so many facts have.
    pub(super) fn add(&mut self, bin: i32, facts: i64) {
        match self.bins.binary_search_by_key(&bin, |(known, _)| *known) {
            Ok(place) => {
                if let Some((_, known)) = self.bins.get_mut(place) {
                    *known = known.saturating_add(facts);
                }
            }
            Err(place) => self.bins.insert(place, (bin, facts)),
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.bins = both(&self.bins, &other.bins);
    }

    fn count(&self) -> i128 {
        self.bins.iter().map(|(_, facts)| i128::from(*facts)).sum()
    }

    /// The number at a place in the order of all, from 1.
    fn at(&self, rank: i128) -> Option<Number> {
        let mut before = 0;
        let found = self.bins.iter().find(|(_, facts)| {
            before += i128::from(*facts);
            before >= rank
        });
        middle_of(found?.0)
    }

    /// The least number that so many hundredths of a percent of all do not exceed.
    pub(super) fn percentile(&self, hundredths: u32) -> Option<Number> {
        let share = self.count() * i128::from(hundredths);
        // Rounded up.
        self.at(((share + 9_999) / 10_000).max(1))
    }

    /// The middle of all, or the mean of the two that are there.
    pub(super) fn median(&self) -> Option<Number> {
        let count = self.count();
        let (lower, upper) = (self.at((count + 1) / 2)?, self.at(count / 2 + 1)?);
        if lower == upper {
            return Some(lower);
        }
        lower
            .calculate(Arithmetic::Add, &upper)?
            .calculate(Arithmetic::Divide, &Number::from(2))
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        let mut before = -2 * i64::from(OFFSET);
        for (bin, facts) in &self.bins {
            let bin = i64::from(*bin);
            write(&mut out, (bin - before).unsigned_abs());
            write(&mut out, facts.unsigned_abs());
            before = bin;
        }
        out
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader(bytes);
        if reader.byte()? != VERSION {
            return None;
        }
        // A bin takes two bytes at least.
        let mut bins: Vec<(i32, i64)> = Vec::with_capacity(reader.0.len() / 2);
        let mut before = -2 * i64::from(OFFSET);
        while !reader.0.is_empty() {
            before = before.checked_add(i64::try_from(reader.number()?).ok()?)?;
            let bin = i32::try_from(before).ok()?;
            // They are written in their order, each once.
            if bins.last().is_some_and(|(last, _)| *last >= bin) {
                return None;
            }
            bins.push((bin, i64::try_from(reader.number()?).ok()?));
        }
        Some(Self { bins })
    }
}

/// What is in the bins of two lists in their order.
fn both(mine: &[(i32, i64)], theirs: &[(i32, i64)]) -> Vec<(i32, i64)> {
    let mut merged = Vec::with_capacity(mine.len().max(theirs.len()));
    let (mut mine, mut theirs) = (mine, theirs);
    while let ([(bin, facts), rest @ ..], [(other, more), others @ ..]) = (mine, theirs) {
        let order = bin.cmp(other);
        merged.push(match order {
            Ordering::Less => (*bin, *facts),
            Ordering::Equal => (*bin, facts.saturating_add(*more)),
            Ordering::Greater => (*other, *more),
        });
        if order != Ordering::Greater {
            mine = rest;
        }
        if order != Ordering::Less {
            theirs = others;
        }
    }
    merged.extend_from_slice(mine);
    merged.extend_from_slice(theirs);
    merged
}

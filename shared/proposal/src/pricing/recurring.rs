//! What is paid every year but infrastructure: licences and support.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use crate::answers::{AdditionalHours, Answers, Term};
use crate::price_book::PriceBook;
use crate::quote::{Line, Range, Section};
use crate::required::{RequiredObjects, chain_key};

/// A line for each value chain: those of the KPIs, and those that were added.
pub(super) fn licensing(book: &PriceBook, answers: &Answers, required: &RequiredObjects) -> Vec<Line> {
    let Some(licensing) = &answers.licensing else {
        return Vec::new();
    };
    let Some(term) = licensing.term else {
        return Vec::new();
    };
    let (key, price) = match term {
        Term::OneYear => ("license.one_year", &book.license.one_year),
        Term::ThreeYears => ("license.three_years", &book.license.three_years),
        Term::FiveYears => ("license.five_years", &book.license.five_years),
    };
    let added = licensing.additional_value_chains.iter();
    let needed = required.value_chains.iter().map(|chain| &chain.name);
    // A needed chain comes last, so that its spelling wins over an added one's.
    let chains: BTreeMap<String, &String> = added.chain(needed).map(|name| (chain_key(name), name)).collect();
    let line = |name: &String| Line::new(Section::Licensing, key, Range::exactly(1), "each", price.price).about(name);
    chains.into_values().map(line).collect()
}

/// The retainer, and hours beyond it.
pub(super) fn managed_services(book: &PriceBook, answers: &Answers) -> Vec<Line> {
    let Some(support) = &answers.managed_services else {
        return Vec::new();
    };
    if support.retainer != Some(true) {
        return Vec::new();
    }
    let (retainer, hour) = (book.managed_services.retainer.price, book.managed_services.hour.price);
    let line = |key, quantity, unit, price| Line::new(Section::ManagedServices, key, quantity, unit, price);
    // The hours follow from the price, not the price from the rounded hours.
    let included = (retainer / hour).round_dp(2);
    let mut lines =
        vec![line("managed_services.retainer", Range::exactly(1), "each", retainer).taking(Range::exactly(included))];
    let between = |min: u32, max: u32| Range {
        min: Decimal::from(min),
        max: Decimal::from(max),
    };
    let additional = support.additional_hours.and_then(|hours| match hours {
        AdditionalHours::UpTo50 => None,
        AdditionalHours::From50To100 => Some(between(50, 100)),
        AdditionalHours::From100To200 => Some(between(100, 200)),
        AdditionalHours::Custom => support.additional_hours_custom.map(Range::exactly),
    });
    lines.extend(additional.map(|hours| line("managed_services.hour", hours, "hour", hour).taking(hours)));
    lines
}

//! Answers that are not whole, and buckets of which nothing was read.

use catalog::Period;
use series::plan::Filter;
use series::{Calendar, Range, Request};

use super::{Fact, at, catalog, told, values};

/// What is left out must be too much to be answered, never a smaller answer.
#[test]
fn a_split_that_is_too_large_is_never_taken_for_whole() {
    let kinds: Vec<&'static str> = (0..120).map(|number| &*format!("k{number}").leak()).collect();
    let facts: Vec<Fact> = kinds
        .iter()
        .map(|kind| (at("2026-01-02T10:00:00Z"), 1, *kind))
        .collect();
    let catalog = catalog("TO_DATE(COUNT(M), YEAR)");
    let (filter, by) = (Filter::new(), ["kind".to_owned()]);
    let request = Request {
        kpi: catalog.kpi("K").unwrap(),
        period: Period::Day,
        range: Range {
            from: at("2026-01-01T00:00:00Z"),
            to: at("2027-01-01T00:00:00Z"),
        },
        filter: &filter,
        by: &by,
        // Half of the buckets have not begun.
        now: at("2026-07-01T00:00:00Z"),
    };
    let points = told(&request, &catalog, &Calendar::utc(), &facts);
    assert!(
        points.len() > series::plan::MAX_GROUPED_POINTS,
        "{} points",
        points.len()
    );
}

#[test]
fn what_was_not_read_has_the_value_of_a_bucket_without_facts_or_without_a_window() {
    let catalog = catalog("PREVIOUS(COUNT(M), 1, YEAR)");
    let filter = Filter::new();
    let request = Request {
        kpi: catalog.kpi("K").unwrap(),
        period: Period::Day,
        range: Range {
            from: at("2024-02-28T00:00:00Z"),
            to: at("2024-03-02T00:00:00Z"),
        },
        filter: &filter,
        by: &[],
        now: at("2024-03-02T00:00:00Z"),
    };
    let absent = series::Absent::of(&request, &Calendar::utc());
    let value = |day: &str| absent.point(at(day)).value.clone();
    assert_eq!(value("2024-02-28T00:00:00Z"), Some(0.into()));
    assert_eq!(value("2024-02-29T00:00:00Z"), None);
}

/// Each of them is far from the question, and near the one before.
#[test]
fn buckets_that_a_move_by_dates_led_to_are_counted_back_at_once() {
    let facts = [(at("2025-12-14T23:30:00Z"), 1, "x")];
    let told = values(
        "PREVIOUS(PREVIOUS(COUNT(M), 1000, HOUR), 1, MONTH)",
        &Calendar::utc(),
        Period::Minute,
        ("2026-02-25T15:00:00Z", "2026-02-26T15:00:00Z"),
        &facts,
    );
    let counted: Vec<String> = told
        .iter()
        .filter(|(_, value)| *value == Some(1.into()))
        .map(|(start, _)| start.to_string())
        .collect();
    assert_eq!(counted, ["2026-02-25T15:30:00Z"]);
}

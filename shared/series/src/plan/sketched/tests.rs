#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
use catalog::{Catalog, EntityDefinition, KpiDefinition, Period};
use serde_json::json;

use super::*;
use crate::calendar::Range;
use crate::plan::{Filter, plan};

fn catalog() -> Catalog {
    let entities = [
        json!({ "code": "Sale", "domain": "shop", "attributes": [
            { "name": "amount", "type": "decimal", "sketches": ["percentiles"] },
            { "name": "receipt", "type": "text", "sketches": ["distinct"] },
            { "name": "items", "type": "integer" },
            { "name": "customer", "type": "text" },
            { "name": "region", "type": "text", "dimension": true },
            { "name": "till", "type": "text", "dimension": true },
            { "name": "big", "type": "boolean", "dimension": true }],
            "groupings": [{ "dimensions": ["region"] }, { "dimensions": ["big", "region"], "finest": "hour" }, { "dimensions": ["till"], "finest": "day" }] }),
        json!({ "code": "Stock", "domain": "shop", "state": ["id"], "attributes": [
            { "name": "id", "type": "text", "required": true, "sketches": ["distinct"] }, { "name": "pieces", "type": "decimal", "sketches": ["percentiles"] }] }),
    ];
    let entities = entities
        .into_iter()
        .map(|entity| serde_json::from_value(entity).unwrap());
    let entities: Vec<EntityDefinition> = entities.collect();
    Catalog::new(entities, Vec::new()).unwrap()
}

/// What is asked of a formula: in which mode, period and zone, over how many days, split by what.
struct Asked<'a> {
    formula: &'a str,
    mode: Mode,
    period: Period,
    zone: &'a str,
    days: i64,
    by: &'a [&'a str],
}

impl<'a> Asked<'a> {
    const fn daily(formula: &'a str) -> Self {
        Self {
            formula,
            mode: Mode::Approximate,
            period: Period::Day,
            zone: "UTC",
            days: 7,
            by: &[],
        }
    }

    /// What is told of it, and planned.
    fn planned(&self) -> (Vec<Told>, Vec<Part>) {
        let catalog = catalog();
        let kpi = KpiDefinition {
            formula: self.formula.to_owned(),
            mode: self.mode,
            ..KpiDefinition::named("KPI", "KPI")
        };
        let kpi = catalog.clone().add_kpi(kpi).unwrap();
        let by: Vec<String> = self.by.iter().map(|name| (*name).to_owned()).collect();
        let from: jiff::Timestamp = "2026-03-10T00:00:00Z".parse().unwrap();
        let calendar = Calendar::of(self.zone).unwrap();
        let range = Range {
            from,
            to: from + jiff::SignedDuration::from_hours(24 * self.days),
        };
        let request = Request {
            kpi: &kpi,
            period: self.period,
            range: calendar.align(self.period, range),
            filter: &Filter::new(),
            by: &by,
            now: jiff::Timestamp::MAX,
        };
        let told = told(&request, &calendar, |code| catalog.entity(code)).unwrap();
        let parts = plan(&request, &calendar, |code| catalog.entity(code), |_, _| None).unwrap();
        (told, parts)
    }
}

/// The sketches that are read, each with the dimensions of its grouping and the level.
fn read(parts: &[Part]) -> BTreeSet<String> {
    let sketched = parts.iter().map(|part| &part.question);
    let sketched = sketched.filter_map(|question| {
        let (name, kind) = question.sketch.as_ref()?;
        let Source::Rollup(grouping) = question.source else {
            return None;
        };
        let grouping = question.entity.groupings().get(grouping)?;
        Some(format!(
            "{name} {} of [{}] by {}",
            kind.name(),
            grouping.dimensions.join(" "),
            question.level
        ))
    });
    sketched.collect()
}

#[test]
fn sketches_are_read_of_the_smallest_grouping_that_is_kept_by_hour() {
    for (asked, expected) in [
        (
            Asked::daily("MEDIAN(Sale.amount)"),
            vec!["amount percentiles of [] by day"],
        ),
        (
            Asked::daily("PERCENTILE(Sale.amount, 90 WHERE region = 'north')"),
            vec!["amount percentiles of [region] by day"],
        ),
        (
            Asked::daily("COUNT(DISTINCT Sale.receipt WHERE NOT big)"),
            vec!["receipt distinct of [big region] by day"],
        ),
        (
            Asked {
                by: &["region"],
                ..Asked::daily("MEDIAN(Sale.amount) / COUNT(DISTINCT Sale.receipt)")
            },
            vec![
                "amount percentiles of [region] by day",
                "receipt distinct of [region] by day",
            ],
        ),
        (
            Asked {
                zone: "America/New_York",
                ..Asked::daily("MEDIAN(Sale.amount)")
            },
            vec!["amount percentiles of [] by hour"],
        ),
        (
            Asked {
                period: Period::Hour,
                ..Asked::daily("MEDIAN(Sale.amount)")
            },
            vec!["amount percentiles of [] by hour"],
        ),
        (
            Asked::daily("ROLLING(MEDIAN(Sale.amount), 7) - PREVIOUS(MEDIAN(Sale.amount))"),
            vec!["amount percentiles of [] by day"],
        ),
        (
            Asked {
                period: Period::Month,
                ..Asked::daily("AVG_PER(COUNT(DISTINCT Sale.receipt), DAY)")
            },
            vec!["receipt distinct of [] by day"],
        ),
    ] {
        let (told, parts) = asked.planned();
        assert!(
            !told.is_empty() && told.iter().all(|told| told.from.is_ok()),
            "{}: {told:?}",
            asked.formula
        );
        let expected: BTreeSet<String> = expected.into_iter().map(str::to_owned).collect();
        assert_eq!(read(&parts), expected, "{}", asked.formula);
        assert!(parts.iter().all(|part| !part.question.is_pushed()), "{}", asked.formula);
    }
}

#[test]
fn facts_are_counted_beside_by_the_same_tiles() {
    let (_, parts) = Asked {
        zone: "America/New_York",
        ..Asked::daily("MEDIAN(Sale.amount)")
    }
    .planned();
    let of = |is_sketched: bool| -> Vec<(Range, Level)> {
        let questions = parts.iter().map(|part| &part.question);
        let mine = questions.filter(|question| question.sketch.is_some() == is_sketched);
        mine.map(|question| (question.range, question.level)).collect()
    };
    assert!(!of(true).is_empty());
    assert_eq!(of(true), of(false));
}

#[test]
fn what_no_sketch_answers_is_exact_and_says_why() {
    for (asked, why) in [
        (
            Asked::daily("MEDIAN(Sale.items)"),
            "declare \"sketches\": [\"percentiles\"] for items",
        ),
        (
            Asked::daily("COUNT(DISTINCT Sale.amount)"),
            "declare \"sketches\": [\"distinct\"] for amount",
        ),
        (
            Asked::daily("MEDIAN(Sale.amount WHERE items > 2)"),
            "items is no dimension",
        ),
        (
            Asked::daily("MEDIAN(Sale.amount) / STDDEV(Sale.amount)"),
            "STDDEV(Sale.amount) has no sketch",
        ),
        (
            Asked::daily("MEDIAN(Sale.amount) / SUM(Sale.amount * Sale.items)"),
            "is read of the same facts",
        ),
        (
            Asked::daily("MEDIAN(Sale.amount WHERE till = 'x')"),
            "no grouping by till that is kept by hour",
        ),
        (
            Asked {
                by: &["till"],
                ..Asked::daily("MEDIAN(Sale.amount)")
            },
            "no grouping by till that is kept by hour",
        ),
        (
            Asked {
                period: Period::Minute,
                days: 1,
                ..Asked::daily("MEDIAN(Sale.amount)")
            },
            "sketches are kept by hour of UTC",
        ),
        (
            Asked {
                zone: "Asia/Kolkata",
                ..Asked::daily("MEDIAN(Sale.amount)")
            },
            "sketches are kept by hour of UTC",
        ),
        (
            Asked {
                period: Period::Hour,
                days: 90,
                ..Asked::daily("ROLLING(MEDIAN(Sale.amount), 24)")
            },
            "sketches of more than 2048 windows would be merged",
        ),
        (Asked::daily("AT_END(MEDIAN(Stock.pieces))"), "states have no sketches"),
    ] {
        let (told, parts) = asked.planned();
        let reason = told.first().map(|told| told.from.clone());
        assert!(
            matches!(&reason, Some(Err(reason)) if reason.contains(why)),
            "{}: {told:?}",
            asked.formula
        );
        assert_eq!(read(&parts), BTreeSet::new(), "{}", asked.formula);
    }
}

#[test]
fn another_mode_and_what_needs_no_sketch_tell_nothing() {
    for asked in [
        Asked {
            mode: Mode::Exact,
            ..Asked::daily("MEDIAN(Sale.amount)")
        },
        Asked::daily("SUM(Sale.amount) / COUNT(Sale)"),
    ] {
        let (told, parts) = asked.planned();
        assert_eq!(told, [], "{}", asked.formula);
        assert_eq!(read(&parts), BTreeSet::new(), "{}", asked.formula);
    }
}

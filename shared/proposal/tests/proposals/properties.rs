//! What is true of every quote.

use std::collections::BTreeMap;

use proposal::{Answers, Line, Period, PriceBook, Quote, Range, Terms, quote};
use proptest::prelude::*;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use crate::common::{Kpi, answered, catalog, required};

const OBJECTS: [&str; 6] = ["Customer", "Order", "Product", "Invoice", "Lead", "Ticket"];
const METHODS: [&str; 6] = [
    "batch_conformed",
    "batch_single_source",
    "batch_multi_source",
    "batch_entity_resolution",
    "streaming_architected",
    "streaming_non_architected",
];
const COMPLEXITIES: [&str; 4] = ["out_of_the_box", "custom_basic", "rbac", "dynamic_rbac"];
const TERMS: [&str; 3] = ["one_year", "three_years", "five_years"];
const LEVELS: [&str; 5] = ["raw", "minute", "hour", "day", "month"];
const ARCHIVES: [&str; 6] = ["delete", "years3", "years5", "years7", "years10", "indefinitely"];

/// A client's wishes, each a number that more of cannot cost less.
#[derive(Debug, Clone)]
struct Wishes {
    kpis: usize,
    objects: usize,
    chains: usize,
    method: usize,
    complexity: usize,
    active_days: u32,
    archive: usize,
    levels: usize,
    volume_thousandths: u32,
    users: u32,
    hours: u32,
    term: usize,
}

fn wishes() -> impl Strategy<Value = Wishes> {
    let cart = (1..40_usize, 1..6_usize, 1..5_usize, 0..6_usize, 0..4_usize);
    let kept = (1..3_000_u32, 0..5_usize, 1..5_usize);
    let load = (0..900_000_u32, 1..20_000_u32, 0..900_u32, 0..3_usize);
    (cart, kept, load).prop_map(|(cart, kept, load)| Wishes {
        kpis: cart.0,
        objects: cart.1,
        chains: cart.2,
        method: cart.3,
        complexity: cart.4,
        active_days: kept.0,
        archive: kept.1,
        levels: kept.2,
        volume_thousandths: load.0,
        users: load.1,
        hours: load.2,
        term: load.3,
    })
}

impl Wishes {
    fn cart(&self) -> Vec<Kpi> {
        // The first KPI reads every object, so that the number of objects does not depend on the number of KPIs.
        let objects = |index: usize| {
            if index == 0 {
                &OBJECTS[..self.objects]
            } else {
                &OBJECTS[..1]
            }
        };
        let kpi = |index: usize| Kpi {
            code: format!("K{index}"),
            objects: objects(index).iter().map(|name| (*name).to_owned()).collect(),
            value_chain: "SCOR".to_owned(),
        };
        (0..self.kpis).map(kpi).collect()
    }

    fn retention(&self) -> Value {
        let archive = ARCHIVES[self.archive];
        let mut answers = json!({
            "source_active": "custom", "source_active_days": self.active_days, "source_archive": archive != "delete",
            "analytics_active": "custom", "analytics_active_days": self.active_days, "analytics_archive": archive != "delete",
            "granularity": LEVELS[..self.levels],
        });
        if archive != "delete" {
            answers["source_archive_for"] = archive.into();
            answers["analytics_archive_for"] = archive.into();
        }
        answers
    }

    fn steps(&self) -> BTreeMap<String, Value> {
        let object = |name: &&str| {
            (
                (*name).to_owned(),
                json!({ "method": METHODS[self.method], "source_system": "ERP" }),
            )
        };
        let kpi = |kpi: Kpi| (kpi.code, json!({ "complexity": COMPLEXITIES[self.complexity] }));
        let added: Vec<String> = (1..self.chains).map(|chain| format!("Chain {chain}")).collect();
        let volume = Decimal::new(self.volume_thousandths.into(), 3).to_string();
        [
            (
                "licensing",
                json!({ "term": TERMS[self.term], "additional_value_chains": added }),
            ),
            ("data_integration", OBJECTS[..self.objects].iter().map(object).collect()),
            ("kpi_implementation", self.cart().into_iter().map(kpi).collect()),
            ("environment", json!({ "platform": "gcp" })),
            ("retention", self.retention()),
            (
                "infrastructure",
                json!({ "daily_volume_gb": volume, "concurrent_users": self.users, "refresh_period": "hour" }),
            ),
            (
                "managed_services",
                json!({ "retainer": true, "additional_hours": "custom", "additional_hours_custom": self.hours }),
            ),
        ]
        .into_iter()
        .map(|(step, value)| (step.to_owned(), value))
        .collect()
    }

    fn quote(&self) -> Quote {
        let (answers, quote) = self.answers_and_quote();
        assert!(quote.complete, "{answers:?}");
        quote
    }

    fn answers_and_quote(&self) -> (Answers, Quote) {
        let catalog = catalog(&self.cart());
        let answers = answered(&catalog, &self.cart(), &self.steps()).unwrap();
        let quote = quote(
            PriceBook::newest().unwrap(),
            &answers,
            &Terms::default(),
            &required(&catalog, &answers),
        );
        (answers, quote)
    }

    /// The same and one more of something, for everything that is counted.
    fn more(&self) -> [(&'static str, Self); 9] {
        let changed = |change: fn(&mut Self)| {
            let mut more = self.clone();
            change(&mut more);
            more
        };
        [
            ("KPIs", changed(|wishes| wishes.kpis += 1)),
            ("objects", changed(|wishes| wishes.objects += 1)),
            ("chains", changed(|wishes| wishes.chains += 1)),
            ("days", changed(|wishes| wishes.active_days += 1)),
            ("archive", changed(|wishes| wishes.archive += 1)),
            ("levels", changed(|wishes| wishes.levels += 1)),
            ("volume", changed(|wishes| wishes.volume_thousandths += 1)),
            ("users", changed(|wishes| wishes.users += 1)),
            ("hours", changed(|wishes| wishes.hours += 1)),
        ]
    }
}

fn sum(lines: &[Line], of: impl Fn(&Line) -> Range) -> Range {
    let add = |end: fn(&Range) -> Decimal| lines.iter().map(|line| end(&of(line))).sum();
    Range {
        min: add(|range| range.min),
        max: add(|range| range.max),
    }
}

fn times(range: Range, factor: u32) -> Range {
    Range {
        min: range.min * Decimal::from(factor),
        max: range.max * Decimal::from(factor),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn totals_are_sums_of_lines(wishes in wishes()) {
        let quote = wishes.quote();
        let yearly = sum(&quote.lines, |line| match line.period {
            Period::Once => Range::default(),
            Period::Month => times(line.amount, 12),
            Period::Year => line.amount,
        });
        let once = sum(&quote.lines, |line| if line.period == Period::Once { line.amount } else { Range::default() });
        let totals = &quote.totals;
        prop_assert_eq!(totals.recurring_per_year, yearly);
        prop_assert_eq!(totals.implementation, once);
        prop_assert_eq!(totals.year_1.min, once.min + yearly.min);
        prop_assert_eq!(totals.year_1.max, once.max + yearly.max);
        let years = [1, 3, 5][wishes.term];
        prop_assert_eq!(totals.term.unwrap().max, once.max + times(yearly, years).max);
        let sections = [totals.licensing_per_year, totals.infrastructure_per_year, totals.managed_services_per_year];
        prop_assert_eq!(sections.iter().map(|range| range.max).sum::<Decimal>(), yearly.max);
    }

    #[test]
    fn a_range_holds_its_parts_and_amounts_are_cents(wishes in wishes()) {
        let quote = wishes.quote();
        for line in &quote.lines {
            prop_assert!(line.quantity.min <= line.quantity.max && line.amount.min <= line.amount.max, "{:?}", line);
            prop_assert!(line.amount.max.scale() <= 2 && line.amount.max <= quote.totals.year_1.max, "{:?}", line);
            let exact = line.quantity.max * line.unit_price;
            prop_assert!((exact - line.amount.max).abs() <= Decimal::new(5, 3), "{:?}", line);
        }
        prop_assert!(quote.totals.year_1.min <= quote.totals.year_1.max);
    }

    #[test]
    fn more_never_costs_less(wishes in wishes()) {
        let before = wishes.quote().totals;
        for (what, more) in wishes.more() {
            let after = more.quote().totals;
            let ends = [(before.year_1, after.year_1), (before.term.unwrap(), after.term.unwrap())];
            for (before, after) in ends {
                prop_assert!(before.min <= after.min && before.max <= after.max, "more {what}: {before:?}, {after:?}");
            }
        }
    }

    #[test]
    fn terms_are_lines_like_others(wishes in wishes(), off in 1..3_000_i64, tax in 1..5_000_i64, rate in 1..3_000_000_i64) {
        let terms: Terms = serde_json::from_value(json!({
            "discounts": { "licensing": { "percent": Decimal::new(off, 2), "reason": "agreed" }, "implementation": { "percent": Decimal::new(off, 2), "reason": "agreed" } },
            "exchange": { "currency": "EUR", "rate": Decimal::new(rate, 6) },
            "tax": { "name": "VAT", "percent": Decimal::new(tax, 2) },
        })).unwrap();
        let terms = terms.checked("USD").unwrap();
        let (answers, list) = wishes.answers_and_quote();
        let catalog = catalog(&wishes.cart());
        let quote = quote(PriceBook::newest().unwrap(), &answers, &terms, &required(&catalog, &answers));
        let total = sum(&quote.lines, |line| match line.period {
            Period::Once | Period::Year => line.amount,
            Period::Month => times(line.amount, 12),
        });
        prop_assert_eq!(quote.totals.year_1, total);
        prop_assert_eq!(quote.lines.len(), list.lines.len() + 2 + 3, "two discounts, and a tax for each rhythm of payment");
        for line in &quote.lines {
            prop_assert!((line.quantity.max * line.unit_price - line.amount.max).abs() <= Decimal::new(5, 3), "{line:?}");
            prop_assert!(line.amount.min.scale() <= 2 && line.amount.max.scale() <= 2, "{line:?}");
        }
        prop_assert!(quote.totals.discounts_year_1.unwrap().max <= Decimal::ZERO && quote.totals.tax_year_1.unwrap().min >= Decimal::ZERO);
    }

    /// Revisions are stored as JSON, and their documents are made of what is read back.
    #[test]
    fn quotes_and_what_they_need_survive_being_stored(wishes in wishes(), rate in 1..3_000_000_i64) {
        let exchange = json!({ "exchange": { "currency": "EUR", "rate": Decimal::new(rate, 6) }, "tax": { "name": "VAT", "percent": "19" } });
        let (answers, _) = wishes.answers_and_quote();
        let required = required(&catalog(&wishes.cart()), &answers);
        let quote = quote(PriceBook::newest().unwrap(), &answers, &serde_json::from_value(exchange).unwrap(), &required);
        let text = serde_json::to_string(&quote).unwrap();
        prop_assert_eq!(&serde_json::from_str::<proposal::Quote>(&text).unwrap(), &quote);
        prop_assert_eq!(serde_json::from_value::<proposal::Quote>(serde_json::to_value(&quote).unwrap()).unwrap(), quote);
        let stored = serde_json::to_value(&required).unwrap();
        prop_assert_eq!(serde_json::from_value::<proposal::RequiredObjects>(stored).unwrap(), required);
    }

    #[test]
    fn answers_survive_being_stored(wishes in wishes()) {
        let (answers, _) = wishes.answers_and_quote();
        let stored = serde_json::to_value(&answers).unwrap();
        prop_assert_eq!(serde_json::from_value::<Answers>(stored).unwrap(), answers);
    }
}

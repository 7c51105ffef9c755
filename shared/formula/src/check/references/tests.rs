#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
use crate::fixtures::{Sample, entities};
use crate::number::Number;
use crate::reference::{Referred, references, rename_kpi};
use crate::value::{Attribute, Entities};
use crate::{Diagnostic, Formula, MAX_MEASURES, MAX_OPERATORS, MAX_REFERENCE_LEVELS, compile, parse};
use std::collections::BTreeMap;

/// Entities, and KPIs that were compiled one after the other.
struct Book {
    entities: Sample,
    kpis: BTreeMap<String, Formula>,
}

impl Entities for Book {
    fn attributes(&self, entity: &str) -> Option<&[Attribute]> {
        self.entities.attributes(entity)
    }

    fn is_state(&self, _: &str) -> bool {
        false
    }

    fn names(&self) -> Vec<&str> {
        self.entities.names()
    }

    fn kpi(&self, code: &str) -> Option<Referred<'_>> {
        match code {
            "ROUND_TRIP" => Some(Referred::Circular(["A", "B", "A"].map(str::to_owned).to_vec())),
            "HALF" => Some(Referred::Broken),
            _ => self.kpis.get(code).map(Referred::Formula),
        }
    }

    fn kpi_codes(&self) -> Vec<&str> {
        self.kpis.keys().map(String::as_str).collect()
    }
}

impl Book {
    fn of(kpis: &[(&str, &str)]) -> Self {
        let mut book = Self {
            entities: entities(),
            kpis: BTreeMap::new(),
        };
        for (code, formula) in kpis {
            book.add(code, formula).unwrap();
        }
        book
    }

    fn add(&mut self, code: &str, formula: &str) -> Result<(), Vec<Diagnostic>> {
        let formula = compile(formula, self)?;
        self.kpis.insert(code.to_owned(), formula);
        Ok(())
    }
}

fn codes(diagnostics: &[Diagnostic]) -> Vec<&str> {
    diagnostics.iter().map(|diagnostic| diagnostic.code).collect()
}

const KPIS: &[(&str, &str)] = &[
    ("FLIGHTS", "COUNT(Flight)"),
    ("DELAY", "SUM(Flight.delay)"),
    ("MEAN_DELAY", "DELAY / FLIGHTS"),
    (
        "LEVEL",
        "CASE WHEN MEAN_DELAY > 15 THEN 3 WHEN FLIGHTS IN (0, 1) THEN 2 ELSE ROUND(MEAN_DELAY, 1) END",
    ),
    // It is called as an entity is, and as an aggregate.
    ("Flight", "COUNT(Flight) - 1"),
    ("COUNT", "COUNT(Order)"),
];

#[test]
fn a_name_means_the_other_kpis_expression() {
    let book = Book::of(KPIS);
    for (name, source, measures, values, expected) in [
        ("alone", "FLIGHTS", "COUNT(Flight)", vec!["3"], "3"),
        (
            "as in parentheses",
            "10 - MEAN_DELAY * 2",
            "SUM(Flight.delay), COUNT(Flight)",
            vec!["12", "4"],
            "4",
        ),
        (
            "equal measures once",
            "SUM(Flight.delay) - DELAY + FLIGHTS",
            "SUM(Flight.delay), COUNT(Flight)",
            vec!["9", "2"],
            "2",
        ),
        (
            "measures in another order",
            "COUNT(Flight) / DELAY",
            "COUNT(Flight), SUM(Flight.delay)",
            vec!["9", "2"],
            "4.5",
        ),
        (
            "in an aggregate's order",
            "COUNT(Order) + LEVEL",
            "COUNT(Order), SUM(Flight.delay), COUNT(Flight)",
            vec!["1", "20", "8"],
            "3.5",
        ),
        (
            "in a condition",
            "IF(LEVEL = 3 AND NOT FLIGHTS > 9, 1, -DELAY)",
            "SUM(Flight.delay), COUNT(Flight)",
            vec!["16", "1"],
            "1",
        ),
        (
            "in functions",
            "COALESCE(MEAN_DELAY, LEAST(FLIGHTS, -7))",
            "SUM(Flight.delay), COUNT(Flight)",
            vec!["", "0"],
            "-7",
        ),
        (
            "a KPI that is called as an entity",
            "Flight + COUNT(Flight)",
            "COUNT(Flight)",
            vec!["5"],
            "9",
        ),
        (
            "a KPI that is called as an aggregate",
            "COUNT + COUNT(Flight)",
            "COUNT(Order), COUNT(Flight)",
            vec!["5", "1"],
            "6",
        ),
    ] {
        let formula = compile(source, &book).unwrap();
        let shown: Vec<String> = formula.measures.iter().map(ToString::to_string).collect();
        assert_eq!(shown.join(", "), measures, "{name}");
        let values: Vec<Option<Number>> = values.iter().map(|value| value.parse().ok()).collect();
        assert_eq!(
            formula.finish(crate::Values::of(&values)),
            Some(expected.parse().unwrap()),
            "{name}"
        );
    }
    assert_eq!(compile("LEVEL * 2", &book).unwrap().levels(), 3);
}

#[test]
fn what_a_name_can_not_stand_for_is_told() {
    let book = Book::of(KPIS);
    for (name, source, expected) in [
        ("misspelt", "FLIGTS + 1", "0..6 unknown-kpi did you mean `FLIGHTS`?"),
        ("in lower case", "flights", "0..7 unknown-kpi did you mean `FLIGHTS`?"),
        (
            "nothing like it",
            "REVENUE",
            "0..7 unknown-kpi the KPIs are: COUNT, DELAY, FLIGHTS, Flight, LEVEL, MEAN_DELAY",
        ),
        ("an entity", "1 + Order", "4..9 not-aggregated write COUNT(Order)"),
        (
            "an attribute",
            "delay",
            "0..5 not-aggregated aggregate it, as in AVG(Flight.delay)",
        ),
        ("itself", "1 + ROUND_TRIP", "4..14 circular-reference write out"),
        ("a broken one", "HALF", "0..4 broken-reference mend its formula"),
        ("places", "ROUND(DELAY, FLIGHTS)", "13..20 wrong-places"),
        (
            "a filter",
            "COUNT(Flight WHERE FLIGHTS > 3)",
            "19..26 unknown-attribute",
        ),
        ("a list", "IF(DELAY IN (FLIGHTS), 1, 2)", "13..20 not-a-literal"),
        (
            "a KPI's attribute",
            "SUM(FLIGHTS.delay)",
            "4..11 unknown-entity did you mean `Flight`?",
        ),
    ] {
        let found = compile(source, &book).unwrap_err();
        let [found] = found.as_slice() else {
            panic!("{name}: {found:?}")
        };
        let hint = found.hint.as_deref().unwrap_or_default();
        let shown = format!("{}..{} {} {hint}", found.span.start, found.span.end, found.code);
        assert!(shown.starts_with(expected), "{name}: {shown}");
    }
    let circular = compile("ROUND_TRIP", &book).unwrap_err();
    assert!(circular[0].message.ends_with("A -> B -> A"), "{circular:?}");
}

#[test]
fn other_periods_move_into_what_is_referred_to() {
    let mut book = Book::of(KPIS);
    book.add("LAST_YEAR", "PREVIOUS(MEAN_DELAY, 1, YEAR)").unwrap();
    book.add("SO_FAR", "TO_DATE(DELAY, YEAR)").unwrap();
    for (source, expected) in [
        (
            "LAST_YEAR",
            "PREVIOUS(SUM(Flight.delay), 1, YEAR), PREVIOUS(COUNT(Flight), 1, YEAR)",
        ),
        (
            "MEAN_DELAY / LAST_YEAR",
            "SUM(Flight.delay), COUNT(Flight), PREVIOUS(SUM(Flight.delay), 1, YEAR), PREVIOUS(COUNT(Flight), 1, YEAR)",
        ),
        (
            "PREVIOUS(SO_FAR, 1, YEAR)",
            "PREVIOUS(TO_DATE(SUM(Flight.delay), YEAR), 1, YEAR)",
        ),
    ] {
        let formula = compile(source, &book).unwrap();
        let shown: Vec<String> = formula.measures.iter().map(ToString::to_string).collect();
        assert_eq!(shown.join(", "), expected, "{source}");
    }
    for (source, code) in [
        ("TO_DATE(LAST_YEAR, YEAR)", "nested-window"),
        ("ROLLING(SO_FAR, 2)", "nested-window"),
        ("PREVIOUS(PREVIOUS(PREVIOUS(PREVIOUS(LAST_YEAR))))", "too-many-steps"),
    ] {
        assert_eq!(codes(&compile(source, &book).unwrap_err()), [code], "{source}");
    }
    // The words behind the first argument are no KPIs.
    assert_eq!(
        references(&parse("PREVIOUS(FLIGHTS, 1, YEAR, LIKE_FOR_LIKE)")),
        ["FLIGHTS"]
    );
    let renamed = rename_kpi("PREVIOUS(YEAR, 1, YEAR)", "YEAR", "ANNUAL");
    assert_eq!(renamed.as_deref(), Some("PREVIOUS(ANNUAL, 1, YEAR)"));
}

#[test]
fn limits_hold_over_all_that_is_written_out() {
    let counts = |from: usize, to: usize| {
        let counts = (from..to).map(|n| format!("COUNT(Flight WHERE stops = {n})"));
        counts.collect::<Vec<_>>().join(" + ")
    };
    let ones = |count: usize| format!("COUNT(Flight){}", "+1".repeat(count));
    let long = format!("COUNT(Flight WHERE origin = '{}')", "x".repeat(4_000));
    let book = Book::of(&[
        ("MANY", &counts(0, MAX_MEASURES - 1)),
        ("LARGE", &ones(MAX_OPERATORS - 1)),
        (
            "CURVED",
            "LN(COUNT(Flight)) + EXP(COUNT(Flight)) + LN(SUM(Flight.delay)) + EXP(SUM(Flight.delay)) + POWER(COUNT(Flight), 2)",
        ),
        ("LONG", &long),
    ]);
    let longs = vec!["LONG"; 17].join(" + ");
    for (source, expected) in [
        ("MANY + MANY + COUNT(Order)", vec![]),
        ("MANY + COUNT(Order) + COUNT(Flight)", vec!["too-many-measures"]),
        ("COUNT(Order) + COUNT(Flight) + MANY + MANY", vec!["too-many-measures"]),
        ("LARGE", vec![]),
        ("LARGE + 1", vec![]),
        ("LARGE + 1 + 1", vec!["too-many-operators"]),
        ("LARGE + LARGE + LARGE", vec!["too-many-operators"]),
        ("CURVED", vec![]),
        ("CURVED + CURVED + CURVED", vec!["too-many-powers"]),
        (longs.as_str(), vec!["too-long"]),
    ] {
        let found = compile(source, &book).err().unwrap_or_default();
        assert_eq!(codes(&found), expected, "{source}");
    }
}

#[test]
fn what_doubles_with_each_level_ends_early() {
    for (name, step, expected) in [
        ("sums", "PREVIOUS + PREVIOUS", "too-many-operators"),
        ("functions", "COALESCE(PREVIOUS, PREVIOUS)", "too-long"),
        ("chains", "-PREVIOUS", "too-many-levels"),
    ] {
        let mut book = Book::of(&[("K0", "COUNT(Flight)")]);
        let ended = (1..=32).find_map(|level| {
            let formula = step.replace("PREVIOUS", &format!("K{}", level - 1));
            book.add(&format!("K{level}"), &formula)
                .err()
                .map(|found| (level, found))
        });
        let (level, found) = ended.unwrap();
        assert_eq!(codes(&found), [expected], "{name}");
        assert!(level <= MAX_REFERENCE_LEVELS + 1, "{name} at {level}");
    }
}

#[test]
fn the_deepest_chain_fits_the_stack_of_a_thread() {
    let nested = |inner: &str| {
        format!(
            "{}{inner}{}",
            "ABS(".repeat(crate::MAX_DEPTH - 2),
            ")".repeat(crate::MAX_DEPTH - 2)
        )
    };
    let mut book = Book::of(&[("K0", &format!("COUNT(Flight){}", "+1".repeat(MAX_OPERATORS)))]);
    for level in 1..=MAX_REFERENCE_LEVELS {
        book.add(&format!("K{level}"), &nested(&format!("K{}", level - 1)))
            .unwrap();
    }
    let deepest = &book.kpis[&format!("K{MAX_REFERENCE_LEVELS}")];
    let expected = Number::from(i64::try_from(MAX_OPERATORS).unwrap());
    let values = [Some(0.into())];
    let evaluated = std::thread::scope(|scope| {
        scope
            .spawn(|| deepest.finish(crate::Values::of(&values)))
            .join()
            .unwrap()
    });
    assert_eq!(evaluated, Some(expected));
}

#[test]
fn names_of_kpis_are_found_and_renamed() {
    let source = "IF( A>1 AND A IN (1,2),-B,COUNT(A WHERE A='A') )+SUM(B.A)";
    assert_eq!(references(&parse(source)), ["A", "B"]);
    assert_eq!(
        rename_kpi(source, "A", "NEW").as_deref(),
        Some("IF(NEW > 1 AND NEW IN (1, 2), -B, COUNT(A WHERE A = 'A')) + SUM(B.A)")
    );
    for (name, source, old, new) in [
        ("not named", "COUNT(A) + B", "A", "NEW"),
        ("not understood", "A +", "A", "NEW"),
        ("a word of the language", "A + 1", "A", "NOT"),
    ] {
        assert_eq!(rename_kpi(source, old, new), None, "{name}");
    }
}

#[test]
fn a_kpi_of_shorter_periods_stands_where_its_expression_may() {
    let book = Book::of(&[
        ("DAILY", "AVG_PER(COUNT(Flight), DAY)"),
        ("A_DAY", "COUNT(Flight) / COUNT_PER(1, DAY)"),
        ("SPREAD", "STDDEV_PER(COUNT(Flight), DAY) / DAILY"),
    ]);
    for (source, measures, folds) in [
        ("DAILY * 7", "EACH(COUNT(Flight), DAY)", 1),
        (
            "ROLLING(DAILY, 4, WEEK)",
            "ROLLING(EACH(COUNT(Flight), DAY), 4, WEEK)",
            1,
        ),
        (
            "PREVIOUS(SPREAD) - SPREAD",
            "PREVIOUS(EACH(COUNT(Flight), DAY), 1), EACH(COUNT(Flight), DAY)",
            4,
        ),
        ("SUM(Flight.delay) / A_DAY", "SUM(Flight.delay), COUNT(Flight)", 1),
    ] {
        let formula = compile(source, &book).unwrap();
        let shown: Vec<String> = formula.measures.iter().map(ToString::to_string).collect();
        assert_eq!(
            (shown.join(", ").as_str(), formula.folds.len()),
            (measures, folds),
            "{source}"
        );
    }
    for source in [
        "AVG_PER(DAILY, WEEK)",
        "AVG_PER(A_DAY + COUNT(Flight), WEEK)",
        "CUMULATIVE(A_DAY)",
        "PREVIOUS(DAILY, LIKE_FOR_LIKE)",
    ] {
        let refused = compile(source, &book).unwrap_err();
        assert_eq!(codes(&refused), ["nested-window"], "{source}: {refused:?}");
    }
}

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
use super::*;
use crate::fixtures::{entities, token_soup, trees};
use proptest::prelude::*;

#[test]
fn formulas_become_measures() {
    let cases: &[(&str, &str, &[&str])] = &[
        ("a count", "COUNT(Flight)", &["COUNT(Flight)"]),
        (
            "case does not matter",
            "count(Flight where on_time = true)",
            &["COUNT(Flight WHERE (on_time = TRUE))"],
        ),
        ("values counted", "COUNT(Flight.remark)", &["COUNT(Flight.remark)"]),
        (
            "a rate",
            "COUNT(Flight WHERE on_time) / COUNT(Flight)",
            &["COUNT(Flight WHERE on_time)", "COUNT(Flight)"],
        ),
        (
            "equal measures once",
            "SUM(Flight.delay) / sum( Flight.delay )",
            &["SUM(Flight.delay)"],
        ),
        (
            "equal filters once",
            "COUNT(Flight WHERE stops = 1.50) + COUNT(Flight WHERE (stops = 1.5))",
            &["COUNT(Flight WHERE (stops = 1.5))"],
        ),
        (
            "two entities",
            "COUNT(Flight) / COUNT(Order)",
            &["COUNT(Flight)", "COUNT(Order)"],
        ),
        (
            "all aggregates",
            "AVG(Flight.delay) + MIN(Flight.delay) + MAX(Flight.distance) + FIRST(Flight.delay) + LAST(Flight.stops)",
            &[
                "AVG(Flight.delay)",
                "MIN(Flight.delay)",
                "MAX(Flight.distance)",
                "FIRST(Flight.delay)",
                "LAST(Flight.stops)",
            ],
        ),
    ];
    for (name, source, expected) in cases {
        let formula = compile(source, &entities()).unwrap();
        let measures: Vec<String> = formula.measures.iter().map(ToString::to_string).collect();
        assert_eq!(measures, *expected, "{name}");
    }
}

#[test]
fn a_formula_knows_what_it_reads() {
    let source =
        "AVG(Flight.delay WHERE origin = 'ORD' AND on_time) * COUNT(Flight WHERE stops = 0) / SUM(Order.distance)";
    let formula = compile(source, &entities()).unwrap();
    let list = |set: std::collections::BTreeSet<&str>| set.into_iter().collect::<Vec<_>>().join(" ");
    assert_eq!(list(formula.entities()), "Flight Order");
    let readings: Vec<(&str, String, String)> = formula
        .readings()
        .iter()
        .map(|reading| {
            let measured: Vec<String> = reading.measured().iter().map(ToString::to_string).collect();
            (reading.entity, list(reading.filtered_by()), measured.join(" "))
        })
        .collect();
    assert_eq!(
        readings,
        [
            ("Flight", "on_time origin stops".to_owned(), "delay".to_owned()),
            ("Order", String::new(), "distance".to_owned()),
        ]
    );
}

#[test]
fn mistakes_are_reported_with_their_columns() {
    let cases: &[(&str, &str, &[&str])] = &[
        (
            "unknown entity",
            "COUNT(Fligth)",
            &["6..12 unknown-entity did you mean `Flight`?"],
        ),
        (
            "entity in lower case",
            "COUNT(flight)",
            &["6..12 unknown-entity did you mean `Flight`?"],
        ),
        (
            "nothing like it",
            "COUNT(Weather)",
            &["6..13 unknown-entity the entities are: Flight, Order"],
        ),
        (
            "unknown attribute",
            "SUM(Flight.dealy)",
            &["11..16 unknown-attribute did you mean `delay`?"],
        ),
        (
            "sum of a text",
            "SUM(Flight.origin)",
            &["11..17 not-a-number to count where it has a value write COUNT(Flight.origin)"],
        ),
        (
            "mean of a boolean",
            "AVG(Flight.on_time)",
            &["11..18 not-a-number to count where it is true write COUNT(Flight WHERE on_time)"],
        ),
        (
            "attribute missing",
            "AVG(Flight)",
            &["0..11 missing-attribute as in AVG(Flight.delay)"],
        ),
        (
            "what is computed of what is no dimension",
            "COUNT(Flight WHERE delay * 2 > 15)",
            &["19..33 computed-condition define a derived attribute for (delay * 2), and use that"],
        ),
        (
            "what is computed beside a condition over what is no dimension",
            "COUNT(Flight WHERE ABS(stops) = 1) / COUNT(Flight WHERE delay > 15) + COUNT(Order WHERE ABS(stops) = 1)",
            &["19..33 computed-condition define a derived attribute for ABS(stops), and use that"],
        ),
        (
            "a range of two types",
            "COUNT(Flight WHERE delay BETWEEN 1 AND 'x' OR on_time BETWEEN TRUE AND FALSE)",
            &[
                "39..42 type-mismatch a number is written without quotes",
                "62..66 no-order compare with = or !=",
                "71..76 no-order compare with = or !=",
            ],
        ),
        (
            "half a range",
            "COUNT(Flight WHERE delay BETWEEN 1)",
            &["34..35 unfinished-between for example delay BETWEEN 1 AND 5"],
        ),
        (
            "no instant",
            "COUNT(Flight WHERE delay > TIME '2026-01-01')",
            &["32..44 malformed-time write date, time and offset"],
        ),
        (
            "an instant and a number",
            "COUNT(Flight WHERE delay > TIME '2026-01-01T00:00:00Z')",
            &["19..54 type-mismatch"],
        ),
        (
            "a text in a number",
            "COUNT(Flight WHERE CONTAINS(delay, 1))",
            &[
                "28..33 not-a-text a text is written in single quotes",
                "35..36 not-a-text",
            ],
        ),
        (
            "conditions over measures",
            "CONTAINS(COUNT(Flight), 'x') + (COUNT(Flight) BETWEEN 1 AND 2)",
            &["0..28 condition-outside", "31..62 condition-outside"],
        ),
        (
            "unknown dimension",
            "COUNT(Flight WHERE orign = 'x')",
            &["19..24 unknown-attribute did you mean `origin`?"],
        ),
        (
            "a text without quotes",
            "COUNT(Flight WHERE origin = LAX)",
            &[
                "28..31 unknown-attribute the attributes of Flight are: delay, distance, origin, on_time, stops, remark, diverted; a text is",
            ],
        ),
        (
            "filter is no condition",
            "COUNT(Flight WHERE origin)",
            &["19..25 not-a-condition compare it with a value, as in origin = 'x'"],
        ),
        (
            "wrong type in filter",
            "COUNT(Flight WHERE stops = '1')",
            &["19..30 type-mismatch a number is written without quotes"],
        ),
        (
            "aggregate in filter",
            "COUNT(Flight WHERE stops > AVG(Flight.stops))",
            &["27..44 aggregate-in-row aggregates belong outside"],
        ),
        (
            "path in filter",
            "COUNT(Flight WHERE Flight.on_time)",
            &["19..33 path-in-row write on_time"],
        ),
        (
            "bare attribute",
            "delay * 2",
            &["0..5 not-aggregated aggregate it, as in AVG(Flight.delay)"],
        ),
        (
            "bare path",
            "Flight.delay",
            &["0..12 not-aggregated aggregate it, as in AVG(Flight.delay)"],
        ),
        ("bare entity", "Flight", &["0..6 not-aggregated write COUNT(Flight)"]),
        ("bare aggregate", "COUNT", &["0..5 not-aggregated as in COUNT(…)"]),
        ("constant", "1 + 2", &["0..5 no-measure a KPI needs an aggregate"]),
        ("text", "'x' + COUNT(Flight)", &["0..3 not-a-number"]),
        (
            "condition",
            "COUNT(Fligth) > 3",
            &[
                "0..17 condition-outside conditions belong inside",
                "6..12 unknown-entity",
            ],
        ),
        (
            "form and names",
            "COUNT(Fligth) + (SUM(Flight.origin)",
            &[
                "16..17 unclosed-parenthesis",
                "6..12 unknown-entity",
                "28..34 not-a-number",
            ],
        ),
        (
            "all of them",
            "SUM(Flight.dealy WHERE orign = 'x' OR delay = 'y')",
            &[
                "11..16 unknown-attribute",
                "23..28 unknown-attribute",
                "38..49 type-mismatch",
            ],
        ),
    ];
    for (name, source, expected) in cases {
        let diagnostics = compile(source, &entities()).unwrap_err();
        assert_eq!(diagnostics.len(), expected.len(), "{name}: {diagnostics:?}");
        for (diagnostic, expected) in diagnostics.iter().zip(*expected) {
            let hint = diagnostic.hint.as_deref().unwrap_or_default();
            let found = format!(
                "{}..{} {} {hint}",
                diagnostic.span.start, diagnostic.span.end, diagnostic.code
            );
            assert!(found.starts_with(expected), "{name}: {found}");
        }
    }
}

#[test]
fn measures_are_limited() {
    let sum = |count: usize| {
        (0..count)
            .map(|n| format!("COUNT(Flight WHERE stops = {n})"))
            .collect::<Vec<_>>()
            .join(" + ")
    };
    assert_eq!(
        compile(&sum(MAX_MEASURES), &entities()).unwrap().measures.len(),
        MAX_MEASURES
    );
    let diagnostics = compile(&sum(MAX_MEASURES + 1), &entities()).unwrap_err();
    assert_eq!(
        diagnostics.iter().map(|d| d.code).collect::<Vec<_>>(),
        ["too-many-measures"]
    );
}

#[test]
fn the_deepest_trees_fit_the_stack_of_a_thread() {
    let nested = |inner: &str| {
        format!(
            "{}{inner}{}",
            "(1+".repeat(crate::MAX_DEPTH - 1),
            ")".repeat(crate::MAX_DEPTH - 1)
        )
    };
    let chain = "+1".repeat(crate::MAX_OPERATORS - crate::MAX_DEPTH);
    let formula = compile(&nested(&format!("COUNT(Flight){chain}")), &entities()).unwrap();
    let ones = i64::try_from(crate::MAX_OPERATORS - 1).unwrap();
    assert_eq!(formula.finish(crate::Values::of(&[Some(0.into())])), Some(ones.into()));
    let row = crate::compile_row(&nested(&format!("delay{chain}")), &crate::fixtures::attributes()).unwrap();
    assert_eq!(row.evaluate(&[crate::Value::Integer(0)]), crate::Value::Integer(ones));
}

#[test]
fn diagnostics_serialize_for_the_editor() {
    let diagnostics = compile("COUNT(Fligth)", &entities()).unwrap_err();
    let expected = serde_json::json!([{
        "span": { "start": 6, "end": 12 }, "code": "unknown-entity",
        "message": "there is no entity `Fligth`", "hint": "did you mean `Flight`?",
    }]);
    assert_eq!(serde_json::to_value(diagnostics).unwrap(), expected);
}

proptest! {
    #[test]
    fn what_does_not_compile_says_why(source in prop_oneof![token_soup(), any::<String>(), trees().prop_map(|tree| tree.to_string())]) {
        if let Err(diagnostics) = compile(&source, &entities()) {
            prop_assert!(!diagnostics.is_empty());
            prop_assert!(diagnostics.iter().all(|diagnostic| source.get(diagnostic.span.clone()).is_some()));
        }
        if let Err(diagnostics) = crate::compile_row(&source, &crate::fixtures::attributes()) {
            prop_assert!(!diagnostics.is_empty());
        }
    }
}

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
use super::*;
use crate::compile;
use crate::fixtures::entities;

#[test]
fn what_may_surprise_is_told() {
    let net = "SUM(Flight.distance WHERE origin = 'A') - SUM(Flight.distance WHERE origin = 'B')";
    let cases: &[(&str, &str, &[&str])] = &[
        (
            "a net of sums",
            net,
            &[
                "0..39 empty-sum to count nothing as 0 write COALESCE(SUM(Flight.distance WHERE origin = 'A'), 0)",
                "42..81 empty-sum to count nothing as 0 write COALESCE(SUM(Flight.distance WHERE origin = 'B'), 0)",
            ],
        ),
        (
            "one of them can be empty",
            "COUNT(Flight) + 2 * -SUM(Order.delay)",
            &["21..37 empty-sum to count nothing as 0 write COALESCE(SUM(Order.delay), 0)"],
        ),
        (
            "inside of a function",
            "IF(COUNT(Flight) > 0, SUM(Order.delay) + COUNT(Flight), 0)",
            &["22..38 empty-sum to count nothing as 0 write COALESCE(SUM(Order.delay), 0)"],
        ),
        (
            "zero was thought of",
            "COALESCE(SUM(Flight.distance), 0) - COALESCE(SUM(Order.distance), 0)",
            &[],
        ),
        (
            "rates have no value without facts",
            "SUM(Flight.delay) / COUNT(Flight) - SUM(Order.delay) / COUNT(Order)",
            &[],
        ),
        ("a sum of one thing", "SUM(Flight.distance) + 1", &[]),
        ("the same sum", "SUM(Flight.distance) + SUM(Flight.distance)", &[]),
        (
            "required, and of the same facts",
            "SUM(Flight.delay) - COUNT(Flight)",
            &[],
        ),
        (
            "not required",
            "SUM(Flight.distance) - COUNT(Flight)",
            &["0..20 empty-sum to count nothing as 0 write COALESCE(SUM(Flight.distance), 0)"],
        ),
        (
            "another text",
            "COUNT(Flight WHERE origin <> 'A' AND on_time)",
            &["19..32 missing-not-counted to count them too write COALESCE(origin, '') != 'A'"],
        ),
        (
            "none of these numbers",
            "COUNT(Flight WHERE stops NOT IN (0, 1))",
            &["19..38 missing-not-counted to count them too write COALESCE(stops, 2) NOT IN (0, 1)"],
        ),
        (
            "turned around",
            "COUNT(Flight WHERE NOT (on_time = FALSE OR origin = 'A'))",
            &[
                "24..39 missing-not-counted to count them too write COALESCE(on_time, TRUE) = FALSE",
                "43..55 missing-not-counted to count them too write COALESCE(origin, '') = 'A'",
            ],
        ),
        (
            "equality is plain",
            "COUNT(Flight WHERE origin = 'A' AND NOT origin != 'B')",
            &[],
        ),
        (
            "missing was thought of",
            "COUNT(Flight WHERE origin NOT IN ('', 'A') AND origin != '')",
            &[],
        ),
        ("and here", "COUNT(Flight WHERE COALESCE(origin, '') != 'A')", &[]),
    ];
    for (name, source, expected) in cases {
        assert!(compile(source, &entities()).is_ok(), "{name}");
        let told: Vec<String> = advise(source, &entities())
            .into_iter()
            .map(|found| {
                let (from, to) = (found.span.start, found.span.end);
                format!("{from}..{to} {} {}", found.code, found.hint.unwrap())
            })
            .collect();
        assert_eq!(told, *expected, "{name}");
    }
}

#[test]
fn what_is_recommended_compiles_and_needs_no_more_advice() {
    for source in [
        "COUNT(Flight WHERE origin <> 'A')",
        "COUNT(Flight WHERE stops NOT IN (0, 1))",
        "COUNT(Flight WHERE on_time != TRUE)",
    ] {
        let hint = advise(source, &entities()).remove(0).hint.unwrap();
        let better = format!("COUNT(Flight WHERE {})", hint.split("write ").nth(1).unwrap());
        assert!(compile(&better, &entities()).is_ok(), "{better}");
        assert_eq!(advise(&better, &entities()), [], "{better}");
    }
}

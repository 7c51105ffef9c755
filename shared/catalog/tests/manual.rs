//! `docs/formulas.md` holds: how values stand to targets and thresholds.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use catalog::{Direction, Goal, Limit};
use formula::Number;

/// What stands between backticks.
fn code(cell: &str) -> Option<&str> {
    cell.strip_prefix('`')?.strip_suffix('`')
}

/// A number, a band `from..to`, `no value`, or nothing.
fn limit(cell: &str) -> Option<Limit<Option<Number>>> {
    let number = |text: &str| Some(text.parse::<Number>().unwrap());
    match code(cell) {
        None if cell.is_empty() => None,
        None => Some(Limit::One(None)),
        Some(text) => Some(match text.split_once("..") {
            None => Limit::One(number(text)),
            Some((from, to)) => Limit::Band {
                from: number(from),
                to: number(to),
            },
        }),
    }
}

#[test]
fn values_stand_to_targets_as_the_manual_says() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/formulas.md");
    let text = std::fs::read_to_string(path).unwrap();
    let header = "| direction | target | warning | critical | value | status |";
    let rows = text.lines().skip_while(|line| *line != header).skip(2);
    let rows: Vec<&str> = rows.take_while(|line| line.starts_with("| ")).collect();
    assert!(rows.len() > 9, "docs/formulas.md has a table {header:?}");
    for row in rows {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [direction, target, warning, critical, value, status] = cells.as_slice() else {
            panic!("{row}")
        };
        let direction: Direction = serde_json::from_value(code(direction).unwrap().into()).unwrap();
        let goal = Goal {
            target: limit(target),
            warning: limit(warning),
            critical: limit(critical),
        };
        let value: Option<Number> = code(value).map(|value| value.parse().unwrap());
        let told = direction.status(value.as_ref(), &goal);
        let expected = code(status).map(Into::into);
        assert_eq!(
            serde_json::to_value(told).unwrap(),
            expected.unwrap_or(serde_json::Value::Null),
            "{row}"
        );
    }
}

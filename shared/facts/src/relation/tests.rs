#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
use std::collections::BTreeSet;

use super::*;

/// The longest that PostgreSQL tells apart.
const MAX_NAME_BYTES: usize = 63;

fn grouping(dimensions: &[&str]) -> GroupingDefinition {
    GroupingDefinition::by_minute(dimensions.iter().copied())
}

/// Everything that an entity with some groupings is stored in.
fn tables(code: &str, groupings: &[GroupingDefinition]) -> Vec<String> {
    let relation = Relation {
        schema: "x_data".to_owned(),
        name: facts_name(code),
    };
    let mut names = vec![relation.facts()];
    for grouping in groupings {
        names.push(relation.partials(grouping));
        for level in levels(Level::Minute) {
            names.extend([relation.rollup(grouping, level), relation.rows(grouping, level)]);
        }
    }
    names
}

#[test]
fn codes_become_table_names() {
    for (code, name) in [
        ("Flight", "flight"),
        ("OrderLine", "order_line"),
        ("KPIValue", "k_p_i_value"),
    ] {
        assert_eq!(facts_name(code), name);
    }
}

#[test]
fn groupings_become_table_names() {
    let relation = Relation {
        schema: "travel_data".to_owned(),
        name: "flight".to_owned(),
    };
    for (dimensions, name) in [
        (&[][..], "flight__total"),
        (&["origin"], "flight__by_origin"),
        (&["on_time", "origin"], "flight__by2_on_time_origin_"),
    ] {
        let base = relation.base(&grouping(dimensions));
        assert!(base.starts_with(name), "{base}");
        assert_eq!(base == name, dimensions.len() < 2, "{base}");
    }
}

#[test]
fn names_of_tables_are_short_and_never_the_same() {
    let long = "a".repeat(40);
    let longer = format!("{}b", &long[..39]);
    let groupings = [
        grouping(&[]),
        grouping(&["a"]),
        grouping(&["b"]),
        grouping(&["a_b"]),
        grouping(&["a", "b"]),
        grouping(&["a", "b_c"]),
        grouping(&["a_b", "c"]),
        grouping(&["a", "b", "c"]),
        grouping(&["a_minute"]),
        grouping(&["a_minute_rows"]),
        grouping(&["total"]),
        grouping(&[&long]),
        grouping(&[&longer]),
        grouping(&[&long, &longer]),
    ];
    let capitals = "A".repeat(48);
    let mut names = Vec::new();
    for code in [
        "Flight",
        "FlightTotal",
        "FlightTotalMinute",
        "FlightByA",
        "FlightByAMinute",
        &capitals,
        &format!("{}B", &capitals[..47]),
        &format!("B{}", &capitals[..47]),
        &format!("A{}", "a".repeat(47)),
    ] {
        names.extend(tables(code, &groupings));
    }
    for name in &names {
        let table = name.rsplit_once('.').unwrap().1.trim_matches('"');
        assert!(table.len() <= MAX_NAME_BYTES, "{table}");
    }
    let different: BTreeSet<&String> = names.iter().collect();
    assert_eq!(different.len(), names.len());
}

#[test]
fn variants_leave_room_for_suffixes() {
    let relation = Relation {
        schema: "x_data".to_owned(),
        name: format!("{}_999", facts_name(&"A".repeat(48))),
    };
    let rows = relation.rows(&grouping(&[]), Level::Minute);
    assert_eq!(rows.len(), "\"x_data\".\"\"".len() + MAX_NAME_BYTES);
}

#[test]
fn no_dimension_is_called_like_a_state() {
    for (state, _, _) in STATES {
        let definition: catalog::EntityDefinition = serde_json::from_value(serde_json::json!({
            "code": "Sale", "domain": "shop",
            "attributes": [
                { "name": "amount", "type": "decimal" },
                { "name": format!("amount_{state}"), "type": "text", "dimension": true }
            ]
        }))
        .unwrap();
        assert!(definition.validate().is_err(), "{state}");
    }
}

#[test]
fn columns_are_lists_that_fit_together() {
    let columns = Columns::new(&["origin".to_owned(), "gate".to_owned()], ["delay"]);
    assert_eq!(columns.first, "\"origin\", \"gate\", ");
    assert_eq!(columns.last, ", \"origin\", \"gate\"");
    assert!(columns.states().starts_with(", \"delay_count\", \"delay_sum\""));
    assert!(
        columns
            .merges()
            .starts_with(", sum(\"delay_count\")::bigint AS \"delay_count\", sum(\"delay_sum\") AS")
    );
    let computed = columns.computed(|attribute, state| format!("{state} of {attribute}"));
    assert!(
        computed.starts_with(", count of delay AS \"delay_count\""),
        "{computed}"
    );
    assert_eq!(Columns::new(&[], []).merges(), "");
}

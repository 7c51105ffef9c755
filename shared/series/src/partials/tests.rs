#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
use std::collections::BTreeMap;

use catalog::EntityDefinition;
use proptest::prelude::*;

use super::*;

fn entity() -> Entity {
    let definition: EntityDefinition = serde_json::from_value(serde_json::json!({
        "code": "Sale", "domain": "retail", "time": "at",
        "attributes": [
            { "name": "amount", "type": "decimal" },
            { "name": "items", "type": "integer" },
            { "name": "region", "type": "text", "dimension": true },
            { "name": "paid", "type": "boolean", "dimension": true }
        ],
        "groupings": [
            { "dimensions": ["region"], "finest": "hour" },
            { "dimensions": ["paid", "region"], "finest": "minute" }
        ]
    }))
    .unwrap();
    definition.validate().unwrap()
}

fn facts() -> impl Strategy<Value = Vec<Fact>> {
    let value = prop_oneof![
        Just(Value::Null),
        (-500_i64..500).prop_map(|cents| Value::Decimal(Decimal::new(cents, 2)))
    ];
    let region = prop_oneof![Just(Value::Null), "[a-c]{0,1}".prop_map(Value::Text)];
    let paid = prop_oneof![Just(Value::Null), any::<bool>().prop_map(Value::Boolean)];
    let fact = (-3_i64..200, value, 0_i64..9, region, paid).prop_map(|(minute, amount, items, region, paid)| Fact {
        time_us: minute * 60_000_000 + items,
        values: vec![amount, Value::Integer(items), region, paid],
    });
    proptest::collection::vec(fact, 0..60)
}

/// What the definition says, one fact at a time: the state of each bucket and group.
fn by_definition(
    entity: &Entity,
    grouping: &GroupingDefinition,
    facts: &[&Fact],
) -> BTreeMap<(i64, Vec<Value>), GroupState> {
    let mut groups = BTreeMap::new();
    for fact in facts {
        let key = (
            floor_us(grouping.finest, fact.time_us),
            grouping
                .dimensions
                .iter()
                .map(|name| fact.values[entity.index_of(name).unwrap()].clone())
                .collect(),
        );
        let numbers: Vec<Option<Decimal>> = entity
            .numeric_attributes()
            .map(|(index, _)| fact.values[index].as_decimal())
            .collect();
        groups
            .entry(key)
            .or_insert_with(|| GroupState::empty(2))
            .add(fact.time_us, &numbers);
    }
    groups
}

proptest! {
    #[test]
    fn each_group_has_one_row_with_the_state_of_its_facts(facts in facts()) {
        let entity = entity();
        let facts: Vec<&Fact> = facts.iter().collect();
        let partials = Partials::of(&entity, &facts);
        prop_assert_eq!(partials.groupings.len(), entity.groupings().len());
        let minutes: std::collections::BTreeSet<i64> = facts.iter().map(|fact| floor_us(catalog::Level::Minute, fact.time_us)).collect();
        prop_assert!(partials.minutes().eq(minutes));
        for (grouping, rows) in entity.groupings().iter().zip(&partials.groupings) {
            prop_assert!(rows.is_sorted_by_key(|row| row.bucket_us));
            let expected = by_definition(&entity, grouping, &facts);
            prop_assert_eq!(rows.len(), expected.len());
            for row in rows {
                prop_assert_eq!(Some(&row.state), expected.get(&(row.bucket_us, row.dimensions.clone())));
            }
        }
    }
}

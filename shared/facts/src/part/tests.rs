#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::VecDeque;

use catalog::EntityDefinition;
use proptest::prelude::*;
use series::Fact;
use uuid::Uuid;

use super::*;

/// A batch of so many events; those at `refused` are refused.
fn batch(events: usize, refused: &[usize]) -> Batch {
    let mut batch = Batch::new(Uuid::from_u128(u128::try_from(events).unwrap()), None);
    for position in 0..events {
        if refused.contains(&position) {
            batch.refuse(Reject {
                position: i32::try_from(position).unwrap(),
                field: String::new(),
                reason: "no".to_owned(),
                original: String::new(),
            });
        } else {
            let fact = Fact {
                time_us: i64::try_from(position).unwrap(),
                values: Vec::new(),
            };
            batch.accept(position, fact);
        }
    }
    batch
}

fn whole<'b>(batches: &'b [Batch]) -> impl Iterator<Item = Part<'b>> {
    batches.iter().map(|batch| Part::rest(batch, 0))
}

/// The events of parts, by batch and position, in the order in which they are written.
fn written(parts: &[Part<'_>]) -> Vec<(Uuid, i32)> {
    let of = |part: &Part<'_>| {
        let mapped = part.mapped().iter().map(|mapped| mapped.position);
        let mut positions: Vec<i32> = mapped
            .chain(part.rejects().iter().map(|reject| reject.position))
            .collect();
        positions.sort_unstable();
        let id = part.batch.id;
        positions.into_iter().map(move |position| (id, position))
    };
    parts.iter().flat_map(of).collect()
}

proptest! {
    #[test]
    fn sets_have_every_event_once_and_few_enough(
        sizes in proptest::collection::vec(0_usize..40, 1..6),
        refused in proptest::collection::vec(0_usize..40, 0..20),
        most in 1_usize..50,
    ) {
        let batches: Vec<Batch> = sizes.iter().map(|size| batch(*size, &refused)).collect();
        let all = written(&whole(&batches).collect::<Vec<_>>());
        let sets = sets(whole(&batches), most);
        prop_assert_eq!(written(&sets.concat()), all);
        for set in &sets {
            prop_assert!(set.iter().map(Part::events).sum::<usize>() <= most);
        }
        // A batch begins once, ends once, and each of its parts begins where the one before ended.
        for batch in &batches {
            let parts: Vec<Part<'_>> = sets.concat().into_iter().filter(|part| std::ptr::eq(part.batch, batch)).collect();
            prop_assert!(parts[0].is_first() && parts.last().unwrap().to.is_none());
            for pair in parts.windows(2) {
                prop_assert_eq!(pair[0].to, Some(pair[1].from));
                prop_assert!(pair[1].from > 0);
            }
        }
    }

    #[test]
    fn halves_of_halves_are_single_events(sizes in proptest::collection::vec(1_usize..40, 1..4), refused in proptest::collection::vec(0_usize..40, 0..20)) {
        let batches: Vec<Batch> = sizes.iter().map(|size| batch(*size, &refused)).collect();
        let all: Vec<Part<'_>> = whole(&batches).collect();
        let expected = written(&all);
        let (mut pending, mut single) = (VecDeque::from([all]), Vec::new());
        while let Some(set) = pending.pop_front() {
            match halves(&set) {
                Some([first, second]) => {
                    pending.push_front(second);
                    pending.push_front(first);
                }
                None => single.extend(set),
            }
        }
        prop_assert_eq!(single.len(), expected.len());
        prop_assert_eq!(written(&single), expected);
    }
}

#[test]
fn a_try_writes_less_than_the_one_before() {
    let definition: EntityDefinition = serde_json::from_value(serde_json::json!({
        "code": "Order", "domain": "sales",
        "attributes": [
            { "name": "amount", "type": "decimal" }, { "name": "pieces", "type": "integer" },
            { "name": "region", "type": "text", "dimension": true },
        ],
        "groupings": [{ "dimensions": [] }, { "dimensions": ["region"] }],
    }))
    .unwrap();
    let entity = definition.validate().unwrap();
    // Time, client and three attributes; twice client, bucket, facts and six states of two attributes; one dimension.
    assert_eq!(cells_of_an_event(&entity), 2 + 3 + 2 * (3 + 6 * 2) + 1);
    let most: Vec<usize> = (0..8).map(|tries| most_events(&entity, tries)).collect();
    assert_eq!(most, [27_777, 27_777, 3_472, 434, 54, 6, 1, 1]);
}

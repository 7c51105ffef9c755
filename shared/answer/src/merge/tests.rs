//! Which questions are read together.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use catalog::{Catalog, Entity, EntityDefinition, KpiDefinition};
use jiff::Timestamp;
use serde_json::json;
use series::{Measured, State};

use super::*;

const CLIENT: Uuid = Uuid::from_u128(1);
const OTHER: Uuid = Uuid::from_u128(2);

fn entity(description: &str, groupings: &[&[&str]]) -> Arc<Entity> {
    let groupings: Vec<_> = groupings.iter().map(|names| json!({ "dimensions": names })).collect();
    let definition: EntityDefinition = serde_json::from_value(json!({
        "code": "Flight", "domain": "aviation", "description": description,
        "attributes": [
            { "name": "delay", "type": "integer" },
            { "name": "distance", "type": "integer" },
            { "name": "gate", "type": "text", "dimension": true },
            { "name": "origin", "type": "text", "dimension": true },
            { "name": "landed", "type": "text" }],
        "groupings": groupings
    }))
    .unwrap();
    Arc::new(definition.validate().unwrap())
}

/// Where an entity is: in a volume, with an identity there.
fn place(volume: &str, id: i32, entity: &Entity) -> facts::Place {
    facts::Place {
        volume: Volume::named(volume),
        id,
        layout: Arc::new(Layout::of(entity)),
    }
}

/// A question over the rollup by gate and origin, of minutes counted from 0.
fn question(entity: &Arc<Entity>, minutes: std::ops::Range<i64>, filter: &[(&str, &[&str])]) -> Question {
    let minute = |minute: i64| Timestamp::from_second(minute * 60).unwrap();
    let place = |grouping: &GroupingDefinition| grouping.dimensions == ["gate", "origin"];
    let values = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect();
    Question {
        entity: Arc::clone(entity),
        source: Source::Rollup(entity.groupings().iter().position(place).unwrap()),
        level: Level::Minute,
        bins: Bins::of(Level::Minute),
        range: Range {
            from: minute(minutes.start),
            to: minute(minutes.end),
        },
        hours: Hours::ALL,
        dimensions: vec!["gate".to_owned(), "origin".to_owned()],
        attributes: [(Measured::Attribute("delay".to_owned()), [State::Sum].into())].into(),
        filter: filter
            .iter()
            .map(|(name, list)| ((*name).to_owned(), values(list)))
            .collect(),
        pushed: Vec::new(),
        lookups: Vec::new(),
        sketch: None,
    }
}

const BY_BOTH: &[&[&str]] = &[&["gate", "origin"]];

#[test]
fn what_clients_say_of_an_entity_does_not_keep_questions_apart_that_lie_alike() {
    // Their second grouping came later, and is in front in their definition.
    let (ours, theirs) = (
        entity("our flights", BY_BOTH),
        entity("theirs", &[&["origin"], &["gate", "origin"]]),
    );
    let both = Layout::of(&ours).extended(&theirs);
    let [our_place, their_place] = [1, 2].map(|id| facts::Place {
        layout: Arc::new(both.clone()),
        ..place("volume_1", id, &ours)
    });
    let mut merged = Merged::default();
    let first = merged.add(
        CLIENT,
        &our_place,
        Vec::new(),
        question(&ours, 0..5, &[("origin", &["ORD"])]),
    );
    let mut other = question(&theirs, 3..9, &[("origin", &["LAX"])]);
    other.attributes = [(Measured::Attribute("distance".to_owned()), [State::Max].into())].into();
    assert_ne!(
        other.source,
        merged.reads()[first].question.source,
        "the rollup has another number there"
    );
    assert_eq!(merged.add(OTHER, &their_place, Vec::new(), other.clone()), first);
    let read = &merged.reads()[first];
    assert_eq!(read.members, [(CLIENT, 1), (OTHER, 2)]);
    assert_eq!(read.question.range, question(&ours, 0..9, &[]).range);
    let names: Vec<_> = read
        .question
        .attributes
        .iter()
        .filter_map(|(measured, states)| Some((measured.attribute()?, states.iter().copied().collect::<Vec<_>>())))
        .collect();
    assert_eq!(names, [("delay", vec![State::Sum]), ("distance", vec![State::Max])]);
    assert_eq!(read.question.filter["origin"], ["LAX", "ORD"].map(str::to_owned).into());
    assert!(merged.is_shared(first));
    let otherwise = place("volume_1", 2, &theirs);
    assert_ne!(
        merged.add(OTHER, &otherwise, Vec::new(), other),
        first,
        "they lie otherwise"
    );
}

/// What is a time to one may be any text of another, and lies alike; and every fact has its own time, by whatever name.
#[test]
fn clients_to_whom_other_attributes_are_times_are_asked_apart() {
    let ours = entity("", BY_BOTH);
    let at = place("volume_1", 1, &ours);
    let mut merged = Merged::default();
    let first = merged.add(CLIENT, &at, Vec::new(), question(&ours, 0..5, &[]));
    for change in [
        json!({ "time": "taken_off" }),
        json!({ "type": "time", "dimension": false }),
    ] {
        let mut definition = serde_json::to_value(ours.definition()).unwrap();
        let changed = match change.get("time") {
            Some(_) => &mut definition,
            None => &mut definition["attributes"][4],
        };
        changed
            .as_object_mut()
            .unwrap()
            .extend(change.as_object().unwrap().clone());
        let definition: EntityDefinition = serde_json::from_value(definition).unwrap();
        let theirs = Arc::new(definition.validate().unwrap());
        assert_eq!(Layout::of(&theirs), Layout::of(&ours));
        let asked = question(&theirs, 0..5, &[]);
        assert_ne!(
            merged.add(OTHER, &facts::Place { id: 2, ..at.clone() }, Vec::new(), asked),
            first,
            "{change}"
        );
    }
}

#[test]
fn a_read_does_not_grow_beyond_what_is_asked() {
    let entity = entity("", BY_BOTH);
    let at = place("volume_1", 1, &entity);
    let of = |minutes: std::ops::Range<i64>, filter: &[(&str, &[&str])]| question(&entity, minutes, filter);
    let names: Vec<String> = (0..100).map(|number| number.to_string()).collect();
    let many: Vec<&str> = names.iter().map(String::as_str).collect();
    let ord: &[(&str, &[&str])] = &[("origin", &["ORD"])];
    let cases = [
        ("the same", of(0..1, ord), of(0..1, ord), true),
        (
            "another value",
            of(0..1_440, ord),
            of(0..1_440, &[("origin", &["LAX"])]),
            true,
        ),
        ("a filter and none", of(0..1, ord), of(0..1, &[]), false),
        ("another filter", of(0..1, ord), of(0..1, &[("gate", &["B7"])]), false),
        (
            "a long range and a short one",
            of(0..1_440, ord),
            of(1_439..1_440, &[("origin", &["LAX"])]),
            true,
        ),
        (
            "a long range and many values of a short one",
            of(0..1_440, ord),
            of(1_439..1_440, &[("origin", &many)]),
            false,
        ),
        ("few cells far apart", of(0..1, ord), of(5_000..5_001, ord), true),
        ("ranges too far apart", of(0..1, ord), of(50_000..50_001, ord), false),
    ];
    for (what, first, second, together) in cases {
        let mut merged = Merged::default();
        merged.add(CLIENT, &at, Vec::new(), first);
        merged.add(CLIENT, &at, Vec::new(), second.clone());
        assert_eq!(merged.reads().len(), if together { 1 } else { 2 }, "{what}");
    }
    let mut merged = Merged::default();
    for value in &names {
        merged.add(CLIENT, &at, Vec::new(), of(0..1_440, &[("origin", &[value])]));
    }
    assert_eq!(
        merged.reads().len(),
        2,
        "144,000 cells are more than one shared read may have"
    );
}

/// A week and a month that begin together: what is summed up to the end of one is not the other.
#[test]
fn stretches_with_other_ends_are_read_apart() {
    let entity = entity("", BY_BOTH);
    let at = place("volume_1", 1, &entity);
    let of = |minutes: std::ops::Range<i64>| {
        let mut question = question(&entity, minutes, &[]);
        question.bins = Bins::Between(vec![question.range.from, question.range.to]);
        question
    };
    let mut merged = Merged::default();
    let week = merged.add(CLIENT, &at, Vec::new(), of(0..7));
    let month = merged.add(CLIENT, &at, Vec::new(), of(0..31));
    assert_ne!(week, month);
    assert_eq!(merged.add(OTHER, &at, Vec::new(), of(0..7)), week);
    assert_eq!(merged.reads()[week].question.range, of(0..7).range);
}

#[test]
fn reads_of_other_hours_are_apart() {
    let entity = entity("", BY_BOTH);
    let at = place("volume_1", 1, &entity);
    let of = |hours: Hours| Question {
        hours,
        ..question(&entity, 0..7, &[])
    };
    let night = Hours::of(Timestamp::UNIX_EPOCH);
    let mut merged = Merged::default();
    let [whole, inside, others] =
        [Hours::ALL, night, Hours::ALL.without(night)].map(|hours| merged.add(CLIENT, &at, Vec::new(), of(hours)));
    assert_eq!([whole, inside, others], [0, 1, 2]);
    assert_eq!(merged.add(OTHER, &at, Vec::new(), of(night)), inside);
    assert_eq!(merged.reads()[inside].question.hours, night);
}

#[test]
fn other_places_and_what_is_asked_apart_are_reads_of_their_own() {
    let entity = entity("", BY_BOTH);
    for mut merged in [Merged::default(), Merged::apart()] {
        let is_apart = merged.apart;
        for name in ["volume_1", "volume_2", "volume_1"] {
            merged.add(
                CLIENT,
                &place(name, 1, &entity),
                Vec::new(),
                question(&entity, 0..1, &[]),
            );
        }
        assert_eq!(merged.reads().len(), if is_apart { 3 } else { 2 });
        assert_eq!(merged.is_shared(0), !is_apart);
    }
}

/// What lies alike is not the same: rows of two entities of a client can't be told apart, and those of two clients' entities of other codes are finished
/// by their codes.
#[test]
fn entities_that_lie_alike_are_read_apart() {
    let flights = entity("", BY_BOTH);
    let mut definition = flights.definition().clone();
    "Transfer".clone_into(&mut definition.code);
    let transfers = Arc::new(definition.validate().unwrap());
    let mut merged = Merged::default();
    merged.add(
        CLIENT,
        &place("volume_1", 1, &flights),
        Vec::new(),
        question(&flights, 0..1, &[]),
    );
    for (client, id) in [(CLIENT, 2), (OTHER, 3)] {
        merged.add(
            client,
            &place("volume_1", id, &transfers),
            Vec::new(),
            question(&transfers, 0..1, &[]),
        );
    }
    assert_eq!(
        merged.reads().len(),
        2,
        "the transfers of both clients are read together"
    );
    assert_eq!(merged.reads()[1].members, [(CLIENT, 2), (OTHER, 3)]);
    merged.add(
        CLIENT,
        &place("volume_1", 4, &transfers),
        Vec::new(),
        question(&transfers, 0..1, &[]),
    );
    assert_eq!(merged.reads().len(), 3, "another entity of one client");
}

/// What tells objects apart is the definition's, and not the layout's.
#[test]
fn clients_to_whom_other_things_are_objects_are_asked_apart() {
    let entity = |state: &[&str]| {
        let definition = json!({
            "code": "Stock", "domain": "store", "state": state,
            "attributes": [
                { "name": "article", "type": "text", "required": true },
                { "name": "warehouse", "type": "text", "required": true },
                { "name": "quantity", "type": "integer" },
            ],
        });
        let definition: EntityDefinition = serde_json::from_value(definition).unwrap();
        Arc::new(definition.validate().unwrap())
    };
    let of = |entity: &Arc<Entity>| {
        let mut kpi = KpiDefinition::named("K", "K");
        kpi.formula = "AT_END(SUM(Stock.quantity))".to_owned();
        let catalog = Catalog::new(vec![entity.definition().clone()], vec![kpi]).unwrap();
        Question {
            entity: Arc::clone(entity),
            source: Source::Raw,
            dimensions: Vec::new(),
            attributes: BTreeMap::new(),
            pushed: catalog.kpi("K").unwrap().formula.measures.clone(),
            ..question(&self::entity("", BY_BOTH), 0..5, &[])
        }
    };
    let (both, articles) = (entity(&["article", "warehouse"]), entity(&["article"]));
    assert_eq!(Layout::of(&both), Layout::of(&articles));
    let at = place("volume_1", 1, &both);
    let mut merged = Merged::default();
    let first = merged.add(CLIENT, &at, Vec::new(), of(&both));
    let other = facts::Place { id: 2, ..at.clone() };
    assert_eq!(merged.add(OTHER, &other, Vec::new(), of(&both)), first);
    assert_ne!(merged.add(OTHER, &other, Vec::new(), of(&articles)), first);
}

/// The database filters what is pushed down, so that nothing can be sorted out later.
#[test]
fn what_is_pushed_down_is_shared_only_where_it_is_the_same() {
    let entity = entity("", BY_BOTH);
    let at = place("volume_1", 1, &entity);
    let of = |formula: &str, origin: &str| {
        let mut question = question(&entity, 0..5, &[("origin", &[origin])]);
        question.source = Source::Raw;
        let mut kpi = KpiDefinition::named("K", "K");
        formula.clone_into(&mut kpi.formula);
        let catalog = Catalog::new(vec![entity.definition().clone()], vec![kpi]).unwrap();
        question.pushed.clone_from(&catalog.kpi("K").unwrap().formula.measures);
        question
    };
    let long = "COUNT(Flight WHERE distance > 1000)";
    let mut merged = Merged::default();
    let first = merged.add(CLIENT, &at, Vec::new(), of(long, "ORD"));
    for (what, formula, origin, together) in [
        ("the same", long, "ORD", true),
        ("another value", long, "LAX", false),
        ("another condition", "COUNT(Flight WHERE distance > 1001)", "ORD", false),
        (
            "another aggregate",
            "SUM(Flight.delay WHERE distance > 1000)",
            "ORD",
            false,
        ),
        (
            "one more",
            "COUNT(Flight WHERE distance > 1000) + COUNT(Flight)",
            "ORD",
            false,
        ),
    ] {
        let position = merged.add(
            OTHER,
            &facts::Place { id: 2, ..at.clone() },
            Vec::new(),
            of(formula, origin),
        );
        assert_eq!(position == first, together, "{what}");
    }
}

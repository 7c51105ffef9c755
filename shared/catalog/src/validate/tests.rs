#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
use super::*;
use crate::fixtures::{attribute, dimension, flight};
use formula::Value;
use proptest::prelude::*;

/// A name, a change to a valid definition, and the problems it makes.
type Case = (&'static str, fn(&mut EntityDefinition), &'static [&'static str]);

fn derived(name: &str, kind: AttributeType, formula: &str) -> AttributeDefinition {
    AttributeDefinition {
        formula: Some(formula.into()),
        ..attribute(name, kind)
    }
}

#[test]
fn a_valid_definition_is_an_entity() {
    let entity = flight().validate().unwrap();
    assert_eq!(
        (entity.code(), entity.definition().domain.as_str()),
        ("Flight", "travel")
    );
    let names = |attributes: Vec<(usize, &AttributeDefinition)>| -> Vec<String> {
        attributes
            .into_iter()
            .map(|(index, attribute)| format!("{index} {}", attribute.name))
            .collect()
    };
    assert_eq!(names(entity.numeric_attributes().collect()), ["0 delay", "1 distance"]);
    assert_eq!(
        names(entity.dimensions().collect()),
        ["2 origin", "3 destination", "4 on_time"]
    );
    assert_eq!(names(entity.source_attributes().collect()).len(), 4);
    let groupings: Vec<String> = entity
        .groupings()
        .iter()
        .map(|g| format!("{} {}", g.dimensions.join("+"), g.finest))
        .collect();
    assert_eq!(groupings, [" minute", "origin minute", "destination+origin hour"]);
}

#[test]
fn every_problem_has_a_pointer() {
    let cases: &[Case] = &[
        ("no attributes", |e| (e.attributes, e.groupings) = (vec![], vec![]), &[]),
        ("a key", |e| e.key = vec!["delay".into()], &[]),
        (
            "the whole declared",
            |e| e.groupings.push(GroupingDefinition::default()),
            &[],
        ),
        ("code", |e| e.code = "flight".into(), &["/code"]),
        ("domain", |e| e.domain = "Travel".into(), &["/domain"]),
        ("the database's domain", |e| e.domain = "pg_x".into(), &["/domain"]),
        (
            "a NUL in the description",
            |e| e.description = "\0".into(),
            &["/description"],
        ),
        ("lines in the description", |e| e.description = "a\nb".into(), &[]),
        (
            "a long description",
            |e| e.description = "x".repeat(2001),
            &["/description"],
        ),
        ("no time", |e| e.time = " ".into(), &["/time"]),
        (
            "an attribute is the time",
            |e| e.time = "origin".into(),
            &["/attributes/2/name"],
        ),
        (
            "an attribute's name",
            |e| e.attributes[1].name = "Distance".into(),
            &["/attributes/1/name"],
        ),
        (
            "a reserved name",
            |e| e.attributes[1].name = "facts".into(),
            &["/attributes/1/name"],
        ),
        (
            "a name of the database's own",
            |e| e.attributes[1].name = "xmin".into(),
            &["/attributes/1/name"],
        ),
        (
            "a dimension called like a state",
            |e| e.attributes[3] = dimension("delay_sum", AttributeType::Integer),
            &["/attributes/3/name", "/groupings/1/dimensions"],
        ),
        (
            "a number called like a state",
            |e| e.attributes[1].name = "delay_max".into(),
            &[],
        ),
        (
            "a dimension called like a state of no number",
            |e| e.attributes.push(dimension("origin_count", AttributeType::Integer)),
            &[],
        ),
        (
            "a word of the language",
            |e| e.attributes[1].name = "where".into(),
            &["/attributes/1/name"],
        ),
        (
            "a double",
            |e| e.attributes[1].name = "delay".into(),
            &["/attributes/1/name"],
        ),
        (
            "a decimal dimension",
            |e| e.attributes[1].dimension = true,
            &["/attributes/1/dimension"],
        ),
        (
            "a long unit",
            |e| e.attributes[1].unit = Some("x".repeat(121)),
            &["/attributes/1/unit"],
        ),
        (
            "a required derived",
            |e| e.attributes[4].required = true,
            &["/attributes/4/required"],
        ),
        (
            "a formula's name",
            |e| e.attributes[4].formula = Some("dealy < 15".into()),
            &["/attributes/4/formula 0..5"],
        ),
        (
            "a formula's form",
            |e| e.attributes[4].formula = Some("delay <".into()),
            &["/attributes/4/formula 7..7"],
        ),
        (
            "a formula's type",
            |e| e.attributes[4].formula = Some("delay + 1".into()),
            &["/attributes/4/type"],
        ),
        (
            "an aggregate",
            |e| e.attributes[4].formula = Some("COUNT(Flight) > 1".into()),
            &["/attributes/4/formula 0..13"],
        ),
        (
            "a formula of itself",
            |e| e.attributes[4].formula = Some("NOT on_time".into()),
            &["/attributes/4/formula"],
        ),
        (
            "a circle",
            |e| {
                e.attributes.push(derived("a", AttributeType::Integer, "b + 1"));
                e.attributes.push(derived("b", AttributeType::Integer, "a + 1"));
            },
            &["/attributes/5/formula", "/attributes/6/formula"],
        ),
        ("a key's name", |e| e.key = vec!["dealy".into()], &["/key/0"]),
        (
            "a key twice",
            |e| e.key = vec!["delay".into(), "delay".into()],
            &["/key/1"],
        ),
        (
            "a key that may be missing",
            |e| e.key = vec!["delay".into(), "origin".into()],
            &["/key/1"],
        ),
        ("a computed key", |e| e.key = vec!["on_time".into()], &["/key/0"]),
        ("a long key", |e| e.key = vec!["delay".into(); 9], &["/key"]),
        (
            "a grouping's name",
            |e| e.groupings[0].dimensions[0] = "orign".into(),
            &["/groupings/0/dimensions"],
        ),
        (
            "a grouping by a measure",
            |e| e.groupings[0].dimensions[0] = "delay".into(),
            &["/groupings/0/dimensions"],
        ),
        (
            "a dimension twice",
            |e| e.groupings[0].dimensions.push("origin".into()),
            &["/groupings/0/dimensions"],
        ),
        (
            "a grouping twice",
            |e| e.groupings[0].dimensions = vec!["origin".into(), "destination".into()],
            &["/groupings/1"],
        ),
        (
            "the whole by hour",
            |e| {
                e.groupings.push(GroupingDefinition {
                    finest: Level::Hour,
                    ..Default::default()
                })
            },
            &["/groupings/2/finest"],
        ),
        (
            "many dimensions",
            |e| e.groupings[0].dimensions = vec!["origin".into(); 9],
            &["/groupings/0/dimensions"],
        ),
        (
            "many groupings",
            |e| e.groupings = vec![GroupingDefinition::by_minute(["origin"]); 16],
            &["/groupings"],
        ),
        (
            "many attributes",
            |e| {
                e.attributes = (0..65)
                    .map(|n| attribute(&format!("a{n}"), AttributeType::Text))
                    .collect()
            },
            &["/attributes"],
        ),
        (
            "several at once",
            |e| (e.code, e.time) = (String::new(), String::new()),
            &["/code", "/time"],
        ),
    ];
    for (name, change, expected) in cases {
        let mut definition = flight();
        change(&mut definition);
        let problems = definition.validate().err().unwrap_or_default();
        let found: Vec<String> = problems
            .iter()
            .map(|problem| match &problem.span {
                Some(span) => format!("{} {}..{}", problem.pointer, span.start, span.end),
                None => problem.pointer.clone(),
            })
            .collect();
        assert_eq!(found, *expected, "{name}: {problems:?}");
    }
}

#[test]
fn derived_attributes_are_computed_after_their_inputs() {
    let mut definition = flight();
    definition
        .attributes
        .insert(0, derived("score", AttributeType::Decimal, "half + bonus"));
    definition
        .attributes
        .push(derived("half", AttributeType::Decimal, "distance / 2"));
    definition
        .attributes
        .push(derived("bonus", AttributeType::Decimal, "delay * 2"));
    let entity = definition.validate().unwrap();
    let order: Vec<usize> = entity.derived().iter().map(|(index, _)| *index).collect();
    assert_eq!(order, [5, 6, 7, 0]);
    let mut row = vec![Value::Null; 8];
    row[1] = Value::Integer(3);
    row[2] = Value::Integer(10);
    entity.derive(0, &mut row);
    assert_eq!(row.len(), 8);
    assert_eq!(row[5], Value::Boolean(true));
    assert_eq!(
        row[7],
        Value::Decimal(6.into()),
        "a whole result of a decimal attribute"
    );
    assert_eq!(row[0], Value::Decimal(11.into()));
}

#[test]
fn definitions_are_json() {
    let json = serde_json::json!({
        "code": "Flight", "domain": "travel",
        "attributes": [{ "name": "delay", "type": "integer", "required": true }],
        "groupings": [{ "dimensions": [] }],
    });
    let definition: EntityDefinition = serde_json::from_value(json.clone()).unwrap();
    assert_eq!(
        (definition.time.as_str(), definition.groupings[0].finest),
        ("time", Level::Minute)
    );
    let again: EntityDefinition = serde_json::from_value(serde_json::to_value(&definition).unwrap()).unwrap();
    assert_eq!(again, definition);
    for (name, pointer, value) in [
        ("an unknown field", "/colour", serde_json::json!("red")),
        ("an unknown type", "/attributes/0/type", serde_json::json!("float")),
        ("an unknown level", "/groupings/0/finest", serde_json::json!("week")),
    ] {
        let mut wrong = json.clone();
        let (parent, field) = pointer.rsplit_once('/').unwrap();
        wrong
            .pointer_mut(parent)
            .unwrap()
            .as_object_mut()
            .unwrap()
            .insert(field.to_owned(), value);
        assert!(serde_json::from_value::<EntityDefinition>(wrong).is_err(), "{name}");
    }
}

#[test]
fn the_schema_lists_the_types() {
    use utoipa::PartialSchema;
    let schema = serde_json::to_value(AttributeDefinition::schema()).unwrap();
    assert_eq!(
        schema.pointer("/properties/type/enum").unwrap(),
        &serde_json::json!(["integer", "decimal", "boolean", "text", "time", "duration"])
    );
    assert_eq!(
        schema.pointer("/required").unwrap(),
        &serde_json::json!(["name", "type"])
    );
}

proptest! {
    #[test]
    fn any_texts_validate_or_say_why(code in any::<String>(), name in "[a-z\\PC]{0,5}", formula in "[a-z0-9 <>=+*/()'-]{0,20}") {
        let mut definition = flight();
        definition.code = code;
        definition.attributes[1].name = name;
        definition.attributes[4].formula = Some(formula.clone());
        if let Err(problems) = definition.validate() {
            prop_assert!(!problems.is_empty());
            for span in problems.into_iter().filter_map(|problem| problem.span) {
                prop_assert!(formula.get(span).is_some());
            }
        }
    }

    #[test]
    fn chains_of_derived_attributes_are_ordered(order in Just((0..10_usize).collect::<Vec<_>>()).prop_shuffle()) {
        let mut definition = flight();
        definition.attributes.extend(order.iter().map(|n| {
            let input = if *n == 0 { "delay".to_owned() } else { format!("step{}", n - 1) };
            derived(&format!("step{n}"), AttributeType::Integer, &format!("{input} + 1"))
        }));
        let entity = definition.validate().unwrap();
        let mut row = vec![Value::Null; entity.stored_attributes().len()];
        row[0] = Value::Integer(5);
        entity.derive(0, &mut row);
        for n in 0..10_usize {
            let index = entity.index_of(&format!("step{n}")).unwrap();
            prop_assert_eq!(&row[index], &Value::Integer(6 + i64::try_from(n).unwrap()));
        }
    }
}

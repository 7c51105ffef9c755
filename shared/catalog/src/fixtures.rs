//! The definitions that tests start from.

use crate::definition::{AttributeDefinition, CsvDialect, EntityDefinition, FilesMode, GroupingDefinition};
use crate::kpi::KpiDefinition;
use crate::level::Level;
use formula::AttributeType;

pub(crate) fn attribute(name: &str, kind: AttributeType) -> AttributeDefinition {
    AttributeDefinition {
        name: name.to_owned(),
        formerly: Vec::new(),
        kind,
        unit: None,
        dimension: false,
        required: false,
        sketches: Vec::new(),
        formula: None,
        description: String::new(),
    }
}

pub(crate) fn dimension(name: &str, kind: AttributeType) -> AttributeDefinition {
    AttributeDefinition {
        dimension: true,
        ..attribute(name, kind)
    }
}

/// delay (required), distance, origin, destination, on_time (derived)
pub(crate) fn flight() -> EntityDefinition {
    EntityDefinition {
        code: "Flight".into(),
        formerly: Vec::new(),
        domain: "travel".into(),
        description: "one leg of a scheduled flight".into(),
        time: "date".into(),
        time_zone: None,
        csv: CsvDialect::default(),
        attributes: vec![
            AttributeDefinition {
                required: true,
                unit: Some("min".into()),
                ..attribute("delay", AttributeType::Integer)
            },
            attribute("distance", AttributeType::Decimal),
            dimension("origin", AttributeType::Text),
            dimension("destination", AttributeType::Text),
            AttributeDefinition {
                formula: Some("delay < 15".into()),
                ..dimension("on_time", AttributeType::Boolean)
            },
        ],
        key: Vec::new(),
        state: Vec::new(),
        files: FilesMode::default(),
        groupings: vec![
            GroupingDefinition::by_minute(["origin"]),
            GroupingDefinition {
                dimensions: vec!["destination".into(), "origin".into()],
                finest: Level::Hour,
            },
        ],
    }
}

pub(crate) fn kpi(code: &str, formula: &str) -> KpiDefinition {
    KpiDefinition {
        formula: formula.to_owned(),
        ..KpiDefinition::named(code, "a KPI")
    }
}

/// A shop: orders of customers, who live in regions; a region has many customers, and a visit is known by two attributes together.
pub(crate) fn shop() -> crate::Catalog {
    let entity = |json: &str| serde_json::from_str::<EntityDefinition>(json).unwrap_or_else(|error| panic!("{error}"));
    let entities = vec![
        entity(
            r#"{ "code": "Order", "domain": "sales", "attributes": [
                { "name": "id", "type": "text", "required": true }, { "name": "customer", "type": "text" }, { "name": "region", "type": "text" },
                { "name": "parent", "type": "text" }, { "name": "number", "type": "integer" }], "key": ["id"] }"#,
        ),
        entity(
            r#"{ "code": "Customer", "domain": "sales", "attributes": [
                { "name": "id", "type": "text", "required": true }, { "name": "region", "type": "text" }, { "name": "segment", "type": "text" }], "key": ["id"] }"#,
        ),
        entity(
            r#"{ "code": "Visit", "domain": "sales", "attributes": [
                { "name": "customer", "type": "text", "required": true }, { "name": "shop", "type": "text", "required": true }], "key": ["customer", "shop"] }"#,
        ),
    ];
    let mut orders = kpi("ORDERS", "COUNT(Order)");
    "Sales".clone_into(&mut orders.module);
    "Order to cash".clone_into(&mut orders.value_chain);
    let kpis = vec![orders, kpi("PER_CUSTOMER", "COUNT(Order) / COUNT(Customer)")];
    crate::Catalog::new(entities, kpis).unwrap_or_else(|problems| panic!("{problems:?}"))
}

pub(crate) fn order_customer() -> crate::Relationship {
    crate::Relationship {
        code: "ORDER_CUSTOMER".into(),
        name: "is placed by".into(),
        description: String::new(),
        from_entity: "Order".into(),
        attribute: "customer".into(),
        to_entity: "Customer".into(),
        key: "id".into(),
        cardinality: crate::Cardinality::One,
        resolved: crate::Resolution::AsOfFact,
    }
}

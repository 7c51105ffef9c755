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

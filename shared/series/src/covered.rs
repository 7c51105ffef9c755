//! Whether rollups have what a measure needs, before anybody asks for it.

use std::sync::Arc;

use catalog::{Entity, Kpi, KpiDefinition, Level, Period};
use formula::{Formula, Measure};

use crate::calendar::{Calendar, Range};
use crate::plan::{Filter, Request, Source, plan};

/// Of which grouping of an entity the rollups answer a measure, by its position, and from which level on; none where only the facts can. It is what the plan of a question
/// says that has neither filter nor split.
#[must_use]
pub fn covered(entity: &Arc<Entity>, measure: &Measure) -> Option<(usize, Level)> {
    let kpi = Kpi {
        definition: KpiDefinition::named("", ""),
        formula: Formula::of_measure(measure.clone()),
        refers_to: Vec::new(),
        goal: None,
    };
    let mut periods = [Period::Minute, Period::Hour, Period::Day].into_iter();
    let grouping = periods.find_map(|period| source(entity, &kpi, period))?;
    let finest = entity.groupings().get(grouping)?.finest;
    Some((grouping, finest))
}

/// The grouping from which a whole bucket is read.
fn source(entity: &Arc<Entity>, kpi: &Kpi, period: Period) -> Option<usize> {
    let calendar = Calendar::utc();
    let from = jiff::Timestamp::UNIX_EPOCH;
    let range = Range {
        from,
        to: calendar.next(period, from),
    };
    let request = Request {
        kpi,
        period,
        range,
        filter: &Filter::new(),
        by: &[],
        now: range.to,
    };
    let parts = plan(&request, &calendar, |_| Some(entity), |_, _| None).ok()?;
    let mut sources = parts.iter().map(|part| part.question.source);
    match sources.next() {
        Some(Source::Rollup(grouping)) if sources.all(|source| source == Source::Rollup(grouping)) => Some(grouping),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use catalog::{Catalog, EntityDefinition};

    #[test]
    fn rollups_cover_what_they_have() {
        let definition = r#"{ "code": "Ticket", "domain": "support", "time": "opened",
            "attributes": [
                { "name": "closed", "type": "time" },
                { "name": "due", "type": "time" },
                { "name": "cost", "type": "decimal" },
                { "name": "note", "type": "text" },
                { "name": "team", "type": "text", "dimension": true },
                { "name": "kind", "type": "text", "dimension": true },
                { "name": "open_for", "type": "duration", "formula": "closed - opened" }],
            "groupings": [{ "dimensions": ["team"] }, { "dimensions": ["kind", "team"], "finest": "hour" }] }"#;
        let definition: EntityDefinition = serde_json::from_str(definition).unwrap();
        let catalog = Catalog::new(vec![definition], Vec::new()).unwrap();
        let entity = catalog.entity("Ticket").unwrap();
        for (source, dimensions) in [
            ("COUNT(Ticket)", Some("minute:")),
            ("SUM(Ticket.cost)", Some("minute:")),
            ("SUM(Ticket.cost WHERE team = 'blue')", Some("minute: team")),
            (
                "SUM(Ticket.cost WHERE team = 'blue' AND kind = 'x')",
                Some("hour: kind team"),
            ),
            ("COUNT(Ticket.note)", None),
            ("COUNT(Ticket.kind)", Some("hour: kind team")),
            // The attribute is kept, and another difference is not.
            ("AVG(Ticket.closed - Ticket.opened)", Some("minute:")),
            ("AVG(Ticket.closed - Ticket.due)", None),
        ] {
            let formula = formula::compile(source, &catalog).unwrap();
            let covered = covered(entity, formula.measures.first().unwrap());
            let told = covered.map(|(grouping, level)| {
                let dimensions = &entity.groupings().get(grouping).unwrap().dimensions;
                format!("{level}: {}", dimensions.join(" ")).trim_end().to_owned()
            });
            assert_eq!(told.as_deref(), dimensions, "{source}");
        }
    }
}

//! Sketches that an entity declares: small states of an attribute that merge exactly, from which percentiles and numbers of different values are answered within a
//! bound.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::definition::{AttributeDefinition, EntityDefinition, GroupingDefinition};
use crate::entity::Entity;
use crate::level::Level;
use crate::names::quoted;
use crate::problem::Problem;

/// The most sketches of an entity. The largest has 12 KB for each hour, day and group.
pub const MAX_SKETCHES: usize = 8;

/// What a sketch tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SketchKind {
    /// `MEDIAN` and `PERCENTILE` of a number.
    Percentiles,
    /// `COUNT(DISTINCT …)` of an attribute of any type.
    Distinct,
}

impl SketchKind {
    /// As definitions write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Percentiles => "percentiles",
            Self::Distinct => "distinct",
        }
    }
}

impl Entity {
    /// The sketches that are kept of its facts: attributes with their places in a row, each with what is kept of it.
    pub fn sketches(&self) -> impl Iterator<Item = (usize, &AttributeDefinition, SketchKind)> {
        let attributes = self.stored_attributes().iter().enumerate();
        attributes.flat_map(|(place, attribute)| attribute.sketches.iter().map(move |kind| (place, attribute, *kind)))
    }

    /// The groupings whose groups have sketches, with their places among all: those that are kept by hour, since a grouping that is not has too many groups.
    pub fn sketched_groupings(&self) -> impl Iterator<Item = (usize, &GroupingDefinition)> {
        let groupings = self.groupings().iter().enumerate();
        groupings.filter(|(_, grouping)| grouping.finest <= Level::Hour)
    }

    /// Whether a sketch of an attribute is kept.
    #[must_use]
    pub fn is_sketched(&self, name: &str, kind: SketchKind) -> bool {
        self.sketches()
            .any(|(_, attribute, kept)| attribute.name == name && kept == kind)
    }

    /// The same without sketches, such as those that are not whole yet.
    #[must_use]
    pub fn without_sketches(&self) -> Self {
        let mut entity = self.clone();
        for attribute in &mut entity.definition.attributes {
            attribute.sketches.clear();
        }
        entity
    }
}

/// What is wrong with the sketches of a definition.
pub(crate) fn check_sketches(entity: &EntityDefinition, problems: &mut Vec<Problem>) {
    let mut count = 0;
    for (index, attribute) in entity.attributes.iter().enumerate() {
        for (position, kind) in attribute.sketches.iter().enumerate() {
            count += 1;
            let pointer = format!("/attributes/{index}/sketches/{position}");
            if attribute.sketches.iter().take(position).any(|earlier| earlier == kind) {
                problems.push(Problem::new(
                    pointer,
                    format!("{} is declared twice", quoted(kind.name())),
                ));
            } else if *kind == SketchKind::Percentiles && !attribute.kind.is_numeric() {
                let message = format!(
                    "{} is no number, and only numbers have percentiles",
                    quoted(&attribute.name)
                );
                problems.push(Problem::new(pointer, message).with_hint("declare \"distinct\", or leave it out"));
            }
        }
    }
    if count > MAX_SKETCHES {
        let message = format!("{count} sketches, and {MAX_SKETCHES} are allowed");
        problems.push(Problem::new("/attributes", message).with_hint("declare those that KPIs ask for most"));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use crate::fixtures::flight;

    #[test]
    fn sketches_that_can_not_be_are_named() {
        use SketchKind::{Distinct, Percentiles};
        for (name, sketches, expected) in [
            ("none", vec![], vec![]),
            ("of a number", vec![(0, vec![Percentiles, Distinct])], vec![]),
            ("of a text", vec![(2, vec![Distinct])], vec![]),
            (
                "percentiles of a text",
                vec![(2, vec![Percentiles])],
                vec!["/attributes/2/sketches/0"],
            ),
            (
                "twice",
                vec![(1, vec![Distinct, Distinct])],
                vec!["/attributes/1/sketches/1"],
            ),
            (
                "too many",
                (0..5).map(|index| (index, vec![Distinct, Percentiles])).collect(),
                vec![
                    "/attributes/2/sketches/1",
                    "/attributes/3/sketches/1",
                    "/attributes/4/sketches/1",
                    "/attributes",
                ],
            ),
        ] {
            let mut definition = flight();
            for (index, kinds) in sketches {
                definition.attributes[index].sketches = kinds;
            }
            let problems = definition.validate().err().unwrap_or_default();
            let pointers: Vec<&str> = problems.iter().map(|problem| problem.pointer.as_str()).collect();
            assert_eq!(pointers, expected, "{name}");
        }
    }

    #[test]
    fn groupings_by_day_alone_have_none() {
        let mut definition = flight();
        definition.attributes[0].sketches = vec![SketchKind::Percentiles];
        definition.groupings[1].finest = Level::Day;
        let entity = definition.validate().unwrap();
        let places: Vec<usize> = entity.sketched_groupings().map(|(place, _)| place).collect();
        assert_eq!(places, [0, 1]);
        assert!(entity.is_sketched("delay", SketchKind::Percentiles));
        assert!(!entity.without_sketches().is_sketched("delay", SketchKind::Percentiles));
    }
}

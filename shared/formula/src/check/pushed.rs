//! Conditions that the database decides of each fact: what it might compute otherwise is refused there.

use super::Checker;
use crate::basis::Basis;
use crate::diagnostic::{Diagnostic, quoted};
use crate::measure::Measure;
use crate::path::{Written, follow};

impl Checker<'_> {
    /// Refuses what the database can't decide, where it has to: for measures whose facts are read one by one, and those that are read with them.
    pub(super) fn refuse_computed(&mut self) {
        let is_pushed = |measure: &Measure| {
            let attributes = self.entities.attributes(&measure.entity).unwrap_or_default();
            let is_dimension = |name: &str| {
                let mut dimensions = attributes.iter().filter(|attribute| attribute.dimension);
                dimensions.any(|attribute| attribute.name == name)
            };
            measure.is_pushed(&is_dimension)
        };
        let pushed: Vec<&Measure> = self.measures.iter().filter(|measure| is_pushed(measure)).collect();
        let mut refused = Vec::new();
        for (measure, span) in self.measures.iter().zip(&self.conditions) {
            let is_read_with = |pushed: &&&Measure| {
                let is_of_same = pushed.entity == measure.entity && pushed.basis == measure.basis;
                is_of_same && pushed.window == measure.window && pushed.per == measure.per
            };
            let Some((part, pushed)) = self.computed(measure).zip(pushed.iter().find(is_read_with)) else {
                continue;
            };
            let why = match *pushed == measure {
                true if measure.basis != Basis::Facts => "a condition on states".to_owned(),
                true => "a condition that is decided for each fact".to_owned(),
                false => format!("what is read together with {}", quoted(&pushed.to_string())),
            };
            let message = format!("{} can't be part of {why}", quoted(&part));
            let hint = format!("define a derived attribute for {part}, and use that");
            refused.push(Diagnostic::new(span.clone(), "computed-condition", message).with_hint(hint));
        }
        self.diagnostics.append(&mut refused);
    }
    /// What in a measure's condition the database can't decide.
    fn computed(&self, measure: &Measure) -> Option<String> {
        let kind = |name: &str| {
            let path = Written { name, span: &(0..0) };
            let found = follow(self.entities, &measure.entity, path);
            found.ok().map(|attribute| attribute.kind)
        };
        measure.filter.as_ref()?.computed(&kind)
    }
}

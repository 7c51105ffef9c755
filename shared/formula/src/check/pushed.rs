//! Conditions that the database decides of each fact: what it might compute otherwise is refused there.

use super::Checker;
use crate::diagnostic::{Diagnostic, quoted};
use crate::measure::Measure;
use crate::predicate::Predicate;
use crate::tree::Call;
use crate::value::Attribute;
use std::ops::Range;

/// What in an aggregate's condition the database can't decide, and where the condition stands.
pub(super) fn computed(
    call: &Call,
    filter: Option<&Predicate>,
    attributes: &[Attribute],
) -> Option<(Range<usize>, String)> {
    let kind = |name: &str| {
        let found = attributes.iter().find(|attribute| attribute.name == name);
        found.map(|attribute| attribute.kind)
    };
    let part = filter?.computed(&kind)?;
    Some((call.filter.as_ref()?.span.clone(), part))
}

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
        for (measure, computed) in self.measures.iter().zip(&self.computed) {
            let is_read_with = |pushed: &&&Measure| pushed.entity == measure.entity && pushed.window == measure.window;
            let (Some((span, part)), Some(pushed)) = (computed, pushed.iter().find(is_read_with)) else {
                continue;
            };
            let why = match *pushed == measure {
                true => "a condition that is decided for each fact".to_owned(),
                false => format!("what is read together with {}", quoted(&pushed.to_string())),
            };
            let message = format!("{} can't be part of {why}", quoted(part));
            let hint = format!("define a derived attribute for {part}, and use that");
            refused.push(Diagnostic::new(span.clone(), "computed-condition", message).with_hint(hint));
        }
        self.diagnostics.append(&mut refused);
    }
}

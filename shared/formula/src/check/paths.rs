//! The objects that the paths of a measure look up, and where there can be none.

use super::Checker;
use crate::MAX_LOOKUPS;
use crate::basis::Basis;
use crate::diagnostic::{Diagnostic, quoted};
use crate::measure::Measure;
use crate::path::{is_path, lookups, path_steps};
use std::ops::Range;

impl Checker<'_> {
    /// Notes what a measure looks up, or says why it can't.
    pub(super) fn look_up(&mut self, measure: &Measure, span: &Range<usize>) -> Option<Diagnostic> {
        let paths: Vec<&str> = measure.names().into_iter().filter(|name| is_path(name)).collect();
        let first = paths.first()?;
        if measure.basis != Basis::Facts {
            let message = format!(
                "{} is of another object, and what it was at the end of a period is not looked up for states",
                quoted(first)
            );
            let hint = format!(
                "have {} told with the states of {}, or take it of facts",
                quoted(first),
                measure.entity
            );
            return Some(Diagnostic::new(span.clone(), "path-of-state", message).with_hint(hint));
        }
        for path in paths {
            self.steps.extend(path_steps(self.entities, &measure.entity, path));
            let found = lookups(path).map(|lookup| (measure.entity.clone(), lookup.to_owned()));
            self.lookups.extend(found);
        }
        (self.lookups.len() > MAX_LOOKUPS).then(|| {
            let message = format!(
                "the paths of the formula look up {} different objects, and {MAX_LOOKUPS} are allowed",
                self.lookups.len()
            );
            Diagnostic::new(span.clone(), "too-many-paths", message).with_hint("split it into several KPIs")
        })
    }
}

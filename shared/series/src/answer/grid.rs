//! What rows go into: the buckets of an answer, and what these are made of.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use formula::{Scope, Window};
use jiff::Timestamp;

use super::{Cell, SeriesKey};
use crate::calendar::Calendar;
use crate::plan::Request;
use crate::windows::{Members, members};

/// Cells of one scope of the formula. Their keys have a bucket, or one of the shorter periods, and behind the values of the question's groups those of the scope's dimensions.
pub(super) struct Grid {
    pub(super) scope: Scope,
    /// The shorter periods, where its cells are of these.
    pub(super) members: Option<Arc<Members>>,
    pub(super) cells: BTreeMap<SeriesKey, Cell>,
    /// The measures that have no window, by bucket or period.
    pub(super) lacking: BTreeMap<Timestamp, BTreeSet<usize>>,
}

/// Those of all scopes in which something of a request's formula is taken, first the one of the answer's own buckets.
pub(super) fn grids(request: &Request<'_>, calendar: &Calendar) -> Vec<Grid> {
    let formula = &request.kpi.formula;
    let measured = formula.measures.iter().map(formula::Measure::scope);
    let folded = formula
        .folds
        .iter()
        .flat_map(|fold| [fold.scope.clone(), fold.outside()]);
    let mut scopes: BTreeSet<Scope> = measured.chain(folded).collect();
    scopes.remove(&Scope::default());
    let mut known: BTreeMap<Window, Arc<Members>> = BTreeMap::new();
    let grid = |scope: Scope| Grid {
        members: scope.periods.as_ref().map(|window| {
            let members = known.entry(window.clone()).or_insert_with(|| {
                // What was planned has members.
                Arc::new(members(request, calendar, window).unwrap_or_default())
            });
            Arc::clone(members)
        }),
        scope,
        cells: BTreeMap::new(),
        lacking: BTreeMap::new(),
    };
    std::iter::once(Scope::default()).chain(scopes).map(grid).collect()
}

/// The place of a scope's.
pub(super) fn place_of(grids: &[Grid], scope: &Scope) -> usize {
    grids.iter().position(|grid| grid.scope == *scope).unwrap_or_default()
}

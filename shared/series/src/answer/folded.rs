//! Buckets whose values are made of those of shorter periods.

use std::collections::{BTreeMap, BTreeSet};

use formula::Number;
use jiff::Timestamp;

use super::{Cell, Gathered, Grid, SeriesKey};
use crate::windows::MAX_FOLDED;

/// What the expressions of each fold over some buckets come to in each of them, in one group: for each fold by its place, for each bucket.
pub(super) type FoldValues = BTreeMap<usize, Vec<Vec<Option<Number>>>>;

/// Cells by group, in the order of time.
type Groups<'a> = BTreeMap<&'a Vec<String>, Vec<(Timestamp, &'a Cell)>>;

impl Gathered<'_> {
    /// The cells of the answer's own buckets, with what those of shorter periods come to; `None` where these are too many.
    pub(super) fn folded(&mut self) -> Option<BTreeMap<SeriesKey, Cell>> {
        let own = self.grids.first_mut().map(|own| std::mem::take(&mut own.cells));
        let mut own = own.unwrap_or_default();
        if self.grids.len() < 2 {
            return Some(own);
        }
        let mut known: BTreeMap<Vec<String>, Vec<Timestamp>> = BTreeMap::new();
        for (bucket, group) in own.keys() {
            known.entry(group.clone()).or_default().push(*bucket);
        }
        let by_group: Vec<Groups<'_>> = self.grids.iter().map(of_groups).collect();
        let others = by_group.iter().flat_map(BTreeMap::keys).copied();
        let groups: BTreeSet<&Vec<String>> = known.keys().chain(others).collect();
        let of_fold = |fold: &formula::Fold| {
            let mut members = self.members().filter(|(window, _)| *window == fold.window);
            members.next().map(|(_, members)| members.count()).unwrap_or_default()
        };
        let folded: usize = self.request.kpi.formula.folds.iter().map(of_fold).sum();
        if folded.saturating_mul(groups.len()) > MAX_FOLDED {
            return None;
        }
        for group in groups {
            let cells: Vec<&[(Timestamp, &Cell)]> = by_group
                .iter()
                .map(|cells| cells.get(group).map(Vec::as_slice).unwrap_or_default())
                .collect();
            let grids = self.grids.iter().zip(&cells);
            let values: Vec<FoldValues> = grids.map(|(grid, cells)| self.values_of(grid, cells)).collect();
            let mut facts = self.facts_of(&cells);
            for bucket in known.get(group).into_iter().flatten() {
                facts.entry(*bucket).or_default();
            }
            for (bucket, facts) in facts {
                let cell = own.entry((bucket, group.clone())).or_insert_with(|| self.new_cell());
                facts
                    .into_iter()
                    .for_each(|(reading, facts)| cell.count(reading, facts));
                cell.folds = self.folds(bucket, &values);
            }
        }
        Some(own)
    }

    /// What the expressions of the folds over some buckets come to in each of these, in a group with these cells.
    pub(super) fn values_of(&self, grid: &Grid, cells: &[(Timestamp, &Cell)]) -> FoldValues {
        let Some((window, members)) = &grid.each else {
            return FoldValues::new();
        };
        let formula = &self.request.kpi.formula;
        let (nothing, absent) = (BTreeSet::new(), self.new_cell());
        let measured: Vec<Vec<Option<Number>>> = members
            .starts
            .iter()
            .map(|start| {
                let found = cells.binary_search_by_key(start, |(bucket, _)| *bucket).ok();
                let cell = found
                    .and_then(|place| cells.get(place))
                    .map_or(&absent, |(_, cell)| *cell);
                cell.measured(&formula.measures, grid.lacking.get(start).unwrap_or(&nothing))
            })
            .collect();
        let folds = formula
            .folds
            .iter()
            .enumerate()
            .filter(|(_, fold)| fold.window == *window);
        folds
            .map(|(place, fold)| (place, measured.iter().map(|measures| fold.values(measures)).collect()))
            .collect()
    }

    /// What each fold comes to in a bucket of the answer.
    pub(super) fn folds(&self, bucket: Timestamp, values: &[FoldValues]) -> Vec<Option<Number>> {
        let folds = self.request.kpi.formula.folds.iter().enumerate();
        let value = |(place, fold): (usize, &formula::Fold)| {
            let grids = self.grids.iter().zip(values);
            let mut of_fold = grids.filter_map(|(grid, values)| Some((grid.each.as_ref()?, values.get(&place)?)));
            let ((_, members), values) = of_fold.next()?;
            let places = members.of.get(&bucket)?.clone()?;
            fold.value(values.get(places)?.iter().map(Vec::as_slice))
        };
        folds.map(value).collect()
    }

    /// For each bucket of the answer that is made of cells of a group how many facts count in each reading.
    fn facts_of(&self, cells: &[&[(Timestamp, &Cell)]]) -> BTreeMap<Timestamp, BTreeMap<usize, i64>> {
        let mut found: BTreeMap<Timestamp, BTreeMap<usize, i64>> = BTreeMap::new();
        for (grid, cells) in self.grids.iter().zip(cells) {
            let Some((_, members)) = &grid.each else {
                continue;
            };
            for (bucket, places) in members
                .of
                .iter()
                .filter_map(|(bucket, places)| Some((bucket, places.clone()?)))
            {
                let starts = members.starts.get(places).unwrap_or_default();
                let (Some(first), Some(last)) = (starts.first(), starts.last()) else {
                    continue;
                };
                let from = cells.partition_point(|(start, _)| start < first);
                let to = cells.partition_point(|(start, _)| start <= last);
                for (_, cell) in cells.get(from..to).unwrap_or_default() {
                    let of = found.entry(*bucket).or_default();
                    let counted = cell.facts.iter().enumerate().filter(|(_, facts)| **facts > 0);
                    counted.for_each(|(reading, facts)| *of.entry(reading).or_default() += facts);
                }
            }
        }
        found
    }

    fn members(&self) -> impl Iterator<Item = &(formula::Window, crate::windows::Members)> {
        self.grids.iter().filter_map(|grid| grid.each.as_ref())
    }
}

/// The cells by group, in the order of time.
fn of_groups(grid: &Grid) -> Groups<'_> {
    let mut groups = Groups::new();
    for ((bucket, group), cell) in &grid.cells {
        groups.entry(group).or_default().push((*bucket, cell));
    }
    groups
}

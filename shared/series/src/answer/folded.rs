//! Buckets whose values are made of several others: of shorter periods, or of those for each value of dimensions.
//!
//! Each function stands between two scopes. Its expressions are taken in all places of the inner one of which facts count, from the innermost function outwards, and it
//! has a value in a place of the outer one. A shorter period counts whether it has facts or not, a value of a dimension only where at least one fact counts for it.

use std::collections::{BTreeMap, BTreeSet};

use formula::{Fold, Number, Over, Reads, Values};
use jiff::Timestamp;

use super::grid::place_of;
use super::{Cell, Gathered, Point, SeriesKey};
use crate::windows::{MAX_FOLDED, MAX_MEMBERS, Members};

/// A place of a scope in one group: the values of its dimensions, in their order, and a bucket or a shorter period.
type Place = (Vec<String>, Timestamp);

/// What the expressions of a fold come to, in one place of its inner scope.
type Operands = Vec<Option<Number>>;

/// The cells of a scope in one group.
type Cells<'a> = BTreeMap<Place, &'a Cell>;

/// A fold of the formula, and where it stands among the grids.
struct Standing<'a> {
    fold: &'a Fold,
    reads: Reads,
    inner: usize,
    outer: usize,
}

/// The folds of a request, from the innermost outwards, with what they come to where nothing counts.
pub(super) struct Folds<'a, 'g> {
    gathered: &'g Gathered<'a>,
    standing: Vec<Standing<'a>>,
    /// Of each fold over periods what its expressions come to in each of these, where nothing counts.
    absent: Vec<Vec<Operands>>,
    empty: Cell,
}

impl<'a, 'g> Folds<'a, 'g> {
    pub(super) fn of(gathered: &'g Gathered<'a>) -> Self {
        let folds = gathered.request.kpi.formula.folds.iter();
        let standing = folds.map(|fold| Standing {
            fold,
            reads: fold.reads(),
            inner: place_of(&gathered.grids, &fold.scope),
            outer: place_of(&gathered.grids, &fold.outside()),
        });
        let mut folds = Self {
            gathered,
            standing: standing.collect(),
            absent: Vec::new(),
            empty: Cell::new(gathered.reading_of.len(), gathered.readings.len()),
        };
        for number in 0..folds.standing.len() {
            let absent = folds.absent_in_periods(number);
            folds.absent.push(absent);
        }
        folds
    }

    /// Whether there are any.
    pub(super) fn is_empty(&self) -> bool {
        self.standing.is_empty()
    }

    fn members(&self, grid: usize) -> Option<&Members> {
        self.gathered.grids.get(grid)?.members.as_deref()
    }

    /// What the expressions of a fold over periods come to in each of them where nothing counts.
    fn absent_in_periods(&self, number: usize) -> Vec<Operands> {
        let Some(standing) = self.standing.get(number).filter(|it| it.fold.over == Over::Periods) else {
            return Vec::new();
        };
        let starts = self.members(standing.inner).map(|members| members.starts.as_slice());
        let starts = starts.unwrap_or_default().iter();
        starts
            .map(|start| self.operands(standing, None, *start, &|fold| self.absent(fold, *start)))
            .collect()
    }

    /// What the expressions of a fold come to, in a place of its inner scope.
    fn operands(
        &self,
        standing: &Standing<'_>,
        measured: Option<&Operands>,
        at: Timestamp,
        fold: &dyn Fn(usize) -> Option<Number>,
    ) -> Operands {
        let of_nothing = match measured {
            Some(_) => Vec::new(),
            None => self.measured(standing.inner, &self.empty, at),
        };
        let folds = 0..standing.reads.folds.last().map_or(0, |last| last + 1);
        let folds = folds.map(|place| standing.reads.folds.contains(&place).then(|| fold(place)).flatten());
        standing.fold.values(Values {
            measures: measured.unwrap_or(&of_nothing),
            folds: &folds.collect::<Vec<_>>(),
        })
    }

    /// The values of measures in a cell of a grid.
    fn measured(&self, grid: usize, cell: &Cell, at: Timestamp) -> Vec<Option<Number>> {
        let nothing = BTreeSet::new();
        let grid = self.gathered.grids.get(grid);
        let lacking = grid.and_then(|grid| grid.lacking.get(&at)).unwrap_or(&nothing);
        cell.measured(&self.gathered.request.kpi.formula.measures, lacking)
    }

    /// What a fold comes to in a place of its outer scope in which nothing counts.
    pub(super) fn absent(&self, number: usize, at: Timestamp) -> Option<Number> {
        let standing = self.standing.get(number)?;
        match standing.fold.over {
            Over::Periods => {
                let places = self.members(standing.inner)?.of.get(&at)?.clone()?;
                let operands = self.absent.get(number)?.get(places)?;
                standing.fold.value(operands.iter().map(Vec::as_slice))
            }
            Over::Values(_) if !self.has_time(standing, at) => None,
            Over::Values(_) => standing.fold.value(std::iter::empty()),
        }
    }

    /// Whether anything that a fold over values is made of has a time to look at.
    fn has_time(&self, standing: &Standing<'_>, at: Timestamp) -> bool {
        let grid = self.gathered.grids.get(standing.inner);
        let lacking = grid.and_then(|grid| grid.lacking.get(&at));
        let is_there = |measure: &usize| lacking.is_none_or(|lacking| !lacking.contains(measure));
        let inner = |number: &usize| match self.standing.get(*number) {
            Some(inner) if inner.fold.over == Over::Periods => {
                let of = self.members(inner.inner).and_then(|members| members.of.get(&at));
                of.is_some_and(Option::is_some)
            }
            Some(inner) => self.has_time(inner, at),
            None => false,
        };
        standing.reads.measures.iter().any(is_there) || standing.reads.folds.iter().any(inner)
    }

    /// What each fold comes to in one group, in all places of its outer scope in which facts count for it; `None` where it is of too many values. `count` is how many values
    /// there were.
    fn in_group<'c>(&self, cells: &'c [Cells<'c>], count: &mut usize) -> Option<Vec<BTreeMap<Place, Option<Number>>>> {
        let mut values: Vec<BTreeMap<Place, Option<Number>>> = Vec::with_capacity(self.standing.len());
        // Once for all functions of a scope.
        let measured: Vec<BTreeMap<&Place, Operands>> = cells
            .iter()
            .enumerate()
            .map(|(grid, cells)| {
                let of_cell = |(place, cell): (&'c Place, &&Cell)| (place, self.measured(grid, cell, place.1));
                cells.iter().map(of_cell).collect()
            })
            .collect();
        for (number, standing) in self.standing.iter().enumerate() {
            let known = cells.get(standing.inner);
            let mut operands: BTreeMap<Place, Operands> = BTreeMap::new();
            for place in self.present(standing, known, &values) {
                let measured = measured.get(standing.inner).and_then(|cells| cells.get(&place));
                let fold = |fold: usize| {
                    let found = values.get(fold).and_then(|values| values.get(&place));
                    found.cloned().unwrap_or_else(|| self.absent(fold, place.1))
                };
                let taken = self.operands(standing, measured, place.1, &fold);
                operands.insert(place, taken);
            }
            let folded = match &standing.fold.over {
                Over::Periods => self.over_periods(number, standing, operands, count),
                Over::Values(dimension) => over_values(standing.fold, dimension, operands, count),
            };
            values.push(folded?);
        }
        Some(values)
    }

    /// The places of a fold's inner scope in which a fact counts for what it reads.
    fn present(
        &self,
        standing: &Standing<'_>,
        cells: Option<&Cells<'_>>,
        values: &[BTreeMap<Place, Option<Number>>],
    ) -> BTreeSet<Place> {
        let measures = &standing.reads.measures;
        let counts = |cell: &Cell| measures.iter().any(|place| cell.counts(*place));
        // Where values of no dimension are told apart it is all the same.
        let is_any = standing.fold.scope.per.is_empty();
        let of_cells = cells.into_iter().flatten().filter(|(_, cell)| is_any || counts(cell));
        let of_folds = standing.reads.folds.iter().filter_map(|fold| values.get(*fold));
        let of_folds = of_folds.flat_map(BTreeMap::keys);
        of_cells.map(|(place, _)| place).chain(of_folds).cloned().collect()
    }

    /// The value of a fold over periods in each bucket in which facts count.
    fn over_periods(
        &self,
        number: usize,
        standing: &Standing<'_>,
        operands: BTreeMap<Place, Operands>,
        count: &mut usize,
    ) -> Option<BTreeMap<Place, Option<Number>>> {
        let mut values = BTreeMap::new();
        let (Some(members), Some(absent)) = (self.members(standing.inner), self.absent.get(number)) else {
            return Some(values);
        };
        let mut by_member: BTreeMap<Vec<String>, Vec<(usize, Operands)>> = BTreeMap::new();
        for ((member, start), taken) in operands {
            if let Ok(place) = members.starts.binary_search(&start) {
                by_member.entry(member).or_default().push((place, taken));
            }
        }
        for (member, taken) in by_member {
            *count += members.count();
            if *count > MAX_FOLDED {
                return None;
            }
            let present: Vec<usize> = taken.iter().map(|(place, _)| *place).collect();
            let mut all = absent.clone();
            for (place, taken) in taken {
                if let Some(known) = all.get_mut(place) {
                    *known = taken;
                }
            }
            for (bucket, places) in members.of.iter().filter_map(|(at, places)| Some((at, places.clone()?))) {
                let first = present.partition_point(|place| *place < places.start);
                if present.get(first).is_some_and(|place| *place < places.end) {
                    let taken = all.get(places).unwrap_or_default();
                    let value = standing.fold.value(taken.iter().map(Vec::as_slice));
                    values.insert((member.clone(), *bucket), value);
                }
            }
        }
        Some(values)
    }
}

/// The value of a fold over the values of a dimension, in each place in which facts count.
fn over_values(
    fold: &Fold,
    dimension: &str,
    operands: BTreeMap<Place, Operands>,
    count: &mut usize,
) -> Option<BTreeMap<Place, Option<Number>>> {
    *count += operands.len();
    if *count > MAX_FOLDED {
        return None;
    }
    let place = fold.scope.per.iter().position(|name| name == dimension)?;
    let mut taken: BTreeMap<Place, Vec<Operands>> = BTreeMap::new();
    for ((mut values, at), operands) in operands {
        if place < values.len() {
            values.remove(place);
        }
        taken.entry((values, at)).or_default().push(operands);
    }
    if taken.values().any(|members| members.len() > MAX_MEMBERS) {
        return None;
    }
    let value = |members: Vec<Operands>| fold.value(members.iter().map(Vec::as_slice));
    Some(
        taken
            .into_iter()
            .map(|(place, members)| (place, value(members)))
            .collect(),
    )
}

impl Gathered<'_> {
    /// The cells of the answer's own buckets, with what they are made of; `None` where that is too much.
    pub(super) fn folded(&mut self) -> Option<BTreeMap<SeriesKey, Cell>> {
        let own = self.grids.first_mut().map(|own| std::mem::take(&mut own.cells));
        let mut own = own.unwrap_or_default();
        let folds = Folds::of(self);
        if folds.is_empty() {
            return Some(own);
        }
        // Where there are so many not all cells were made.
        if self.grids.iter().any(|grid| grid.cells.len() > MAX_FOLDED) {
            return None;
        }
        let mut known: BTreeMap<Vec<String>, BTreeSet<Timestamp>> = BTreeMap::new();
        for (bucket, group) in own.keys() {
            known.entry(group.clone()).or_default().insert(*bucket);
        }
        let mut by_group = self.by_group();
        let others = by_group.keys().filter(|group| !known.contains_key(**group));
        let groups: Vec<Vec<String>> = known
            .keys()
            .cloned()
            .chain(others.map(|group| group.to_vec()))
            .collect();
        let mut count = 0;
        for group in groups {
            let cells = by_group.remove(group.as_slice()).unwrap_or_default();
            let values = folds.in_group(&cells, &mut count)?;
            let mut facts = self.facts_of(&cells);
            for bucket in known.get(&group).into_iter().flatten() {
                facts.entry(*bucket).or_default();
            }
            for (bucket, facts) in facts {
                let key = (bucket, group.clone());
                let cell = own.entry(key).or_insert_with(|| self.new_cell());
                facts
                    .into_iter()
                    .for_each(|(reading, facts)| cell.count(reading, facts));
                let place = (Vec::new(), bucket);
                let value = |number: usize| {
                    let found = values.get(number).and_then(|values| values.get(&place));
                    found.cloned().unwrap_or_else(|| folds.absent(number, bucket))
                };
                cell.folds = folds.of_answer(value);
            }
        }
        Some(own)
    }

    /// The cells of all scopes but the answer's own, by group.
    fn by_group(&self) -> BTreeMap<&[String], Vec<Cells<'_>>> {
        let mut groups: BTreeMap<&[String], Vec<Cells<'_>>> = BTreeMap::new();
        for (number, grid) in self.grids.iter().enumerate().skip(1) {
            for ((bucket, values), cell) in &grid.cells {
                let (group, members) = values.split_at(self.request.by.len().min(values.len()));
                let cells = groups.entry(group).or_default();
                cells.resize_with(self.grids.len(), Cells::new);
                if let Some(of_grid) = cells.get_mut(number) {
                    of_grid.insert((members.to_vec(), *bucket), cell);
                }
            }
        }
        groups
    }

    /// For each bucket of the answer that is made of cells of a group how many facts count in each reading.
    fn facts_of(&self, cells: &[Cells<'_>]) -> BTreeMap<Timestamp, BTreeMap<usize, i64>> {
        let mut found: BTreeMap<Timestamp, BTreeMap<usize, i64>> = BTreeMap::new();
        for (grid, cells) in self.grids.iter().zip(cells) {
            let mut by_time: BTreeMap<Timestamp, BTreeMap<usize, i64>> = BTreeMap::new();
            for ((_, at), cell) in cells {
                let of = by_time.entry(*at).or_default();
                add(
                    of,
                    cell.facts.iter().enumerate().map(|(reading, facts)| (reading, *facts)),
                );
            }
            let Some(members) = &grid.members else {
                for (bucket, facts) in by_time {
                    add(found.entry(bucket).or_default(), facts.into_iter());
                }
                continue;
            };
            for (bucket, places) in members.of.iter().filter_map(|(at, places)| Some((at, places.clone()?))) {
                let starts = members.starts.get(places).unwrap_or_default();
                let (Some(first), Some(last)) = (starts.first(), starts.last()) else {
                    continue;
                };
                for facts in by_time.range(*first..=*last).map(|(_, facts)| facts) {
                    add(
                        found.entry(*bucket).or_default(),
                        facts.iter().map(|(reading, facts)| (*reading, *facts)),
                    );
                }
            }
        }
        found
    }

    pub(super) fn new_cell(&self) -> Cell {
        Cell::new(self.reading_of.len(), self.readings.len())
    }

    /// The points of buckets without facts that may have another value than others without: where something has no window, and all of those that are made of
    /// shorter periods.
    pub(super) fn absent(&self) -> BTreeMap<Timestamp, Point> {
        let made = self.grids.iter().filter_map(|grid| grid.members.as_ref());
        let made = made.flat_map(|members| members.of.keys());
        let of_buckets = self.grids.iter().filter(|grid| grid.members.is_none());
        let lacking = of_buckets.flat_map(|grid| grid.lacking.keys());
        let buckets: BTreeSet<Timestamp> = made.chain(lacking).copied().collect();
        let folds = Folds::of(self);
        let point = |bucket: Timestamp| {
            let mut cell = self.new_cell();
            cell.folds = folds.of_answer(|number| folds.absent(number, bucket));
            (bucket, self.point(bucket, &cell))
        };
        buckets.into_iter().map(point).collect()
    }
}

impl Folds<'_, '_> {
    /// The values of the folds that the formula's own expression is over; those inside of others have none there.
    fn of_answer(&self, value: impl Fn(usize) -> Option<Number>) -> Vec<Option<Number>> {
        let standing = self.standing.iter().enumerate();
        standing
            .map(|(number, standing)| (standing.outer == 0).then(|| value(number)).flatten())
            .collect()
    }
}

/// Adds up how many facts count in each reading; where none does nothing is noted.
fn add(of: &mut BTreeMap<usize, i64>, more: impl Iterator<Item = (usize, i64)>) {
    for (reading, facts) in more.filter(|(_, facts)| *facts > 0) {
        *of.entry(reading).or_default() += facts;
    }
}

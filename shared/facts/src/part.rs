//! Parts of batches: what one transaction writes. A batch that would take long is written in several, each of which marks how far the batch has
//! come; one that the server refuses is halved until the event at fault stands alone.

use catalog::{Entity, Level};

use crate::batch::{Batch, Mapped, Reject};
use crate::states::STATES;

/// The most cells that one transaction writes, counted as if no two events had a group in common: one or two seconds of COPY, so that no batch
/// holds others up for longer. The demo's flights, 5 attributes and 3 groupings, have about 50 cells each.
pub const MAX_CELLS: usize = 1_000_000;

/// With each further try of a batch a transaction writes so many times less.
pub(crate) const LESS_EACH_TRY: usize = 8;

/// What a row of a sketch costs, in cells: its seven columns and its entries in two indexes.
const CELLS_OF_A_SKETCH: usize = 10;

/// Cells that an event is written to at most: its fact, and a group of its own in each grouping with the states of each numeric attribute.
pub(crate) fn cells_of_an_event(entity: &Entity) -> usize {
    let states = 3 + STATES.len() * entity.numeric_attributes().count();
    let groupings = entity.groupings().iter();
    let partials: usize = groupings.map(|grouping| states + grouping.dimensions.len()).sum();
    // A row for each sketch of each group that has any: its key, the bytes, and two indexes.
    let attributes = entity.definition().attributes.iter();
    let sketches: usize = attributes.map(|attribute| attribute.sketches.len()).sum();
    let sketched = entity
        .groupings()
        .iter()
        .filter(|grouping| grouping.finest <= Level::Hour)
        .count();
    2 + entity.stored_attributes().len() + partials + sketches * sketched * CELLS_OF_A_SKETCH
}

/// The most events of one transaction: fewer with each try, until one that can't be written stands alone.
pub(crate) fn most_events(entity: &Entity, tries: u32) -> usize {
    let less = LESS_EACH_TRY.saturating_pow(tries.saturating_sub(1));
    (MAX_CELLS / less / cells_of_an_event(entity)).max(1)
}

/// The events of a batch whose positions are in a range.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part<'b> {
    pub(crate) batch: &'b Batch,
    /// First position; 0 is the batch's beginning.
    pub(crate) from: i32,
    /// Position after the last; `None` is the batch's end.
    pub(crate) to: Option<i32>,
}

impl<'b> Part<'b> {
    /// All that a batch has.
    pub(crate) const fn whole(batch: &'b Batch) -> Self {
        Self::rest(batch, batch.extent.0)
    }

    /// A batch from a position on.
    pub(crate) const fn rest(batch: &'b Batch, from: i32) -> Self {
        Self {
            batch,
            from,
            to: batch.extent.1,
        }
    }

    /// Whether the batch begins with it.
    pub(crate) const fn is_first(&self) -> bool {
        self.from == 0
    }

    /// Whether what is there of the batch begins with it.
    pub(crate) const fn is_first_of_piece(&self) -> bool {
        self.from == self.batch.extent.0
    }

    /// Events of it that are fit to be facts.
    pub(crate) fn mapped(&self) -> &'b [Mapped] {
        self.slice(&self.batch.mapped, |mapped| mapped.position)
    }

    /// Events of it that are refused.
    pub(crate) fn rejects(&self) -> &'b [Reject] {
        self.slice(&self.batch.rejects, |reject| reject.position)
    }

    pub(crate) fn events(&self) -> usize {
        self.mapped().len() + self.rejects().len()
    }

    /// In two, of which the second has at most half of the events; `None` for a single event.
    fn halves(self) -> Option<[Self; 2]> {
        (self.events() > 1).then(|| self.cut_after(self.events().div_ceil(2)))
    }

    /// In two, the first with so many events; there are more.
    fn cut_after(self, events: usize) -> [Self; 2] {
        let cut = self.positions().nth(events);
        let first = Self {
            to: cut.or(self.to),
            ..self
        };
        let second = Self {
            from: cut.unwrap_or(i32::MAX),
            ..self
        };
        [first, second]
    }

    /// Positions of its events in their order.
    fn positions(self) -> impl Iterator<Item = i32> {
        let mut mapped = self.mapped().iter().map(|mapped| mapped.position).peekable();
        let mut rejects = self.rejects().iter().map(|reject| reject.position).peekable();
        std::iter::from_fn(move || match (mapped.peek(), rejects.peek()) {
            (Some(mapped_at), Some(rejected_at)) if mapped_at > rejected_at => rejects.next(),
            (None, _) => rejects.next(),
            _ => mapped.next(),
        })
    }

    fn slice<T>(&self, all: &'b [T], position: impl Fn(&T) -> i32) -> &'b [T] {
        let begin = all.partition_point(|item| position(item) < self.from);
        let end = self
            .to
            .map_or(all.len(), |to| all.partition_point(|item| position(item) < to));
        &all[begin..end.max(begin)]
    }
}

/// Parts in sets of at most so many events, in their order; a part that is larger is cut.
pub(crate) fn sets<'b>(parts: impl IntoIterator<Item = Part<'b>>, most_events: usize) -> Vec<Vec<Part<'b>>> {
    let mut sets = Vec::new();
    let mut set = Vec::new();
    let mut room = most_events;
    for mut part in parts {
        while part.events() > room {
            if room > 0 {
                let [first, rest] = part.cut_after(room);
                set.push(first);
                part = rest;
            }
            sets.push(std::mem::take(&mut set));
            room = most_events;
        }
        room -= part.events();
        set.push(part);
    }
    sets.extend((!set.is_empty()).then_some(set));
    sets
}

/// A set in two; `None` where it is a single event.
pub(crate) fn halves<'b>(set: &[Part<'b>]) -> Option<[Vec<Part<'b>>; 2]> {
    match set {
        [] => None,
        [part] => part.halves().map(|halves| halves.map(|half| vec![half])),
        parts => {
            let (first, second) = parts.split_at(parts.len() / 2);
            Some([first.to_vec(), second.to_vec()])
        }
    }
}

#[cfg(test)]
mod tests;

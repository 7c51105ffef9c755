//! States by bin, merged over any stretch of bins in few steps. Nothing is subtracted: a minimum or a last value can't be.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::calendar::Range;
use crate::windows::Windows;

/// States by bin in a binary tree, each node of which has what is below it: a stretch is put together from two nodes a level at most.
pub(crate) struct Merged<T, M> {
    bins: Vec<Timestamp>,
    /// The root is at 1, the children of a node at twice its place and the one after, the states themselves at the end.
    nodes: Vec<T>,
    merge: M,
}

impl<T: Clone + Default, M: Fn(&mut T, &T)> Merged<T, M> {
    pub(crate) fn new(states: BTreeMap<Timestamp, T>, merge: M) -> Self {
        let (bins, leaves): (Vec<Timestamp>, Vec<T>) = states.into_iter().unzip();
        let mut nodes = vec![T::default(); bins.len()];
        nodes.extend(leaves);
        for place in (1..bins.len()).rev() {
            let mut node = T::default();
            for child in nodes.get(2 * place..=2 * place + 1).into_iter().flatten() {
                merge(&mut node, child);
            }
            if let Some(known) = nodes.get_mut(place) {
                *known = node;
            }
        }
        Self { bins, nodes, merge }
    }

    /// What the bins have together that begin in a range; `None` where none does.
    pub(crate) fn over(&self, range: Range) -> Option<T> {
        let place = |time: Timestamp| self.bins.partition_point(|bin| *bin < time);
        let (mut left, mut right) = (place(range.from), place(range.to));
        if left >= right {
            return None;
        }
        let mut all = T::default();
        (left, right) = (left + self.bins.len(), right + self.bins.len());
        let mut take = |place: usize| {
            if let Some(node) = self.nodes.get(place) {
                (self.merge)(&mut all, node);
            }
        };
        while left < right {
            if left % 2 == 1 {
                take(left);
                left += 1;
            }
            if right % 2 == 1 {
                right -= 1;
                take(right);
            }
            (left, right) = (left / 2, right / 2);
        }
        Some(all)
    }

    /// The buckets whose windows reach over the time from the first bin to the last.
    pub(crate) fn touched(&self, windows: &Windows) -> Vec<(Timestamp, Range)> {
        let (Some(first), Some(last)) = (self.bins.first(), self.bins.last()) else {
            return Vec::new();
        };
        let reaches = |range: &Range| range.from <= *last && range.to > *first;
        windows.ranges().filter(|(_, range)| reaches(range)).collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_stretch_has_what_its_bins_have(states in proptest::collection::btree_map(0_i64..60, 1_i64..9, 0..40), from in 0_i64..60, length in 0_i64..60) {
            let at = |second: i64| Timestamp::from_second(second).unwrap();
            let merged = Merged::new(states.iter().map(|(bin, state)| (at(*bin), *state)).collect(), |sum: &mut i64, more: &i64| *sum += more);
            let expected: i64 = states.range(from..from + length).map(|(_, state)| state).sum();
            let found = merged.over(Range { from: at(from), to: at(from + length) });
            prop_assert_eq!(found.unwrap_or_default(), expected);
        }
    }
}

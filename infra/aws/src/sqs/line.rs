//! Who is next in a queue: the message group that has the fewest messages in flight, and of equals the one that waits
//! longest. This is what makes a standard queue fair when messages carry a `MessageGroupId`.
//!
//! SQS calls a group noisy once it has a tenth of what is in flight and at least 30 messages, and then serves the others first; of
//! several noisy ones, the one with the fewest in flight. Here the last rule holds always, because a machine works on far fewer
//! than 30 messages at a time. A message without a group is a group of its own, as on SQS.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The messages of a queue that can be received, by their sequence numbers, and how many of each group are in flight.
#[derive(Debug, Default)]
pub(super) struct Line {
    alone: BTreeSet<u64>,
    groups: BTreeMap<Arc<str>, Group>,
    /// Groups of which something waits: in flight, oldest that waits, name.
    order: BTreeSet<(usize, u64, Arc<str>)>,
}

#[derive(Debug, Default)]
struct Group {
    waiting: BTreeSet<u64>,
    in_flight: usize,
}

impl Line {
    /// The message can be received.
    pub(super) fn join(&mut self, sequence: u64, group: Option<&Arc<str>>) {
        match group {
            Some(name) => self.change(name, |group| group.waiting.insert(sequence)),
            None => self.alone.insert(sequence),
        };
    }

    /// The message can't be received (any more).
    pub(super) fn leave(&mut self, sequence: u64, group: Option<&Arc<str>>) {
        match group {
            Some(name) => self.change(name, |group| group.waiting.remove(&sequence)),
            None => self.alone.remove(&sequence),
        };
    }

    /// One more message of the group is in flight.
    pub(super) fn depart(&mut self, group: Option<&Arc<str>>) {
        if let Some(name) = group {
            self.change(name, |group| group.in_flight += 1);
        }
    }

    /// One message of the group is in flight no more.
    pub(super) fn arrive(&mut self, group: Option<&Arc<str>>) {
        if let Some(name) = group {
            self.change(name, |group| group.in_flight = group.in_flight.saturating_sub(1));
        }
    }

    /// Who is next, of the groups that `wanted` takes. Messages without a group are always wanted.
    pub(super) fn first(&self, wanted: impl Fn(&str) -> bool) -> Option<u64> {
        let group = self.order.iter().find(|(_, _, name)| wanted(name));
        let group = group.map(|(in_flight, oldest, _)| (*in_flight, *oldest));
        let alone = self.alone.first().map(|oldest| (0, *oldest));
        group.into_iter().chain(alone).min().map(|(_, sequence)| sequence)
    }

    /// The oldest message of a group, or of those without one.
    pub(super) fn first_of(&self, group: Option<&str>) -> Option<u64> {
        let waiting = match group {
            Some(name) => &self.groups.get(name)?.waiting,
            None => &self.alone,
        };
        waiting.first().copied()
    }

    /// How many messages can be received.
    pub(super) fn len(&self) -> usize {
        let grouped = self.groups.values().map(|group| group.waiting.len());
        self.alone.len() + grouped.sum::<usize>()
    }

    /// Changes a group, and its place in the order with it. A group of which nothing is left is forgotten.
    fn change<T>(&mut self, name: &Arc<str>, change: impl FnOnce(&mut Group) -> T) -> T {
        let group = self.groups.entry(Arc::clone(name)).or_default();
        if let Some(place) = group.place(name) {
            self.order.remove(&place);
        }
        let changed = change(group);
        match group.place(name) {
            Some(place) => {
                self.order.insert(place);
            }
            None if group.in_flight == 0 => {
                self.groups.remove(name);
            }
            None => {}
        }
        changed
    }
}

impl Group {
    fn place(&self, name: &Arc<str>) -> Option<(usize, u64, Arc<str>)> {
        let oldest = self.waiting.first()?;
        Some((self.in_flight, *oldest, Arc::clone(name)))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

    use super::*;

    /// Takes everything in the order in which it would be received; nothing comes back meanwhile.
    fn drain(line: &mut Line, groups: &BTreeMap<u64, Option<Arc<str>>>) -> Vec<u64> {
        let mut order = Vec::new();
        while let Some(sequence) = line.first(|_| true) {
            let group = groups[&sequence].as_ref();
            line.leave(sequence, group);
            line.depart(group);
            order.push(sequence);
        }
        order
    }

    #[test]
    fn groups_take_turns_and_those_without_one_go_by_age() {
        for (name, groups, expected) in [
            ("one group is a queue", "aaa", [0, 1, 2].as_slice()),
            ("none is a queue", "...", &[0, 1, 2]),
            ("a flood and a newcomer", "aaaab", &[0, 4, 1, 2, 3]),
            ("three of unequal length", "aaabbc", &[0, 3, 5, 1, 4, 2]),
            ("a message alone is never noisy", "aa.a.", &[0, 2, 4, 1, 3]),
        ] {
            let groups: BTreeMap<u64, Option<Arc<str>>> = groups
                .chars()
                .map(|group| (group != '.').then(|| Arc::from(group.to_string())))
                .zip(0..)
                .map(|(group, sequence)| (sequence, group))
                .collect();
            let mut line = Line::default();
            for (sequence, group) in &groups {
                line.join(*sequence, group.as_ref());
            }
            assert_eq!(line.len(), groups.len(), "{name}");
            assert_eq!(drain(&mut line, &groups), expected, "{name}");
        }
    }

    #[test]
    fn an_unwanted_group_is_passed_over_and_an_empty_one_forgotten() {
        let (noisy, quiet): (Arc<str>, Arc<str>) = (Arc::from("noisy"), Arc::from("quiet"));
        let mut line = Line::default();
        line.join(0, Some(&noisy));
        line.join(1, Some(&quiet));
        assert_eq!(line.first(|group| group != "noisy"), Some(1));
        assert_eq!(
            (
                line.first_of(Some("noisy")),
                line.first_of(None),
                line.first_of(Some("other"))
            ),
            (Some(0), None, None)
        );
        line.leave(0, Some(&noisy));
        line.depart(Some(&noisy));
        assert_eq!(line.first(|_| true), Some(1));
        line.arrive(Some(&noisy));
        line.leave(1, Some(&quiet));
        assert!(line.groups.is_empty() && line.order.is_empty() && line.len() == 0);
    }
}

//! The topics of one client, and what is to be done about them.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::grid::{Span, later};
use crate::{LOOK_EVERY_MS, Touched};

/// What is to be done about the topics of one client. They are looked at when there is a reason, and by the second: buckets close, and windows move on.
#[derive(Debug, Default)]
pub(super) struct Work {
    /// Keys of its topics.
    pub(super) topics: BTreeSet<u32>,
    /// What was touched since the last look.
    pub(super) touched: BTreeMap<Option<String>, Span>,
    /// Notifications may have been missed.
    pub(super) unsure: bool,
    /// Something about its topics changed.
    pub(super) changed: bool,
    /// Topics that were to be read at the last look and are not yet.
    pub(super) outstanding: usize,
    /// The topic at which the next look begins to choose.
    pub(super) cursor: u32,
    /// When it is looked at without any other reason.
    pub(super) look_at: Option<Timestamp>,
    /// Buckets of all windows together.
    pub(super) buckets: usize,
    /// A statement of its own took too long: until when nobody else is read with it.
    pub(super) suspect_until: Option<Timestamp>,
    /// It was read apart just now: until when others have their turns.
    pub(super) rests_until: Option<Timestamp>,
    /// Its database can't be reached: until when it is not asked.
    pub(super) postponed_until: Option<Timestamp>,
}

impl Work {
    pub(super) fn touch(&mut self, touched: &Touched) {
        let range = Span {
            from: touched.from,
            to: touched.to,
        };
        let known = self.touched.entry(touched.entity.clone()).or_insert(range);
        *known = known.hull(Some(range));
    }

    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        let has_work = self.unsure
            || self.changed
            || self.outstanding > 0
            || !self.touched.is_empty()
            || self.look_at.is_none_or(|at| now >= at);
        has_work && self.postponed_until.is_none_or(|at| now >= at)
    }

    /// When it may be read apart.
    pub(super) fn rested_at(&self, now: Timestamp) -> Timestamp {
        self.rests_until.map_or(now, |at| at.max(now))
    }

    /// It is looked at: tells what was touched since the last time; `None` for anything.
    pub(super) fn take(&mut self, now: Timestamp) -> Option<BTreeMap<Option<String>, Span>> {
        (self.changed, self.postponed_until) = (false, None);
        self.suspect_until = self.suspect_until.filter(|until| now < *until);
        self.look_at = Some(later(now, LOOK_EVERY_MS));
        let touched = std::mem::take(&mut self.touched);
        (!std::mem::take(&mut self.unsure)).then_some(touched)
    }

    /// Of the topics that are to be read, each with how many it may be read among, so many as the share allows, beginning where the last choice ended.
    pub(super) fn choose(&mut self, due: &[(u32, usize)], share: usize) -> Vec<u32> {
        self.outstanding = due.len();
        let first = due.partition_point(|(key, _)| *key < self.cursor);
        let (mut chosen, mut room) = (Vec::new(), share);
        for (key, company) in due[first..].iter().chain(&due[..first]) {
            room = room.min(*company);
            if chosen.len() >= room {
                break;
            }
            chosen.push(*key);
        }
        if let Some(last) = chosen.last() {
            self.cursor = last.saturating_add(1);
        }
        chosen
    }

    /// One of the topics that were to be read was, or need not be.
    pub(super) fn settle(&mut self) {
        self.outstanding = self.outstanding.saturating_sub(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_goes_round() {
        let mut work = Work::default();
        let due = [2, 3, 5, 7, 11].map(|key| (key, usize::MAX));
        let chosen: Vec<Vec<u32>> = (0..4).map(|_| work.choose(&due, 2)).collect();
        assert_eq!(chosen, [vec![2, 3], vec![5, 7], vec![11, 2], vec![3, 5]]);
        assert_eq!(work.choose(&due[..2], 4), [2, 3], "and all of it where there is room");
    }
    #[test]
    fn who_is_to_have_less_company_has_it() {
        let mut work = Work::default();
        let due = [(2, 9), (3, 9), (5, 1), (7, 2), (11, 2)];
        let chosen: Vec<Vec<u32>> = (0..4).map(|_| work.choose(&due, 4)).collect();
        assert_eq!(chosen, [vec![2, 3], vec![5], vec![7, 11], vec![2, 3]]);
    }
}

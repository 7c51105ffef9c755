//! Slack, and the critical path: what the end depends on.
//!
//! A plan has two kinds of links: dependencies, and one task after the other by the same person. Slack is how long a task can be put
//! off, with its person and that person's order kept, in minutes that this person works: total slack without the
//! project ending later, free slack without any other task beginning later. A milestone's is in minutes of the
//! standard calendar (full days from Monday to Friday).
//!
//! The critical path goes back from the last task: to what its person had to wait for, or did before. A task on it can have
//! some slack of its own, when its person still works at an hour at which the next one has gone home.

use std::cmp::Reverse;

use super::calendar::Calendar;
use super::network::{Network, Slot};
use super::rules::by_start;

/// The slack of every task of a plan, and the critical path.
#[derive(Debug, Default)]
pub(super) struct Slack {
    /// Total slack of each task, in minutes.
    pub(super) total: Vec<u32>,
    /// Free slack of each task, in minutes.
    pub(super) free: Vec<u32>,
    /// Tasks up to the last one, each of which begins as soon as the one before has ended.
    pub(super) path: Vec<usize>,
}

/// Links between the tasks of one person.
struct Neighbours {
    previous: Vec<Option<usize>>,
    next: Vec<Option<usize>>,
}

impl Neighbours {
    fn new(order: &[usize], slots: &[Slot], people: usize) -> Self {
        let mut latest: Vec<Option<usize>> = vec![None; people];
        let mut previous = vec![None; slots.len()];
        let mut next = vec![None; slots.len()];
        for &task in order {
            if let Some(person) = slots[task].person {
                previous[task] = latest[person];
                if let Some(before) = latest[person].replace(task) {
                    next[before] = Some(task);
                }
            }
        }
        Self { previous, next }
    }
}

/// Slack and critical path of a plan.
pub(super) fn slack(network: &Network, slots: &[Slot], standard: &Calendar) -> Slack {
    let order = by_start(network, slots);
    let neighbours = Neighbours::new(&order, slots, network.calendars.len());
    let end = slots.iter().map(|slot| slot.end).max().unwrap_or_default();
    let calendar = |task: usize| slots[task].person.map_or(standard, |person| &network.calendars[person]);
    // The minutes worked before the first moment of something that a task must have ended by.
    let mut latest: Vec<(u32, u32)> = vec![(0, 0); slots.len()];
    let mut slack = Slack {
        total: vec![0; slots.len()],
        free: vec![0; slots.len()],
        path: Vec::new(),
    };
    for &task in order.iter().rev() {
        let node = &network.nodes[task];
        let calendar = calendar(task);
        let own = calendar.worked_before(slots[task].end);
        let until = |starts: &dyn Fn(usize) -> (u32, u32)| {
            let after = node.after.iter().map(|after| calendar.worked_before(starts(*after).0));
            let next = neighbours.next[task].map(|next| starts(next).1);
            after.chain(next).fold(calendar.worked_before(end), u32::min)
        };
        let total = until(&|other| latest[other]) - own;
        slack.total[task] = total;
        slack.free[task] = until(&|other| (slots[other].start, slots[other].from)) - own;
        let from = calendar.worked_before(slots[task].start) + total;
        let start = match slots[task].person {
            Some(_) => calendar.starting(from).unwrap_or(end),
            None if total == 0 => slots[task].start,
            None => calendar.ending(from),
        };
        latest[task] = (start, from);
    }
    slack.path = path(network, slots, &neighbours, standard);
    slack
}

/// From the last task back, as long as one begins as soon as another has ended.
fn path(network: &Network, slots: &[Slot], neighbours: &Neighbours, standard: &Calendar) -> Vec<usize> {
    let position = |task: usize| network.order.iter().position(|other| *other == task);
    let mut path = Vec::new();
    let mut next = (0..slots.len()).max_by_key(|task| (slots[*task].end, position(*task)));
    while let Some(task) = next {
        path.push(task);
        let slot = slots[task];
        let calendar = slot.person.map_or(standard, |person| &network.calendars[person]);
        let own = calendar.worked_before(slot.start);
        let at_once = |other: &usize| match slot.person {
            Some(_) => calendar.worked_before(slots[*other].end) == own,
            None => slots[*other].end == slot.start,
        };
        let before = network.nodes[task].before.iter().copied();
        let candidates = before.chain(neighbours.previous[task]).filter(at_once);
        next = candidates.max_by_key(|other| (slots[*other].end, Reverse(*other)));
    }
    path.reverse();
    path
}

#[cfg(test)]
mod tests;

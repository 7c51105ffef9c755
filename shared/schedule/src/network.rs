//! A checked project in the form that planning works on: numbers instead of names.

use super::MAX_HORIZON_DAYS;
use super::calendar::{Calendar, DAY, day};
use super::project::Project;

/// A task.
#[derive(Debug, Clone)]
pub(super) struct Node {
    /// Minutes of work.
    pub(super) work: u32,
    /// The first time at which it may begin.
    pub(super) release: u32,
    /// What must have ended before.
    pub(super) before: Vec<usize>,
    /// What must wait for it.
    pub(super) after: Vec<usize>,
    /// Who can do it; nobody for a milestone.
    pub(super) people: Vec<usize>,
}

/// Tasks and people.
#[derive(Debug, Clone)]
pub(super) struct Network {
    /// The tasks.
    pub(super) nodes: Vec<Node>,
    /// When each person works.
    pub(super) calendars: Vec<Calendar>,
    /// The tasks in an order in which none comes before one that it depends on.
    pub(super) order: Vec<usize>,
    /// How many tasks each person can do: who can do few is taken first.
    pub(super) versatility: Vec<usize>,
}

/// Where a task is in a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Slot {
    /// Who does it; nobody for a milestone.
    pub(super) person: Option<usize>,
    /// Minutes that this person worked before it.
    pub(super) from: u32,
    /// When it begins.
    pub(super) start: u32,
    /// When it has ended.
    pub(super) end: u32,
}

impl Network {
    /// Of a project whose dependencies are known to be good: an index for each key, and an order.
    pub(super) fn new(project: &Project, before: Vec<Vec<usize>>, order: Vec<usize>) -> Self {
        let people = &project.people;
        let mut nodes: Vec<Node> = project
            .tasks
            .iter()
            .zip(before)
            .map(|(task, before)| Node {
                work: task.work_minutes,
                release: task.not_before.map_or(0, |date| day(project.start, date) * DAY),
                before,
                after: Vec::new(),
                people: (0..people.len())
                    .filter(|person| {
                        task.work_minutes > 0 && task.skill.is_some_and(|skill| people[*person].can(skill))
                    })
                    .collect(),
            })
            .collect();
        for index in 0..nodes.len() {
            for before in nodes[index].before.clone() {
                nodes[before].after.push(index);
            }
        }
        let calendar = |person| Calendar::of_person(project, person, MAX_HORIZON_DAYS);
        let mut versatility = vec![0; people.len()];
        for person in nodes.iter().flat_map(|node| &node.people) {
            versatility[*person] += 1;
        }
        Self {
            nodes,
            calendars: people.iter().map(calendar).collect(),
            order,
            versatility,
        }
    }

    /// The same network seen backwards from an end, where what comes last comes first.
    pub(super) fn mirrored(&self, end: u32) -> Self {
        let mirrored = |node: &Node| Node {
            work: node.work,
            release: 0,
            before: node.after.clone(),
            after: node.before.clone(),
            people: node.people.clone(),
        };
        Self {
            nodes: self.nodes.iter().map(mirrored).collect(),
            calendars: self.calendars.iter().map(|calendar| calendar.mirrored(end)).collect(),
            order: self.order.iter().rev().copied().collect(),
            versatility: self.versatility.clone(),
        }
    }
}

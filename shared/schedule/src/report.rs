//! From a project to a plan that can be read.

use catalog::Problem;

use super::MAX_HORIZON_DAYS;
use super::calendar::{Calendar, DAY};
use super::network::{Network, Slot};
use super::plan::{Assignment, Moment, Schedule, Stint};
use super::project::Project;
use super::{check, critical, delays, search, utilisation};

/// A project with its plan in numbers.
pub(super) struct Planned<'a> {
    pub(super) project: &'a Project,
    pub(super) network: Network,
    pub(super) slots: Vec<Slot>,
    /// What work is measured against.
    pub(super) standard: Calendar,
}

/// A plan of a project.
///
/// # Errors
/// All that is wrong with the project, with pointers into it: limits, names that are empty or there twice, dependencies
/// on unknown tasks or in circles, work that no one can do, and a project that does not end within [`MAX_HORIZON_DAYS`].
pub fn plan(project: &Project) -> Result<Schedule, Vec<Problem>> {
    Ok(planned(project, None)?.report())
}

/// The same in numbers; at least as good as a known plan of the same tasks by people who are still there.
pub(super) fn planned<'a>(project: &'a Project, known: Option<&[Slot]>) -> Result<Planned<'a>, Vec<Problem>> {
    let network = check::network(project)?;
    let slots = search::best(&network, known).map_err(|task| vec![check::too_long(project, task)])?;
    Ok(Planned {
        project,
        network,
        slots,
        standard: Calendar::standard(project.start, MAX_HORIZON_DAYS),
    })
}

impl Planned<'_> {
    /// What the plan says, with slack, utilisation and delays.
    pub(super) fn report(&self) -> Schedule {
        let slack = critical::slack(&self.network, &self.slots, &self.standard);
        let moment = |time| Moment::new(self.project.start, time);
        let key = |task: &usize| self.project.tasks[*task].key.clone();
        let end = self.slots.iter().map(|slot| slot.end).max().unwrap_or_default();
        let assignment = |task: usize| {
            let slot = self.slots[task];
            Assignment {
                task: key(&task),
                person: slot.person.map(|person| self.project.people[person].id.clone()),
                start: moment(slot.start),
                end: moment(slot.end),
                work_minutes: self.network.nodes[task].work,
                work: self.stints(slot),
                total_slack_minutes: slack.total[task],
                free_slack_minutes: slack.free[task],
                critical: slack.total[task] == 0,
            }
        };
        Schedule {
            start: moment(self.slots.iter().map(|slot| slot.start).min().unwrap_or_default()),
            end: moment(end),
            standard_minutes: self.standard.worked_before(end),
            assignments: (0..self.slots.len()).map(assignment).collect(),
            critical_path: slack.path.iter().map(key).collect(),
            utilisation: utilisation::of(self),
            delays: delays::of(self, &slack),
        }
    }

    /// The work of a slot, day by day, with equal days in a row taken together.
    fn stints(&self, slot: Slot) -> Vec<Stint> {
        let mut stints: Vec<Stint> = Vec::new();
        let Some(person) = slot.person else {
            return stints;
        };
        let calendar = &self.network.calendars[person];
        for day in slot.start / DAY..=slot.end / DAY {
            let worked = |time: u32| calendar.worked_before(time.clamp(slot.start, slot.end));
            let minutes_per_day = worked((day + 1) * DAY) - worked(day * DAY);
            if minutes_per_day == 0 {
                continue;
            }
            let from = Moment::new(self.project.start, day * DAY).day;
            match stints.last_mut() {
                Some(last) if last.minutes_per_day == minutes_per_day && last.to.tomorrow().ok() == Some(from) => {
                    last.to = from;
                }
                _ => stints.push(Stint {
                    from,
                    to: from,
                    minutes_per_day,
                }),
            }
        }
        stints
    }
}

#[cfg(test)]
mod tests;

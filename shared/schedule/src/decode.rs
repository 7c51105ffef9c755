//! Serial schedule generation: tasks one after the other, each as early as the plan so far allows.
//!
//! A task goes into the first gap of a person that is long enough. Which person: the one that is wished for, else the one
//! with whom it ends first. Some order of tasks and some wishes give a plan with the earliest possible end, so a
//! search over orders and wishes can find it.

use super::network::{Network, Slot};

/// Reusable room for plans of one network.
pub(super) struct Decoder<'a> {
    network: &'a Network,
    /// For each person, what is taken of the minutes worked: from and to, apart and in order.
    taken: Vec<Vec<(u32, u32)>>,
    /// How often a place was looked for: what a search's length is measured in.
    pub(super) probes: u64,
}

impl<'a> Decoder<'a> {
    pub(super) fn new(network: &'a Network) -> Self {
        Self {
            network,
            taken: vec![Vec::new(); network.calendars.len()],
            probes: 0,
        }
    }

    /// The plan of an order of all tasks, into `slots`; or the first task that does not end within the calendars.
    pub(super) fn decode(
        &mut self,
        order: &[usize],
        wishes: &[Option<usize>],
        slots: &mut Vec<Slot>,
    ) -> Result<(), usize> {
        slots.clear();
        slots.resize(self.network.nodes.len(), Slot::default());
        self.taken.iter_mut().for_each(Vec::clear);
        for &task in order {
            slots[task] = self.place(task, wishes[task], slots).ok_or(task)?;
        }
        Ok(())
    }

    fn place(&mut self, task: usize, wish: Option<usize>, slots: &[Slot]) -> Option<Slot> {
        let node = &self.network.nodes[task];
        // A milestone counts too, and so does what fails: or a search could go on for ever.
        self.probes += if wish.is_some() {
            1
        } else {
            node.people.len().max(1) as u64
        };
        let ends = node.before.iter().map(|before| slots[*before].end);
        let ready = ends.fold(node.release, u32::max);
        if node.work == 0 {
            return Some(Slot {
                person: None,
                from: 0,
                start: ready,
                end: ready,
            });
        }
        let slot = match wish {
            Some(person) => self.fit(person, ready, node.work),
            None => {
                let fits = node
                    .people
                    .iter()
                    .filter_map(|person| self.fit(*person, ready, node.work));
                fits.min_by_key(|slot| (slot.end, slot.person.map(|person| self.network.versatility[person])))
            }
        }?;
        if let Some(person) = slot.person {
            take(&mut self.taken[person], slot.from, slot.from + node.work);
        }
        Some(slot)
    }

    /// The first gap of a person that is long enough.
    fn fit(&self, person: usize, ready: u32, work: u32) -> Option<Slot> {
        let calendar = &self.network.calendars[person];
        let mut from = calendar.worked_before(ready);
        let taken = &self.taken[person];
        let first = taken.partition_point(|(_, to)| *to <= from);
        for (taken_from, taken_to) in &taken[first..] {
            if from + work <= *taken_from {
                break;
            }
            from = *taken_to;
        }
        if from + work > calendar.total() {
            return None;
        }
        Some(Slot {
            person: Some(person),
            from,
            start: calendar.starting(from)?,
            end: calendar.ending(from + work),
        })
    }
}

/// Takes a gap, and joins it with its neighbours when nothing lies between.
fn take(taken: &mut Vec<(u32, u32)>, from: u32, to: u32) {
    let at = taken.partition_point(|(start, _)| *start < from);
    let follows = at > 0 && taken[at - 1].1 == from;
    let precedes = taken.get(at).is_some_and(|(start, _)| *start == to);
    match (follows, precedes) {
        (true, true) => {
            taken[at - 1].1 = taken[at].1;
            taken.remove(at);
        }
        (true, false) => taken[at - 1].1 = to,
        (false, true) => taken[at].0 = from,
        (false, false) => taken.insert(at, (from, to)),
    }
}

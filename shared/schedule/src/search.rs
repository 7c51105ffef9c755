//! From good plans to a better one, in a fixed number of steps.

use super::decode::Decoder;
use super::network::{Network, Slot};
use super::rules::{by_start, orders};

/// The longest search, in places looked for: about half a second of processor time.
const SEARCH_PROBES: u64 = 4_000_000;

/// How long a search is for each pair of tasks, up to the longest.
const PROBES_PER_PAIR: u64 = 5_000;

/// How many steps a plan may be worse than the one so many steps before.
const HISTORY: usize = 60;

/// Steps without a better plan, for each task, after which a search goes back to the best one.
const PATIENCE: usize = 150;

/// The most times that a plan is pushed to its end and back; most get no better after three.
const MAX_JUSTIFICATIONS: usize = 20;

/// The part of the search that looks for a better end; the rest improves what counts among equal ends.
const FOR_THE_END: (u64, u64) = (5, 6);

/// Any number: the search is the same each time.
const SEED: u64 = 0x5eed;

/// What makes a plan better, in this order: its end, the idle minutes of its people, the sum of its tasks' ends.
type Score = (u32, u64, u64);

#[derive(Clone)]
struct Plan {
    order: Vec<usize>,
    wishes: Vec<Option<usize>>,
    slots: Vec<Slot>,
    score: Score,
}

impl Plan {
    /// What a search for the end is guided by: idle minutes would hold it back.
    fn guide(&self) -> (u32, u64) {
        (self.score.0, self.score.2)
    }
}

/// The best plan that is found, at least as good as a known one of the same tasks. Otherwise a task that did not end in time.
pub(super) fn best(network: &Network, known: Option<&[Slot]>) -> Result<Vec<Slot>, usize> {
    let mut search = Search {
        network,
        decoder: Decoder::new(network),
        random: Random(SEED),
    };
    let mut late = 0;
    let mut best: Option<Plan> = None;
    let free = || vec![None; network.nodes.len()];
    let given = known.map(|slots| (by_start(network, slots), slots.iter().map(|slot| slot.person).collect()));
    for (order, wishes) in orders(network).into_iter().map(|order| (order, free())).chain(given) {
        match search.plan(order, wishes) {
            Ok(plan) => {
                let plan = search.justified(plan);
                if best.as_ref().is_none_or(|best| plan.score < best.score) {
                    best = Some(plan);
                }
            }
            Err(task) => late = task,
        }
    }
    best.map(|best| search.improved(best).slots).ok_or(late)
}

struct Search<'a> {
    network: &'a Network,
    decoder: Decoder<'a>,
    random: Random,
}

impl Search<'_> {
    fn plan(&mut self, order: Vec<usize>, wishes: Vec<Option<usize>>) -> Result<Plan, usize> {
        let mut slots = Vec::new();
        self.decoder.decode(&order, &wishes, &mut slots)?;
        let score = score(self.network, &slots);
        Ok(Plan {
            order,
            wishes,
            slots,
            score,
        })
    }

    /// The plan pushed to its end and back to its start, as long as that makes it better.
    fn justified(&mut self, mut plan: Plan) -> Plan {
        for _ in 0..MAX_JUSTIFICATIONS {
            let mirrored = self.network.mirrored(plan.score.0);
            let mut backward = Decoder::new(&mirrored);
            let wishes: Vec<Option<usize>> = plan.slots.iter().map(|slot| slot.person).collect();
            let mut order = self.network.order.clone();
            order.sort_by_key(|task| plan.slots[*task].end);
            order.reverse();
            let mut slots = Vec::new();
            let pushed = backward.decode(&order, &wishes, &mut slots);
            self.decoder.probes += backward.probes;
            if pushed.is_err() {
                return plan;
            }
            // In the mirror an end is a start.
            let mut order = mirrored.order.clone();
            order.sort_by_key(|task| slots[*task].end);
            order.reverse();
            match self.plan(order, wishes) {
                Ok(again) if again.score < plan.score => plan = again,
                _ => return plan,
            }
        }
        plan
    }

    /// Late acceptance: a changed plan is taken when it is no worse than the one of some steps ago.
    fn improved(&mut self, start: Plan) -> Plan {
        let bound = lower_bound(self.network);
        let until = self.probes() / FOR_THE_END.1 * FOR_THE_END.0;
        let mut best = start.clone();
        let mut now = start;
        let mut history = vec![now.guide(); HISTORY];
        let mut idle_steps = 0;
        let mut step = 0;
        while best.score.0 > bound && self.decoder.probes < until {
            step += 1;
            idle_steps += 1;
            if let Ok(next) = self.changed(&now) {
                if next.score < best.score {
                    if next.guide() < best.guide() {
                        idle_steps = 0;
                    }
                    best = next.clone();
                }
                let before = &mut history[step % HISTORY];
                if next.guide() <= *before || next.guide() <= now.guide() {
                    now = next;
                }
                *before = (*before).min(now.guide());
            }
            if idle_steps > PATIENCE * self.network.nodes.len() {
                idle_steps = 0;
                now = self.shaken(&best);
                history.fill(now.guide());
            }
        }
        self.tidied(best)
    }

    /// Changes that make no step worse. A plan that is only different does not replace the best one.
    fn tidied(&mut self, mut best: Plan) -> Plan {
        let until = self.decoder.probes + self.probes() / FOR_THE_END.1;
        let mut now = best.clone();
        while self.decoder.probes < until {
            if let Ok(next) = self.changed(&now)
                && next.score <= now.score
            {
                now = next;
            }
        }
        let now = self.justified(now);
        if now.score < best.score {
            best = now;
        }
        best
    }

    /// How long a search of this network is.
    fn probes(&self) -> u64 {
        let tasks = self.network.nodes.len() as u64;
        (tasks * tasks * PROBES_PER_PAIR).min(SEARCH_PROBES)
    }

    /// Several changes at once, whatever they bring.
    fn shaken(&mut self, plan: &Plan) -> Plan {
        let mut shaken = plan.clone();
        for _ in 0..5 + plan.order.len() / 4 {
            if let Ok(next) = self.changed(&shaken) {
                shaken = next;
            }
        }
        self.justified(shaken)
    }

    /// The plan with one thing changed.
    fn changed(&mut self, plan: &Plan) -> Result<Plan, usize> {
        let (mut order, mut wishes) = (plan.order.clone(), plan.wishes.clone());
        match self.random.below(10) {
            0..5 => self.move_task(&mut order),
            5..7 => self.wish(&mut wishes),
            7 => {
                self.move_task(&mut order);
                self.wish(&mut wishes);
            }
            8 => self.exchange(plan, &mut wishes),
            _ => {
                let task = self.random.below(wishes.len());
                wishes[task] = None;
            }
        }
        self.plan(order, wishes)
    }

    /// A task goes elsewhere in the order, between what it depends on and what depends on it.
    fn move_task(&mut self, order: &mut [usize]) {
        let at = self.random.below(order.len());
        let node = &self.network.nodes[order[at]];
        let before = order[..at].iter().rposition(|task| node.before.contains(task));
        let after = order[at..].iter().position(|task| node.after.contains(task));
        let first = before.map_or(0, |before| before + 1);
        let last = after.map_or(order.len(), |after| at + after) - 1;
        let to = first + self.random.below(last - first + 1);
        if to < at {
            order[to..=at].rotate_right(1);
        } else {
            order[at..=to].rotate_left(1);
        }
    }

    /// Someone is wished for a task.
    fn wish(&mut self, wishes: &mut [Option<usize>]) {
        let task = self.random.below(wishes.len());
        let people = &self.network.nodes[task].people;
        if people.len() > 1 {
            wishes[task] = Some(people[self.random.below(people.len())]);
        }
    }

    /// Two tasks exchange their people, if these can do them.
    fn exchange(&mut self, plan: &Plan, wishes: &mut [Option<usize>]) {
        let [one, other] = [0; 2].map(|_| self.random.below(wishes.len()));
        let can = |task: usize, person: Option<usize>| {
            person.is_some_and(|person| self.network.nodes[task].people.contains(&person))
        };
        let (first, second) = (plan.slots[one].person, plan.slots[other].person);
        if can(one, second) && can(other, first) {
            wishes[one] = second;
            wishes[other] = first;
        }
    }
}

fn score(network: &Network, slots: &[Slot]) -> Score {
    let mut ranges = vec![(u32::MAX, 0, 0_u64); network.calendars.len()];
    let (mut end, mut ends) = (0, 0);
    for (slot, node) in slots.iter().zip(&network.nodes) {
        end = end.max(slot.end);
        ends += u64::from(slot.end);
        if let Some(person) = slot.person {
            let (first, last, work) = &mut ranges[person];
            *first = slot.from.min(*first);
            *last = (slot.from + node.work).max(*last);
            *work += u64::from(node.work);
        }
    }
    let used = ranges.into_iter().filter(|(_, _, work)| *work > 0);
    let idle = used.map(|(first, last, work)| u64::from(last - first) - work).sum();
    (end, idle, ends)
}

/// An end that no plan is before: as if everybody could do everything at once.
fn lower_bound(network: &Network) -> u32 {
    let mut ends = vec![0; network.nodes.len()];
    for &task in &network.order {
        let node = &network.nodes[task];
        let ready = node
            .before
            .iter()
            .map(|before| ends[*before])
            .fold(node.release, u32::max);
        let end = |person: &usize| {
            let calendar = &network.calendars[*person];
            calendar.ending(calendar.worked_before(ready) + node.work)
        };
        ends[task] = node.people.iter().map(end).min().unwrap_or(ready);
    }
    ends.into_iter().max().unwrap_or_default()
}

/// Numbers that look random and are the same each time (splitmix64).
struct Random(u64);

impl Random {
    /// A number below another one; zero below zero.
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        let most = most as u64;
        usize::try_from(mixed % most.max(1)).unwrap_or_default()
    }
}

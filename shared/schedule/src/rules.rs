//! Priority rules: orders of tasks to begin a search with.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::network::{Network, Slot};

/// An order for each rule.
pub(super) fn orders(network: &Network) -> Vec<Vec<usize>> {
    let tails = tails(network);
    let nodes = &network.nodes;
    let scarcity = |task: usize| u64::MAX - nodes[task].people.len() as u64;
    let rules: [&dyn Fn(usize) -> (u64, u64); 6] = [
        // The longest way to the end first.
        &|task| (tails[task], 0),
        // The most that waits directly first.
        &|task| (nodes[task].after.len() as u64, tails[task]),
        // What few people can do first.
        &|task| (scarcity(task), tails[task]),
        // Long tasks first, and short ones first: each fills gaps that the other leaves.
        &|task| (u64::from(nodes[task].work), tails[task]),
        &|task| (u64::MAX - u64::from(nodes[task].work), tails[task]),
        // As they were given.
        &|task| (u64::MAX - task as u64, 0),
    ];
    rules.iter().map(|rule| by_priority(network, rule)).collect()
}

/// The minutes of work on the longest way from each task to the end, its own included.
fn tails(network: &Network) -> Vec<u64> {
    let mut tails = vec![0; network.nodes.len()];
    for &task in network.order.iter().rev() {
        let node = &network.nodes[task];
        let after = node.after.iter().map(|after| tails[*after]).max().unwrap_or_default();
        tails[task] = after + u64::from(node.work);
    }
    tails
}

/// Of all tasks that may come next, always the one with the highest priority, and the first of equals.
fn by_priority(network: &Network, priority: impl Fn(usize) -> (u64, u64)) -> Vec<usize> {
    let mut waits: Vec<usize> = network.nodes.iter().map(|node| node.before.len()).collect();
    let entry = |task: usize| (priority(task), Reverse(task));
    let free = (0..waits.len()).filter(|task| waits[*task] == 0);
    let mut free: BinaryHeap<_> = free.map(entry).collect();
    let mut order = Vec::with_capacity(waits.len());
    while let Some((_, Reverse(task))) = free.pop() {
        order.push(task);
        for &next in &network.nodes[task].after {
            waits[next] -= 1;
            if waits[next] == 0 {
                free.push(entry(next));
            }
        }
    }
    order
}

/// The tasks in the order in which a plan begins them. Made again in this order by the same people, no task is later.
pub(super) fn by_start(network: &Network, slots: &[Slot]) -> Vec<usize> {
    let mut order = network.order.clone();
    // Stable: what begins at the same time stays behind what it depends on.
    order.sort_by_key(|task| slots[*task].start);
    order
}

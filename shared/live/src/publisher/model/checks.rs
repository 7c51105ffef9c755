//! What must hold of what clients show.

use catalog::Period;

use super::calendar::{period_back, period_start};
use super::client::{Client, Key};
use super::world::{Cell, LastRead, World, topic};
use crate::publisher::TopicRead;
use crate::{Control, Mode, Silence};

impl World {
    pub(super) fn check_against_facts(&self) {
        for client in &self.clients {
            for (channel, (kpi, period, ..)) in &client.channels {
                let expected = self.is_paused(kpi, *period).then_some(Silence::Paused);
                assert_eq!(
                    client.silent.get(channel).copied(),
                    expected,
                    "{kpi} on {channel}: {client:?}"
                );
            }
            for key in client
                .wanted
                .iter()
                .filter(|(kpi, period, ..)| !self.is_paused(kpi, *period))
            {
                let (kpi, period, ..) = key;
                let head = period_start(*period, self.now.as_second());
                assert!(
                    client.channels.values().any(|channel| channel == key),
                    "{key:?} was never answered: {client:?}"
                );
                self.check(client, key, head, "the facts", |start| self.cell(kpi, *period, start));
            }
        }
    }

    /// What a client shows after a step is what was last read.
    pub(super) fn check_against_reads(&self, client: usize, text: &str) {
        let client = &self.clients[client];
        for key in client
            .channels
            .values()
            .filter(|(kpi, period, ..)| !self.behind.contains(&topic(kpi, *period).id()))
        {
            let Some(last) = self.reads.get(&(key.0.clone(), key.1)) else {
                panic!("{key:?} was answered before it was read")
            };
            // Its window has moved on since, and what is open now is still being read.
            let moved_on = |(read, answer): &(TopicRead, LastRead)| {
                read.topic.id() == topic(&key.0, key.1).id() && answer.head > last.head
            };
            if self.apart.iter().any(moved_on) {
                continue;
            }
            self.check(client, key, last.head, text, |start| {
                last.cells.get(&start).cloned().unwrap_or((None, 0))
            });
        }
    }

    pub(super) fn check(&self, client: &Client, key: &Key, head: i64, what: &str, cell: impl Fn(i64) -> Cell) {
        let (_, period, mode, buckets) = key;
        let rows = &client.shown[key].rows;
        let newest = if *mode == Mode::Live { 0 } else { 1 };
        for back in newest..newest + i64::from(*buckets) {
            let start = period_back(*period, head, back);
            let shown = rows.get(&start).map_or((None, 0), |row| (row.value.clone(), row.facts));
            assert_eq!(
                shown,
                cell(start),
                "{key:?} at {start} against {what} at {}: {client:?}",
                self.now
            );
        }
        assert!(
            *mode == Mode::Closed || rows.contains_key(&head),
            "{key:?} has no open bucket {head}: {client:?}"
        );
        for row in rows.values() {
            assert_eq!(
                row.closed,
                row.bucket < head,
                "{key:?} shows a bucket as open that closed, against {what} at {}: {row:?}",
                self.now
            );
        }
    }

    pub(super) fn is_paused(&self, kpi: &str, period: Period) -> bool {
        self.controls.get(&topic(kpi, period).id()) == Some(&Control::Paused)
    }
}

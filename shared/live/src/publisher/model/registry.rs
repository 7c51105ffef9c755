//! Who connects, subscribes and leaves, and how the publisher hears of it or starts anew.

use std::collections::BTreeSet;

use catalog::Period;

use super::KPIS;
use super::client::Key;
use super::world::{TENANT, World, topic};
use crate::publisher::grid::later;
use crate::publisher::{ConnectionInfo, Publisher};
use crate::{Change, Control, Resume, Subscription};

impl World {
    pub(super) fn subscribe_new(&mut self, client: usize, keys: Vec<Key>) {
        let keys: BTreeSet<Key> = keys
            .into_iter()
            .filter(|key| !self.clients[client].wanted.contains(key))
            .collect();
        self.clients[client].wanted.extend(keys.iter().cloned());
        if self.clients[client].connection.is_some() && !keys.is_empty() {
            self.subscribe(client, keys.into_iter().collect(), None);
        }
    }

    pub(super) fn subscribe(&mut self, client: usize, keys: Vec<Key>, resume: Option<Resume>) {
        let connection = self.clients[client].connection.clone().unwrap();
        let (_, registered) = self.registry.get_mut(&connection).unwrap();
        let subscriptions: Vec<_> = (self.channels..)
            .zip(keys)
            .map(|(channel, key)| subscription(channel, key))
            .collect();
        self.channels += 100;
        registered.extend(subscriptions.iter().cloned());
        let change = Change::Subscribed {
            connection,
            client: TENANT,
            request: None,
            resume,
            subscriptions,
        };
        self.tell(change);
    }

    /// The publisher follows a change, perhaps twice.
    pub(super) fn tell(&mut self, change: Change) {
        if !self.is_deaf {
            let text = serde_json::to_string(&change).unwrap();
            self.publisher.apply(serde_json::from_str(&text).unwrap());
            self.publisher.apply(change);
        }
    }

    pub(super) fn load(&mut self) {
        self.is_deaf = false;
        self.publisher.load(self.registry.values().cloned().collect());
        self.publisher.load_controls(
            self.controls
                .iter()
                .map(|(topic, control)| (TENANT, topic.clone(), *control)),
        );
    }

    pub(super) fn unsubscribe(&mut self, client: usize, nth: usize) {
        let Some(connection) = self.clients[client].connection.clone() else {
            return;
        };
        if let Some(channel) = self.clients[client].channels.keys().copied().nth(nth) {
            self.clients[client].give_up(channel);
            let (_, registered) = self.registry.get_mut(&connection).unwrap();
            registered.retain(|subscription| subscription.channel != channel);
            self.tell(Change::Unsubscribed {
                connection,
                channels: vec![channel],
            });
        }
    }

    pub(super) fn break_off(&mut self, client: usize, noticed: bool) {
        if let Some(connection) = self.clients[client].connection.clone().filter(|_| noticed) {
            self.registry.remove(&connection);
            self.tell(Change::Disconnected { connection });
        }
        self.clients[client].leave();
    }

    pub(super) fn reconnect(&mut self, client: usize) {
        if self.clients[client].connection.is_some() {
            return;
        }
        self.connections += 1;
        let id = format!("connection-{}", self.connections);
        let info = ConnectionInfo {
            id: id.clone(),
            client: TENANT,
            connected_at: self.now,
        };
        self.registry.insert(id.clone(), (info, Vec::new()));
        self.tell(Change::Connected {
            connection: id.clone(),
            client: TENANT,
        });
        self.clients[client].connection = Some(id);
        for (at, keys) in self.clients[client].subscribes() {
            self.subscribe(client, keys, at.map(|(epoch, seq)| Resume { epoch, seq }));
        }
    }

    pub(super) fn hand_over(&mut self, milliseconds: i64) {
        let (publisher, through) = Publisher::restore(&self.publisher.save(3, usize::MAX).unwrap()).unwrap();
        assert_eq!(through, 3);
        self.publisher = publisher;
        self.publisher.tick_bytes = self.tick_bytes;
        self.publisher.tick_topics = self.tick_topics;
        self.apart.clear();
        self.unreported.clear();
        self.now = later(self.now, milliseconds);
        // Nobody listened meanwhile.
        self.touched.clear();
    }

    pub(super) fn crash(&mut self) {
        self.epoch += 1;
        self.publisher = Publisher::new(self.epoch);
        self.publisher.tick_bytes = self.tick_bytes;
        self.publisher.tick_topics = self.tick_topics;
        self.apart.clear();
        self.unreported.clear();
        self.touched.clear();
        self.load();
    }

    pub(super) fn control(&mut self, kpi: usize, period: Period, control: Option<Control>) {
        let topic = topic(KPIS[kpi], period).id();
        if control == Some(Control::Paused) {
            self.behind.insert(topic.clone());
        }
        match control {
            Some(control) => self.controls.insert(topic.clone(), control),
            None => self.controls.remove(&topic),
        };
        self.tell(Change::Control {
            client: TENANT,
            topic,
            control,
        });
    }
}

fn subscription(channel: u32, (kpi, period, mode, buckets): Key) -> Subscription {
    Subscription {
        channel,
        topic: topic(&kpi, period),
        mode,
        buckets,
    }
}

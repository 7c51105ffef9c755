//! The generator's own bookkeeping: what was accepted, and what must have become of it.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::shape::Event;

/// What a request or file was accepted with.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) entity: &'static str,
    /// A request's batch, or the key of a file.
    pub(crate) name: Name,
    /// Events by their positions; nothing where one is bad.
    pub(crate) events: Vec<Option<Event>>,
}

/// How the product calls what was sent.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Name {
    /// A request: the identity of its batch.
    Batch(String),
    /// A file: its key, which is the source of its batches.
    File(String),
}

impl Sent {
    /// Positions of the bad events.
    pub(crate) fn bad(&self) -> impl Iterator<Item = usize> {
        let numbered = self.events.iter().enumerate();
        numbered
            .filter(|(_, event)| event.is_none())
            .map(|(position, _)| position)
    }
}

/// All that one client sent.
#[derive(Debug, Default)]
pub(crate) struct Books {
    sent: Mutex<Vec<Sent>>,
    /// The last event of each key, of keyed entities.
    latest: Mutex<BTreeMap<(&'static str, u32), Event>>,
}

impl Books {
    /// Notes what was accepted.
    pub(crate) fn accepted(&self, sent: Sent) {
        lock(&self.sent).push(sent);
    }

    /// Notes what a keyed batch has replaced by now, in the order of its events.
    pub(crate) fn replaced(&self, entity: &'static str, events: impl IntoIterator<Item = Event>) {
        let mut latest = lock(&self.latest);
        for event in events {
            latest.insert((entity, event.key), event);
        }
    }

    pub(crate) fn sent(&self) -> MutexGuard<'_, Vec<Sent>> {
        lock(&self.sent)
    }

    /// The facts that there must be of an entity.
    pub(crate) fn facts(&self, entity: &str, is_keyed: bool) -> Vec<Event> {
        if is_keyed {
            let latest = lock(&self.latest);
            let own = latest.iter().filter(|((code, _), _)| *code == entity);
            return own.map(|(_, event)| event.clone()).collect();
        }
        let sent = lock(&self.sent);
        let own = sent.iter().filter(|sent| sent.entity == entity);
        own.flat_map(|sent| sent.events.iter().flatten().cloned()).collect()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is noted is whole at every moment, whoever panicked.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

//! How many batches of each group are in flight, so that none has them all.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::sqs::queue::Queue;

/// The places of an event source's groups.
#[derive(Debug)]
pub(super) struct Places {
    queue: Arc<Queue>,
    /// What one group may have.
    most: usize,
    taken: Arc<Mutex<BTreeMap<Arc<str>, usize>>>,
}

/// A batch's place, free again when it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    queue: Arc<Queue>,
    group: Option<Arc<str>>,
    taken: Arc<Mutex<BTreeMap<Arc<str>, usize>>>,
}

impl Places {
    /// Of `max_concurrency` batches, one is never a busy group's. Where there is only one, everybody takes turns at it.
    pub(super) fn of(queue: &Arc<Queue>, max_concurrency: usize) -> Self {
        Self {
            queue: Arc::clone(queue),
            most: max_concurrency.saturating_sub(1).max(1),
            taken: Arc::default(),
        }
    }

    /// Whether a batch of the group may be begun.
    pub(super) fn has_one(&self, group: &str) -> bool {
        lock(&self.taken).get(group).is_none_or(|taken| *taken < self.most)
    }

    /// Takes a place for a batch. One without a group needs none.
    pub(super) fn take(&self, group: Option<Arc<str>>) -> Place {
        if let Some(group) = &group {
            *lock(&self.taken).entry(Arc::clone(group)).or_default() += 1;
        }
        Place {
            queue: Arc::clone(&self.queue),
            group,
            taken: Arc::clone(&self.taken),
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some(group) = &self.group else { return };
        let mut taken = lock(&self.taken);
        if let Some(count) = taken.get_mut(group) {
            *count -= 1;
            if *count == 0 {
                taken.remove(group);
            }
        }
        drop(taken);
        self.queue.look_again();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

//! One standard queue in memory: visibility, receive counts, delays and the way to the dead letters.

#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;
use uuid::Uuid;

use super::message::{MESSAGE_BYTES, Message, MessageError};

/// A message as one receiver got it.
#[derive(Debug, Clone)]
pub struct Received {
    /// The message, its receive count included.
    pub message: Message,
    /// What deletes it or changes its visibility; another receive makes another one.
    pub receipt: String,
}

/// What a receiver asks for.
#[derive(Debug, Clone, Copy)]
pub struct Want {
    /// At most this many messages.
    pub messages: usize,
    /// Hide them from others this long.
    pub visibility: Duration,
    /// Stop before the batch, as an event for Lambda, would grow over this many bytes.
    pub event_bytes: usize,
    /// Bytes that the batch has already; a batch that has none takes one message of any size.
    pub bytes_taken: usize,
}

impl Want {
    /// So many messages, whatever their size.
    #[must_use]
    pub const fn messages(messages: usize, visibility: Duration) -> Self {
        Self {
            messages,
            visibility,
            event_bytes: usize::MAX,
            bytes_taken: 0,
        }
    }
}

/// Why a receipt did not do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptError {
    /// Nothing that this cloud ever handed out.
    #[error("the receipt handle is not valid")]
    Invalid,
    /// The message is visible again, or gone.
    #[error("the message is not in flight")]
    NotInFlight,
}

/// Approximate counts, as `GetQueueAttributes` names them; here they are exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Ready to be received.
    pub visible: usize,
    /// Received and not deleted yet.
    pub in_flight: usize,
    /// Sent with a delay that has not passed.
    pub delayed: usize,
}

/// Where messages go that were received too often.
#[derive(Debug, Clone)]
pub struct Redrive {
    /// The dead-letter queue.
    pub queue: Arc<Queue>,
    /// A message is received at most this many times.
    pub max_receives: u32,
}

/// A queue; share it in an [`Arc`].
#[derive(Debug)]
pub struct Queue {
    /// Its name, which is also the end of its URL and ARN.
    pub name: String,
    /// The visibility timeout of a receive that does not say another.
    pub visibility: Duration,
    /// A message that is neither deleted nor moved so long after it was sent is dropped.
    pub retention: Duration,
    /// The largest message that is taken, [`MESSAGE_BYTES`] if nothing else is said.
    pub message_bytes: usize,
    redrive: OnceLock<Redrive>,
    arrived: Notify,
    state: Mutex<State>,
}

/// `ready` and `hidden` hold the sequence numbers of `messages`, each in exactly one of the two; `expiring` holds all.
#[derive(Debug, Default)]
struct State {
    next: u64,
    messages: HashMap<u64, Held>,
    ready: BTreeSet<u64>,
    hidden: BTreeSet<(Instant, u64)>,
    expiring: BTreeSet<(Instant, u64)>,
    receipts: HashMap<String, u64>,
}

#[derive(Debug)]
struct Held {
    message: Message,
    expires: Instant,
    hidden_until: Option<Instant>,
    receipt: Option<String>,
}

/// What one look at the queue gave.
struct Look {
    received: Vec<Received>,
    dead: Vec<Message>,
    full: bool,
    next_visible: Option<Instant>,
}

impl Queue {
    /// An empty queue.
    #[must_use]
    pub fn new(name: String, visibility: Duration, retention: Duration) -> Self {
        Self {
            name,
            visibility,
            retention,
            message_bytes: MESSAGE_BYTES,
            redrive: OnceLock::new(),
            arrived: Notify::new(),
            state: Mutex::default(),
        }
    }

    /// The same queue for messages of up to `message_bytes`.
    #[must_use]
    pub fn with_message_bytes(self, message_bytes: usize) -> Self {
        Self { message_bytes, ..self }
    }

    /// The message, if this queue takes it; [`Queue::send`] expects one that was checked.
    ///
    /// # Errors
    /// [`MessageError`] says why not.
    pub fn check(&self, message: Message) -> Result<Message, MessageError> {
        message.checked(self.message_bytes)
    }

    /// Sets the dead-letter queue; later calls change nothing.
    pub fn set_redrive(&self, redrive: Redrive) {
        let _ = self.redrive.set(redrive);
    }

    /// The dead-letter queue, if there is one.
    #[must_use]
    pub fn redrive(&self) -> Option<&Redrive> {
        self.redrive.get()
    }

    /// Adds a message and wakes whoever waits for one.
    pub fn send(&self, message: Message, delay: Duration) {
        let mut state = self.lock();
        let sequence = state.next;
        state.next += 1;
        let expires = message.sent_at + self.retention;
        state.expiring.insert((expires, sequence));
        state.messages.insert(
            sequence,
            Held {
                message,
                expires,
                hidden_until: None,
                receipt: None,
            },
        );
        if delay.is_zero() {
            state.ready.insert(sequence);
        } else {
            state.hide(sequence, Instant::now() + delay);
        }
        drop(state);
        self.arrived.notify_waiters();
    }

    /// Receives what `want` asks for, waiting up to `wait` for the first message. Returns at once when one arrives.
    pub async fn receive(&self, want: Want, wait: Duration) -> Vec<Received> {
        let deadline = Instant::now() + wait;
        loop {
            // Made before looking: a message sent between the look and the wait still wakes it.
            let arrived = self.arrived.notified();
            let now = Instant::now();
            let look = self.look(want, now);
            for message in look.dead {
                self.bury(message);
            }
            if !look.received.is_empty() || look.full || now >= deadline {
                return look.received;
            }
            let until = look.next_visible.map_or(deadline, |visible| visible.min(deadline));
            tokio::select! {
                () = arrived => {}
                () = tokio::time::sleep_until(until) => {}
            }
        }
    }

    /// Deletes by receipt; deleting what is gone already is fine.
    ///
    /// # Errors
    /// [`ReceiptError::Invalid`] when the text was never a receipt.
    pub fn delete(&self, receipt: &str) -> Result<(), ReceiptError> {
        Uuid::parse_str(receipt).map_err(|_| ReceiptError::Invalid)?;
        let mut state = self.lock();
        if let Some(sequence) = state.receipts.get(receipt).copied() {
            state.remove(sequence);
        }
        Ok(())
    }

    /// Hides a message that is in flight for `visibility` from now on; zero makes it visible at once.
    ///
    /// # Errors
    /// [`ReceiptError`] when the receipt is none, or its message is not in flight.
    pub fn change_visibility(&self, receipt: &str, visibility: Duration) -> Result<(), ReceiptError> {
        Uuid::parse_str(receipt).map_err(|_| ReceiptError::Invalid)?;
        let now = Instant::now();
        let mut state = self.lock();
        self.bring_to(&mut state, now);
        let sequence = state.receipts.get(receipt).copied().ok_or(ReceiptError::NotInFlight)?;
        let hidden_until = state
            .messages
            .get(&sequence)
            .and_then(|held| held.hidden_until)
            .ok_or(ReceiptError::NotInFlight)?;
        state.hidden.remove(&(hidden_until, sequence));
        state.hide(sequence, now + visibility);
        drop(state);
        // Whoever waits has computed when the next message becomes visible: let it look again.
        self.arrived.notify_waiters();
        Ok(())
    }

    /// How many messages are in which state.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let mut state = self.lock();
        self.bring_to(&mut state, Instant::now());
        let in_flight = state
            .hidden
            .iter()
            .filter(|(_, sequence)| state.messages.get(sequence).is_some_and(|held| held.receipt.is_some()))
            .count();
        Counts {
            visible: state.ready.len(),
            in_flight,
            delayed: state.hidden.len() - in_flight,
        }
    }

    fn look(&self, want: Want, now: Instant) -> Look {
        let mut state = self.lock();
        self.bring_to(&mut state, now);
        let mut look = Look {
            received: Vec::new(),
            dead: Vec::new(),
            full: want.messages == 0,
            next_visible: None,
        };
        let mut bytes = want.bytes_taken;
        while look.received.len() < want.messages {
            let Some(sequence) = state.ready.first().copied() else {
                break;
            };
            let Some(held) = state.messages.get(&sequence) else {
                state.ready.remove(&sequence);
                continue;
            };
            if self
                .redrive
                .get()
                .is_some_and(|redrive| held.message.receives >= redrive.max_receives)
            {
                look.dead.extend(state.remove(sequence));
                continue;
            }
            if want.event_bytes < usize::MAX {
                let size = held.message.event_bytes();
                if bytes > 0 && bytes.saturating_add(size) > want.event_bytes {
                    look.full = true;
                    break;
                }
                bytes = bytes.saturating_add(size);
            }
            look.received.extend(state.take(sequence, now + want.visibility));
        }
        look.next_visible = state.hidden.first().map(|(visible, _)| *visible);
        look
    }

    /// Drops what is too old and makes visible what was hidden until now.
    fn bring_to(&self, state: &mut State, now: Instant) {
        while let Some((_, sequence)) = state.expiring.first().copied().filter(|(expires, _)| *expires <= now) {
            // Not a warning: it is what the retention period asks for, and wake-ups grow old whenever the publisher is awake.
            if let Some(message) = state.remove(sequence) {
                tracing::info!(queue = self.name, message = %message.id, "a message is older than the retention period and is dropped");
            }
        }
        state.reveal(now);
    }

    fn bury(&self, message: Message) {
        let Some(redrive) = self.redrive.get() else { return };
        tracing::warn!(queue = self.name, message = %message.id, receives = message.receives, dead_letters = redrive.queue.name,
            "a message was received too often and moves to the dead letters");
        redrive.queue.send(
            Message {
                receives: 0,
                first_received_ms: None,
                ..message
            },
            Duration::ZERO,
        );
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic cannot leave the state half changed in a way that matters more than going on.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Makes visible what was hidden until now. Its last receipt still deletes it.
    fn reveal(&mut self, now: Instant) {
        while let Some((visible, sequence)) = self.hidden.first().copied().filter(|(visible, _)| *visible <= now) {
            self.hidden.remove(&(visible, sequence));
            self.ready.insert(sequence);
            if let Some(held) = self.messages.get_mut(&sequence) {
                held.hidden_until = None;
            }
        }
    }

    fn hide(&mut self, sequence: u64, until: Instant) {
        self.ready.remove(&sequence);
        self.hidden.insert((until, sequence));
        if let Some(held) = self.messages.get_mut(&sequence) {
            held.hidden_until = Some(until);
        }
    }

    fn take(&mut self, sequence: u64, hidden_until: Instant) -> Option<Received> {
        let receipt = Uuid::new_v4().to_string();
        let held = self.messages.get_mut(&sequence)?;
        held.message.receives += 1;
        held.message
            .first_received_ms
            .get_or_insert_with(|| crate::clock::now().as_millisecond());
        let message = held.message.clone();
        if let Some(previous) = held.receipt.replace(receipt.clone()) {
            self.receipts.remove(&previous);
        }
        self.receipts.insert(receipt.clone(), sequence);
        self.hide(sequence, hidden_until);
        Some(Received { message, receipt })
    }

    fn remove(&mut self, sequence: u64) -> Option<Message> {
        let held = self.messages.remove(&sequence)?;
        self.expiring.remove(&(held.expires, sequence));
        self.ready.remove(&sequence);
        if let Some(until) = held.hidden_until {
            self.hidden.remove(&(until, sequence));
        }
        if let Some(receipt) = held.receipt {
            self.receipts.remove(&receipt);
        }
        Some(held.message)
    }
}

//! One standard queue: visibility, receive counts, delays, and the way to the dead letters. It works in memory, and writes to the
//! [store](crate::store), if it has one, what a restart must find.

mod state;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;
use uuid::Uuid;

use self::state::State;
use super::kept::{Kept, Numbered};
use super::message::{MESSAGE_BYTES, Message, MessageError};
use crate::store::StoreError;

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

/// Of which message groups.
#[derive(Clone)]
pub enum Choice<'a> {
    /// All.
    Any,
    /// All of one group, out of those that are accepted: the group of the first message. Messages without a group are always
    /// accepted, and go together.
    OneOf(&'a (dyn Fn(&str) -> bool + Sync)),
    /// This one, or those without a group.
    Group(Option<Arc<str>>),
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
    kept: Option<Kept>,
    arrived: Notify,
    state: Mutex<State>,
}

/// Messages that are being written, and are let in when this is dropped: also when whoever waits for that has gone meanwhile, a
/// client whose connection broke. Otherwise they would be on disk and seen by nobody before a restart.
struct Entry<'a> {
    queue: &'a Queue,
    messages: Vec<Numbered>,
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        self.queue.admit(std::mem::take(&mut self.messages));
    }
}

/// What one look at the queue gave; messages with their sequence numbers.
struct Look {
    received: Vec<(u64, Received)>,
    dead: Vec<(u64, Message)>,
    full: bool,
    next_visible: Option<Instant>,
}

impl Queue {
    /// An empty queue, which ends with this process.
    #[must_use]
    pub fn new(name: String, visibility: Duration, retention: Duration) -> Self {
        Self {
            name,
            visibility,
            retention,
            message_bytes: MESSAGE_BYTES,
            redrive: OnceLock::new(),
            kept: None,
            arrived: Notify::new(),
            state: Mutex::default(),
        }
    }

    /// The same queue for messages of up to `message_bytes`.
    #[must_use]
    pub fn with_message_bytes(self, message_bytes: usize) -> Self {
        Self { message_bytes, ..self }
    }

    /// The same queue with what the store has of it, where it also keeps what comes.
    ///
    /// # Errors
    /// When the store can't be read.
    pub(super) fn kept(self, kept: Kept) -> Result<Self, StoreError> {
        self.admit(kept.load()?);
        Ok(Self {
            kept: Some(kept),
            ..self
        })
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
    ///
    /// # Errors
    /// [`StoreError`] when it can't be kept: then it is not added.
    pub async fn send(&self, message: Message, delay: Duration) -> Result<(), StoreError> {
        self.send_all(vec![(message, delay)]).await
    }

    /// Adds messages, each with its delay, all or none.
    ///
    /// # Errors
    /// As for [`Queue::send`].
    pub async fn send_all(&self, messages: Vec<(Message, Duration)>) -> Result<(), StoreError> {
        let mut entry = self.entry(messages);
        if let Some(kept) = &self.kept
            && let Err(error) = kept.add(entry.messages.clone()).await
        {
            entry.messages.clear();
            return Err(error);
        }
        Ok(())
    }

    /// Receives what `want` asks for, waiting up to `wait` for the first message. Returns at once when one arrives.
    pub async fn receive(&self, want: Want, wait: Duration) -> Vec<Received> {
        self.receive_of(want, Choice::Any, wait).await
    }

    /// The same of some groups only.
    pub async fn receive_of(&self, want: Want, choice: Choice<'_>, wait: Duration) -> Vec<Received> {
        let deadline = Instant::now() + wait;
        loop {
            // Made before looking: a message sent between the look and the wait still wakes it.
            let arrived = self.arrived.notified();
            let now = Instant::now();
            let look = self.look(want, choice.clone(), now);
            self.bury(look.dead).await;
            if !look.received.is_empty() || look.full || now >= deadline {
                return self.counted(look.received).await;
            }
            let until = look.next_visible.map_or(deadline, |visible| visible.min(deadline));
            tokio::select! {
                () = arrived => {}
                () = tokio::time::sleep_until(until) => {}
            }
        }
    }

    /// Wakes whoever waits, because what a [`Choice`] accepts has changed.
    pub(super) fn look_again(&self) {
        self.arrived.notify_waiters();
    }

    /// Deletes by receipt; deleting what is gone already is fine.
    ///
    /// # Errors
    /// [`ReceiptError::Invalid`] when the text was never a receipt.
    pub async fn delete(&self, receipt: &str) -> Result<(), ReceiptError> {
        Uuid::parse_str(receipt).map_err(|_| ReceiptError::Invalid)?;
        let deleted = {
            let mut state = self.lock();
            let sequence = state.receipts.get(receipt).copied();
            sequence.inspect(|sequence| drop(state.remove(*sequence)))
        };
        if let (Some(kept), Some(sequence)) = (&self.kept, deleted)
            && let Err(error) = kept.remove(sequence).await
        {
            tracing::error!(queue = self.name, %error, "a message that was deleted will come again after a restart");
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
            visible: state.line.len(),
            in_flight,
            delayed: state.hidden.len() - in_flight,
        }
    }

    /// Numbers messages in the order in which they came.
    fn entry(&self, messages: Vec<(Message, Duration)>) -> Entry<'_> {
        let mut state = self.lock();
        let numbered = messages.into_iter().map(|(message, delay)| {
            let sequence = state.next;
            state.next += 1;
            let delay_ms = i64::try_from(delay.as_millis()).unwrap_or(i64::MAX);
            let visible_ms = message.sent_ms.saturating_add(delay_ms);
            Numbered {
                sequence,
                message,
                visible_ms,
            }
        });
        Entry {
            messages: numbered.collect(),
            queue: self,
        }
    }

    /// Lets numbered messages be received, those with a delay after it.
    fn admit(&self, messages: Vec<Numbered>) {
        let (now, now_ms) = (Instant::now(), crate::clock::now().as_millisecond());
        let mut state = self.lock();
        for message in messages {
            let delay_ms = u64::try_from(message.visible_ms.saturating_sub(now_ms)).unwrap_or_default();
            let expires = message.message.expires(self.retention);
            state.add(message, expires, now + Duration::from_millis(delay_ms), now);
        }
        drop(state);
        self.arrived.notify_waiters();
    }

    /// Writes down that messages were received: their counts outlive this process, even when they are what ended it.
    async fn counted(&self, received: Vec<(u64, Received)>) -> Vec<Received> {
        if let Some(kept) = self.kept.as_ref().filter(|_| !received.is_empty()) {
            let counts = received.iter().map(|(sequence, Received { message, .. })| {
                (
                    *sequence,
                    message.receives,
                    message.first_received_ms.unwrap_or_default(),
                )
            });
            if let Err(error) = kept.count(counts.collect()).await {
                tracing::error!(queue = self.name, %error, "a receive will not be counted after a restart");
            }
        }
        received.into_iter().map(|(_, received)| received).collect()
    }

    fn look(&self, want: Want, mut choice: Choice<'_>, now: Instant) -> Look {
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
            let next = match &choice {
                Choice::Any => state.line.first(|_| true),
                Choice::OneOf(accepted) => state.line.first(accepted),
                Choice::Group(group) => state.line.first_of(group.as_deref()),
            };
            let Some((sequence, held)) = next.and_then(|sequence| Some((sequence, state.messages.get(&sequence)?)))
            else {
                break;
            };
            if self
                .redrive
                .get()
                .is_some_and(|redrive| held.message.receives >= redrive.max_receives)
            {
                look.dead
                    .extend(state.remove(sequence).map(|message| (sequence, message)));
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
            if let Choice::OneOf(_) = choice {
                choice = Choice::Group(held.message.group.clone());
            }
            let received = state.take(sequence, now + want.visibility);
            look.received.extend(received.map(|received| (sequence, received)));
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
                if let Some(kept) = &self.kept {
                    kept.expire(sequence);
                }
            }
        }
        state.reveal(now);
    }

    /// Moves messages to the dead letters, each with its number here.
    async fn bury(&self, dead: Vec<(u64, Message)>) {
        let Some(redrive) = self.redrive.get().filter(|_| !dead.is_empty()) else {
            return;
        };
        let sequences: Vec<u64> = dead.iter().map(|(sequence, _)| *sequence).collect();
        let moved = dead.into_iter().map(|(_, message)| {
            tracing::warn!(queue = self.name, message = %message.id, receives = message.receives, dead_letters = redrive.queue.name,
                "a message was received too often and moves to the dead letters");
            let anew = Message {
                receives: 0,
                first_received_ms: None,
                ..message
            };
            (anew, Duration::ZERO)
        });
        let entry = redrive.queue.entry(moved.collect());
        if let (Some(from), Some(to)) = (&self.kept, &redrive.queue.kept) {
            let moves = sequences
                .into_iter()
                .zip(entry.messages.iter().map(|message| message.sequence));
            if let Err(error) = from.move_to(to, moves.collect()).await {
                tracing::error!(queue = self.name, %error, "dead letters will be in their old queue after a restart");
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic cannot leave the state half changed in a way that matters more than going on.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

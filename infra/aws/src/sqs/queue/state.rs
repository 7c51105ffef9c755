//! Which messages of a queue are where: in the line, hidden until later, in flight under a receipt.

use std::collections::{BTreeSet, HashMap};

use tokio::time::Instant;
use uuid::Uuid;

use super::Received;
use crate::sqs::kept::Numbered;
use crate::sqs::line::Line;
use crate::sqs::message::Message;

/// `line` and `hidden` hold the sequence numbers of `messages`, each in exactly one of the two; `expiring` holds all.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) next: u64,
    pub(super) messages: HashMap<u64, Held>,
    pub(super) line: Line,
    pub(super) hidden: BTreeSet<(Instant, u64)>,
    pub(super) expiring: BTreeSet<(Instant, u64)>,
    pub(super) receipts: HashMap<String, u64>,
}

#[derive(Debug)]
pub(super) struct Held {
    pub(super) message: Message,
    pub(super) expires: Instant,
    pub(super) hidden_until: Option<Instant>,
    pub(super) receipt: Option<String>,
}

impl State {
    /// Adds a message that can be received from `visible` on.
    pub(super) fn add(
        &mut self,
        Numbered { sequence, message, .. }: Numbered,
        expires: Instant,
        visible: Instant,
        now: Instant,
    ) {
        self.next = self.next.max(sequence + 1);
        self.expiring.insert((expires, sequence));
        if visible <= now {
            self.line.join(sequence, message.group.as_ref());
        } else {
            self.hidden.insert((visible, sequence));
        }
        let held = Held {
            message,
            expires,
            hidden_until: (visible > now).then_some(visible),
            receipt: None,
        };
        self.messages.insert(sequence, held);
    }

    /// Makes visible what was hidden until now. Its last receipt still deletes it.
    pub(super) fn reveal(&mut self, now: Instant) {
        while let Some((visible, sequence)) = self.hidden.first().copied().filter(|(visible, _)| *visible <= now) {
            self.hidden.remove(&(visible, sequence));
            let Some(held) = self.messages.get_mut(&sequence) else {
                continue;
            };
            held.hidden_until = None;
            let group = held.message.group.as_ref();
            if held.receipt.is_some() {
                self.line.arrive(group);
            }
            self.line.join(sequence, group);
        }
    }

    /// Hides a message that is in flight, or about to be.
    pub(super) fn hide(&mut self, sequence: u64, until: Instant) {
        self.hidden.insert((until, sequence));
        if let Some(held) = self.messages.get_mut(&sequence) {
            held.hidden_until = Some(until);
        }
    }

    pub(super) fn take(&mut self, sequence: u64, hidden_until: Instant) -> Option<Received> {
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
        self.line.leave(sequence, message.group.as_ref());
        self.line.depart(message.group.as_ref());
        self.hide(sequence, hidden_until);
        Some(Received { message, receipt })
    }

    pub(super) fn remove(&mut self, sequence: u64) -> Option<Message> {
        let held = self.messages.remove(&sequence)?;
        let group = held.message.group.as_ref();
        self.expiring.remove(&(held.expires, sequence));
        match held.hidden_until {
            Some(until) => {
                self.hidden.remove(&(until, sequence));
                if held.receipt.is_some() {
                    self.line.arrive(group);
                }
            }
            None => self.line.leave(sequence, group),
        }
        if let Some(receipt) = held.receipt {
            self.receipts.remove(&receipt);
        }
        Some(held.message)
    }
}

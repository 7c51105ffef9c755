//! What became of what a tick asked, as the publisher takes it.

use std::sync::Arc;

use formula::Number;
use jiff::Timestamp;
use live::{Observed, Publisher, TopicRead};
use records::definitions::ClientCatalog;

use crate::catalogs::Catalogs;

/// What became of a topic's read.
pub struct Found {
    pub(super) read: TopicRead,
    pub(super) answer: Answer,
    /// The definitions by which it was answered; `None` where it was not asked.
    pub(super) by: Option<Arc<ClientCatalog>>,
}

impl Found {
    /// It was not asked.
    pub(super) const fn unasked(read: TopicRead, answer: Answer) -> Self {
        Self { read, answer, by: None }
    }
}

pub(super) enum Answer {
    /// Its buckets that have facts, and the value of one that has none.
    Values(Vec<Observed>, Option<Number>),
    /// It can't be answered, because of what it asks.
    Refused(String),
    /// The statement took too long, or failed, in which so many topics of its client were asked.
    InCompany { among: usize },
    /// Its database can't be reached.
    Unreachable,
    /// There was no time for it, or a definition changed just now.
    Later,
}

/// Lets the publisher observe what was found. What was answered by definitions that changed since is asked for again: a value of before must not come after one of now.
pub fn settle(publisher: &mut Publisher, catalogs: &Catalogs, found: Vec<Found>, now: Timestamp) {
    for Found { read, answer, by } in found {
        let now_known = catalogs.of(read.topic.client);
        let is_of_now = |by: &Arc<ClientCatalog>| now_known.as_ref().is_some_and(|known| Arc::ptr_eq(known, by));
        if by.as_ref().is_some_and(|by| !is_of_now(by)) {
            continue;
        }
        match answer {
            Answer::Values(values, empty) => publisher.observe(&read, &values, empty.as_ref()),
            Answer::Refused(reason) => refuse(publisher, &read, now, &reason),
            Answer::InCompany { among } => suspect(publisher, &read, among, now),
            Answer::Unreachable => publisher.postpone(read.topic.client, now),
            Answer::Later => {}
        }
    }
}

fn suspect(publisher: &mut Publisher, read: &TopicRead, among: usize, now: Timestamp) {
    let (client, topic) = (read.topic.client, read.topic.id());
    if among > 1 {
        tracing::info!(%client, topic, among, "a read took too long or failed; it is tried beside the ticks, in less company");
    } else {
        tracing::warn!(%client, topic, from = %read.from, to = %read.to, "a topic takes too long; its subscribers are told, and it is left alone for long");
    }
    publisher.suspect(read, among, now);
}

fn refuse(publisher: &mut Publisher, read: &TopicRead, now: Timestamp, reason: &str) {
    tracing::warn!(
        client = %read.topic.client,
        topic = read.topic.id(),
        from = %read.from,
        to = %read.to,
        reason,
        "a topic can't be read; its subscribers are told, and it is tried again after a pause"
    );
    publisher.refuse(read, now);
}

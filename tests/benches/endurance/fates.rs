//! What became of everything that was accepted: accepted = facts + dead letters, event by event.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::Value;
use tests::json::JsonExt as _;

use crate::books::Name;
use crate::senders::FATE;
use crate::world::{Side, World};

const POLL: Duration = Duration::from_secs(2);

/// What `/v1/batches` says of one.
struct Batch {
    source: String,
    is_finished: bool,
    accepted: usize,
    rejected: usize,
}

type Batches = BTreeMap<String, Batch>;

/// What a client sent, by the product's own account.
#[derive(Default)]
pub(crate) struct Account {
    pub(crate) sent: usize,
    pub(crate) accepted: usize,
    pub(crate) rejected: usize,
    /// Events without a fate.
    pub(crate) lost: usize,
    pub(crate) problems: Vec<String>,
}

/// Waits until everything has had its effect, and compares what it was with what was sent.
pub(crate) async fn settle(world: &World, side: &Side) -> Result<Account> {
    let until = Instant::now() + FATE;
    loop {
        let batches = batches(world, side).await?;
        let is_settled = side.books.sent().iter().all(|sent| {
            let (accepted, rejected) = fate(&batches, &sent.name);
            accepted + rejected >= sent.events.len()
        });
        if is_settled || Instant::now() >= until {
            let mut account = compare(side, &batches);
            let letters = letters(world, side).await?;
            account.problems.extend(compare_letters(side, &batches, &letters));
            return Ok(account);
        }
        tokio::time::sleep(POLL).await;
    }
}

/// Events of a request or file that became facts, and those that became dead letters.
fn fate(batches: &Batches, name: &Name) -> (usize, usize) {
    let own = batches
        .iter()
        .filter(|(id, batch)| batch.is_finished && is_of(name, id, batch));
    own.fold((0, 0), |(accepted, rejected), (_, batch)| {
        (accepted + batch.accepted, rejected + batch.rejected)
    })
}

fn is_of(name: &Name, id: &str, batch: &Batch) -> bool {
    match name {
        Name::Batch(own) => own == id,
        Name::File(key) => *key == batch.source,
    }
}

fn compare(side: &Side, batches: &Batches) -> Account {
    let mut account = Account::default();
    for sent in side.books.sent().iter() {
        let (accepted, rejected) = fate(batches, &sent.name);
        let bad = sent.bad().count();
        account.sent += sent.events.len();
        account.accepted += accepted;
        account.rejected += rejected;
        account.lost += sent.events.len().saturating_sub(accepted + rejected);
        if (accepted, rejected) != (sent.events.len() - bad, bad) {
            account.problems.push(format!(
                "{:?} of {} of the {} client has {} good and {bad} bad events, of which {accepted} were accepted and {rejected} rejected",
                sent.name,
                sent.entity,
                side.name,
                sent.events.len() - bad
            ));
        }
    }
    account
}

/// Dead letters by batch and position, with their reasons.
type Letters = BTreeMap<(String, usize), String>;

/// Each bad event has a letter, and no good one has.
fn compare_letters(side: &Side, batches: &Batches, letters: &Letters) -> Vec<String> {
    let mut expected = BTreeSet::new();
    for sent in side.books.sent().iter() {
        // A file of the run is one batch: it has fewer rows than a part of a file.
        let own = batches
            .iter()
            .filter(|(id, batch)| is_of(&sent.name, id, batch))
            .map(|(id, _)| id);
        for id in own {
            expected.extend(sent.bad().map(|position| (id.clone(), position)));
        }
    }
    let unexpected = letters.iter().filter(|(place, _)| !expected.contains(*place));
    let unexpected =
        unexpected.map(|(place, reason)| format!("{place:?} of the {} client is a dead letter: {reason}", side.name));
    let missing = expected.iter().filter(|place| !letters.contains_key(*place));
    let missing = missing.map(|place| format!("{place:?} of the {} client is bad and has no dead letter", side.name));
    unexpected.chain(missing).collect()
}

async fn batches(world: &World, side: &Side) -> Result<Batches> {
    let mut batches = Batches::new();
    pages(world, side, "batches", |batch| {
        let count = |name: &str| usize::try_from(batch[name].as_i64().unwrap_or(0)).unwrap_or(0);
        let told = Batch {
            source: batch["source"].as_str().unwrap_or_default().to_owned(),
            is_finished: batch["state"] == "finished",
            accepted: count("accepted"),
            rejected: count("rejected"),
        };
        batches.insert(batch["id"].text().to_owned(), told);
    })
    .await?;
    Ok(batches)
}

async fn letters(world: &World, side: &Side) -> Result<Letters> {
    let mut letters = Letters::new();
    pages(world, side, "dead-letters", |letter| {
        let position = usize::try_from(letter["position"].integer()).unwrap_or(usize::MAX);
        letters.insert(
            (letter["batch_id"].text().to_owned(), position),
            letter["reason"].text().to_owned(),
        );
    })
    .await?;
    Ok(letters)
}

/// Everything that a list has, page by page.
async fn pages(world: &World, side: &Side, list: &str, mut take: impl FnMut(&Value)) -> Result<()> {
    let mut cursor = String::new();
    loop {
        let page = side.get(world, &format!("/v1/{list}?limit=1000{cursor}")).await?;
        page[list.replace('-', "_").as_str()].list().iter().for_each(&mut take);
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return Ok(()),
        }
    }
}

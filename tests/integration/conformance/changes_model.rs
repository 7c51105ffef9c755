//! Batches, corrections, versions of files, undoing, deletions and upkeep in any order, against a model of a few lines: a fact counts when its batch does and no
//! deletion has taken it, and of a key the last one that counts.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use facts::changes::deletion::{self, Deleted};
use platform::clock;
use records::files::End;
use records::undo::{self, Target, Undone};
use serde_json::Value;
use uuid::Uuid;

use super::changes::{LONG, go_on, load, put, sale_placed, sell, sold};
use super::changes_meet::in_small_steps;
use super::oracle::check;
use super::scenarios::in_every_shop;
use super::shop::{Shop, at, sale};

/// Steps of one story, and how many stories there are of each kind of entity.
const STEPS: usize = 30;
const STORIES: u64 = 3;

/// A generator of numbers that are the same on every server (xorshift).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(bound).unwrap()).unwrap()
    }
}

/// What came.
struct Entry {
    receipt: String,
    amount: usize,
    minute: usize,
    source: usize,
    is_deleted: bool,
}

impl Entry {
    fn sale(&self) -> Value {
        let at = format!("2026-03-28T{:02}:{:02}:00Z", 9 + self.minute / 60, self.minute % 60);
        sale(&self.receipt, &at, &self.amount.to_string(), 1)
    }
}

/// A batch, or a version of a file.
struct Source {
    target: Target,
    counts: bool,
    /// The one whose place it took.
    replaced: Option<usize>,
    is_file: bool,
}

struct Model {
    is_keyed: bool,
    entries: Vec<Entry>,
    sources: Vec<Source>,
}

impl Model {
    /// The entries that are facts.
    fn live(&self) -> Vec<usize> {
        let counting = |entry: &Entry| self.sources[entry.source].counts;
        let all = (0..self.entries.len()).filter(|number| counting(&self.entries[*number]));
        if !self.is_keyed {
            return all.filter(|number| !self.entries[*number].is_deleted).collect();
        }
        // A deletion takes the key: an entry that was there by then, counting or not, stays gone.
        let all = all.filter(|number| !self.entries[*number].is_deleted);
        let last: BTreeMap<&str, usize> = all.map(|number| (&*self.entries[number].receipt, number)).collect();
        last.into_values().collect()
    }

    fn sold(&self) -> BTreeSet<String> {
        let entry = |number: usize| &self.entries[number];
        let live = self.live().into_iter().map(entry);
        live.map(|entry| format!("{} {}", entry.receipt, entry.amount))
            .collect()
    }

    fn delete(&mut self, from: usize, to: usize) {
        for number in self.live() {
            let Entry { minute, receipt, .. } = &self.entries[number];
            if !(from..to).contains(minute) {
                continue;
            }
            let receipt = receipt.clone();
            let is_keyed = self.is_keyed;
            let gone = self.entries.iter_mut().enumerate();
            let gone = gone.filter(|(other, entry)| *other == number || (is_keyed && entry.receipt == receipt));
            gone.for_each(|(_, entry)| entry.is_deleted = true);
        }
    }
}

struct Story<'a> {
    shop: &'a Shop,
    numbers: Numbers,
    model: Model,
    /// Changes that go on.
    going: Vec<Uuid>,
    told: Vec<String>,
}

impl Story<'_> {
    /// Entries with receipts of a few names, so that they meet, each with an amount of its own.
    fn draw(&mut self) -> Vec<Entry> {
        let mut entries: BTreeMap<String, Entry> = BTreeMap::new();
        for _ in 0..=self.numbers.below(5) {
            let receipt = format!("k{}", self.numbers.below(8));
            let entry = Entry {
                receipt: receipt.clone(),
                amount: 1 + self.model.entries.len() * 8 + entries.len(),
                minute: self.numbers.below(40) * 5,
                source: self.model.sources.len(),
                is_deleted: false,
            };
            entries.insert(receipt, entry);
        }
        entries.into_values().collect()
    }

    fn came(&mut self, entries: Vec<Entry>, source: Source) {
        self.model.entries.extend(entries);
        self.model.sources.push(source);
    }

    async fn send(&mut self) {
        let entries = self.draw();
        let sales: Vec<Value> = entries.iter().map(Entry::sale).collect();
        let target = Target::Batch(sell(self.shop, &sales).await);
        let source = Source {
            target,
            counts: true,
            replaced: None,
            is_file: false,
        };
        self.came(entries, source);
    }

    async fn put_file(&mut self, number: usize) {
        self.finish().await;
        let entries = self.draw();
        let sales: Vec<Value> = entries.iter().map(Entry::sale).collect();
        let (digest, sequencer) = (format!("bytes {number}"), format!("{number:04}"));
        let file = load(self.shop, put(self.shop, &digest, &sequencer), &sales, End::Finished).await;
        let replaced = self
            .model
            .sources
            .iter()
            .position(|source| source.is_file && source.counts);
        if let Some(replaced) = replaced {
            self.model.sources[replaced].counts = false;
        }
        let source = Source {
            target: Target::File(file),
            counts: true,
            replaced,
            is_file: true,
        };
        self.came(entries, source);
    }

    /// Undoes something that counts; in steps, of which some are made later.
    async fn undo(&mut self) {
        let counting: Vec<usize> = (0..self.model.sources.len())
            .filter(|number| self.model.sources[*number].counts)
            .collect();
        if counting.is_empty() {
            return;
        }
        let chosen = counting[self.numbers.below(counting.len())];
        let placed = sale_placed(self.shop).await;
        let (app, target) = (&self.shop.database.app, self.model.sources[chosen].target);
        let begun = undo::begin(app, self.shop.ours, &placed, target, clock::now()).await;
        match begun.unwrap() {
            Undone::Begun(change) => self.going.push(change),
            // What it would be at odds with goes on.
            Undone::Refused(_) if !self.going.is_empty() => return,
            other => panic!("{target:?}: {other:?}"),
        }
        self.model.sources[chosen].counts = false;
        if let Some(replaced) = self.model.sources[chosen].replaced {
            self.model.sources[replaced].counts = true;
        }
        in_small_steps(self.shop).await;
        self.some_steps().await;
    }

    async fn some_steps(&mut self) {
        for change in self.going.clone() {
            if go_on(self.shop, change, Duration::from_millis(1)).await {
                self.going.retain(|going| *going != change);
            }
        }
    }

    async fn finish(&mut self) {
        for change in std::mem::take(&mut self.going) {
            assert!(go_on(self.shop, change, LONG).await);
        }
        assert_eq!(sold(self.shop).await, self.model.sold(), "{:#?}", self.told);
    }

    async fn delete(&mut self) {
        self.finish().await;
        let from = self.numbers.below(40) * 5;
        let to = from + 25;
        let placed = sale_placed(self.shop).await;
        let database = &self.shop.database.app;
        let time = |minute: usize| at(&format!("2026-03-28T{:02}:{:02}:00Z", 9 + minute / 60, minute % 60));
        let deleted = Deleted {
            from: time(from),
            to: time(to),
            filter: [("region".to_owned(), ["north", "south", ""].map(str::to_owned).into())].into(),
            up_to: deletion::last_commit(database, self.shop.ours, &placed).await.unwrap(),
        };
        let change = undo::delete(database, self.shop.ours, &placed, &deleted, Uuid::nil())
            .await
            .unwrap();
        assert!(go_on(self.shop, change, LONG).await);
        self.model.delete(from, to);
    }

    async fn step(&mut self, number: usize) {
        let kind = self.numbers.below(10);
        self.told.push(format!("{number}: {kind}"));
        match kind {
            0..3 => self.send().await,
            3..5 => self.put_file(number).await,
            5..8 => self.undo().await,
            8 => self.delete().await,
            _ => {
                let hour = 9 + self.numbers.below(5);
                self.shop.compact(&format!("2026-03-28T{hour:02}:20:00Z")).await;
                self.some_steps().await;
            }
        }
    }
}

#[tokio::test]
async fn what_counts_is_what_a_model_says_whatever_happens_in_whatever_order() {
    for key in [&[][..], &["receipt"]] {
        for seed in 1..=STORIES {
            in_every_shop(key, async |shop| {
                let mut story = Story {
                    shop,
                    numbers: Numbers(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15)),
                    model: Model {
                        is_keyed: !key.is_empty(),
                        entries: Vec::new(),
                        sources: Vec::new(),
                    },
                    going: Vec::new(),
                    told: vec![format!("story {seed} of {key:?}")],
                };
                for number in 0..STEPS {
                    story.step(number).await;
                }
                story.finish().await;
                let mut answers = check(shop, shop.ours, "UTC", "at the end of the story").await;
                shop.compact("2026-04-01T00:00:00Z").await;
                answers.extend(check(shop, shop.ours, "UTC", "moved up").await);
                answers.push("the model is right".to_owned());
                answers
            })
            .await;
        }
    }
}

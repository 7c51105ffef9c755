//! Many topics, few questions: topics that are answered from one rollup and level share one read of it.

use std::collections::BTreeMap;

use catalog::Level;
use database::read::Read;
use database::relation::Relation;
use series::{Question, Source};
use uuid::Uuid;

/// The reads of a tick. Each question is answered by one of them, which may bring more rows than it asks.
#[derive(Default)]
pub struct Merged {
    reads: Vec<Read>,
    by_place: BTreeMap<(Relation, Source, Level), Vec<usize>>,
}

impl Merged {
    /// Adds a question of a client and returns the position of the read that answers it.
    pub fn add(&mut self, client: Uuid, relation: &Relation, question: Question) -> usize {
        let place = (relation.clone(), question.source, question.level);
        let candidates = self.by_place.entry(place).or_default();
        let found = candidates.iter().copied().find(|position| {
            self.reads
                .get(*position)
                .is_some_and(|read| fits(&read.question, &question))
        });
        if let Some(position) = found {
            if let Some(read) = self.reads.get_mut(position) {
                widen(read, client, question);
            }
            return position;
        }
        let position = self.reads.len();
        candidates.push(position);
        self.reads.push(Read {
            clients: vec![client],
            relation: relation.clone(),
            question,
        });
        position
    }

    /// The reads, in the order of their positions.
    #[must_use]
    pub fn reads(&self) -> &[Read] {
        &self.reads
    }
}

/// Whether one read can answer both: entities are defined alike, and facts themselves are grouped alike, since more
/// dimensions would mean more groups, up to one for each fact.
fn fits(read: &Question, question: &Question) -> bool {
    let same_entity = std::sync::Arc::ptr_eq(&read.entity, &question.entity)
        || read.entity.definition() == question.entity.definition();
    same_entity && (read.source != Source::Raw || read.dimensions == question.dimensions)
}

fn widen(read: &mut Read, client: Uuid, question: Question) {
    if !read.clients.contains(&client) {
        read.clients.push(client);
    }
    let wide = &mut read.question;
    wide.range.from = wide.range.from.min(question.range.from);
    wide.range.to = wide.range.to.max(question.range.to);
    union(&mut wide.dimensions, question.dimensions);
    union(&mut wide.attributes, question.attributes);
    // Only what every question filters on may be left to the database.
    wide.filter.retain(|name, _| question.filter.contains_key(name));
    for (name, values) in question.filter {
        if let Some(known) = wide.filter.get_mut(&name) {
            known.extend(values);
        }
    }
}

fn union(names: &mut Vec<String>, more: Vec<String>) {
    names.extend(more);
    names.sort();
    names.dedup();
}

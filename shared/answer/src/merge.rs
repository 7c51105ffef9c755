//! Many topics, few questions: topics that are answered from one rollup and level share one read of it.
//!
//! What is shared must not cost much more than what is asked. So only questions that differ in nothing but their range, the values they filter on and
//! the attributes they need are read together, and only while the read stays small beside them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use catalog::{GroupingDefinition, Level, SketchKind};
use facts::read::{Read, Related};
use facts::{Layout, Volume};
use series::calendar::{Bins, Hours};
use series::plan::{Filter, Known};
use series::{Basis, Question, Range, Source};
use uuid::Uuid;

/// Cells (buckets x clients x combinations of filter values) that a shared read may have without looking at what was asked: a week of minutes.
const FREE_CELLS: u64 = 10_080;

/// Beyond that, how many times the cells that were asked for a shared read may have.
const MAX_WASTE: u64 = 2;

/// Most cells of a shared read: with a group or two in each it stays below `facts::read::MAX_ROWS`. A single question may have more.
const MAX_SHARED_CELLS: u64 = 100_800;

/// The reads of a tick. Each question is answered by one of them, which may bring more rows than it asks.
#[derive(Default)]
pub(crate) struct Merged {
    reads: Vec<Read>,
    shares: Vec<Share>,
    by_place: BTreeMap<Place, Vec<usize>>,
    apart: bool,
}

/// What questions must have in common to be read together. The definition of the entity is not among it: clients whose facts lie alike may describe them
/// differently, and what matters of it is here.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    volume: Volume,
    layout: Arc<Layout>,
    /// Code of the entity, by which the rows are finished.
    entity: String,
    /// Dimensions of the rollup and the finest level that it is kept at; none for the facts themselves.
    grouping: Option<(Vec<String>, Level)>,
    level: Level,
    /// They begin at the same times.
    bins: Bins,
    /// They are of the same hours.
    hours: Hours,
    /// More dimensions would mean more groups, up to one for each fact.
    dimensions: Vec<String>,
    /// Their types: integers and decimals lie alike.
    types: Vec<&'static str>,
    /// The facts' own time, and the attributes that are times, which lie as texts do: what is a time to one client may be any text of another.
    times: Vec<String>,
    /// Without one of them the read would bring every value of it.
    filtered: Vec<String>,
    /// What tells objects apart, where their states are read: to each client something else may be one.
    objects: Vec<String>,
    /// Measures that the database takes by itself, as they are written, with the values that it filters by: nothing of it can be sorted out later.
    pushed: Option<(Vec<String>, Filter)>,
    /// What is looked up for each fact: objects of one client, which no other's facts mean.
    lookups: Option<(Uuid, Vec<Looked>)>,
    /// The sketch that is read, by its attribute and kind.
    sketch: Option<(String, SketchKind)>,
}

/// What is looked up, and where: its path, the attribute that is its key, which facts tell of it, and where they are.
type Looked = (String, String, Known, Related);

impl Place {
    fn of(client: Uuid, place: &facts::Place, related: &[Related], question: &Question) -> Self {
        let grouping = |grouping: &GroupingDefinition| (grouping.dimensions.clone(), grouping.finest);
        Self {
            volume: place.volume.clone(),
            layout: Arc::clone(&place.layout),
            entity: question.entity.code().to_owned(),
            grouping: match question.source {
                Source::Rollup(index) => question.entity.groupings().get(index).map(grouping),
                Source::Raw => None,
            },
            level: question.level,
            bins: question.bins.clone(),
            hours: question.hours,
            dimensions: question.dimensions.clone(),
            types: question
                .dimensions
                .iter()
                .filter_map(|name| type_of(question, name))
                .collect(),
            times: question.entity.times().map(str::to_owned).collect(),
            filtered: question.filter.keys().cloned().collect(),
            objects: match question.basis() {
                Basis::Facts => Vec::new(),
                _ => question.entity.definition().state.clone(),
            },
            pushed: question.is_pushed().then(|| {
                let measures = question.pushed.iter().map(ToString::to_string).collect();
                (measures, question.filter.clone())
            }),
            lookups: (!related.is_empty()).then(|| {
                let looked = question.lookups.iter().zip(related);
                let looked = looked.map(|(lookup, related)| {
                    let (path, key) = (lookup.path.clone(), lookup.key.clone());
                    (path, key, lookup.known, related.clone())
                });
                (client, looked.collect())
            }),
            sketch: question.sketch.clone(),
        }
    }
}

fn type_of(question: &Question, name: &str) -> Option<&'static str> {
    question.attribute(name).map(|attribute| attribute.kind.name())
}

/// For how many questions a read is, and how many cells those would have apart.
struct Share {
    questions: usize,
    asked: u64,
}

impl Merged {
    /// Reads of which each is for one question.
    #[must_use]
    pub(crate) fn apart() -> Self {
        Self {
            apart: true,
            ..Self::default()
        }
    }

    /// Adds a question of a client and returns the position of the read that answers it.
    pub(crate) fn add(
        &mut self,
        client: Uuid,
        place: &facts::Place,
        related: Vec<Related>,
        question: Question,
    ) -> usize {
        let asked = cells(
            1,
            question.range,
            &question.bins,
            question.filter.values().map(BTreeSet::len),
        );
        let candidates = self
            .by_place
            .entry(Place::of(client, place, &related, &question))
            .or_default();
        let found = candidates.iter().copied().find(|position| {
            !self.apart
                && self
                    .reads
                    .get(*position)
                    .zip(self.shares.get(*position))
                    .is_some_and(|(read, share)| fits(read, share, (client, place.id), &question, asked))
        });
        if let Some(position) = found
            && let (Some(read), Some(share)) = (self.reads.get_mut(position), self.shares.get_mut(position))
        {
            share.questions += 1;
            share.asked = share.asked.saturating_add(asked);
            widen(read, (client, place.id), question);
            return position;
        }
        let position = self.reads.len();
        candidates.push(position);
        self.reads.push(Read {
            members: vec![(client, place.id)],
            volume: place.volume.clone(),
            layout: Arc::clone(&place.layout),
            question,
            related,
        });
        self.shares.push(Share { questions: 1, asked });
        position
    }

    /// The reads, in the order of their positions.
    #[must_use]
    pub(crate) fn reads(&self) -> &[Read] {
        &self.reads
    }

    /// Whether a read is for more than one question.
    #[must_use]
    pub(crate) fn is_shared(&self, position: usize) -> bool {
        self.shares.get(position).is_some_and(|share| share.questions > 1)
    }
}

/// Whether a read that answers a question too costs little more than the questions apart.
fn fits(read: &Read, share: &Share, member: (Uuid, i32), question: &Question, asked: u64) -> bool {
    let wide = &read.question;
    // Rows are told apart by their client: a client has one entity in a read.
    let is_alone = read
        .members
        .iter()
        .all(|known| known.0 != member.0 || known.1 == member.1);
    let clients = read.members.len() + usize::from(!read.members.contains(&member));
    let values = wide.filter.iter().map(|(name, values)| {
        let new = question
            .filter
            .get(name)
            .map_or(0, |asked| asked.difference(values).count());
        values.len() + new
    });
    let after = cells(clients, hull(wide.range, question.range), &wide.bins, values);
    let before = cells(
        read.members.len(),
        wide.range,
        &wide.bins,
        wide.filter.values().map(BTreeSet::len),
    );
    is_alone
        && after <= FREE_CELLS.max(share.asked.saturating_add(asked).saturating_mul(MAX_WASTE))
        && after <= MAX_SHARED_CELLS.max(before).max(asked)
}

/// Buckets x clients x combinations of filter values.
fn cells(clients: usize, range: Range, bins: &Bins, values: impl Iterator<Item = usize>) -> u64 {
    let buckets = bins.count(range);
    let many = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    values.fold(buckets.saturating_mul(many(clients)), |cells, values| {
        cells.saturating_mul(many(values))
    })
}

fn hull(one: Range, other: Range) -> Range {
    Range {
        from: one.from.min(other.from),
        to: one.to.max(other.to),
    }
}

fn widen(read: &mut Read, member: (Uuid, i32), question: Question) {
    if !read.members.contains(&member) {
        read.members.push(member);
    }
    let wide = &mut read.question;
    wide.range = hull(wide.range, question.range);
    for (measured, states) in question.attributes {
        wide.attributes.entry(measured).or_default().extend(states);
    }
    for (name, values) in question.filter {
        wide.filter.entry(name).or_default().extend(values);
    }
}

#[cfg(test)]
mod tests;

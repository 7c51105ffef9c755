//! Which groupings would answer what was asked of the facts, for want of one.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::{Entity, GroupingDefinition, Level, MAX_GROUPING_DIMENSIONS};

/// What was asked of an entity that none of its groupings had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The dimensions that were needed.
    pub dimensions: Vec<String>,
    /// The length of the buckets that were needed.
    pub level: Level,
    /// How often.
    pub questions: i64,
    /// When it was the last time.
    pub last_at: Timestamp,
}

/// A grouping that would have answered questions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The grouping.
    pub grouping: GroupingDefinition,
    /// How many questions.
    pub questions: i64,
    /// When the last of them was asked.
    pub last_at: Timestamp,
}

impl Candidate {
    /// Whether its grouping has all dimensions of another one, and so what that is for.
    fn covers(&self, other: &Self) -> bool {
        self.grouping
            .covers(other.grouping.dimensions.iter().map(String::as_str))
    }

    /// It, for the questions of others of which it has the dimensions too.
    #[must_use]
    pub fn with_covered(&self, others: &[Self]) -> Self {
        let covered = others.iter().filter(|other| self.covers(other));
        covered.fold(self.clone(), |mut all, other| {
            all.grouping.finest = all.grouping.finest.min(other.grouping.finest);
            all.questions = all.questions.saturating_add(other.questions);
            all.last_at = all.last_at.max(other.last_at);
            all
        })
    }

    /// Those of others that are of no use beside it.
    #[must_use]
    pub fn without_covered(&self, others: Vec<Self>) -> Vec<Self> {
        others.into_iter().filter(|other| !self.covers(other)).collect()
    }
}

/// The groupings that an entity lacks for what was asked of it, one for each combination of dimensions, those with the most dimensions first: where one of these helps,
/// those that it covers are of no use. What the entity declares by now, and dimensions that it has no more, are left out.
#[must_use]
pub fn candidates(entity: &Entity, asked: &[Asked]) -> Vec<Candidate> {
    let mut candidates: BTreeMap<Vec<String>, Candidate> = BTreeMap::new();
    for asked in asked.iter().filter(|asked| is_lacking(entity, asked)) {
        let grouping = GroupingDefinition {
            finest: asked.level,
            ..GroupingDefinition::by_minute(asked.dimensions.iter().cloned())
        };
        let new = Candidate {
            grouping,
            questions: asked.questions,
            last_at: asked.last_at,
        };
        let known = candidates.get(&new.grouping.dimensions);
        let all = known.map_or_else(|| new.clone(), |known| known.with_covered(std::slice::from_ref(&new)));
        candidates.insert(all.grouping.dimensions.clone(), all);
    }
    let mut candidates: Vec<Candidate> = candidates.into_values().collect();
    candidates.sort_by_key(|candidate| {
        let dimensions = candidate.grouping.dimensions.len();
        (std::cmp::Reverse(dimensions), std::cmp::Reverse(candidate.questions))
    });
    candidates
}

fn is_lacking(entity: &Entity, asked: &Asked) -> bool {
    let attributes = entity.stored_attributes();
    let is_dimension = |name: &String| {
        let mut named = attributes.iter().filter(|attribute| attribute.name == *name);
        named.any(|attribute| attribute.dimension)
    };
    let needed = || asked.dimensions.iter().map(String::as_str);
    let is_declared = entity
        .groupings()
        .iter()
        .any(|grouping| grouping.finest <= asked.level && grouping.covers(needed()));
    asked.dimensions.len() <= MAX_GROUPING_DIMENSIONS && asked.dimensions.iter().all(is_dimension) && !is_declared
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use crate::EntityDefinition;

    fn entity() -> Entity {
        let definition: EntityDefinition = serde_json::from_value(serde_json::json!({
            "code": "Order", "domain": "sales", "attributes": [
                { "name": "amount", "type": "decimal" },
                { "name": "region", "type": "text", "dimension": true },
                { "name": "shop", "type": "text", "dimension": true },
                { "name": "clerk", "type": "text", "dimension": true }],
            "groupings": [{ "dimensions": ["region"], "finest": "hour" }]
        }))
        .unwrap();
        definition.validate().unwrap()
    }

    fn asked(dimensions: &[&str], level: Level, questions: i64) -> Asked {
        Asked {
            dimensions: dimensions.iter().map(|name| (*name).to_owned()).collect(),
            level,
            questions,
            last_at: Timestamp::from_second(questions).unwrap(),
        }
    }

    fn told(candidate: &Candidate) -> (String, Level, i64) {
        let dimensions = candidate.grouping.dimensions.join("+");
        (dimensions, candidate.grouping.finest, candidate.questions)
    }

    #[test]
    fn each_combination_that_is_lacking_is_one_candidate() {
        let candidates = candidates(
            &entity(),
            &[
                asked(&["region"], Level::Day, 9),
                asked(&["region"], Level::Minute, 3),
                asked(&["shop", "clerk"], Level::Day, 2),
                asked(&["clerk", "shop"], Level::Hour, 5),
                asked(&["shop"], Level::Day, 7),
                asked(&["amount"], Level::Day, 1),
                asked(&["colour"], Level::Day, 1),
            ],
        );
        let told: Vec<_> = candidates.iter().map(told).collect();
        let expected = [
            ("clerk+shop", Level::Hour, 7),
            ("shop", Level::Day, 7),
            ("region", Level::Minute, 3),
        ];
        assert_eq!(
            told,
            expected.map(|(names, level, questions)| (names.to_owned(), level, questions))
        );
    }

    #[test]
    fn a_grouping_is_for_the_questions_of_those_that_it_covers_too() {
        let all = candidates(
            &entity(),
            &[
                asked(&["clerk", "shop"], Level::Day, 1),
                asked(&["shop"], Level::Hour, 10),
                asked(&["region", "shop"], Level::Minute, 4),
            ],
        );
        let (first, others) = all.split_first().unwrap();
        assert_eq!(told(first), ("region+shop".to_owned(), Level::Minute, 4));
        let (clerk, rest) = others.split_first().unwrap();
        assert_eq!(
            told(&clerk.with_covered(rest)),
            ("clerk+shop".to_owned(), Level::Hour, 11)
        );
        assert_eq!(clerk.with_covered(rest).last_at, Timestamp::from_second(10).unwrap());
        assert_eq!(clerk.without_covered(rest.to_vec()), []);
    }
}

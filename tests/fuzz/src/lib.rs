//! What the targets have in common: entities to check formulas against, and the time that nothing may exceed.

use std::time::Duration;

use cpu_time::ThreadTime;
use formula::{Attribute, AttributeType, Entities, Expr, MAX_LENGTH};

/// The longest that anything may take for a formula of the longest length, of the processor's time: what else a machine has to do is nothing of it.
const MOST: Duration = Duration::from_millis(10);

/// How often something is tried again that took longer: the first time reads what the next ones have in the processor's caches.
const TRIES: usize = 5;

/// Does something, which has to be done in time.
pub fn in_time<T>(what: &str, work: impl Fn() -> T) -> T {
    for _ in 0..TRIES {
        let began = ThreadTime::now();
        let done = work();
        if began.elapsed() <= MOST {
            return done;
        }
    }
    panic!("{what} takes longer than {MOST:?}");
}

/// A text that is no longer than a formula may be by much: of longer ones there is nothing but `too-long`.
pub fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes)
        .ok()
        .filter(|text| text.len() <= MAX_LENGTH + 16)
}

/// A tree without where its parts stand in the text: a field of most, and what comes before the number that an aggregate takes beside its values.
pub fn meaning(tree: &Expr) -> String {
    let all = format!("{tree:?}");
    ["span: ", "Number("].iter().fold(all, |all, before| {
        let mut parts = all.split(before);
        let first = parts.next().unwrap_or_default().to_owned();
        parts.fold(first, |meaning, part| meaning + before + without_range(part))
    })
}

/// What follows a range, where there is one.
fn without_range(text: &str) -> &str {
    let digits = |text: &'_ str| text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let Some(end) = text[text.len() - digits(text)..].strip_prefix("..") else {
        return text;
    };
    &end[end.len() - digits(end)..]
}

/// Entities with an attribute of each type, some of them dimensions.
pub struct Sample(Vec<Attribute>);

impl Default for Sample {
    fn default() -> Self {
        let attributes = [
            ("delay", AttributeType::Integer, false),
            ("distance", AttributeType::Decimal, false),
            ("origin", AttributeType::Text, true),
            ("on_time", AttributeType::Boolean, true),
            ("stops", AttributeType::Integer, true),
            ("remark", AttributeType::Text, false),
            ("closed", AttributeType::Time, false),
            ("opened", AttributeType::Time, false),
            ("resolution", AttributeType::Duration, false),
        ];
        let attributes = attributes.map(|(name, kind, dimension)| Attribute {
            name: name.to_owned(),
            kind,
            dimension,
            required: name == "delay",
            difference: None,
        });
        Self(attributes.to_vec())
    }
}

impl Sample {
    /// The attributes of each of the entities.
    #[must_use]
    pub fn row(&self) -> &[Attribute] {
        &self.0
    }
}

impl Entities for Sample {
    fn attributes(&self, entity: &str) -> Option<&[Attribute]> {
        self.names().contains(&entity).then_some(self.row())
    }

    fn is_state(&self, _: &str) -> bool {
        false
    }

    fn names(&self) -> Vec<&str> {
        vec!["Flight", "Ticket", "Order"]
    }
}

//! Keys of facts: what identifies one among those of its entity, as a digest of one size.

use catalog::Entity;
use series::Fact;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

/// The key of a fact; `None` where every event is a new fact.
///
/// It is the first half of the SHA-256 of the values' texts, each after its length: 128 bits, so that two keys of a billion are alike by accident with a
/// probability of 1 in 10^20, and nobody can make two that are.
pub(crate) fn key_of(entity: &Entity, fact: &Fact) -> Option<Uuid> {
    let positions = entity.key();
    if positions.is_empty() {
        return None;
    }
    let mut digest = Sha256::new();
    for position in positions {
        let text = series::answer::text(&fact.values[position]);
        digest.update(format!("{}:{text}", text.len()));
    }
    // An object has one state at a time.
    if entity.is_state() {
        digest.update(fact.time_us.to_be_bytes());
    }
    let digest = digest.finalize();
    digest.first_chunk().map(|half| Uuid::from_bytes(*half))
}

/// The same key in SQL, of columns with the values' texts.
pub(crate) fn key_in_sql<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    let parts: Vec<String> = texts
        .into_iter()
        .map(|text| format!("octet_length(coalesce({text}, '')) || ':' || coalesce({text}, '')"))
        .collect();
    if parts.is_empty() {
        return "NULL::uuid".to_owned();
    }
    format!(
        "encode(substring(sha256(convert_to({}, 'UTF8')) FOR 16), 'hex')::uuid",
        parts.join(" || ")
    )
}

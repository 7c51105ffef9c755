//! What differs between two revisions.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// The most differences that are listed: a reader of more compares the documents.
pub const MAX_DIFFERENCES: usize = 1_000;

/// One thing that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Difference {
    /// JSON pointer: `/answers/licensing/term`.
    pub pointer: String,
    /// What it was; absent when it is new.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// What it is now; absent when it is gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
}

/// The leaves in which two documents differ, by their pointers; lists are leaves. The first [`MAX_DIFFERENCES`] of them.
#[must_use]
pub fn differences(before: &Value, after: &Value) -> Vec<Difference> {
    let mut found = Vec::new();
    compare(String::new(), Some(before), Some(after), &mut found);
    found
}

fn compare(pointer: String, before: Option<&Value>, after: Option<&Value>, found: &mut Vec<Difference>) {
    if before == after || found.len() >= MAX_DIFFERENCES {
        return;
    }
    let empty = Map::new();
    match (object(before, &empty), object(after, &empty)) {
        (Some(old), Some(new)) => {
            let keys: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
            for key in keys {
                let pointer = format!("{pointer}/{}", crate::check::escaped(key));
                compare(pointer, old.get(key), new.get(key), found);
            }
        }
        _ => found.push(Difference {
            pointer,
            before: before.cloned(),
            after: after.cloned(),
        }),
    }
}

/// An object's members; what is not there has none, so that a new object is listed leaf by leaf.
fn object<'a>(value: Option<&'a Value>, empty: &'a Map<String, Value>) -> Option<&'a Map<String, Value>> {
    value.map_or(Some(empty), Value::as_object)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn leaves_that_differ_are_listed_and_no_others() {
        let before = json!({ "a": { "b": 1, "c": [1, 2] }, "gone": "x", "same": { "deep": [true] }, "kind": 1 });
        let after = json!({ "a": { "b": 2, "c": [1] }, "new": { "one": 1, "a/b": 2 }, "same": { "deep": [true] }, "kind": { "now": 1 } });
        let listed: Vec<(String, Option<Value>, Option<Value>)> = differences(&before, &after)
            .into_iter()
            .map(|each| (each.pointer, each.before, each.after))
            .collect();
        let expected = [
            ("/a/b", Some(json!(1)), Some(json!(2))),
            ("/a/c", Some(json!([1, 2])), Some(json!([1]))),
            ("/gone", Some(json!("x")), None),
            ("/kind", Some(json!(1)), Some(json!({ "now": 1 }))),
            ("/new/a~1b", None, Some(json!(2))),
            ("/new/one", None, Some(json!(1))),
        ];
        let expected: Vec<_> = expected
            .into_iter()
            .map(|(pointer, old, new)| (pointer.to_owned(), old, new))
            .collect();
        assert_eq!(listed, expected);
        assert_eq!(differences(&before, &before), vec![]);
    }

    #[test]
    fn no_more_are_listed_than_can_be_read() {
        let many = |value: u32| {
            (0..2_000)
                .map(|index| (format!("K{index}"), json!(value)))
                .collect::<Value>()
        };
        assert_eq!(differences(&many(1), &many(2)).len(), MAX_DIFFERENCES);
    }
}

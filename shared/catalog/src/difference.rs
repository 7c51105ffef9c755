//! In what two versions of a definition differ.

use std::collections::BTreeSet;
use std::fmt::Display;

use serde_json::{Map, Value};

/// Members by which the objects of a list are told apart: attributes by their names, groupings by their dimensions.
const NAMES: [&str; 3] = ["name", "code", "dimensions"];

/// The member in which something says what it was called before.
const FORMERLY: &str = "formerly";

/// A part of a definition that is not as it was. It is the smallest one: of an attribute with another formula the formula, of a new attribute all of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// JSON pointer to it in the later version; of what is gone, in the earlier one.
    pub pointer: String,
    /// What it was; `None` where it is new.
    pub before: Option<Value>,
    /// What it is; `None` where it is gone.
    pub after: Option<Value>,
}

/// In what two versions differ: in nothing exactly when they are equal. A version that is `None` has no definition.
///
/// Attributes and groupings are compared with those of the same name, wherever they stand and whatever they were called before. A list whose parts have no names,
/// or stand in another order, is one part.
#[must_use]
pub fn differences(before: Option<&Value>, after: Option<&Value>) -> Vec<Difference> {
    let mut found = Vec::new();
    compare(&Place::default(), before, after, &mut found);
    found
}

/// JSON pointers to the same part in both versions: an attribute that stays may stand elsewhere.
#[derive(Default)]
struct Place {
    before: String,
    after: String,
}

impl Place {
    /// A part of this one, by its name or index in each version.
    fn part(&self, before: impl Display, after: impl Display) -> Self {
        Self {
            before: format!("{}/{before}", self.before),
            after: format!("{}/{after}", self.after),
        }
    }
}

fn compare(place: &Place, before: Option<&Value>, after: Option<&Value>, found: &mut Vec<Difference>) {
    if before == after {
        return;
    }
    match (before, after) {
        (Some(Value::Object(old)), Some(Value::Object(new))) => members(place, old, new, found),
        (Some(Value::Array(old)), Some(Value::Array(new))) if let Some(pairs) = paired(old, new) => {
            elements(place, (old, new), &pairs, found);
        }
        _ => found.push(Difference {
            pointer: if after.is_some() { &place.after } else { &place.before }.clone(),
            before: before.cloned(),
            after: after.cloned(),
        }),
    }
}

fn members(place: &Place, old: &Map<String, Value>, new: &Map<String, Value>, found: &mut Vec<Difference>) {
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    for name in names {
        let escaped = name.replace('~', "~0").replace('/', "~1");
        compare(&place.part(&escaped, &escaped), old.get(name), new.get(name), found);
    }
}

/// What is gone comes first, and then what is there, each with what it was.
fn elements(place: &Place, (old, new): (&[Value], &[Value]), pairs: &[Option<usize>], found: &mut Vec<Difference>) {
    let stays: BTreeSet<usize> = pairs.iter().flatten().copied().collect();
    for (index, gone) in old.iter().enumerate().filter(|(index, _)| !stays.contains(index)) {
        compare(&place.part(index, index), Some(gone), None, found);
    }
    for (index, (value, was)) in new.iter().zip(pairs).enumerate() {
        let place = place.part(was.unwrap_or(index), index);
        compare(&place, was.and_then(|was| old.get(was)), Some(value), found);
    }
}

/// For each element of a list where it stood before. `None` where elements can't be told apart, or those that stay stand in another order.
fn paired(old: &[Value], new: &[Value]) -> Option<Vec<Option<usize>>> {
    let (before, after) = (names(old)?, names(new)?);
    let place = |name: &Value| before.iter().position(|known| *known == name);
    let pairs = new.iter().zip(&after).map(|(element, name)| {
        place(name).or_else(|| {
            let formerly = element.get(FORMERLY)?.as_array()?;
            // One that took the name of what stays beside it is another.
            let is_free = |name: &&Value| !after.contains(name);
            formerly.iter().rev().filter(is_free).find_map(place)
        })
    });
    let pairs: Vec<Option<usize>> = pairs.collect();
    let places: Vec<usize> = pairs.iter().flatten().copied().collect();
    places.is_sorted_by(|one, next| one < next).then_some(pairs)
}

/// The names of a list's elements, when each has one of its own.
fn names(list: &[Value]) -> Option<Vec<&Value>> {
    let name = |element| NAMES.iter().find_map(|member| Value::get(element, member));
    let names: Vec<&Value> = list.iter().map(name).collect::<Option<_>>()?;
    let is_own = |(index, name)| !names[..index].contains(name);
    names.iter().enumerate().all(is_own).then_some(names)
}

#[cfg(test)]
mod tests;

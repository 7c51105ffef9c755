//! What a filter restricts a dimension to, for readers that can leave out the rest. Only plain restrictions are found
//! (`origin = 'ORD'`, `origin IN ('ORD', 'LAX')`, alone or joined by AND); what is not found is read and filtered later.

use crate::measure::Reading;
use crate::predicate::Predicate;
use crate::scalar::Scalar;
use crate::tree::Comparison;
use crate::value::Value;
use std::collections::{BTreeMap, BTreeSet};

/// For each restricted dimension of texts the values that can match.
pub type Restrictions<'a> = BTreeMap<&'a str, BTreeSet<&'a str>>;

impl Predicate {
    /// Dimensions of texts whose other values never match.
    #[must_use]
    pub fn restrictions(&self) -> Restrictions<'_> {
        let mut found = Restrictions::new();
        collect(self.condition(), &mut found);
        found
    }
}

impl<'a> Reading<'a> {
    /// Dimensions of texts that every measure restricts, with the values that any of them lets through.
    #[must_use]
    pub fn restrictions(&self) -> Restrictions<'a> {
        let mut all: Option<Restrictions<'a>> = None;
        for (_, measure) in &self.measures {
            let mine = measure.filter.as_ref().map(Predicate::restrictions).unwrap_or_default();
            all = Some(match all {
                None => mine,
                Some(common) => either(common, &mine),
            });
        }
        all.unwrap_or_default()
    }
}

/// Restrictions that hold when one of two does.
fn either<'a>(one: Restrictions<'a>, other: &Restrictions<'a>) -> Restrictions<'a> {
    one.into_iter()
        .filter_map(|(name, mut values)| {
            values.extend(other.get(name)?);
            Some((name, values))
        })
        .collect()
}

fn collect<'a>(condition: &'a Scalar<String>, found: &mut Restrictions<'a>) {
    match condition {
        Scalar::And(left, right) => {
            collect(left, found);
            collect(right, found);
        }
        Scalar::Compare(Comparison::Equal, left, right) => match (&**left, &**right) {
            (Scalar::Attribute(name), Scalar::Constant(Value::Text(text)))
            | (Scalar::Constant(Value::Text(text)), Scalar::Attribute(name)) => {
                restrict(found, name, std::iter::once(text.as_str()))
            }
            _ => {}
        },
        Scalar::In {
            operand,
            items,
            negated: false,
        } => {
            let texts: Option<Vec<&str>> = items
                .iter()
                .map(|item| match item {
                    Value::Text(text) => Some(text.as_str()),
                    _ => None,
                })
                .collect();
            if let (Scalar::Attribute(name), Some(texts)) = (&**operand, texts) {
                restrict(found, name, texts.into_iter());
            }
        }
        _ => {}
    }
}

/// Both the earlier and this restriction hold.
fn restrict<'a>(found: &mut Restrictions<'a>, name: &'a str, values: impl Iterator<Item = &'a str>) {
    let values: BTreeSet<&str> = values.collect();
    match found.get_mut(name) {
        Some(known) => known.retain(|value| values.contains(value)),
        None => {
            found.insert(name, values);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use crate::fixtures::entities;

    #[test]
    fn restrictions_are_found_where_they_are_sure() {
        for (formula, expected) in [
            ("COUNT(Flight WHERE origin = 'ORD')", "origin: ORD"),
            ("COUNT(Flight WHERE on_time AND 'ORD' = origin)", "origin: ORD"),
            (
                "COUNT(Flight WHERE origin IN ('ORD', 'LAX') AND origin = 'LAX')",
                "origin: LAX",
            ),
            (
                "COUNT(Flight WHERE origin = 'ORD') / COUNT(Flight WHERE origin = 'LAX')",
                "origin: LAX ORD",
            ),
            ("COUNT(Flight WHERE origin = 'ORD') / COUNT(Flight)", ""),
            ("COUNT(Flight WHERE origin = 'ORD' OR on_time)", ""),
            ("COUNT(Flight WHERE NOT origin = 'ORD')", ""),
            ("COUNT(Flight WHERE origin != 'ORD')", ""),
        ] {
            let compiled = crate::compile(formula, &entities()).unwrap();
            let text: Vec<String> = compiled.readings()[0]
                .restrictions()
                .into_iter()
                .map(|(name, values)| format!("{name}: {}", values.into_iter().collect::<Vec<_>>().join(" ")))
                .collect();
            assert_eq!(text.join("; "), expected, "{formula}");
        }
    }
}

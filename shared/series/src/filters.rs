//! Values of a filter, checked by the type of the dimension: what no fact can have would be answered by nothing, and nobody would know why.

use catalog::{Catalog, Kpi};
use formula::AttributeType;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive as _;

use crate::field::{MAX_TEXT_BYTES, shown};
use crate::plan::Filter;

/// A value that a dimension never has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImpossibleValue {
    /// The dimension.
    pub dimension: String,
    /// What is wrong.
    pub detail: String,
    /// What would be right.
    pub hint: String,
}

/// Looks at the values of a KPI's filter. Dimensions that an entity does not have are the plan's to refuse.
///
/// # Errors
/// The first value that its dimension never has.
pub fn check(kpi: &Kpi, filter: &Filter, catalog: &Catalog) -> Result<(), ImpossibleValue> {
    for code in kpi.formula.entities() {
        for (name, values) in filter {
            let Some(attribute) = catalog.attribute_at(code, name) else {
                continue;
            };
            for value in values {
                check_value(name, attribute.kind, value)?;
            }
        }
    }
    Ok(())
}

/// Looks at one value of a dimension. The empty text asks for facts without a value, of any type.
///
/// # Errors
/// When a dimension of the type never has it.
pub fn check_value(name: &str, kind: AttributeType, value: &str) -> Result<(), ImpossibleValue> {
    if value.is_empty() {
        return Ok(());
    }
    let (what, canonical) = match kind {
        AttributeType::Boolean => ("a boolean", truth(value)),
        AttributeType::Integer => ("an integer", whole(value).map(|number| number.to_string())),
        AttributeType::Decimal | AttributeType::Duration => {
            ("a number", number(value).map(|number| number.to_string()))
        }
        AttributeType::Text if value.len() > MAX_TEXT_BYTES => {
            return Err(ImpossibleValue {
                dimension: name.to_owned(),
                detail: format!(
                    "{name:?} is never longer than {MAX_TEXT_BYTES} bytes, and a value has {}",
                    value.len()
                ),
                hint: "write the value as events have it".to_owned(),
            });
        }
        // A time is never a dimension.
        AttributeType::Text | AttributeType::Time => return Ok(()),
    };
    if canonical.as_deref() == Some(value) {
        return Ok(());
    }
    let hint = match (canonical, kind) {
        (Some(meant), _) => format!("did you mean {meant}?"),
        (None, AttributeType::Boolean) => "write true or false, or nothing for facts without a value".to_owned(),
        (None, _) => "write digits, or nothing for facts without a value".to_owned(),
    };
    Err(ImpossibleValue {
        dimension: name.to_owned(),
        detail: format!("{name:?} is {what}, and is never {:?}", shown(value)),
        hint,
    })
}

/// What people write for true and false.
fn truth(value: &str) -> Option<String> {
    let meant = match value.trim().to_ascii_lowercase().as_str() {
        "true" | "t" | "yes" | "y" | "1" | "on" => "true",
        "false" | "f" | "no" | "n" | "0" | "off" => "false",
        _ => return None,
    };
    Some(meant.to_owned())
}

fn whole(value: &str) -> Option<i64> {
    number(value).filter(Decimal::is_integer)?.to_i64()
}

/// The number that is meant, as [`crate::answer::text`] writes it.
fn number(value: &str) -> Option<Decimal> {
    let decimal: Decimal = value.trim().parse().ok()?;
    // `-0` is 0.
    Some(if decimal.is_zero() {
        Decimal::ZERO
    } else {
        decimal.normalize()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_fact_has_is_told_with_what_was_meant() {
        use AttributeType::{Boolean, Integer, Text};
        for (kind, value, hint) in [
            (Boolean, "true", ""),
            (Boolean, "", ""),
            (Boolean, "True", "did you mean true?"),
            (Boolean, "1", "did you mean true?"),
            (Boolean, "no", "did you mean false?"),
            (Boolean, "maybe", "true or false"),
            (Integer, "-12", ""),
            (Integer, "", ""),
            (Integer, "012", "did you mean 12?"),
            (Integer, "12.0", "did you mean 12?"),
            (Integer, " 7", "did you mean 7?"),
            (Integer, "-0", "did you mean 0?"),
            (Integer, "1.5", "digits"),
            (Integer, "ORD", "digits"),
            (Text, "True", ""),
            (Text, "C:\\temp", ""),
            (Text, &"x".repeat(513), "as events have it"),
        ] {
            let found = check_value("ok", kind, value);
            let told = found.map_or_else(|wrong| wrong.hint, |()| String::new());
            assert!(
                told.contains(hint) && told.is_empty() == hint.is_empty(),
                "{kind} {value:?}: {told}"
            );
        }
    }
}

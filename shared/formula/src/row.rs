//! Derived attributes: a value of a row computed from its other values.

use crate::diagnostic::Diagnostic;
use crate::parser::parse;
use crate::resolve::{RowScope, resolve_value};
use crate::scalar::{Operand, Scalar};
use crate::tree::Arithmetic;
use crate::value::{Attribute, AttributeType, Value};
use rust_decimal::Decimal;
use std::collections::BTreeSet;

/// A checked expression over a row. Attributes are resolved to indexes, and evaluating allocates only for a result that
/// is a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowFormula {
    expression: Scalar<usize>,
    kind: AttributeType,
}

/// Compiles an expression over a row that has `attributes` in this order.
///
/// # Errors
/// Everything that is wrong with the text: its form first, then the names and types it uses.
pub fn compile_row(source: &str, attributes: &[Attribute]) -> Result<RowFormula, Vec<Diagnostic>> {
    let parsed = parse(source);
    let resolved = resolve_value(&parsed.tree, RowScope { attributes });
    let mut diagnostics = parsed.diagnostics;
    match resolved {
        Ok((expression, kind)) if diagnostics.is_empty() => Ok(RowFormula { expression, kind }),
        Ok(_) => Err(diagnostics),
        Err(more) => {
            diagnostics.extend(more);
            Err(diagnostics)
        }
    }
}

impl RowFormula {
    /// The type of the result.
    #[must_use]
    pub fn kind(&self) -> AttributeType {
        self.kind
    }

    /// The same formula with results of type `kind`, if every result can be one: a whole number can be a decimal.
    #[must_use]
    pub fn into_kind(self, kind: AttributeType) -> Option<Self> {
        let widens = self.kind == AttributeType::Integer && kind == AttributeType::Decimal;
        (self.kind == kind || widens).then_some(Self { kind, ..self })
    }

    /// The result for a row in the order of the attributes: of the formula's type, or `Null`, as an empty text is. A row
    /// that is too short, and values of unexpected types, count as no value.
    #[must_use]
    pub fn evaluate(&self, row: &[Value]) -> Value {
        let operand = self
            .expression
            .evaluate(&|index: &usize| row.get(*index).map_or(Operand::Null, Operand::from));
        match (operand, self.kind) {
            (Operand::Integer(integer), AttributeType::Decimal) => Value::Decimal(Decimal::from(integer)),
            (Operand::Text(text), _) if text.is_empty() => Value::Null,
            (operand, kind) => {
                let value = Value::from(operand);
                // A duration is a decimal number of seconds.
                let expected = match kind {
                    AttributeType::Duration => AttributeType::Decimal,
                    kind => kind,
                };
                if value.kind() == Some(expected) {
                    value
                } else {
                    Value::Null
                }
            }
        }
    }

    /// The indexes of the two times whose difference it is, the one that is subtracted last, if it is nothing else.
    #[must_use]
    pub fn difference(&self) -> Option<[usize; 2]> {
        match (&self.expression, self.kind) {
            (Scalar::Calculate(Arithmetic::Subtract, to, from), AttributeType::Duration) => match (&**to, &**from) {
                (Scalar::Attribute(to), Scalar::Attribute(from)) => Some([*to, *from]),
                _ => None,
            },
            _ => None,
        }
    }

    /// The indexes of the attributes that the formula reads.
    #[must_use]
    pub fn inputs(&self) -> BTreeSet<usize> {
        self.expression.attributes().into_iter().copied().collect()
    }
}

#[cfg(test)]
mod tests;

//! Derived attributes of an entity: their formulas compiled, and put in an order in which each finds its inputs
//! computed.

use crate::definition::AttributeDefinition;
use crate::names::quoted;
use crate::problem::Problem;
use formula::{Attribute, RowFormula, compile_row};

/// Compiles all formulas. Problems are added to the list; where there are any, what is returned is of no use.
pub(crate) fn compile(
    definitions: &[AttributeDefinition],
    attributes: &[Attribute],
    problems: &mut Vec<Problem>,
) -> Vec<(usize, RowFormula)> {
    let mut compiled = Vec::new();
    for (index, definition) in definitions.iter().enumerate() {
        if let Some(source) = &definition.formula {
            compiled
                .extend(compile_one(index, definition, source, attributes, problems).map(|formula| (index, formula)));
        }
    }
    in_order(definitions, compiled, problems)
}

fn compile_one(
    index: usize,
    definition: &AttributeDefinition,
    source: &str,
    attributes: &[Attribute],
    problems: &mut Vec<Problem>,
) -> Option<RowFormula> {
    let pointer = format!("/attributes/{index}/formula");
    let formula = match compile_row(source, attributes) {
        Ok(formula) => formula,
        Err(diagnostics) => {
            problems.extend(
                diagnostics
                    .into_iter()
                    .map(|diagnostic| Problem::in_formula(&pointer, diagnostic)),
            );
            return None;
        }
    };
    let kind = formula.kind();
    let fitting = formula.into_kind(definition.kind);
    if fitting.is_none() {
        let message = format!(
            "{} is of type {}, and its formula is of type {kind}",
            quoted(&definition.name),
            definition.kind
        );
        problems
            .push(Problem::new(format!("/attributes/{index}/type"), message).with_hint(format!("write \"{kind}\"")));
    }
    fitting
}

/// Takes, again and again, the first formula whose inputs are all known. What is left then are circles and what depends
/// on them. At most 64 attributes, so at most 64 rounds over them.
fn in_order(
    definitions: &[AttributeDefinition],
    mut waiting: Vec<(usize, RowFormula)>,
    problems: &mut Vec<Problem>,
) -> Vec<(usize, RowFormula)> {
    let mut ordered = Vec::with_capacity(waiting.len());
    loop {
        let is_waiting = |input: usize| waiting.iter().any(|(index, _)| *index == input);
        let ready = waiting
            .iter()
            .position(|(_, formula)| !formula.inputs().into_iter().any(is_waiting));
        match ready {
            Some(position) => ordered.push(waiting.remove(position)),
            None => break,
        }
    }
    let name = |index: usize| definitions.get(index).map_or("", |definition| definition.name.as_str());
    let names: Vec<String> = waiting.iter().map(|(index, _)| quoted(name(*index))).collect();
    for (index, _) in &waiting {
        let message = format!(
            "{} cannot be computed, because these formulas need each other: {}",
            quoted(name(*index)),
            names.join(", ")
        );
        problems.push(Problem::new(format!("/attributes/{index}/formula"), message).with_hint("break the circle"));
    }
    ordered
}

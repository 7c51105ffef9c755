//! KPIs in the formulas of KPIs: a bare name where a number stands, `REVENUE / ORDERS`.
//!
//! A name of a KPI stands where no entity and no attribute can: entities are named inside of aggregates, and attributes there or after `WHERE`. So it needs no
//! mark of its own, and an entity may have the code of a KPI. What is meant is the other KPI's whole expression, as if it stood there in parentheses:
//! `check` joins its measures to those of the formula.

use crate::check::Unit;
use crate::function::Function;
use crate::measure::Formula;
use crate::parser::{Parsed, parse};
use crate::tree::{Expr, Node};

/// What a formula finds under the code of a KPI.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Referred<'a> {
    /// Its checked formula.
    Formula(&'a Formula),
    /// It needs the value of the KPI whose formula is checked. The codes lead from that KPI by what each refers to, back to one that was named before.
    Circular(Vec<String>),
    /// It is there, and its own formula can't be computed.
    Broken,
}

/// How large a formula is with all that it refers to written out, and what its result is a number of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Extent {
    pub(crate) bytes: usize,
    pub(crate) operators: usize,
    pub(crate) powers: usize,
    /// How many KPIs lie one below the other.
    pub(crate) levels: usize,
    pub(crate) unit: Unit,
}

impl Extent {
    /// The extent of a text alone.
    pub(crate) fn of(tree: &Expr) -> Self {
        let mut extent = Self {
            bytes: tree.span.len(),
            operators: 0,
            powers: 0,
            levels: 0,
            unit: Unit::Plain,
        };
        extent.count(tree);
        extent
    }

    /// The same with one more KPI written out.
    pub(crate) fn with(self, referred: Self) -> Self {
        Self {
            bytes: self.bytes + referred.bytes,
            operators: self.operators + referred.operators,
            powers: self.powers + referred.powers,
            levels: self.levels.max(referred.levels + 1),
            unit: self.unit,
        }
    }

    fn count(&mut self, expr: &Expr) {
        match &expr.node {
            Node::Binary(_, left, right) => {
                self.operators += 1;
                self.count(left);
                self.count(right);
            }
            Node::Function(function, arguments) => {
                let is_power = matches!(function, Function::Numeric(numeric) if numeric.is_power());
                self.powers += usize::from(is_power);
                arguments.iter().for_each(|argument| self.count(argument));
            }
            Node::Unary(_, operand) | Node::In { operand, .. } => self.count(operand),
            Node::Call(call) => call.filter.iter().for_each(|filter| self.count(filter)),
            Node::Error
            | Node::Number(_)
            | Node::Text(_)
            | Node::Boolean(_)
            | Node::Time(_)
            | Node::Name(_)
            | Node::Path(..) => {}
        }
    }
}

impl Formula {
    /// How many KPIs lie one below the other in it: 0 where it refers to none.
    #[must_use]
    pub fn levels(&self) -> usize {
        self.extent.levels
    }
}

/// The names in a KPI's formula that stand for other KPIs, each once, in the order of the text. Whether there are such KPIs is another question.
#[must_use]
pub fn references(parsed: &Parsed) -> Vec<&str> {
    let mut found = Vec::new();
    collect(&parsed.tree, &mut found);
    found
}

/// How many of a function's arguments are expressions at most: behind the first of those of other periods stand words of its own, such as `YEAR`.
pub(crate) fn operands_of(function: Function) -> usize {
    match function {
        Function::Window(_) => 1,
        Function::Fold(function) => function.operands(),
        _ => usize::MAX,
    }
}

fn collect<'e>(expr: &'e Expr, found: &mut Vec<&'e str>) {
    match &expr.node {
        Node::Name(name) if !found.contains(&name.as_str()) => found.push(name),
        Node::Function(function, arguments) => {
            let operands = arguments.iter().take(operands_of(*function));
            operands.for_each(|operand| collect(operand, found));
        }
        Node::Unary(_, operand) | Node::In { operand, .. } => collect(operand, found),
        Node::Binary(_, left, right) => {
            collect(left, found);
            collect(right, found);
        }
        // What stands in an aggregate are names of an entity, and of its attributes.
        _ => {}
    }
}

/// A KPI's formula in which another KPI has a new code, printed in the canonical form; `None` where it does not name that KPI, or would not once more.
#[must_use]
pub fn rename_kpi(source: &str, old: &str, new: &str) -> Option<String> {
    let mut parsed = parse(source);
    if !parsed.diagnostics.is_empty() || !rename(&mut parsed.tree, old, new) {
        return None;
    }
    let renamed = parsed.tree.to_string();
    // A word of the language is no name.
    references(&parse(&renamed)).contains(&new).then_some(renamed)
}

fn rename(expr: &mut Expr, old: &str, new: &str) -> bool {
    match &mut expr.node {
        Node::Name(name) if name == old => {
            new.clone_into(name);
            true
        }
        Node::Function(function, arguments) => {
            let operands = arguments.iter_mut().take(operands_of(*function));
            operands.fold(false, |renamed, operand| rename(operand, old, new) | renamed)
        }
        Node::Unary(_, operand) | Node::In { operand, .. } => rename(operand, old, new),
        Node::Binary(_, left, right) => rename(left, old, new) | rename(right, old, new),
        _ => false,
    }
}

//! Printing a tree back as text, with the parentheses it needs and no others. `parse(print(tree))` is the same tree but
//! for spans.

use crate::function::Function;
use crate::parser::parse;
use crate::tree::{Argument, Arithmetic, BinaryOperator, Call, Comparison, Expr, Ident, Node, UnaryOperator, power};
use crate::value::print_time;
use std::fmt;

/// A formula in its canonical form: upper case, single spaces, and the parentheses that are needed. None where its form is wrong, or where it is longer or deeper in
/// that form than a formula may be.
#[must_use]
pub fn format(source: &str) -> Option<String> {
    let parsed = parse(source);
    let printed = parsed.diagnostics.is_empty().then(|| parsed.tree.to_string())?;
    parse(&printed).diagnostics.is_empty().then_some(printed)
}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.node {
            Node::Error => f.write_str("?"),
            Node::Number(number) => write!(f, "{number}"),
            Node::Text(text) => write!(f, "'{}'", text.replace('\'', "''")),
            Node::Time(time_us) => print_time(f, *time_us),
            Node::Boolean(boolean) => f.write_str(if *boolean { "TRUE" } else { "FALSE" }),
            // Before the WHEN of a CASE around it, it would begin another.
            Node::Name(name) if name.eq_ignore_ascii_case("CASE") => write!(f, "({name})"),
            Node::Name(name) => f.write_str(name),
            Node::Path(entity, attribute) => write!(f, "{}.{}", entity.name, attribute.name),
            Node::Call(call) => write!(f, "{call}"),
            Node::Function(Function::If, arms) if arms.len() > 3 => print_case(f, arms),
            Node::Function(Function::Between, arguments) => print_between(f, arguments),
            Node::Function(function, arguments) => {
                write!(f, "{function}(")?;
                print_list(f, arguments)?;
                f.write_str(")")
            }
            Node::Unary(operator, operand) => {
                f.write_str(match operator {
                    UnaryOperator::Not => "NOT ",
                    UnaryOperator::Negate => "-",
                })?;
                print_operand(f, operand, operator.power())
            }
            Node::Binary(operator, left, right) => {
                // Comparisons do not chain, so a comparison on the left needs parentheses too.
                let chains = !matches!(operator, BinaryOperator::Compare(_));
                print_operand(f, left, if chains { operator.power() } else { operator.power() + 1 })?;
                write!(f, " {operator} ")?;
                print_operand(f, right, operator.power() + 1)
            }
            Node::In {
                operand,
                items,
                negated,
            } => {
                print_operand(f, operand, power::COMPARE + 1)?;
                f.write_str(if *negated { " NOT IN (" } else { " IN (" })?;
                print_list(f, items)?;
                f.write_str(")")
            }
        }
    }
}

/// Conditions, each with its value, and then perhaps a value alone.
fn print_case(f: &mut fmt::Formatter<'_>, arms: &[Expr]) -> fmt::Result {
    f.write_str("CASE")?;
    for arm in arms.chunks(2) {
        match arm {
            [condition, value] => write!(f, " WHEN {condition} THEN {value}")?,
            alone => alone.iter().try_for_each(|value| write!(f, " ELSE {value}"))?,
        }
    }
    f.write_str(" END")
}

/// An operand and its bounds, each of which binds tighter than a comparison.
fn print_between(f: &mut fmt::Formatter<'_>, arguments: &[Expr]) -> fmt::Result {
    for (argument, before) in arguments.iter().zip(["", " BETWEEN ", " AND "]) {
        f.write_str(before)?;
        print_operand(f, argument, power::COMPARE + 1)?;
    }
    Ok(())
}

fn print_list(f: &mut fmt::Formatter<'_>, items: &[Expr]) -> fmt::Result {
    for (index, item) in items.iter().enumerate() {
        let separator = if index == 0 { "" } else { ", " };
        write!(f, "{separator}{item}")?;
    }
    Ok(())
}

/// Prints an operand, in parentheses if its operator binds looser than its place requires.
fn print_operand(f: &mut fmt::Formatter<'_>, operand: &Expr, required: u8) -> fmt::Result {
    if operand.power() < required {
        write!(f, "({operand})")
    } else {
        write!(f, "{operand}")
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({}{}", self.aggregate, self.aggregate.before(), self.entity.name)?;
        if let Some(attribute) = &self.attribute {
            write!(f, ".{}", attribute.name)?;
        }
        print_less(f, self.less.as_ref())?;
        if let Some((entity, attribute)) = &self.times {
            write!(f, " * {}.{}", entity.name, attribute.name)?;
        }
        match &self.second {
            Some(Argument::Number(_, number)) => write!(f, ", {number}")?,
            Some(Argument::Values {
                entity,
                attribute,
                less,
            }) => {
                write!(f, ", {}.{}", entity.name, attribute.name)?;
                print_less(f, less.as_ref())?;
            }
            None => {}
        }
        if let Some(filter) = &self.filter {
            write!(f, " WHERE {filter}")?;
        }
        f.write_str(")")
    }
}

/// What is subtracted.
fn print_less(f: &mut fmt::Formatter<'_>, less: Option<&(Ident, Ident)>) -> fmt::Result {
    match less {
        Some((entity, attribute)) => write!(f, " - {}.{}", entity.name, attribute.name),
        None => Ok(()),
    }
}

impl fmt::Display for BinaryOperator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BinaryOperator::Or => f.write_str("OR"),
            BinaryOperator::And => f.write_str("AND"),
            BinaryOperator::Compare(comparison) => write!(f, "{comparison}"),
            BinaryOperator::Arithmetic(arithmetic) => write!(f, "{arithmetic}"),
        }
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Comparison::Equal => "=",
            Comparison::NotEqual => "!=",
            Comparison::Less => "<",
            Comparison::LessOrEqual => "<=",
            Comparison::Greater => ">",
            Comparison::GreaterOrEqual => ">=",
        })
    }
}

impl fmt::Display for Arithmetic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Arithmetic::Add => "+",
            Arithmetic::Subtract => "-",
            Arithmetic::Multiply => "*",
            Arithmetic::Divide => "/",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{token_soup, trees, without_spans};
    use crate::{MAX_DEPTH, MAX_LENGTH};
    use proptest::prelude::*;

    #[test]
    fn printing_keeps_only_needed_parentheses() {
        for (name, source, expected) in [
            ("chains lean left", "((1 - 2) - 3)", "1 - 2 - 3"),
            ("a right lean needs them", "1 - (2 - 3)", "1 - (2 - 3)"),
            ("tighter operands do not", "(1 * 2) + (3)", "1 * 2 + 3"),
            ("looser operands do", "(1 + 2) * 3", "(1 + 2) * 3"),
            ("logic", "not (a and b) or (c)", "NOT (a AND b) OR c"),
            ("comparison of comparisons", "(a = b) = (c = d)", "(a = b) = (c = d)"),
            ("list", "a not in ( 'x' , 'it''s' )", "a NOT IN ('x', 'it''s')"),
            (
                "call",
                "count( Flight . delay where on_time )",
                "COUNT(Flight.delay WHERE on_time)",
            ),
            ("double minus", "1 - -2", "1 - -2"),
            (
                "aggregates",
                "count(distinct Flight.origin where a) + count(Distinct) + percentile(hours(Flight.b - a), 99.50) + slope(Flight.a, b)",
                "COUNT(DISTINCT Flight.origin WHERE a) + COUNT(Distinct) + HOURS(PERCENTILE(Flight.b - Flight.a, 99.50)) + SLOPE(Flight.a, Flight.b)",
            ),
            (
                "ranges",
                "a + 1 between 1 and (b = c) and not (d) not between 2 and 3",
                "a + 1 BETWEEN 1 AND (b = c) AND NOT NOT d BETWEEN 2 AND 3",
            ),
            (
                "between as a name",
                "between between between and time and time = time '2026-01-01T01:00:00.50+01:00'",
                "between BETWEEN between AND time AND time = TIME '2026-01-01T00:00:00.5Z'",
            ),
            (
                "case",
                "case when a = 1 then 'x' when (b) then 'y' else 'z' end",
                "CASE WHEN a = 1 THEN 'x' WHEN b THEN 'y' ELSE 'z' END",
            ),
            (
                "a case of one condition",
                "case when a then 1 else 2 end",
                "IF(a, 1, 2)",
            ),
            (
                "words of a case are names elsewhere",
                "CASE WHEN when THEN then WHEN end THEN (case) WHEN else THEN else ELSE end END",
                "CASE WHEN when THEN then WHEN end THEN (case) WHEN else THEN else ELSE end END",
            ),
        ] {
            let parsed = parse(source);
            assert!(parsed.diagnostics.is_empty(), "{name}: {:?}", parsed.diagnostics);
            assert_eq!(parsed.tree.to_string(), expected, "{name}");
        }
    }

    proptest! {
        #[test]
        fn a_printed_tree_parses_to_itself(tree in trees()) {
            let printed = tree.to_string();
            let parsed = parse(&printed);
            prop_assert_eq!(&parsed.diagnostics, &vec![], "{}", printed);
            prop_assert_eq!(without_spans(parsed.tree), tree, "{}", printed);
        }

        #[test]
        fn a_canonical_form_means_the_same_and_is_its_own(source in token_soup()) {
            if let Some(printed) = format(&source) {
                let (source, again) = (parse(&source), parse(&printed));
                prop_assert_eq!(without_spans(source.tree), without_spans(again.tree), "{}", &printed);
                prop_assert_eq!(format(&printed), Some(printed.clone()));
            }
        }
    }

    #[test]
    fn what_is_as_deep_or_long_as_a_formula_may_be_is_printed_or_has_no_canonical_form() {
        let nested =
            |open: &str, close: &str, levels: usize| format!("{}1{}", open.repeat(levels), close.repeat(levels));
        for (name, source, has) in [
            ("parentheses that go", nested("(", ")", MAX_DEPTH), true),
            ("parentheses that stay", nested("1 - (2 - ", ")", MAX_DEPTH), true),
            ("functions", nested("ABS(", ")", MAX_DEPTH), true),
            ("signs", nested("-", "", MAX_DEPTH), true),
            (
                "cases",
                nested("CASE WHEN a THEN 1 WHEN b THEN ", " END", MAX_DEPTH),
                true,
            ),
            ("too deep", nested("ABS(", ")", MAX_DEPTH + 1), false),
            // Printed, each NOT has parentheses.
            ("deeper than it was written", nested("a = NOT ", "", MAX_DEPTH), false),
            (
                "longer than it was written",
                format!("a IN ({}1)", "1,".repeat(MAX_LENGTH / 2 - 8)),
                false,
            ),
            ("wrong", "1 +".to_owned(), false),
        ] {
            let printed = format(&source);
            assert_eq!(printed.is_some(), has, "{name}");
            if let Some(printed) = printed {
                assert_eq!(
                    without_spans(parse(&source).tree),
                    without_spans(parse(&printed).tree),
                    "{name}"
                );
            }
        }
    }
}

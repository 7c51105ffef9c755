//! The syntax tree. Every node knows the bytes of the source it stands for; what could not be understood is an `Error`
//! node.

use crate::aggregate::Aggregate;
use crate::function::Function;
use rust_decimal::Decimal;
use std::ops::Range;

/// A node of the syntax tree with its place in the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expr {
    /// The bytes of the source, with the parentheses around it when it has any.
    pub span: Range<usize>,
    /// What stands there.
    pub node: Node,
}

/// What a node is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// Text that could not be understood, already reported.
    Error,
    /// A number without sign.
    Number(Decimal),
    /// A text in quotes, with its escapes resolved.
    Text(String),
    /// `TRUE` or `FALSE`.
    Boolean(bool),
    /// `TIME '…'`: an instant, in microseconds since 1970.
    Time(i64),
    /// A bare name: an attribute of the row at hand, or outside of aggregates a KPI.
    Name(String),
    /// `customer.segment` in a condition: a path, whose second part may have points itself. Outside of aggregates, `Entity.attribute` has no meaning.
    Path(Ident, Ident),
    /// An aggregate over the facts of an entity.
    Call(Box<Call>),
    /// A function of values, with as many arguments as it takes.
    Function(Function, Vec<Expr>),
    /// `NOT x` or `-x`.
    Unary(UnaryOperator, Box<Expr>),
    /// `x operator y`.
    Binary(BinaryOperator, Box<Expr>, Box<Expr>),
    /// `x IN (...)`, or `x NOT IN (...)` when negated.
    In {
        /// What is looked for.
        operand: Box<Expr>,
        /// Where it is looked for.
        items: Vec<Expr>,
        /// Whether `NOT` stands before `IN`.
        negated: bool,
    },
}

impl Node {
    /// A name or a path, as it stands in a condition.
    pub(crate) fn named(ident: &Ident) -> Self {
        let part = |name: &str| Ident {
            span: ident.span.clone(),
            name: name.to_owned(),
        };
        match ident.name.split_once('.') {
            Some((first, rest)) => Node::Path(part(first), part(rest)),
            None => Node::Name(ident.name.clone()),
        }
    }
}

/// A name with its place in the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ident {
    /// The bytes of the source.
    pub span: Range<usize>,
    /// The name.
    pub name: String,
}

/// `AGGREGATE(Entity.attribute WHERE filter)`, or `AGGREGATE(Entity.attribute - Entity.other WHERE filter)`; with a second argument
/// `AGGREGATE(Entity.attribute, argument WHERE filter)`. What stands for an attribute may be a path: then its name has points in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The aggregate.
    pub aggregate: Aggregate,
    /// The entity whose facts are aggregated.
    pub entity: Ident,
    /// The attribute that is aggregated; only `COUNT` does without.
    pub attribute: Option<Ident>,
    /// What is subtracted from the attribute, with the entity that is written before it.
    pub less: Option<(Ident, Ident)>,
    /// What the attribute is multiplied by, with the entity that is written before it.
    pub times: Option<(Ident, Ident)>,
    /// What stands after a comma.
    pub second: Option<Argument>,
    /// The condition that facts must meet.
    pub filter: Option<Expr>,
}

impl Call {
    /// What a name of something beside the attribute is, with what is written before it: an attribute or a path of this call's entity.
    pub(crate) fn named(&self, (before, name): &(Ident, Ident)) -> Ident {
        if before.name == self.entity.name {
            return name.clone();
        }
        Ident {
            span: before.span.start..name.span.end,
            name: format!("{}.{}", before.name, name.name),
        }
    }
}

/// What an aggregate takes beside the values that it aggregates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Argument {
    /// A number, with its place in the source.
    Number(Range<usize>, Decimal),
    /// `Entity.attribute`, or `Entity.attribute - Entity.other`.
    Values {
        /// The entity.
        entity: Ident,
        /// Its attribute.
        attribute: Ident,
        /// What is subtracted from the attribute, with the entity that is written before it.
        less: Option<(Ident, Ident)>,
    },
}

/// An operator with one operand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum UnaryOperator {
    /// `NOT`
    Not,
    /// `-`
    Negate,
}

/// An operator with two operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BinaryOperator {
    /// `OR`
    Or,
    /// `AND`
    And,
    /// `=` and its kin
    Compare(Comparison),
    /// `+` and its kin
    Arithmetic(Arithmetic),
}

/// An operator that compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Comparison {
    /// `=`
    Equal,
    /// `!=` or `<>`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

impl Comparison {
    /// As SQL writes it.
    #[must_use]
    pub fn sql(self) -> &'static str {
        match self {
            Comparison::Equal => "=",
            Comparison::NotEqual => "<>",
            Comparison::Less => "<",
            Comparison::LessOrEqual => "<=",
            Comparison::Greater => ">",
            Comparison::GreaterOrEqual => ">=",
        }
    }
}

/// An operator that calculates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Arithmetic {
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
}

/// How tightly operators bind, loosest first. An operator's right operand is parsed one power tighter, so chains lean
/// left.
pub(crate) mod power {
    pub(crate) const LOOSEST: u8 = 0;
    pub(crate) const OR: u8 = 1;
    pub(crate) const AND: u8 = 2;
    pub(crate) const NOT: u8 = 3;
    /// Comparisons, `IN` and `BETWEEN`, which do not chain.
    pub(crate) const COMPARE: u8 = 4;
    pub(crate) const ADD: u8 = 5;
    pub(crate) const MULTIPLY: u8 = 6;
    pub(crate) const NEGATE: u8 = 7;
    pub(crate) const OPERAND: u8 = 8;
}

impl BinaryOperator {
    /// How tightly it binds.
    pub(crate) fn power(self) -> u8 {
        match self {
            BinaryOperator::Or => power::OR,
            BinaryOperator::And => power::AND,
            BinaryOperator::Compare(_) => power::COMPARE,
            BinaryOperator::Arithmetic(Arithmetic::Add | Arithmetic::Subtract) => power::ADD,
            BinaryOperator::Arithmetic(Arithmetic::Multiply | Arithmetic::Divide) => power::MULTIPLY,
        }
    }
}

impl UnaryOperator {
    /// How tightly it binds, and how tightly its operand is parsed.
    pub(crate) fn power(self) -> u8 {
        match self {
            UnaryOperator::Not => power::NOT,
            UnaryOperator::Negate => power::NEGATE,
        }
    }
}

impl Expr {
    pub(crate) fn new(span: Range<usize>, node: Node) -> Self {
        Self { span, node }
    }

    pub(crate) fn error(span: Range<usize>) -> Self {
        Self {
            span,
            node: Node::Error,
        }
    }

    /// How tightly the outermost operator binds.
    pub(crate) fn power(&self) -> u8 {
        match &self.node {
            Node::Unary(operator, _) => operator.power(),
            Node::Binary(operator, ..) => operator.power(),
            Node::In { .. } | Node::Function(Function::Between, _) => power::COMPARE,
            Node::Error
            | Node::Number(_)
            | Node::Text(_)
            | Node::Boolean(_)
            | Node::Time(_)
            | Node::Name(_)
            | Node::Path(..)
            | Node::Call(_)
            | Node::Function(..) => power::OPERAND,
        }
    }
}

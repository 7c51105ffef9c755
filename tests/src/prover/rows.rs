//! Formulas over one fact, by construct: what stands after `WHERE`, and derived attributes.
//!
//! A new construct is an entry in [`ROWS`], under the name that the oracle knows it by (`ROWS` in `tests/prover/oracle/constructs.py`).

use formula::AttributeType;

use super::draw::Draw;
use super::shape::{Attribute, TEXTS, TIME};

/// What a construct gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gives {
    Truth,
    Number,
    Text,
    Duration,
}

/// A construct with its name, what it may give, and how it is written.
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) gives: &'static [Gives],
    pub(super) write: fn(&mut Rows<'_>, Gives, usize) -> String,
}

use Gives::{Duration, Number, Text, Truth};

const fn row(name: &'static str, gives: &'static [Gives], write: fn(&mut Rows<'_>, Gives, usize) -> String) -> Row {
    Row { name, gives, write }
}

const ANY: &[Gives] = &[Truth, Number, Text];
const NUMBER: &[Gives] = &[Number];
const TRUTH: &[Gives] = &[Truth];

/// Every construct over one fact.
pub(super) static ROWS: [Row; 39] = [
    row("=", TRUTH, |rows, _, depth| rows.compared("=", depth)),
    row("!=", TRUTH, |rows, _, depth| rows.unequal(depth)),
    row("<", TRUTH, |rows, _, depth| rows.compared("<", depth)),
    row("<=", TRUTH, |rows, _, depth| rows.compared("<=", depth)),
    row(">", TRUTH, |rows, _, depth| rows.compared(">", depth)),
    row(">=", TRUTH, |rows, _, depth| rows.compared(">=", depth)),
    row("= ''", TRUTH, |rows, _, depth| {
        format!("{} = ''", rows.operand(Text, depth))
    }),
    row("!= ''", TRUTH, |rows, _, depth| {
        format!("{} != ''", rows.operand(Text, depth))
    }),
    row("IN", TRUTH, |rows, _, depth| rows.listed("IN", depth)),
    row("NOT IN", TRUTH, |rows, _, depth| rows.listed("NOT IN", depth)),
    row("IN with ''", TRUTH, |rows, _, depth| {
        rows.listed_or_missing("IN", depth)
    }),
    row("NOT IN with ''", TRUTH, |rows, _, depth| {
        rows.listed_or_missing("NOT IN", depth)
    }),
    row("AND", TRUTH, |rows, _, depth| rows.joined("AND", depth)),
    row("OR", TRUTH, |rows, _, depth| rows.joined("OR", depth)),
    row("NOT", TRUTH, |rows, _, depth| {
        format!("NOT {}", rows.operand(Truth, depth))
    }),
    row("TRUE", TRUTH, |rows, _, depth| rows.constant(depth)),
    row("COALESCE", ANY, |rows, gives, depth| rows.coalesce(gives, depth)),
    row("IF", ANY, |rows, gives, depth| rows.if_else(gives, depth)),
    row("IF without else", ANY, |rows, gives, depth| rows.if_alone(gives, depth)),
    row("CASE", ANY, |rows, gives, depth| rows.case(gives, depth, true)),
    row("CASE without ELSE", ANY, |rows, gives, depth| {
        rows.case(gives, depth, false)
    }),
    row("number", NUMBER, |rows, _, _| rows.number()),
    row("-x", NUMBER, |rows, gives, depth| {
        format!("-{}", rows.operand(gives, depth))
    }),
    row("+", NUMBER, |rows, gives, depth| rows.calculated("+", gives, depth)),
    row("-", NUMBER, |rows, gives, depth| rows.calculated("-", gives, depth)),
    row("*", NUMBER, |rows, gives, depth| rows.calculated("*", gives, depth)),
    row("/", NUMBER, |rows, gives, depth| rows.calculated("/", gives, depth)),
    row("ABS", NUMBER, |rows, gives, depth| rows.called("ABS", gives, depth, 1)),
    row("ROUND", NUMBER, |rows, gives, depth| {
        rows.called("ROUND", gives, depth, 1)
    }),
    row("ROUND to places", NUMBER, |rows, _, depth| rows.rounded(depth)),
    row("GREATEST", NUMBER, |rows, gives, depth| {
        rows.called("GREATEST", gives, depth, 2)
    }),
    row("LEAST", NUMBER, |rows, gives, depth| {
        rows.called("LEAST", gives, depth, 3)
    }),
    row("LN", NUMBER, |rows, gives, depth| rows.called("LN", gives, depth, 1)),
    row("EXP", NUMBER, |rows, _, depth| rows.exponential(depth)),
    row("POWER", NUMBER, |rows, _, depth| rows.power(depth)),
    row("SECONDS", NUMBER, |rows, _, depth| {
        rows.called("SECONDS", Duration, depth, 1)
    }),
    row("MINUTES", NUMBER, |rows, _, depth| {
        rows.called("MINUTES", Duration, depth, 1)
    }),
    row("HOURS", NUMBER, |rows, _, depth| {
        rows.called("HOURS", Duration, depth, 1)
    }),
    row("DAYS", &[Number, Duration], |rows, gives, depth| {
        rows.in_days(gives, depth)
    }),
];

/// Writes formulas over the attributes that may be named.
pub(super) struct Rows<'a> {
    pub(super) draw: &'a mut Draw,
    attributes: Vec<Attribute>,
    /// Whether every attribute of the fact may be named, and its time: after `WHERE` only dimensions may.
    has_all: bool,
}

impl<'a> Rows<'a> {
    /// Over all attributes of a fact.
    pub(super) fn of_facts(draw: &'a mut Draw, attributes: &[Attribute]) -> Self {
        Self {
            draw,
            attributes: attributes.to_vec(),
            has_all: true,
        }
    }

    /// Over the dimensions among attributes.
    pub(super) fn of_dimensions(draw: &'a mut Draw, attributes: &[Attribute]) -> Self {
        let dimensions = attributes.iter().filter(|attribute| attribute.dimension);
        Self {
            attributes: dimensions.cloned().collect(),
            draw,
            has_all: false,
        }
    }

    /// Whether a construct can be written here.
    pub(super) fn has(&self, row: &Row) -> bool {
        self.has_all || !matches!(row.name, "SECONDS" | "MINUTES" | "HOURS" | "DAYS")
    }

    /// What gives this, with so many constructs inside each other.
    pub(super) fn any(&mut self, gives: Gives, depth: usize) -> String {
        if depth == 0 {
            return self.simple(gives);
        }
        let rows: Vec<&Row> = ROWS
            .iter()
            .filter(|row| row.gives.contains(&gives) && self.has(row))
            .collect();
        if rows.is_empty() {
            return self.simple(gives);
        }
        (self.draw.pick(&rows).write)(self, gives, depth - 1)
    }

    /// The same as an operand. Now and then numbers come without parentheses, so that what binds tighter matters.
    fn operand(&mut self, gives: Gives, depth: usize) -> String {
        let written = self.any(gives, depth);
        if depth == 0 || (gives == Number && self.draw.one_in(4)) {
            return written;
        }
        format!("({written})")
    }

    fn named(&mut self, kinds: &[AttributeType]) -> Option<String> {
        let of_kind = |attribute: &&Attribute| kinds.contains(&attribute.kind);
        let named: Vec<String> = self
            .attributes
            .iter()
            .filter(of_kind)
            .map(|attribute| attribute.name.clone())
            .collect();
        (!named.is_empty()).then(|| self.draw.pick(&named))
    }

    /// An attribute, or where there is none a literal.
    fn simple(&mut self, gives: Gives) -> String {
        let named = match gives {
            Truth => self.named(&[AttributeType::Boolean]),
            Number => self.named(&[AttributeType::Integer, AttributeType::Decimal]),
            Text => self.named(&[AttributeType::Text]),
            Duration if self.draw.one_in(2) => None,
            Duration => self.named(&[AttributeType::Duration]),
        };
        named.unwrap_or_else(|| self.literal(gives))
    }

    fn literal(&mut self, gives: Gives) -> String {
        match gives {
            Truth => self.draw.pick(&["TRUE", "FALSE"]).to_owned(),
            Number => self.number(),
            Text => quoted(self.draw.pick(&TEXTS)),
            Duration => {
                let (to, since) = (self.time(), self.time());
                format!("({to} - {since})")
            }
        }
    }

    fn time(&mut self) -> String {
        let own = self.draw.one_in(3);
        let named = self.named(&[AttributeType::Time]).filter(|_| !own);
        named.unwrap_or_else(|| TIME.to_owned())
    }

    fn number(&mut self) -> String {
        self.draw.pick(&["0", "1", "2", "0.5", "3.25", "12", "100"]).to_owned()
    }

    fn constant(&mut self, depth: usize) -> String {
        let truth = self.draw.pick(&["TRUE", "FALSE", "true"]);
        match self.draw.below(3) {
            0 => format!("{} = {truth}", self.simple(Truth)),
            1 => format!("{truth} OR {}", self.operand(Truth, depth)),
            _ => format!("{} AND NOT {truth}", self.operand(Truth, depth)),
        }
    }

    /// What is compared: numbers, texts, and of facts durations and times.
    fn compared(&mut self, operator: &str, depth: usize) -> String {
        let of = self.draw.below(if self.has_all { 4 } else { 2 });
        match of {
            0 => format!("{} {operator} {}", self.operand(Number, depth), self.literal(Number)),
            1 => format!("{} {operator} {}", self.operand(Text, depth), self.literal(Text)),
            2 => format!("{} {operator} {}", self.operand(Duration, 0), self.operand(Duration, 0)),
            _ => format!("{} {operator} {}", self.time(), self.time()),
        }
    }

    fn unequal(&mut self, depth: usize) -> String {
        let operator = self.draw.pick(&["!=", "<>"]);
        if self.draw.one_in(4) {
            return format!("{} {operator} {}", self.simple(Truth), self.literal(Truth));
        }
        self.compared(operator, depth)
    }

    fn listed(&mut self, operator: &str, depth: usize) -> String {
        let gives = self.draw.pick(&[Number, Text]);
        let items: Vec<String> = (0..1 + self.draw.below(3)).map(|_| self.literal(gives)).collect();
        format!("{} {operator} ({})", self.operand(gives, depth), items.join(", "))
    }

    fn listed_or_missing(&mut self, operator: &str, depth: usize) -> String {
        format!("{} {operator} ('', {})", self.operand(Text, depth), self.literal(Text))
    }

    fn joined(&mut self, operator: &str, depth: usize) -> String {
        format!(
            "{} {operator} {}",
            self.operand(Truth, depth),
            self.operand(Truth, depth)
        )
    }

    fn coalesce(&mut self, gives: Gives, depth: usize) -> String {
        let last = if gives == Text && self.draw.one_in(3) {
            "''".to_owned()
        } else {
            self.literal(gives)
        };
        let word = self.draw.cased("COALESCE");
        format!("{word}({}, {}, {last})", self.any(gives, depth), self.simple(gives))
    }

    fn if_else(&mut self, gives: Gives, depth: usize) -> String {
        let condition = self.any(Truth, depth);
        format!("IF({condition}, {}, {})", self.any(gives, depth), self.simple(gives))
    }

    fn if_alone(&mut self, gives: Gives, depth: usize) -> String {
        format!("IF({}, {})", self.any(Truth, depth), self.any(gives, depth))
    }

    fn case(&mut self, gives: Gives, depth: usize, has_else: bool) -> String {
        let arms: Vec<String> = (0..1 + self.draw.below(2))
            .map(|_| format!("WHEN {} THEN {}", self.any(Truth, depth), self.any(gives, depth)))
            .collect();
        let otherwise = if has_else {
            format!("ELSE {} ", self.simple(gives))
        } else {
            String::new()
        };
        format!("CASE {} {otherwise}END", arms.join(" "))
    }

    fn calculated(&mut self, operator: &str, gives: Gives, depth: usize) -> String {
        format!("{} {operator} {}", self.operand(gives, depth), self.operand(gives, 0))
    }

    fn called(&mut self, function: &str, gives: Gives, depth: usize, operands: usize) -> String {
        let word = self.draw.cased(function);
        let operands: Vec<String> = (0..operands)
            .map(|place| {
                if place == 0 {
                    self.any(gives, depth)
                } else {
                    self.simple(gives)
                }
            })
            .collect();
        format!("{word}({})", operands.join(", "))
    }

    fn rounded(&mut self, depth: usize) -> String {
        let places = self.draw.pick(&["1", "2", "-1", "0", "28", "-28"]);
        format!("ROUND({}, {places})", self.any(Number, depth))
    }

    fn exponential(&mut self, depth: usize) -> String {
        let most = self.draw.pick(&["5", "100"]);
        format!("EXP(LEAST({}, {most}))", self.any(Number, depth))
    }

    fn power(&mut self, depth: usize) -> String {
        let exponent = self.draw.pick(&["2", "0", "3", "-1", "0.5", "1.5"]);
        format!("POWER({}, {exponent})", self.any(Number, depth))
    }

    /// Of a duration that is computed of others.
    fn in_days(&mut self, gives: Gives, depth: usize) -> String {
        let duration = match self.draw.below(5) {
            0 => format!("{} * 2", self.simple(Duration)),
            1 => format!("({} + {}) / 3", self.simple(Duration), self.simple(Duration)),
            2 => format!("GREATEST({}, 0)", self.simple(Duration)),
            3 => format!("IF({}, {}, 0)", self.any(Truth, depth), self.simple(Duration)),
            _ => format!("ABS({} - {})", self.simple(Duration), self.simple(Duration)),
        };
        if gives == Duration {
            duration
        } else {
            format!("DAYS({duration})")
        }
    }
}

/// As a literal.
pub(super) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// The names of all constructs over one fact.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    ROWS.iter().map(|row| row.name)
}

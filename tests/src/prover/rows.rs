//! Formulas over one fact, by construct: what stands after `WHERE`, and derived attributes.
//!
//! A new construct is an entry in [`ROWS`], under the name that the oracle knows it by (`ROWS` in `tests/prover/oracle/constructs.py`).

use formula::AttributeType;
use jiff::Timestamp;

use super::draw::Draw;
use super::events;
use super::shape::{Attribute, Shape, TEXTS, TIME};

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

/// Where a formula over one fact stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// In a derived attribute: whatever the fact has is computed with.
    Derived,
    /// After a `WHERE` that is answered from rollups, which have only dimensions.
    OfDimensions,
    /// After one that is decided of each fact, which compares and does not compute.
    OfFacts,
}

use Gives::{Duration, Number, Text, Truth};
use Place::{Derived, OfDimensions, OfFacts};

const fn row(name: &'static str, gives: &'static [Gives], write: fn(&mut Rows<'_>, Gives, usize) -> String) -> Row {
    Row { name, gives, write }
}

/// What makes a number of a duration.
pub(super) const UNITS: [&str; 4] = ["SECONDS", "MINUTES", "HOURS", "DAYS"];

const ANY: &[Gives] = &[Truth, Number, Text];
const NUMBER: &[Gives] = &[Number];
const TRUTH: &[Gives] = &[Truth];
/// Where facts are compared, it stands on a side of a comparison.
const NUMBER_OR_TRUTH: &[Gives] = &[Number, Truth];

/// Every construct over one fact.
pub(super) static ROWS: [Row; 45] = [
    row("=", TRUTH, |rows, _, depth| rows.compared("=", depth)),
    row("!=", TRUTH, |rows, _, depth| rows.unequal(depth)),
    row("<", TRUTH, |rows, _, depth| rows.compared("<", depth)),
    row("<=", TRUTH, |rows, _, depth| rows.compared("<=", depth)),
    row(">", TRUTH, |rows, _, depth| rows.compared(">", depth)),
    row(">=", TRUTH, |rows, _, depth| rows.compared(">=", depth)),
    row("BETWEEN", TRUTH, |rows, _, depth| rows.ranged("BETWEEN", depth)),
    row("NOT BETWEEN", TRUTH, |rows, _, depth| rows.ranged("NOT BETWEEN", depth)),
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
    row("STARTS_WITH", TRUTH, |rows, _, depth| {
        rows.of_texts("STARTS_WITH", depth)
    }),
    row("ENDS_WITH", TRUTH, |rows, _, depth| rows.of_texts("ENDS_WITH", depth)),
    row("CONTAINS", TRUTH, |rows, _, depth| rows.of_texts("CONTAINS", depth)),
    row("TIME", TRUTH, |rows, _, _| rows.of_instant()),
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
    row("-", NUMBER_OR_TRUTH, |rows, gives, depth| rows.subtracted(gives, depth)),
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
    row("SECONDS", NUMBER_OR_TRUTH, |rows, gives, depth| {
        rows.in_unit("SECONDS", gives, depth)
    }),
    row("MINUTES", NUMBER_OR_TRUTH, |rows, gives, depth| {
        rows.in_unit("MINUTES", gives, depth)
    }),
    row("HOURS", NUMBER_OR_TRUTH, |rows, gives, depth| {
        rows.in_unit("HOURS", gives, depth)
    }),
    row("DAYS", &[Number, Truth, Duration], |rows, gives, depth| {
        rows.in_days(gives, depth)
    }),
];

impl Row {
    /// What it may give where a formula stands; nothing where it can't be written.
    pub(super) fn given(&self, place: Place) -> Vec<Gives> {
        let is_of_times = self.name == "TIME" || UNITS.contains(&self.name);
        let may_be = |gives: &&Gives| match place {
            Derived => **gives != Truth || self.name != "-",
            OfDimensions => !is_of_times && (**gives != Truth || self.name != "-"),
            OfFacts if is_of_times || self.name == "-" => **gives == Truth,
            OfFacts => self.compares(),
        };
        self.gives.iter().filter(may_be).copied().collect()
    }

    /// Whether a database decides it: none of those that compute, and round.
    fn compares(&self) -> bool {
        self.name == "number" || self.gives.contains(&Truth)
    }
}

/// Writes formulas over the attributes that may be named.
pub(super) struct Rows<'a> {
    pub(super) draw: &'a mut Draw,
    attributes: Vec<Attribute>,
    place: Place,
    /// Where the facts begin.
    begin: Timestamp,
}

impl<'a> Rows<'a> {
    /// Over attributes of a fact, all of which may be named, but after a `WHERE` that is answered from rollups.
    pub(super) fn new(draw: &'a mut Draw, attributes: &[Attribute], place: Place, begin: Timestamp) -> Self {
        let named = attributes
            .iter()
            .filter(|attribute| place != OfDimensions || attribute.dimension);
        Self {
            attributes: named.cloned().collect(),
            draw,
            place,
            begin,
        }
    }

    /// Over attributes of an entity, and what paths lead to.
    pub(super) fn of_shape(draw: &'a mut Draw, shape: &Shape, paths: Vec<Attribute>, place: Place) -> Self {
        let mut rows = Self::new(draw, &shape.attributes, place, shape.begin);
        rows.attributes.extend(paths);
        rows
    }

    /// What gives this, with so many constructs inside each other.
    pub(super) fn any(&mut self, gives: Gives, depth: usize) -> String {
        if depth == 0 {
            return self.simple(gives);
        }
        let rows: Vec<&Row> = ROWS
            .iter()
            .filter(|row| row.given(self.place).contains(&gives))
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
        match self.draw.below(self.comparable()) {
            0 => format!("{} {operator} {}", self.operand(Number, depth), self.literal(Number)),
            1 => format!("{} {operator} {}", self.operand(Text, depth), self.literal(Text)),
            2 => format!("{} {operator} {}", self.operand(Duration, 0), self.operand(Duration, 0)),
            _ => format!("{} {operator} {}", self.time(), self.time()),
        }
    }

    /// How many types can be compared: times and durations are of facts alone.
    fn comparable(&self) -> usize {
        if self.place == OfDimensions { 2 } else { 4 }
    }

    fn ranged(&mut self, operator: &str, depth: usize) -> String {
        let (of, least, most) = match self.draw.below(self.comparable()) {
            0 => (self.operand(Number, depth), self.literal(Number), self.simple(Number)),
            1 => (self.operand(Text, depth), self.literal(Text), self.simple(Text)),
            2 => (self.simple(Duration), self.simple(Duration), self.simple(Duration)),
            _ => (self.time(), self.time(), self.instant()),
        };
        if self.draw.one_in(2) {
            format!("{of} {operator} {least} AND {most}")
        } else {
            format!("{of} {operator} {most} AND {least}")
        }
    }

    fn instant(&mut self) -> String {
        let time = events::time(self.draw, self.begin);
        let zoned = time.to_zoned(jiff::tz::TimeZone::fixed(jiff::tz::offset(self.draw.pick(&[0, 2, -9]))));
        format!("TIME '{}'", zoned.strftime("%Y-%m-%dT%H:%M:%S%.f%:z"))
    }

    fn of_instant(&mut self) -> String {
        let operator = self.draw.pick(&["=", "<>", "<", "<=", ">", ">="]);
        if self.draw.one_in(4) {
            let (time, instant) = (self.time(), self.instant());
            return format!("COALESCE({time}, {instant}) {operator} {}", self.instant());
        }
        format!("{} {operator} {}", self.time(), self.instant())
    }

    /// Some of which lie in the texts that there are, and some that databases take for patterns.
    fn of_texts(&mut self, function: &str, depth: usize) -> String {
        let part = self
            .draw
            .pick(&["x", "it", "'s", "s", "Z", "rger", "", "%", "_", "t", "-", "E"]);
        let part = if self.draw.one_in(4) {
            self.simple(Text)
        } else {
            quoted(part)
        };
        format!("{function}({}, {part})", self.any(Text, depth))
    }

    /// Of facts that are compared the difference of two times, else of numbers.
    fn subtracted(&mut self, gives: Gives, depth: usize) -> String {
        if gives == Truth {
            let operator = self.draw.pick(&["<", ">=", "!="]);
            let difference = self.literal(Duration);
            return format!("{difference} {operator} {}", self.simple(Duration));
        }
        self.calculated("-", gives, depth)
    }

    fn in_unit(&mut self, unit: &str, gives: Gives, depth: usize) -> String {
        let written = self.called(unit, Duration, if self.place == OfFacts { 0 } else { depth }, 1);
        if gives == Truth {
            return self.against(&written);
        }
        written
    }

    /// A number of a fact that is compared.
    fn against(&mut self, written: &str) -> String {
        let operator = self.draw.pick(&["<", "<=", ">", "!="]);
        format!("{written} {operator} {}", self.number())
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
        if self.place == OfFacts {
            return self.in_unit("DAYS", gives, depth);
        }
        let duration = match self.draw.below(5) {
            0 => format!("{} * 2", self.simple(Duration)),
            1 => format!("({} + {}) / 3", self.simple(Duration), self.simple(Duration)),
            2 => format!("GREATEST({}, 0)", self.simple(Duration)),
            3 => format!("IF({}, {}, 0)", self.any(Truth, depth), self.simple(Duration)),
            _ => format!("ABS({} - {})", self.simple(Duration), self.simple(Duration)),
        };
        match gives {
            Duration => duration,
            Truth => self.against(&format!("DAYS({duration})")),
            _ => format!("DAYS({duration})"),
        }
    }
}

/// As a literal.
pub(super) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

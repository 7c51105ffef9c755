//! Formulas of KPIs, by construct.
//!
//! A new construct is an entry in [`KPIS`], under the name that the oracle knows it by (`KPIS` in `tests/prover/oracle/constructs.py`).

use formula::AttributeType;

use super::draw::Draw;
use super::rows::{Gives, Row, Rows};
use super::shape::{Shape, TIME};

/// A construct with its name, whether it is a condition, and how it is written.
pub(super) struct Construct {
    pub(super) name: &'static str,
    pub(super) is_condition: bool,
    pub(super) write: fn(&mut Kpis<'_>, usize) -> String,
}

/// A construct that gives a number.
const fn number(name: &'static str, write: fn(&mut Kpis<'_>, usize) -> String) -> Construct {
    Construct {
        name,
        is_condition: false,
        write,
    }
}

/// A construct that is true, false or unknown.
const fn condition(name: &'static str, write: fn(&mut Kpis<'_>, usize) -> String) -> Construct {
    Construct {
        name,
        is_condition: true,
        write,
    }
}

/// Every construct of a KPI's formula.
pub(super) static KPIS: [Construct; 50] = [
    number("COUNT", |kpis, _| kpis.aggregate("COUNT", "")),
    number("COUNT of an attribute", |kpis, _| kpis.count_of_attribute()),
    number("SUM", |kpis, _| kpis.of_number("SUM")),
    number("AVG", |kpis, _| kpis.of_number("AVG")),
    number("MIN", |kpis, _| kpis.of_number("MIN")),
    number("MAX", |kpis, _| kpis.of_number("MAX")),
    number("FIRST", |kpis, _| kpis.of_number("FIRST")),
    number("LAST", |kpis, _| kpis.of_number("LAST")),
    number("WHERE", |kpis, depth| kpis.restricted(depth)),
    number("difference of times", |kpis, _| kpis.difference()),
    number("two entities", |kpis, _| kpis.two_entities()),
    number("SECONDS", |kpis, _| kpis.in_unit("SECONDS")),
    number("MINUTES", |kpis, _| kpis.in_unit("MINUTES")),
    number("HOURS", |kpis, _| kpis.in_unit("HOURS")),
    number("DAYS", |kpis, _| kpis.in_unit("DAYS")),
    number("SECONDS inside", |kpis, _| kpis.unit_inside("SECONDS")),
    number("MINUTES inside", |kpis, _| kpis.unit_inside("MINUTES")),
    number("HOURS inside", |kpis, _| kpis.unit_inside("HOURS")),
    number("DAYS inside", |kpis, _| kpis.unit_inside("DAYS")),
    condition("=", |kpis, depth| kpis.compared("=", depth)),
    condition("!=", |kpis, depth| kpis.compared("<>", depth)),
    condition("<", |kpis, depth| kpis.compared("<", depth)),
    condition("<=", |kpis, depth| kpis.compared("<=", depth)),
    condition(">", |kpis, depth| kpis.compared(">", depth)),
    condition(">=", |kpis, depth| kpis.compared(">=", depth)),
    condition("IN", |kpis, depth| {
        format!("{} IN (0, 1, -3, 2.5)", kpis.operand(depth))
    }),
    condition("NOT IN", |kpis, depth| format!("{} NOT IN (1, 2)", kpis.operand(depth))),
    condition("AND", |kpis, depth| kpis.joined("AND", depth)),
    condition("OR", |kpis, depth| kpis.joined("OR", depth)),
    condition("NOT", |kpis, depth| format!("NOT ({})", kpis.condition(depth))),
    condition("TRUE", |kpis, depth| {
        format!("FALSE OR TRUE AND {}", kpis.condition(depth))
    }),
    number("COALESCE", |kpis, depth| {
        format!("COALESCE({}, {}, 0)", kpis.number(depth), kpis.number(0))
    }),
    number("IF", |kpis, depth| {
        format!(
            "IF({}, {}, {})",
            kpis.condition(depth),
            kpis.number(depth),
            kpis.number(0)
        )
    }),
    number("IF without else", |kpis, depth| {
        format!("IF({}, {})", kpis.condition(depth), kpis.number(depth))
    }),
    number("CASE", |kpis, depth| kpis.case(depth, true)),
    number("CASE without ELSE", |kpis, depth| kpis.case(depth, false)),
    number("number", |kpis, depth| {
        format!("{} + {}", kpis.operand(depth), kpis.literal())
    }),
    number("-x", |kpis, depth| format!("-{}", kpis.operand(depth))),
    number("+", |kpis, depth| {
        format!("{} + {}", kpis.operand(depth), kpis.operand(0))
    }),
    number("-", |kpis, depth| {
        format!("{} - {}", kpis.operand(depth), kpis.operand(0))
    }),
    number("*", |kpis, depth| {
        format!("{} * {}", kpis.operand(depth), kpis.operand(0))
    }),
    number("/", |kpis, depth| {
        format!("{} / {}", kpis.operand(depth), kpis.operand(0))
    }),
    number("ABS", |kpis, depth| format!("ABS({})", kpis.number(depth))),
    number("ROUND", |kpis, depth| format!("ROUND({})", kpis.number(depth))),
    number("ROUND to places", |kpis, depth| kpis.rounded(depth)),
    number("GREATEST", |kpis, depth| {
        format!("GREATEST({}, {})", kpis.number(depth), kpis.number(0))
    }),
    number("LEAST", |kpis, depth| {
        format!("LEAST({}, 7, {})", kpis.number(depth), kpis.number(0))
    }),
    number("LN", |kpis, depth| format!("LN({})", kpis.number(depth))),
    number("EXP", |kpis, depth| format!("EXP(LEAST({}, 690))", kpis.number(depth))),
    number("POWER", |kpis, depth| kpis.power(depth)),
];

/// Writes formulas over the entities of a client.
pub(super) struct Kpis<'a> {
    pub(super) draw: &'a mut Draw,
    shapes: &'a [Shape],
    /// The entity whose aggregates are written.
    entity: usize,
    /// What has to stand after the next `WHERE`, if that was chosen.
    wanted: Option<String>,
    is_compared: bool,
}

impl<'a> Kpis<'a> {
    pub(super) fn new(draw: &'a mut Draw, shapes: &'a [Shape]) -> Self {
        let entity = draw.below(shapes.len());
        Self {
            draw,
            shapes,
            entity,
            wanted: None,
            is_compared: false,
        }
    }

    fn shape(&self) -> &'a Shape {
        &self.shapes[self.entity]
    }

    /// A formula of some constructs, mostly one in which all of them make a difference.
    pub(super) fn around(&mut self, constructs: [&Construct; 3]) -> String {
        let alone = self.draw.one_in(4);
        let mut parts = Vec::new();
        for construct in constructs {
            let written = (construct.write)(self, 1);
            parts.push(if construct.is_condition {
                format!("IF({written}, {}, {})", self.number(0), self.number(0))
            } else {
                written
            });
        }
        if alone {
            return parts.swap_remove(0);
        }
        let parts: Vec<String> = parts.iter().map(|part| format!("COALESCE({part}, 0)")).collect();
        parts.join(" + ")
    }

    /// A formula with constructs after `WHERE`.
    pub(super) fn filtered_by(&mut self, rows: [&Row; 3]) -> String {
        let conditions = rows.map(|row| {
            let mut rows = Rows::of_dimensions(self.draw, &self.shape().attributes);
            let gives = rows.draw.pick(row.gives);
            let written = (row.write)(&mut rows, gives, 1);
            match gives {
                Gives::Truth => format!("({written})"),
                Gives::Number | Gives::Duration => format!("({written}) <= 1"),
                Gives::Text => format!("({written}) != 'y'"),
            }
        });
        let joined = conditions.join(self.draw.pick(&[" OR ", " AND ", " OR NOT "]));
        self.wanted = Some(joined);
        let of_all = format!("COUNT({})", self.shape().code);
        if self.draw.one_in(2) {
            return format!("{} / {of_all}", self.aggregate("COUNT", ""));
        }
        let function = self.draw.pick(&["SUM", "AVG", "MIN", "LAST"]);
        format!("COALESCE({}, {of_all})", self.of_number(function))
    }

    /// A formula that reads a derived attribute.
    pub(super) fn over(&mut self, place: usize) -> String {
        let shape = self.shape();
        let derived: Vec<_> = shape
            .attributes
            .iter()
            .filter(|attribute| attribute.formula.is_some())
            .collect();
        let attribute = derived[place % derived.len()];
        let name = &attribute.name;
        match attribute.kind {
            AttributeType::Boolean => {
                self.wanted = Some(
                    self.draw
                        .pick(&[name.clone(), format!("NOT {name}"), format!("{name} = FALSE")]),
                );
                self.aggregate("COUNT", "")
            }
            AttributeType::Text => {
                self.wanted = Some(format!("{name} != ''"));
                format!("{} + COUNT({}.{name})", self.aggregate("COUNT", ""), shape.code)
            }
            AttributeType::Duration => {
                let aggregate = self.draw.pick(&["SUM", "AVG", "MIN", "MAX", "LAST"]);
                format!("HOURS({})", self.aggregate(aggregate, &format!(".{name}")))
            }
            _ => {
                let aggregate = self.draw.pick(&["SUM", "AVG", "MIN", "MAX", "FIRST"]);
                self.aggregate(aggregate, &format!(".{name}"))
            }
        }
    }

    fn number(&mut self, depth: usize) -> String {
        if depth == 0 {
            return if self.draw.one_in(5) {
                self.literal()
            } else {
                self.measure()
            };
        }
        let numbers: Vec<&Construct> = KPIS.iter().filter(|construct| !construct.is_condition).collect();
        (self.draw.pick(&numbers).write)(self, depth - 1)
    }

    /// The same as an operand. Now and then it comes without parentheses, so that what binds tighter matters.
    fn operand(&mut self, depth: usize) -> String {
        let written = self.number(depth);
        if depth == 0 || self.draw.one_in(4) {
            written
        } else {
            format!("({written})")
        }
    }

    fn condition(&mut self, depth: usize) -> String {
        if depth == 0 {
            let operator = self.draw.pick(&["<", ">=", "="]);
            return format!("{} {operator} {}", self.measure(), self.literal());
        }
        let conditions: Vec<&Construct> = KPIS.iter().filter(|construct| construct.is_condition).collect();
        (self.draw.pick(&conditions).write)(self, depth - 1)
    }

    /// Whether two numbers are equal must not depend on the last of 76 digits of a power of a fraction.
    fn compared(&mut self, operator: &str, depth: usize) -> String {
        let outer = std::mem::replace(&mut self.is_compared, true);
        let written = format!("{} {operator} {}", self.operand(depth), self.number(0));
        self.is_compared = outer;
        written
    }

    fn joined(&mut self, operator: &str, depth: usize) -> String {
        format!("({}) {operator} ({})", self.condition(depth), self.condition(0))
    }

    fn literal(&mut self) -> String {
        let literals = ["0", "1", "2.5", "100", "0.0000001", "12345678901234567890.12345678"];
        self.draw.pick(&literals).to_owned()
    }

    fn case(&mut self, depth: usize, has_else: bool) -> String {
        let arms: Vec<String> = (0..1 + self.draw.below(2))
            .map(|_| format!("WHEN {} THEN {}", self.condition(depth), self.number(0)))
            .collect();
        let otherwise = if has_else {
            format!("ELSE {} ", self.number(0))
        } else {
            String::new()
        };
        format!("CASE {} {otherwise}END", arms.join(" "))
    }

    fn rounded(&mut self, depth: usize) -> String {
        let places = self.draw.pick(&["1", "2", "-1", "0", "28", "-3"]);
        format!("ROUND({}, {places})", self.number(depth))
    }

    fn power(&mut self, depth: usize) -> String {
        let exponents = ["2", "0", "3", "-1", "0.5", "1.5"];
        let exponent = self
            .draw
            .pick(if self.is_compared { &exponents[..5] } else { &exponents });
        format!("POWER({}, {exponent})", self.number(depth))
    }

    /// Any aggregate that is a number.
    fn measure(&mut self) -> String {
        match self.draw.below(10) {
            0..=2 => self.aggregate("COUNT", ""),
            3 => self.count_of_attribute(),
            4..=7 => {
                let function = self.draw.pick(&["SUM", "AVG", "MIN", "MAX", "FIRST", "LAST"]);
                self.of_number(function)
            }
            8 => self.in_unit("HOURS"),
            _ => self.unit_inside("MINUTES"),
        }
    }

    fn of_number(&mut self, function: &str) -> String {
        let numbers = self.shape().of(&[AttributeType::Integer, AttributeType::Decimal]);
        let name = &self.draw.pick(&numbers).name;
        self.aggregate(function, &format!(".{name}"))
    }

    /// Of attributes of every type, and of the facts' own time.
    fn count_of_attribute(&mut self) -> String {
        let shape = self.shape();
        let names: Vec<&str> = shape
            .attributes
            .iter()
            .map(|attribute| attribute.name.as_str())
            .collect();
        let name = if self.draw.one_in(12) {
            TIME
        } else {
            self.draw.pick(&names)
        };
        self.aggregate("COUNT", &format!(".{name}"))
    }

    fn restricted(&mut self, depth: usize) -> String {
        let mut rows = Rows::of_dimensions(self.draw, &self.shape().attributes);
        self.wanted = Some(rows.any(Gives::Truth, depth + 1));
        self.aggregate("COUNT", "")
    }

    /// A duration: an attribute, or the difference of two times, which may be one that no attribute has.
    fn duration(&mut self) -> String {
        let shape = self.shape();
        let durations = shape.of(&[AttributeType::Duration]);
        if self.draw.one_in(2) {
            return self.draw.pick(&durations).name.clone();
        }
        let times = shape.of(&[AttributeType::Time]);
        let mut names: Vec<&str> = times.iter().map(|attribute| attribute.name.as_str()).collect();
        names.push(TIME);
        let (to, since) = (self.draw.pick(&names), self.draw.pick(&names));
        let entity = if self.draw.one_in(2) {
            format!("{}.", shape.code)
        } else {
            String::new()
        };
        format!("{to} - {entity}{since}")
    }

    fn difference(&mut self) -> String {
        let times = self.shape().of(&[AttributeType::Time]);
        let name = &self.draw.pick(&times).name;
        let function = self.draw.pick(&["SUM", "AVG", "MIN", "MAX", "FIRST", "LAST"]);
        let difference = self
            .draw
            .pick(&[format!("{TIME} - {name}"), format!("{name} - {TIME}")]);
        format!("MINUTES({})", self.aggregate(function, &format!(".{difference}")))
    }

    fn in_unit(&mut self, unit: &str) -> String {
        let function = self.draw.pick(&["SUM", "AVG", "MIN", "MAX", "FIRST", "LAST"]);
        let duration = self.duration();
        format!("{unit}({})", self.aggregate(function, &format!(".{duration}")))
    }

    fn unit_inside(&mut self, unit: &str) -> String {
        let function = self.draw.pick(&["SUM", "AVG", "MIN", "MAX", "FIRST", "LAST"]);
        let (code, duration) = (&self.shape().code, self.duration());
        let condition = self.after_where();
        format!("{function}({unit}({code}.{duration}){condition})")
    }

    /// An aggregate with what it is of, often with a condition.
    fn aggregate(&mut self, function: &str, of: &str) -> String {
        let (function, code) = (self.draw.cased(function), &self.shape().code);
        let condition = self.after_where();
        format!("{function}({code}{of}{condition})")
    }

    fn after_where(&mut self) -> String {
        if let Some(wanted) = self.wanted.take() {
            return format!(" WHERE {wanted}");
        }
        if self.draw.one_in(3) {
            let mut rows = Rows::of_dimensions(self.draw, &self.shape().attributes);
            return format!(" WHERE {}", rows.any(Gives::Truth, 1));
        }
        String::new()
    }

    fn two_entities(&mut self) -> String {
        let operator = self.draw.pick(&["+", "-", "*", "/"]);
        let mine = self.measure();
        self.entity = (self.entity + 1) % self.shapes.len();
        format!("{mine} {operator} {}", self.measure())
    }
}

/// The names of all constructs of KPIs.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    KPIS.iter().map(|construct| construct.name)
}

//! Formulas of KPIs, by construct.
//!
//! A new construct is an entry in [`KPIS`], under the name that the oracle knows it by (`KPIS` in `tests/prover/oracle/constructs.py`).

use catalog::Period;
use formula::AttributeType;

use super::draw::Draw;
use super::rows::{Gives, Place, Row, Rows};
use super::shape::Shape;

/// A construct with its name, what it is, and how it is written.
pub(super) struct Construct {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) write: fn(&mut Kpis<'_>, usize) -> String,
}

/// What a construct gives, and where it can stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A number.
    Number,
    /// What is true, false or unknown.
    Condition,
    /// A number that is computed of the facts themselves, beside conditions that compare and don't compute.
    OfFacts,
    /// A number over other periods or of states, which are not inside each other but in a few ways.
    Elsewhere,
}

const fn number(name: &'static str, write: fn(&mut Kpis<'_>, usize) -> String) -> Construct {
    let kind = Kind::Number;
    Construct { name, kind, write }
}

const fn condition(name: &'static str, write: fn(&mut Kpis<'_>, usize) -> String) -> Construct {
    let kind = Kind::Condition;
    Construct { name, kind, write }
}

const fn of_facts(name: &'static str, write: fn(&mut Kpis<'_>, usize) -> String) -> Construct {
    let kind = Kind::OfFacts;
    Construct { name, kind, write }
}

const fn elsewhere(name: &'static str, write: fn(&mut Kpis<'_>, usize) -> String) -> Construct {
    let kind = Kind::Elsewhere;
    Construct { name, kind, write }
}

/// Every construct of a KPI's formula.
pub(super) static KPIS: [Construct; 103] = [
    number("COUNT", |kpis, _| kpis.aggregate("COUNT", "")),
    number("COUNT of an attribute", |kpis, _| kpis.count_of_attribute()),
    number("SUM", |kpis, _| kpis.of_number("SUM")),
    number("AVG", |kpis, _| kpis.of_number("AVG")),
    number("MIN", |kpis, _| kpis.of_number("MIN")),
    number("MAX", |kpis, _| kpis.of_number("MAX")),
    number("FIRST", |kpis, _| kpis.of_number("FIRST")),
    number("LAST", |kpis, _| kpis.of_number("LAST")),
    of_facts("COUNT DISTINCT", |kpis, _| kpis.distinct()),
    of_facts("MEDIAN", |kpis, _| kpis.exact("MEDIAN")),
    of_facts("PERCENTILE", |kpis, _| kpis.percentile()),
    of_facts("MODE", |kpis, _| kpis.exact("MODE")),
    of_facts("VARIANCE", |kpis, _| kpis.of_number("VARIANCE")),
    of_facts("VARIANCE_POP", |kpis, _| kpis.of_number("VARIANCE_POP")),
    of_facts("STDDEV", |kpis, _| kpis.exact("STDDEV")),
    of_facts("STDDEV_POP", |kpis, _| kpis.exact("STDDEV_POP")),
    of_facts("WEIGHTED_AVG", |kpis, _| kpis.weighted()),
    of_facts("CORRELATION", |kpis, _| kpis.correlation()),
    of_facts("SLOPE", |kpis, _| kpis.slope()),
    number("ANY", |kpis, _| kpis.of_flag("ANY")),
    number("ALL", |kpis, _| kpis.of_flag("ALL")),
    condition("ANY as a condition", |kpis, depth| kpis.flag_as_condition(depth)),
    number("WHERE", |kpis, depth| kpis.restricted(depth)),
    of_facts("difference of times", |kpis, _| kpis.difference()),
    number("two entities", |kpis, _| kpis.two_entities()),
    elsewhere("other KPI", |kpis, _| kpis.other_kpi()),
    elsewhere("PREVIOUS", |kpis, depth| kpis.previous(depth)),
    elsewhere("PREVIOUS of a period", |kpis, depth| kpis.previous_of_period(depth)),
    elsewhere("SAME_PERIOD_LAST_YEAR", |kpis, depth| kpis.last_year(depth)),
    elsewhere("LIKE_FOR_LIKE", |kpis, depth| kpis.like_for_like(depth)),
    elsewhere("TO_DATE", |kpis, depth| kpis.up_to_date(depth)),
    elsewhere("ROLLING", |kpis, depth| kpis.rolling(depth)),
    elsewhere("ROLLING of a period", |kpis, depth| kpis.rolling_of_period(depth)),
    elsewhere("CUMULATIVE", |kpis, depth| kpis.cumulative(depth)),
    elsewhere("PREVIOUS of a stretch", |kpis, depth| kpis.previous_of_stretch(depth)),
    elsewhere("AVG_PER", |kpis, depth| kpis.fold("AVG_PER", depth)),
    elsewhere("SUM_PER", |kpis, depth| kpis.fold("SUM_PER", depth)),
    elsewhere("MIN_PER", |kpis, depth| kpis.fold("MIN_PER", depth)),
    elsewhere("MAX_PER", |kpis, depth| kpis.fold("MAX_PER", depth)),
    elsewhere("FIRST_PER", |kpis, depth| kpis.fold("FIRST_PER", depth)),
    elsewhere("LAST_PER", |kpis, depth| kpis.fold("LAST_PER", depth)),
    elsewhere("COUNT_PER", |kpis, depth| kpis.fold("COUNT_PER", depth)),
    elsewhere("MEDIAN_PER", |kpis, depth| kpis.fold("MEDIAN_PER", depth)),
    elsewhere("PERCENTILE_PER", |kpis, depth| kpis.fold("PERCENTILE_PER", depth)),
    elsewhere("STDDEV_PER", |kpis, depth| kpis.fold("STDDEV_PER", depth)),
    elsewhere("STDDEV_POP_PER", |kpis, depth| kpis.fold("STDDEV_POP_PER", depth)),
    elsewhere("VARIANCE_PER", |kpis, depth| kpis.fold("VARIANCE_PER", depth)),
    elsewhere("VARIANCE_POP_PER", |kpis, depth| kpis.fold("VARIANCE_POP_PER", depth)),
    elsewhere("CORRELATION_PER", |kpis, depth| kpis.fold("CORRELATION_PER", depth)),
    elsewhere("SLOPE_PER", |kpis, depth| kpis.fold("SLOPE_PER", depth)),
    elsewhere("DRAWDOWN_PER", |kpis, depth| kpis.fold("DRAWDOWN_PER", depth)),
    elsewhere("fold in a window", |kpis, depth| kpis.fold_in_window(depth)),
    elsewhere("window in a fold", |kpis, depth| kpis.window_in_fold(depth)),
    of_facts("path", |kpis, _| kpis.path()),
    of_facts("path in a condition", |kpis, _| kpis.path_condition()),
    of_facts("product", |kpis, _| kpis.product()),
    of_facts("product with a path", |kpis, _| kpis.product_by_path()),
    elsewhere("AT_START", |kpis, _| kpis.at("AT_START")),
    elsewhere("AT_END", |kpis, _| kpis.at("AT_END")),
    elsewhere("ENTERED", |kpis, _| kpis.moved("ENTERED")),
    elsewhere("LEFT", |kpis, _| kpis.moved("LEFT")),
    elsewhere("STAYED", |kpis, _| kpis.moved("STAYED")),
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
    condition("BETWEEN", |kpis, depth| kpis.ranged("BETWEEN", depth)),
    condition("NOT BETWEEN", |kpis, depth| kpis.ranged("NOT BETWEEN", depth)),
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
        let condition = kpis.condition(depth);
        format!("IF({condition}, {}, {})", kpis.number(depth), kpis.number(0))
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
    number("+", |kpis, depth| kpis.calculated("+", depth)),
    number("-", |kpis, depth| kpis.calculated("-", depth)),
    number("*", |kpis, depth| kpis.calculated("*", depth)),
    number("/", |kpis, depth| kpis.calculated("/", depth)),
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
    pub(super) shapes: &'a [Shape],
    /// By which period the KPI is asked: others of its formula are longer.
    pub(super) period: Period,
    /// Codes of other KPIs.
    pub(super) others: &'a [String],
    /// The entity whose aggregates are written.
    pub(super) entity: usize,
    /// Whether facts are read: conditions are then over any attribute, and don't compute.
    pub(super) is_of_facts: bool,
    /// Whether states are read, which look nothing up.
    pub(super) is_of_states: bool,
    /// Whether facts are asked for what their attributes lead to, too.
    pub(super) has_paths: bool,
    /// Whether what is written stands where neither other periods nor states can.
    pub(super) is_inside: bool,
    /// What has to stand after the next `WHERE`, if that was chosen.
    pub(super) wanted: Option<String>,
    is_compared: bool,
}

impl<'a> Kpis<'a> {
    pub(super) fn new(draw: &'a mut Draw, shapes: &'a [Shape], period: Period, others: &'a [String]) -> Self {
        let entity = draw.below(shapes.len());
        let is_of_facts = draw.one_in(3);
        let has_paths = draw.one_in(3);
        Self {
            draw,
            shapes,
            period,
            others,
            entity,
            is_of_facts,
            is_of_states: false,
            has_paths,
            is_inside: false,
            wanted: None,
            is_compared: false,
        }
    }

    pub(super) fn shape(&self) -> &'a Shape {
        &self.shapes[self.entity]
    }

    /// Where what stands after `WHERE` stands.
    pub(super) fn place(&self) -> Place {
        if self.is_of_facts {
            Place::OfFacts
        } else {
            Place::OfDimensions
        }
    }

    /// A formula of some constructs, mostly one in which all of them make a difference.
    pub(super) fn around<const N: usize>(&mut self, constructs: [&Construct; N]) -> String {
        let alone = self.draw.one_in(4);
        self.is_of_facts |= constructs.iter().any(|construct| construct.kind == Kind::OfFacts);
        let mut parts = Vec::new();
        for construct in constructs {
            let written = (construct.write)(self, 1);
            parts.push(if construct.kind == Kind::Condition {
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
    pub(super) fn filtered_by<const N: usize>(&mut self, rows: [&Row; N], place: Place) -> String {
        self.is_of_facts = place == Place::OfFacts;
        let conditions = rows.map(|row| {
            let paths = self.paths();
            let mut rows = Rows::of_shape(self.draw, &self.shapes[self.entity], paths, place);
            let gives = rows.draw.pick(&row.given(place));
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

    /// A formula that reads derived attributes.
    pub(super) fn over(&mut self, place: usize) -> String {
        format!("COALESCE({}, 0) + {}", self.over_one(place), self.over_one(place + 3))
    }

    fn over_one(&mut self, place: usize) -> String {
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

    pub(super) fn number(&mut self, depth: usize) -> String {
        if depth == 0 {
            return if self.draw.one_in(5) {
                self.literal()
            } else {
                self.measure()
            };
        }
        let numbers: Vec<&Construct> = KPIS
            .iter()
            .filter(|construct| match construct.kind {
                Kind::Number => true,
                Kind::Condition => false,
                Kind::OfFacts => self.is_of_facts,
                Kind::Elsewhere => !self.is_inside,
            })
            .collect();
        (self.draw.pick(&numbers).write)(self, depth - 1)
    }

    /// The same as an operand. Now and then it comes without parentheses, so that what binds tighter matters.
    pub(super) fn operand(&mut self, depth: usize) -> String {
        let written = self.number(depth);
        if depth == 0 || self.draw.one_in(4) {
            written
        } else {
            format!("({written})")
        }
    }

    pub(super) fn condition(&mut self, depth: usize) -> String {
        if depth == 0 {
            let operator = self.draw.pick(&["<", ">=", "="]);
            return format!("{} {operator} {}", self.measure(), self.literal());
        }
        let conditions: Vec<&Construct> = KPIS
            .iter()
            .filter(|construct| construct.kind == Kind::Condition)
            .collect();
        (self.draw.pick(&conditions).write)(self, depth - 1)
    }

    /// Whether two numbers are equal must not depend on the last of 76 digits of a power of a fraction.
    fn compared(&mut self, operator: &str, depth: usize) -> String {
        let outer = std::mem::replace(&mut self.is_compared, true);
        let written = format!("{} {operator} {}", self.operand(depth), self.number(0));
        self.is_compared = outer;
        written
    }

    fn ranged(&mut self, operator: &str, depth: usize) -> String {
        let outer = std::mem::replace(&mut self.is_compared, true);
        let (least, most) = (self.number(0), self.literal());
        let written = format!("{} {operator} {least} AND {most}", self.operand(depth));
        self.is_compared = outer;
        written
    }

    fn flag_as_condition(&mut self, depth: usize) -> String {
        let flag = self.draw.pick(&["ANY", "ALL"]);
        let written = self.of_flag(flag);
        match self.draw.below(3) {
            0 => written,
            1 => format!("NOT {written}"),
            _ => format!("({written} OR {})", self.condition(depth)),
        }
    }

    fn calculated(&mut self, operator: &str, depth: usize) -> String {
        format!("{} {operator} {}", self.operand(depth), self.operand(0))
    }

    fn joined(&mut self, operator: &str, depth: usize) -> String {
        format!("({}) {operator} ({})", self.condition(depth), self.condition(0))
    }

    pub(super) fn literal(&mut self) -> String {
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
}

/// The names of all constructs of KPIs.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    KPIS.iter().map(|construct| construct.name)
}

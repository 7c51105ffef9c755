//! Aggregates of KPIs' formulas: of facts, and of the states of objects.

use formula::AttributeType;

use super::kpis::Kpis;
use super::rows::{Gives, Rows, UNITS};
use super::shape::{Attribute, TIME};

/// Aggregates of the numbers that rollups have.
const OF_NUMBERS: [&str; 6] = ["SUM", "AVG", "MIN", "MAX", "FIRST", "LAST"];

/// Those of numbers and of durations that are computed of the facts.
const EXACT: [&str; 4] = ["MEDIAN", "MODE", "STDDEV", "STDDEV_POP"];

const NUMBERS: [AttributeType; 2] = [AttributeType::Integer, AttributeType::Decimal];

impl Kpis<'_> {
    /// Any aggregate that is a number.
    pub(super) fn measure(&mut self) -> String {
        match self.draw.below(12) {
            0..=2 => self.aggregate("COUNT", ""),
            3 => self.count_of_attribute(),
            4..=7 => self.of_any_number(),
            8 => self.in_unit("HOURS"),
            9 => self.unit_inside("MINUTES"),
            10 => self.of_flag("ANY"),
            _ if self.is_of_facts => self.weighted(),
            _ => self.aggregate("COUNT", ""),
        }
    }

    fn of_any_number(&mut self) -> String {
        let function = self.any_function();
        self.of_number(function)
    }

    pub(super) fn any_function(&mut self) -> &'static str {
        if self.is_of_facts && self.draw.one_in(3) {
            return self.draw.pick(&EXACT);
        }
        self.draw.pick(&OF_NUMBERS)
    }

    /// A number of a fact.
    pub(super) fn numeric(&mut self) -> String {
        self.named(&NUMBERS)
    }

    pub(super) fn of_number(&mut self, function: &str) -> String {
        let name = self.numeric();
        self.aggregate(function, &format!(".{name}"))
    }

    /// Of a number, or of a duration in a unit.
    pub(super) fn exact(&mut self, function: &str) -> String {
        if self.draw.one_in(2) {
            return self.of_number(function);
        }
        let (unit, duration) = (self.draw.pick(&UNITS), self.duration());
        format!("{unit}({})", self.aggregate(function, &format!(".{duration}")))
    }

    pub(super) fn percentile(&mut self) -> String {
        let percent = self
            .draw
            .pick(&["50", "90", "0.01", "99.99", "25", "33.3", "66.67", "1"]);
        if self.draw.one_in(3) {
            let duration = self.duration();
            let of = format!(".{duration}, {percent}");
            return format!("MINUTES({})", self.aggregate("PERCENTILE", &of));
        }
        let of = format!(".{}, {percent}", self.numeric());
        self.aggregate("PERCENTILE", &of)
    }

    /// What sketches answer, beside conditions over dimensions: of an attribute that declares one.
    fn sketched(&mut self) -> String {
        let shape = self.shape();
        let all = shape.attributes.iter();
        let all: Vec<(&Attribute, &str)> = all
            .flat_map(|attribute| attribute.sketches.iter().map(move |sketch| (attribute, *sketch)))
            .collect();
        if all.is_empty() {
            return self.measure();
        }
        let (attribute, sketch) = self.draw.pick(&all);
        let name = &attribute.name;
        if sketch == "distinct" {
            let condition = self.after_where();
            return format!("COUNT(DISTINCT {}.{name}{condition})", shape.code);
        }
        let percent = self.draw.pick(&["50", "90", "0.01", "99.99", "25", "33.3"]);
        let written = if self.draw.one_in(2) {
            self.aggregate("MEDIAN", &format!(".{name}"))
        } else {
            self.aggregate("PERCENTILE", &format!(".{name}, {percent}"))
        };
        if attribute.kind == AttributeType::Duration {
            return format!("MINUTES({written})");
        }
        written
    }

    /// A formula whose values may be of sketches, within bounds that can be told.
    pub(super) fn approximate(&mut self) -> String {
        self.is_of_facts = false;
        let one = self.sketched();
        match self.draw.below(8) {
            0 => format!("PREVIOUS({one})"),
            1 => format!("ROLLING({one}, {})", self.draw.between(1, 9)),
            2 => format!("CUMULATIVE({one})"),
            3 => format!("COALESCE({one}, 0) + COALESCE({}, 0)", self.sketched()),
            4 => format!("COALESCE({one}, 0) - COALESCE({}, 0)", self.measure()),
            _ => one,
        }
    }

    pub(super) fn distinct(&mut self) -> String {
        let shape = self.shape();
        let of = if self.draw.one_in(5) {
            self.duration()
        } else {
            self.draw.pick(&shape.attributes).name.clone()
        };
        let condition = self.after_where();
        format!("COUNT(DISTINCT {}.{of}{condition})", shape.code)
    }

    /// What may be the second of an aggregate, with the entity or without.
    pub(super) fn second(&mut self, name: &str) -> String {
        if self.draw.one_in(2) {
            format!("{}.{name}", self.shape().code)
        } else {
            name.to_owned()
        }
    }

    pub(super) fn weighted(&mut self) -> String {
        let weight = self.numeric();
        let weight = self.second(&weight);
        if self.draw.one_in(3) {
            let of = format!(".{}, {weight}", self.duration());
            return format!("HOURS({})", self.aggregate("WEIGHTED_AVG", &of));
        }
        let of = format!(".{}, {weight}", self.numeric());
        self.aggregate("WEIGHTED_AVG", &of)
    }

    pub(super) fn correlation(&mut self) -> String {
        let pair = [self.number_or_duration(), self.number_or_duration()];
        let second = self.second(&pair[1]);
        self.aggregate("CORRELATION", &format!(".{}, {second}", pair[0]))
    }

    fn number_or_duration(&mut self) -> String {
        if self.draw.one_in(4) {
            return self.duration_attribute();
        }
        self.numeric()
    }

    /// A number, or where only the first is one a duration.
    pub(super) fn slope(&mut self) -> String {
        match self.draw.below(3) {
            0 => {
                let second = self.numeric();
                let of = format!(".{}, {}", self.duration_attribute(), self.second(&second));
                format!("DAYS({})", self.aggregate("SLOPE", &of))
            }
            1 => {
                let of = format!(".{}, {}", self.duration_attribute(), self.duration());
                self.aggregate("SLOPE", &of)
            }
            _ => {
                let second = self.numeric();
                let of = format!(".{}, {}", self.numeric(), self.second(&second));
                self.aggregate("SLOPE", &of)
            }
        }
    }

    /// `ANY` or `ALL` of a truth value: where rollups are read, of a dimension.
    pub(super) fn of_flag(&mut self, function: &str) -> String {
        let flags = self.shape().of(&[AttributeType::Boolean]);
        let is_named = |flag: &&&Attribute| self.is_of_facts || flag.dimension;
        let flags: Vec<&Attribute> = flags.iter().filter(is_named).copied().collect();
        let name = self.draw.pick(&flags).name.clone();
        self.aggregate(function, &format!(".{name}"))
    }

    /// Of attributes of every type, and of the facts' own time.
    pub(super) fn count_of_attribute(&mut self) -> String {
        let shape = self.shape();
        let name = if self.draw.one_in(12) {
            TIME.to_owned()
        } else {
            self.draw.pick(&shape.attributes).name.clone()
        };
        self.aggregate("COUNT", &format!(".{name}"))
    }

    pub(super) fn restricted(&mut self, depth: usize) -> String {
        let place = self.place();
        let paths = self.paths();
        let mut rows = Rows::of_shape(self.draw, &self.shapes[self.entity], paths, place);
        self.wanted = Some(rows.any(Gives::Truth, depth + 1));
        self.aggregate("COUNT", "")
    }

    fn duration_attribute(&mut self) -> String {
        self.named(&[AttributeType::Duration])
    }

    /// A duration: an attribute, or where facts are read the difference of two times, which may be one that no attribute has.
    fn duration(&mut self) -> String {
        if !self.is_of_facts || self.draw.one_in(2) {
            return self.duration_attribute();
        }
        let shape = self.shape();
        let mut names = [0; 3].map(|_| self.named(&[AttributeType::Time])).to_vec();
        names.push(TIME.to_owned());
        let (to, since) = (self.draw.pick(&names), self.draw.pick(&names));
        let entity = if self.draw.one_in(2) {
            format!("{}.", shape.code)
        } else {
            String::new()
        };
        format!("{to} - {entity}{since}")
    }

    pub(super) fn difference(&mut self) -> String {
        let times = self.shape().of(&[AttributeType::Time]);
        let name = &self.draw.pick(&times).name;
        let function = self.any_function();
        let difference = self
            .draw
            .pick(&[format!("{TIME} - {name}"), format!("{name} - {TIME}")]);
        format!("MINUTES({})", self.aggregate(function, &format!(".{difference}")))
    }

    pub(super) fn in_unit(&mut self, unit: &str) -> String {
        let (function, duration) = (self.any_function(), self.duration());
        format!("{unit}({})", self.aggregate(function, &format!(".{duration}")))
    }

    pub(super) fn unit_inside(&mut self, unit: &str) -> String {
        let (function, code, duration) = (self.any_function(), &self.shape().code, self.duration());
        let condition = self.after_where();
        format!("{function}({unit}({code}.{duration}){condition})")
    }

    /// An aggregate with what it is of, often with a condition.
    pub(super) fn aggregate(&mut self, function: &str, of: &str) -> String {
        let (function, code) = (self.draw.cased(function), &self.shape().code);
        let condition = self.after_where();
        format!("{function}({code}{of}{condition})")
    }

    fn after_where(&mut self) -> String {
        if let Some(wanted) = self.wanted.take() {
            return format!(" WHERE {wanted}");
        }
        if self.draw.one_in(3) {
            let place = self.place();
            let paths = self.paths();
            let mut rows = Rows::of_shape(self.draw, &self.shapes[self.entity], paths, place);
            return format!(" WHERE {}", rows.any(Gives::Truth, 1));
        }
        String::new()
    }

    pub(super) fn two_entities(&mut self) -> String {
        let operator = self.draw.pick(&["+", "-", "*", "/"]);
        let mine = self.measure();
        self.entity = (self.entity + 1) % self.shapes.len();
        format!("{mine} {operator} {}", self.measure())
    }

    /// What is written of the entity of states, whose conditions are over facts.
    fn of_states(&mut self, write: impl FnOnce(&mut Self) -> String) -> String {
        let states = self.shapes.iter().position(|shape| shape.is_state);
        let entity = std::mem::replace(&mut self.entity, states.unwrap_or_default());
        let is_of_facts = std::mem::replace(&mut self.is_of_facts, true);
        let is_of_states = std::mem::replace(&mut self.is_of_states, true);
        let written = write(self);
        (self.entity, self.is_of_facts, self.is_of_states) = (entity, is_of_facts, is_of_states);
        written
    }

    pub(super) fn at(&mut self, function: &str) -> String {
        self.of_states(|kpis| {
            let outer = std::mem::replace(&mut kpis.is_inside, true);
            let written = match kpis.draw.below(3) {
                0 => format!("{function}({} / {})", kpis.measure(), kpis.measure()),
                1 => format!("{function}({})", kpis.distinct()),
                _ => format!("{function}({})", kpis.measure()),
            };
            kpis.is_inside = outer;
            written
        })
    }

    pub(super) fn moved(&mut self, function: &str) -> String {
        self.of_states(|kpis| kpis.aggregate(function, ""))
    }
}

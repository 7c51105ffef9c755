//! What a checked KPI formula consists of: measures that others compute, and how to finish their values.

use crate::basis::Basis;
use crate::finish::Finish;
use crate::number::Number;
use crate::parser::parse;
use crate::predicate::Predicate;
use crate::reference::Extent;
use crate::unit::{Quantity, Unit};
use crate::window::Window;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;

/// A checked KPI formula.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Formula {
    /// The distinct aggregates, in the order of their first appearance.
    pub measures: Vec<Measure>,
    /// How their values make the KPI's value; it refers to measures by index.
    pub finish: Finish,
    /// How large it is with the KPIs that it refers to.
    pub(crate) extent: Extent,
    /// What its value is a number of, by what attributes declare.
    pub(crate) quantity: Quantity,
    /// Whether it adds or compares what is of different units.
    pub(crate) mixes_units: bool,
}

/// One aggregate over the facts of one entity.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Measure {
    /// The entity whose facts are aggregated.
    pub entity: String,
    /// The aggregate.
    pub aggregate: Aggregate,
    /// What of each fact is aggregated: a number, or for `COUNT`, which counts where it has a value, an attribute of any type. `COUNT` alone does without.
    pub attribute: Option<Measured>,
    /// The condition that facts must meet.
    pub filter: Option<Predicate>,
    /// When they are, seen from the bucket that is asked for.
    pub window: Window,
    /// Whether it is taken of the facts themselves, or of the states that they tell.
    pub basis: Basis,
}

/// Measures whose facts can be read together: those of one entity over one window, and of one basis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading<'a> {
    /// The entity.
    pub entity: &'a str,
    /// The window.
    pub window: &'a Window,
    /// Of what they are taken.
    pub basis: Basis,
    /// The measures, each with its place in [`Formula::measures`].
    pub measures: Vec<(usize, &'a Measure)>,
}

impl<'a> Reading<'a> {
    /// The attributes that filters read.
    #[must_use]
    pub fn filtered_by(&self) -> BTreeSet<&'a str> {
        let filters = self.measures.iter().filter_map(|(_, measure)| measure.filter.as_ref());
        filters.flat_map(Predicate::attributes).collect()
    }

    /// What is aggregated.
    #[must_use]
    pub fn measured(&self) -> BTreeSet<&'a Measured> {
        let measures = self.measures.iter();
        measures.filter_map(|(_, measure)| measure.attribute.as_ref()).collect()
    }
}

/// What of each fact is aggregated.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Measured {
    /// The value of an attribute.
    Attribute(String),
    /// The seconds from one time to another; a fact that lacks one of them has no value.
    Between {
        /// The time that is subtracted.
        from: String,
        /// The time that it is subtracted from.
        to: String,
    },
}

impl Measured {
    /// The attribute that is aggregated, if it is one.
    #[must_use]
    pub fn attribute(&self) -> Option<&str> {
        match self {
            Measured::Attribute(name) => Some(name),
            Measured::Between { .. } => None,
        }
    }
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Measured::Attribute(name) => f.write_str(name),
            Measured::Between { from, to } => write!(f, "{to} - {from}"),
        }
    }
}

/// How values of many facts become one. `First` and `Last` are by the facts' time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Aggregate {
    /// How many facts, or how many with a value.
    Count,
    /// The total.
    Sum,
    /// The mean.
    Avg,
    /// The least.
    Min,
    /// The greatest.
    Max,
    /// The earliest.
    First,
    /// The latest.
    Last,
    /// How many objects meet the condition as the period ends, and did not as it began.
    Entered,
    /// How many met it as the period began, and don't as it ends.
    Left,
    /// How many meet it at both ends.
    Stayed,
}

impl Aggregate {
    /// Every aggregate.
    pub const ALL: [Aggregate; 10] = [
        Aggregate::Count,
        Aggregate::Sum,
        Aggregate::Avg,
        Aggregate::Min,
        Aggregate::Max,
        Aggregate::First,
        Aggregate::Last,
        Aggregate::Entered,
        Aggregate::Left,
        Aggregate::Stayed,
    ];

    /// As it is written in formulas.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Aggregate::Count => "COUNT",
            Aggregate::Sum => "SUM",
            Aggregate::Avg => "AVG",
            Aggregate::Min => "MIN",
            Aggregate::Max => "MAX",
            Aggregate::First => "FIRST",
            Aggregate::Last => "LAST",
            Aggregate::Entered => "ENTERED",
            Aggregate::Left => "LEFT",
            Aggregate::Stayed => "STAYED",
        }
    }

    /// Whether it counts objects by what becomes of them from the start of a period to its end.
    #[must_use]
    pub fn counts_moves(self) -> bool {
        matches!(self, Aggregate::Entered | Aggregate::Left | Aggregate::Stayed)
    }

    /// Whether it counts whole facts or objects, so that it needs no attribute.
    #[must_use]
    pub fn does_without_attribute(self) -> bool {
        self == Aggregate::Count || self.counts_moves()
    }

    /// The aggregate of a name in upper or lower case.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|aggregate| aggregate.name().eq_ignore_ascii_case(name))
    }
}

impl fmt::Display for Aggregate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Formula {
    /// The formula that is one measure and nothing else.
    #[must_use]
    pub fn of_measure(measure: Measure) -> Self {
        Self {
            extent: Extent::of(&parse(&measure.to_string()).tree),
            measures: vec![measure],
            finish: Finish::Measure(0),
            quantity: Quantity::Unknown,
            mixes_units: false,
        }
    }

    /// The entities whose facts the formula reads.
    #[must_use]
    pub fn entities(&self) -> BTreeSet<&str> {
        self.measures.iter().map(|measure| measure.entity.as_str()).collect()
    }

    /// What is read apart: of each entity, and over each window.
    #[must_use]
    pub fn readings(&self) -> Vec<Reading<'_>> {
        let mut readings: Vec<Reading<'_>> = Vec::new();
        for (place, measure) in self.measures.iter().enumerate() {
            let same = |reading: &&mut Reading<'_>| {
                reading.entity == measure.entity && *reading.window == measure.window && reading.basis == measure.basis
            };
            match readings.iter_mut().find(same) {
                Some(reading) => reading.measures.push((place, measure)),
                None => readings.push(Reading {
                    entity: &measure.entity,
                    window: &measure.window,
                    basis: measure.basis,
                    measures: vec![(place, measure)],
                }),
            }
        }
        readings
    }

    /// The KPI's value from the values of its measures, in their order. `None` is no value: a division by zero, a
    /// missing operand, or a number beyond [`MAX_POWER`](crate::MAX_POWER).
    #[must_use]
    pub fn finish(&self, values: &[Option<Number>]) -> Option<Number> {
        self.finish.evaluate(values)
    }

    /// The unit of the value, as far as the attributes declare it.
    #[must_use]
    pub fn unit(&self) -> Option<&Unit> {
        match &self.quantity {
            Quantity::Of(unit) => Some(unit),
            Quantity::Unknown | Quantity::Plain => None,
        }
    }

    /// Whether it adds or compares what is of different units: such a formula is no longer accepted, and computed on where it was.
    #[must_use]
    pub fn mixes_units(&self) -> bool {
        self.mixes_units
    }
}

/// Prints a measure in one way, whatever the spacing, case and parentheses of its source: fit for keys.
impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.window.open(f)?;
        if let Some(function) = self.basis.function() {
            write!(f, "{function}(")?;
        }
        write!(f, "{}({}", self.aggregate, self.entity)?;
        match &self.attribute {
            Some(Measured::Attribute(name)) => write!(f, ".{name}")?,
            Some(Measured::Between { from, to }) => write!(f, ".{to} - {}.{from}", self.entity)?,
            None => {}
        }
        if let Some(filter) = &self.filter {
            write!(f, " WHERE {filter}")?;
        }
        f.write_str(")")?;
        if self.basis.function().is_some() {
            f.write_str(")")?;
        }
        self.window.close(f)
    }
}

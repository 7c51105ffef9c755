//! What a checked KPI formula consists of: measures that others compute, and how to finish their values.

use crate::aggregate::Aggregate;
use crate::basis::Basis;
use crate::finish::{Finish, Values};
use crate::fold::Fold;
use crate::number::Number;
use crate::parser::parse;
use crate::path::{PathStep, is_path};
use crate::predicate::Predicate;
use crate::reference::Extent;
use crate::unit::{Quantity, Unit};
use crate::window::{EACH, Window};
use rust_decimal::Decimal;
use std::collections::BTreeSet;
use std::fmt;

/// A checked KPI formula.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Formula {
    /// The distinct aggregates, in the order of their first appearance.
    pub measures: Vec<Measure>,
    /// What is computed of their values in each of several shorter periods, or for each value of a dimension.
    pub folds: Vec<Fold>,
    /// How their values make the KPI's value; it refers to measures and folds by index.
    pub finish: Finish,
    /// The steps of the paths that it goes.
    pub(crate) steps: BTreeSet<PathStep>,
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
    /// What else the aggregate takes, if it takes anything.
    pub second: Option<Second>,
    /// The condition that facts must meet.
    pub filter: Option<Predicate>,
    /// When they are, seen from the bucket that is asked for.
    pub window: Window,
    /// The dimensions for each value of which it is taken.
    pub per: BTreeSet<String>,
    /// Whether it is taken of the facts themselves, or of the states that they tell.
    pub basis: Basis,
}

/// Measures whose facts can be read together: those of one entity over one window, for each value of the same dimensions, and of one basis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading<'a> {
    /// The entity.
    pub entity: &'a str,
    /// The window.
    pub window: &'a Window,
    /// The dimensions for each value of which they are taken.
    pub per: &'a BTreeSet<String>,
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
        measures.flat_map(|(_, measure)| measure.measured()).collect()
    }
}

/// What an aggregate takes beside the values that it aggregates.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Second {
    /// Other numbers of the same facts: weights, or what a slope is over. Only facts that have both count.
    Values(Measured),
    /// How many percent, above 0 and below 100, with at most two decimals.
    Percent(Decimal),
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
    /// The product of two numbers; a fact that lacks one of them has no value.
    Product {
        /// One of them.
        one: String,
        /// The other.
        other: String,
    },
}

impl Measured {
    /// The attribute that is aggregated, if it is one.
    #[must_use]
    pub fn attribute(&self) -> Option<&str> {
        match self {
            Measured::Attribute(name) => Some(name),
            Measured::Between { .. } | Measured::Product { .. } => None,
        }
    }

    /// The attributes and paths that it is made of.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let (one, other) = match self {
            Measured::Attribute(name) => (name, None),
            Measured::Between { from, to } => (from, Some(to)),
            Measured::Product { one, other } => (one, Some(other)),
        };
        std::iter::once(one).chain(other).map(String::as_str)
    }

    /// Whether only the facts have it: rollups keep no products, and nothing of other objects.
    pub(crate) fn is_pushed(&self) -> bool {
        matches!(self, Measured::Product { .. }) || self.names().any(is_path)
    }
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Measured::Attribute(name) => f.write_str(name),
            Measured::Between { from, to } => write!(f, "{to} - {from}"),
            Measured::Product { one, other } => write!(f, "{one} * {other}"),
        }
    }
}

impl Formula {
    /// The formula that is one measure and nothing else.
    #[must_use]
    pub fn of_measure(measure: Measure) -> Self {
        Self {
            extent: Extent::of(&parse(&measure.to_string()).tree),
            steps: BTreeSet::new(),
            measures: vec![measure],
            folds: Vec::new(),
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

    /// The steps of the paths that it goes.
    #[must_use]
    pub fn steps(&self) -> &BTreeSet<PathStep> {
        &self.steps
    }

    /// The entities that it needs: those whose facts it reads, and those whose objects it looks up.
    #[must_use]
    pub fn required(&self) -> BTreeSet<&str> {
        let looked_up = self.steps.iter().map(|step| step.to.as_str());
        self.entities().into_iter().chain(looked_up).collect()
    }

    /// What is read apart: of each entity, over each window, for each value of which dimensions, and of each basis.
    #[must_use]
    pub fn readings(&self) -> Vec<Reading<'_>> {
        let mut readings: Vec<Reading<'_>> = Vec::new();
        for (place, measure) in self.measures.iter().enumerate() {
            let same = |reading: &&mut Reading<'_>| {
                let is_of_same = reading.entity == measure.entity && reading.basis == measure.basis;
                is_of_same && *reading.window == measure.window && *reading.per == measure.per
            };
            match readings.iter_mut().find(same) {
                Some(reading) => reading.measures.push((place, measure)),
                None => readings.push(Reading {
                    entity: &measure.entity,
                    window: &measure.window,
                    per: &measure.per,
                    basis: measure.basis,
                    measures: vec![(place, measure)],
                }),
            }
        }
        readings
    }

    /// The KPI's value from the values of its measures and folds, in their order. `None` is no value: a division by zero, a
    /// missing operand, or a number beyond [`MAX_POWER`](crate::MAX_POWER).
    #[must_use]
    pub fn finish(&self, values: Values<'_>) -> Option<Number> {
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
        self.per.iter().try_for_each(|_| write!(f, "{EACH}("))?;
        self.window.open(f)?;
        if let Some(function) = self.basis.function() {
            write!(f, "{function}(")?;
        }
        write!(f, "{}({}{}", self.aggregate, self.aggregate.before(), self.entity)?;
        if let Some(measured) = &self.attribute {
            self.rest_of(f, measured)?;
        }
        match &self.second {
            Some(Second::Percent(percent)) => write!(f, ", {percent}")?,
            Some(Second::Values(measured)) => {
                write!(f, ", {}", self.entity)?;
                self.rest_of(f, measured)?;
            }
            None => {}
        }
        if let Some(filter) = &self.filter {
            write!(f, " WHERE {filter}")?;
        }
        f.write_str(")")?;
        if self.basis.function().is_some() {
            f.write_str(")")?;
        }
        self.window.close(f)?;
        self.per.iter().try_for_each(|dimension| write!(f, ", {dimension})"))
    }
}

impl Measure {
    /// The attributes and paths that it reads.
    #[must_use]
    pub fn names(&self) -> BTreeSet<&str> {
        let conditions = self.filter.iter().flat_map(Predicate::attributes);
        let per = self.per.iter().map(String::as_str);
        let measured = self.measured().flat_map(Measured::names);
        measured.chain(conditions).chain(per).collect()
    }

    /// What of each fact it takes, one thing or two.
    pub fn measured(&self) -> impl Iterator<Item = &Measured> {
        let second = match &self.second {
            Some(Second::Values(measured)) => Some(measured),
            Some(Second::Percent(_)) | None => None,
        };
        self.attribute.iter().chain(second)
    }

    /// What stands behind the name of the entity.
    fn rest_of(&self, f: &mut fmt::Formatter<'_>, measured: &Measured) -> fmt::Result {
        match measured {
            Measured::Attribute(name) => write!(f, ".{name}"),
            Measured::Between { from, to } => write!(f, ".{to} - {}.{from}", self.entity),
            Measured::Product { one, other } => write!(f, ".{one} * {}.{other}", self.entity),
        }
    }
}

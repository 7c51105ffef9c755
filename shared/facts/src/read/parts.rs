//! The parts of a branch: where a question's columns are in the relation that answers it, and the statements over the facts and over each edition's rollups.

use std::collections::{BTreeMap, BTreeSet};

use catalog::{GroupingDefinition, Level};
use database::Error;
use formula::Measured;
use series::calendar::Hours;
use series::{State, States};

use super::Read;
use crate::layout::{Slot, StateSlot};
use crate::states::{COUNT, seconds_between, state_column, state_of_facts, state_of_numbers};
use crate::volume::{hour_of_day, levels, width};

/// What every part of a branch is limited to, as SQL.
pub(super) struct Scope {
    pub(super) clients: String,
    pub(super) entities: String,
    pub(super) from: String,
    pub(super) to: String,
    pub(super) hours: Hours,
    pub(super) filter: String,
    /// The same for the indexes by dimension of rows that are moved up (Apache edition).
    pub(super) found_by: String,
}

impl Scope {
    /// The condition on a column of bucket or event times. It names the client: there is no other form.
    pub(super) fn condition(&self, column: &str) -> String {
        format!(
            "client_id = ANY ({}) AND entity_id = ANY ({}) AND {column} >= {} AND {column} < {}{}{}",
            self.clients,
            self.entities,
            self.from,
            self.to,
            of_hours(self.hours, column),
            self.filter
        )
    }
}

/// The condition that a time is in some hours of its day. Of those of a whole day it says which it is not in: no index is of use then.
fn of_hours(hours: Hours, column: &str) -> String {
    let others = Hours::ALL.without(hours);
    let (not, named) = match hours.count() {
        24 => return String::new(),
        0..12 => ("", hours),
        _ => ("NOT ", others),
    };
    let named: Vec<String> = named.numbers().map(|hour| hour.to_string()).collect();
    format!(" AND {} {not}IN ({})", hour_of_day(column), named.join(", "))
}

/// Where a question's dimensions, filters and numbers are in the relation that answers it.
pub(super) struct Columns<'a> {
    /// Each dimension's text as SQL, in the question's order.
    dimensions: Vec<String>,
    /// The column of each dimension that is filtered on.
    pub(super) filters: BTreeMap<String, String>,
    /// Where what is measured comes from, in the question's order, and which of its states are needed.
    numbers: Vec<(Origin, &'a States)>,
    /// Whether it is a rollup, whose rows come in pages. How many there are by now is not known here: a batch may have brought one that this layout lacks.
    paged: bool,
}

/// Where a measured number comes from.
enum Origin {
    /// From a slot.
    Slot(Slot),
    /// From the facts alone, by an expression.
    Computed(String),
}

impl Origin {
    fn of(read: &Read, measured: &Measured) -> Result<Self, Error> {
        let (entity, layout) = (&read.question.entity, &read.layout);
        let instant = |name: &String| -> Result<String, Error> {
            if entity.is_own_time(name) {
                return Ok("time".to_owned());
            }
            Ok(layout.slot_of(entity, name)?.value())
        };
        match measured {
            Measured::Attribute(name) => Ok(Self::Slot(layout.slot_of(entity, name)?)),
            Measured::Between { from, to } => Ok(Self::Computed(seconds_between(&instant(from)?, &instant(to)?))),
            Measured::Product { one, other } => {
                let [one, other] = [one, other].map(|name| Ok::<_, Error>(layout.slot_of(entity, name)?.value()));
                Ok(Self::Computed(format!("({} * {})", one?, other?)))
            }
        }
    }

    /// Its place in a rollup, which has nothing of what is computed.
    fn state(&self) -> Option<StateSlot> {
        match self {
            Self::Slot(slot) => Some(slot.state()),
            Self::Computed(_) => None,
        }
    }

    fn state_of_facts(&self, state: &str) -> String {
        match self {
            Self::Slot(slot) => state_of_facts(*slot, state),
            Self::Computed(value) => state_of_numbers(value, state),
        }
    }
}

impl<'a> Columns<'a> {
    pub(super) fn of(read: &'a Read, grouping: Option<&GroupingDefinition>) -> Result<Self, Error> {
        let (question, layout) = (&read.question, &read.layout);
        let column = |name: &String| match grouping {
            None => Ok(layout.slot_of(&question.entity, name)?.text()),
            Some(grouping) => position(grouping, name).map(|position| format!("dimensions[{position}]")),
        };
        let filters = question.filter.keys().map(|name| Ok((name.clone(), column(name)?)));
        let numbers = question.attributes.iter();
        let numbers = numbers.map(|(measured, states)| Ok::<_, Error>((Origin::of(read, measured)?, states)));
        Ok(Self {
            dimensions: question.dimensions.iter().map(column).collect::<Result<_, Error>>()?,
            filters: filters.collect::<Result<_, Error>>()?,
            numbers: numbers.collect::<Result<_, Error>>()?,
            paged: grouping.is_some(),
        })
    }

    /// The dimensions as the middle of a list: `dimensions[1] AS d1, `.
    pub(super) fn named_dimensions(&self) -> String {
        let named = self.dimensions.iter().enumerate();
        named
            .map(|(number, sql)| format!("{sql} AS d{}, ", number + 1))
            .collect()
    }

    /// The columns of a part over a rollup: client, bucket, dimensions, facts, states.
    fn of_rollup(&self, bucket: &str) -> String {
        let places = self.numbers.iter().enumerate();
        let places = places.filter_map(|(number, (origin, states))| Some((number, origin.state()?, states)));
        let states = places.flat_map(|(number, place, states)| {
            let column = move |state| format!(", {} AS a{number}_{state}", state_column(place.slot, state));
            needed(states).map(column)
        });
        let states: String = states.collect();
        let page = if self.paged { "page, " } else { "" };
        format!(
            "client_id, {bucket} AS bucket, {page}{} facts{states}",
            self.named_dimensions()
        )
    }

    /// The facts of a bucket and group: counted once, however many pages there are.
    pub(super) fn facts(&self) -> &'static str {
        if self.paged {
            "coalesce(sum(facts) FILTER (WHERE page = 0), 0)::bigint"
        } else {
            "sum(facts)::bigint"
        }
    }

    /// Numbers of the attributes' merged states, in the order that answers are decoded in.
    pub(super) fn merged(&self) -> Vec<String> {
        let merged = self.numbers.iter().enumerate().flat_map(|(number, (origin, states))| {
            let only = match origin.state() {
                Some(place) if self.paged => format!(" FILTER (WHERE page = {})", place.page),
                _ => String::new(),
            };
            let of = move |merge: &str, state: &str| format!("{merge}(a{number}_{state}){only}");
            let if_needed = |state: State, sql: String| {
                if states.contains(&state) {
                    sql
                } else {
                    "NULL".to_owned()
                }
            };
            let pair =
                |state: State, merge: &str, at: i32| if_needed(state, format!("({})[{at}]", of(merge, name(state))));
            [
                of("sum", COUNT),
                if_needed(State::Sum, of("sum", "sum")),
                if_needed(State::Min, of("min", "min")),
                if_needed(State::Max, of("max", "max")),
                pair(State::First, "min", 1),
                pair(State::First, "min", 2),
                pair(State::Last, "max", 1),
                pair(State::Last, "max", 2),
            ]
        });
        merged.collect()
    }

    /// The condition on a rollup's pages: those of the numbers, and the one that counts facts.
    fn pages(&self) -> String {
        if !self.paged {
            return String::new();
        }
        let numbers = self.numbers.iter().filter_map(|(origin, _)| origin.state());
        let pages: BTreeSet<i16> = numbers.map(|place| place.page).chain([0]).collect();
        let pages: Vec<String> = pages.into_iter().map(|page| page.to_string()).collect();
        format!(" AND page IN ({})", pages.join(", "))
    }
}

/// The place of a dimension in a grouping's rows, from 1.
fn position(grouping: &GroupingDefinition, name: &str) -> Result<usize, Error> {
    let position = grouping.dimensions.iter().position(|dimension| dimension == name);
    position.map(|position| position + 1).ok_or_else(|| Error::Stored {
        place: format!("grouping by {}", grouping.dimensions.join(", ")),
        cause: format!("it has no {name:?}"),
    })
}

/// The columns of the count and of what is needed beside it.
fn needed(states: &States) -> impl Iterator<Item = &'static str> {
    std::iter::once(COUNT).chain(states.iter().map(|state| name(*state)))
}

/// The column of a state.
const fn name(state: State) -> &'static str {
    match state {
        State::Sum => "sum",
        State::Min => "min",
        State::Max => "max",
        State::First => "first",
        State::Last => "last",
    }
}

pub(super) fn bucket_of(level: Level, column: &str) -> String {
    format!("time_bucket('{}', {column})", width(level))
}

/// Straight from the facts.
pub(super) fn raw(read: &Read, columns: &Columns<'_>, scope: &Scope) -> String {
    let bucket = bucket_of(read.question.level, "time");
    let states = columns
        .numbers
        .iter()
        .enumerate()
        .flat_map(|(number, (origin, states))| {
            needed(states).map(move |state| format!(", {} AS a{number}_{state}", origin.state_of_facts(state)))
        });
    let states: String = states.collect();
    let group: String = columns.dimensions.iter().map(|sql| format!(", {sql}")).collect();
    format!(
        "SELECT client_id, {bucket} AS bucket, {} count(*) AS facts{states} FROM {} WHERE {} GROUP BY client_id, {bucket}{group}",
        columns.named_dimensions(),
        read.volume.facts(),
        scope.condition("time")
    )
}

/// The rows of a grouping in a relation.
fn part(relation: &str, grouping_id: i16, columns: &Columns<'_>, bucket: &str, scope: &Scope) -> String {
    format!(
        "SELECT {} FROM {relation} AS part WHERE grouping_id = {grouping_id}{} AND {}",
        columns.of_rollup(bucket),
        columns.pages(),
        scope.condition("bucket")
    )
}

pub(super) fn apache(
    read: &Read,
    grouping: &GroupingDefinition,
    columns: &Columns<'_>,
    scope: &Scope,
) -> Result<Vec<String>, Error> {
    let level = read.question.level;
    let id = read.layout.grouping_id(grouping)?;
    let mut rows = part(&read.volume.rows(level), id, columns, "bucket", scope);
    rows.push_str(&scope.found_by);
    Ok(vec![
        rows,
        part(&read.volume.partials(), id, columns, &bucket_of(level, "bucket"), scope),
    ])
}

pub(super) fn community(
    read: &Read,
    grouping: &GroupingDefinition,
    columns: &Columns<'_>,
    scope: &Scope,
) -> Result<Vec<String>, Error> {
    let question = &read.question;
    let id = read.layout.grouping_id(grouping)?;
    let bucket = bucket_of(question.level, "bucket");
    let touched = |level: Level| {
        let start = bucket_of(level, "part.bucket");
        format!(
            "EXISTS (SELECT 1 FROM stale WHERE stale.volume = '{}' AND stale.client_id = part.client_id AND stale.entity_id = part.entity_id
                AND {start} < stale.to_time AND {start} + interval '{}' > stale.from_time)",
            read.volume.name().replace('\'', "''"),
            width(level)
        )
    };
    let mut parts = Vec::new();
    // From the question's level down: what is not touched there, inside what is touched above.
    let mut above = String::new();
    // Hours have what is touched of a day without its quarters, and minutes what is touched of an hour.
    let is_passed = |level: Level| matches!(level, Level::QuarterHour | Level::QuarterDay) && level != question.level;
    let is_read = |level: &Level| *level <= question.level && !is_passed(*level);
    for level in levels(grouping.finest).rev().filter(is_read) {
        let rows = part(&read.volume.rollup(level), id, columns, &bucket, scope);
        parts.push(format!("{rows} AND NOT {}{above}", touched(level)));
        above = format!(" AND {}", touched(level));
    }
    let rows = part(&read.volume.partials(), id, columns, &bucket, scope);
    parts.push(format!("{rows}{above}"));
    Ok(parts)
}

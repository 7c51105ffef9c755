//! Questions that are pushed down: measures of facts of which the database decides by itself which count.

use database::Error;
use formula::{Basis, Measure, Measured, Second, Value};
use series::calendar::Bins;
use series::pushed::{Brings, numbers};

use super::condition::Translator;
use super::lookups::{text, value};
use super::{Read, Statement};
use crate::states::{TIME_US, seconds_between};

impl Statement {
    /// One question as a SELECT of the common shape: a row for each bucket and group that has facts which count.
    pub(super) fn pushed(&mut self, number: usize, read: &Read) -> Result<String, Error> {
        let question = &read.question;
        if question.basis() == Basis::Moved {
            return self.moved(number, read);
        }
        let conditions = self.conditions(read)?;
        let measures = question.pushed.iter().zip(&conditions);
        let states =
            measures.map(|(measure, condition)| brought(read, measure, condition.as_deref(), self.share(measure)));
        let states = states.collect::<Result<Vec<_>, Error>>()?.concat();
        let by = question
            .dimensions
            .iter()
            .map(|name| Ok(format!("nullif({}, '')", text(read, name)?)));
        let by = by.collect::<Result<Vec<_>, Error>>()?;
        let group: String = by.iter().map(|sql| format!(", {sql}")).collect();
        let (bucket, rows) = self.rows(read)?;
        Ok(format!(
            "(SELECT {number}::int AS question, client_id, {bucket} AS bucket, ARRAY[{}]::text[] AS dimensions, count(*) AS facts,
                ARRAY[{}]::numeric[] AS states, NULL::bytea AS sketch
             FROM {rows}{}{}
             GROUP BY client_id, {bucket}{group})",
            by.join(", "),
            states.join(", "),
            self.exactly(read)?,
            any_of(&conditions),
        ))
    }

    /// The start of each row's bucket, and the rows: the facts of the question's windows, or those that tell states at their ends, with a condition that names their
    /// clients.
    fn rows(&mut self, read: &Read) -> Result<(String, String), Error> {
        let question = &read.question;
        if let (Bins::Windows(windows), basis @ (Basis::AtStart | Basis::AtEnd)) = (&question.bins, question.basis()) {
            let told = self.states(read, windows, basis)?;
            return Ok(("start".to_owned(), format!("{told} AS fact WHERE TRUE")));
        }
        let clients = self.clients(&read.members.iter().map(|(client, _)| *client).collect::<Vec<_>>());
        let entities = self.many_numbers(read.members.iter().map(|(_, entity)| *entity).collect());
        let (from, to) = (self.time(question.range.from), self.time(question.range.to));
        let (bucket, windows) = self.windows(&question.bins);
        // Chosen before anything is made of them: what a slot holds of other clients' facts may be no time at all, and the server is free to look at conditions in
        // any order but across OFFSET.
        let rows = format!(
            "(SELECT * FROM {} WHERE client_id = ANY ({clients}) AND entity_id = ANY ({entities}) AND time >= {from} AND time < {to} OFFSET 0)",
            read.volume.facts()
        );
        let rows = self.looked_up(read, rows)?;
        Ok((bucket, format!("{rows} AS fact{windows} WHERE TRUE")))
    }

    /// The condition of each measure, where it has one.
    pub(super) fn conditions(&mut self, read: &Read) -> Result<Vec<Option<String>>, Error> {
        let mut translator = Translator {
            read,
            constants: &mut self.constants,
            next: &mut self.next,
        };
        let measures = read.question.pushed.iter();
        let conditions = measures.map(|measure| {
            let filter = measure.filter.as_ref();
            filter.map(|filter| translator.sql(filter.condition())).transpose()
        });
        conditions.collect()
    }

    /// The percent that a measure takes, as a share for the server.
    fn share(&mut self, measure: &Measure) -> String {
        let Some(Second::Percent(percent)) = &measure.second else {
            return String::new();
        };
        let next = &mut self.next;
        let percent = self.constants.add(&Value::Decimal(*percent), || {
            *next += 1;
            *next
        });
        format!("({percent} / 100 - {BELOW})::float8")
    }

    /// The start of a fact's bucket, and what is joined to the facts to know it.
    fn windows(&mut self, bins: &Bins) -> (String, String) {
        match bins {
            Bins::Even { length_us, origin_us } => {
                let origin = format!("'epoch'::timestamptz + interval '{origin_us} microseconds'");
                (
                    format!("date_bin('{length_us} microseconds', time, {origin})"),
                    String::new(),
                )
            }
            Bins::Between(instants) => {
                let instants = self.many_times(instants.iter().copied());
                (format!("({instants})[width_bucket(time, {instants})]"), String::new())
            }
            Bins::Windows(windows) => {
                let starts = self.many_times(windows.iter().map(|(start, _)| *start));
                let from = self.many_times(windows.iter().map(|(_, range)| range.from));
                let to = self.many_times(windows.iter().map(|(_, range)| range.to));
                let windows = format!(
                    " JOIN unnest({starts}, {from}, {to}) AS its (start, from_time, to_time) ON time >= its.from_time AND time < its.to_time"
                );
                ("its.start".to_owned(), windows)
            }
        }
    }

    /// The question's own filter, as answers write values: what has none is the empty text.
    pub(super) fn exactly(&mut self, read: &Read) -> Result<String, Error> {
        let question = &read.question;
        let mut sql = String::new();
        for (name, values) in &question.filter {
            let text = text(read, name)?;
            sql.push_str(&format!(" AND coalesce({text}, '') = ANY ({})", self.values(values)));
        }
        Ok(sql)
    }
}

/// That at least one of the measures counts a fact.
pub(super) fn any_of(conditions: &[Option<String>]) -> String {
    let all: Option<Vec<&str>> = conditions.iter().map(Option::as_deref).collect();
    all.map_or_else(String::new, |all| format!(" AND ({})", all.join(" OR ")))
}

/// What is aggregated of each fact, as SQL, and where.
struct Taken {
    /// The value; of what only counts facts none.
    value: String,
    /// The other value of the same fact.
    other: String,
    /// Where facts count.
    only: String,
    /// Where facts that have the value count.
    present: String,
    /// Where facts that have both values count.
    both: String,
    /// Percent as a share.
    share: String,
}

impl Taken {
    fn of(read: &Read, measure: &Measure, condition: Option<&str>, share: String) -> Result<Self, Error> {
        let sql = |measured: Option<&Measured>| match measured {
            None => Ok("NULL::numeric".to_owned()),
            Some(Measured::Attribute(name)) => value(read, name),
            Some(Measured::Between { from, to }) => Ok(seconds_between(&value(read, from)?, &value(read, to)?)),
            Some(Measured::Product { one, other }) => Ok(format!("({} * {})", value(read, one)?, value(read, other)?)),
        };
        let second = match &measure.second {
            Some(Second::Values(measured)) => Some(measured),
            Some(Second::Percent(_)) | None => None,
        };
        let (value, other) = (sql(measure.attribute.as_ref())?, sql(second)?);
        let filter = |also: &[&str]| {
            let also = also.iter().map(|value| format!("{value} IS NOT NULL"));
            let all: Vec<String> = condition.map(str::to_owned).into_iter().chain(also).collect();
            match all.as_slice() {
                [] => String::new(),
                all => format!(" FILTER (WHERE {})", all.join(" AND ")),
            }
        };
        Ok(Self {
            only: filter(&[]),
            present: filter(&[&value]),
            both: filter(&[&value, &other]),
            value,
            other,
            share,
        })
    }

    /// One number of the facts.
    fn sql(&self, brings: Brings) -> String {
        let Self {
            value,
            other,
            only,
            present,
            both,
            share,
        } = self;
        match brings {
            Brings::Facts => format!("count(*){only}"),
            Brings::Count => format!("count({value}){only}"),
            Brings::Distinct => format!("count(DISTINCT {value}){only}"),
            Brings::Sum => format!("sum({value}){only}"),
            Brings::Min => format!("min({value}){only}"),
            Brings::Max => format!("max({value}){only}"),
            Brings::First => format!("(min(ARRAY[{TIME_US}, {value}]){present})[2]"),
            Brings::Last => format!("(max(ARRAY[{TIME_US}, {value}]){present})[2]"),
            Brings::LowerMiddle => format!("({MIDDLES} WITHIN GROUP (ORDER BY {value}){only})[1]"),
            Brings::UpperMiddle => format!("({MIDDLES} WITHIN GROUP (ORDER BY {value}){only})[2]"),
            Brings::Percentile => format!("percentile_disc({share}) WITHIN GROUP (ORDER BY {value}){only}"),
            Brings::Mode => format!("mode() WITHIN GROUP (ORDER BY {value}){only}"),
            Brings::Deviation => deviation((value, value), present),
            Brings::Products => format!("sum({value} * {other}){both}"),
            Brings::Weights => format!("sum({other}){both}"),
            Brings::SharedDeviation => deviation((value, other), both),
            Brings::FirstDeviation => deviation((value, value), both),
            Brings::SecondDeviation => deviation((other, other), both),
            // Of objects, which are counted elsewhere.
            Brings::Entered | Brings::Left | Brings::Stayed => "NULL::numeric".to_owned(),
        }
    }
}

/// n Σxy - Σx Σy, exact: only numbers of PostgreSQL's `numeric` are multiplied and added up. The server computes equal aggregates once.
fn deviation((x, y): (&str, &str), filter: &str) -> String {
    format!("(count(*){filter} * sum({x} * {y}){filter} - sum({x}){filter} * sum({y}){filter})")
}

/// The value at the rank of half of all and, where that is a whole number, the next one. The server takes the rank, rounded up, of a share of binary digits: a
/// bit more than half is above the half of an even number, and not above the next whole number of an odd one, of fewer than 10^9 facts.
const MIDDLES: &str = "percentile_disc(ARRAY[0.5, 0.5000000001]::float8[])";

/// What is taken of a share, so that binary digits never lift a rank that is a whole number above it: far less than a hundredth of a percent, and far more than
/// the last binary digit of a share.
const BELOW: &str = "0.00000000000001";

/// The numbers of a measure, over the facts that meet its condition.
fn brought(read: &Read, measure: &Measure, condition: Option<&str>, share: String) -> Result<Vec<String>, Error> {
    let taken = Taken::of(read, measure, condition, share)?;
    Ok(numbers(measure).iter().map(|brings| taken.sql(*brings)).collect())
}

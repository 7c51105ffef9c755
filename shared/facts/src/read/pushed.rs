//! Questions that are pushed down: measures of facts of which the database decides by itself which count.

use database::Error;
use formula::{Basis, Measure, Measured};
use series::calendar::Bins;
use series::pushed::{Brings, numbers};

use super::condition::{Translator, value};
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
        let states = measures.map(|(measure, condition)| brought(read, measure, condition.as_deref()));
        let states = states.collect::<Result<Vec<_>, Error>>()?.concat();
        let by = question.dimensions.iter().map(|name| {
            let text = read.layout.slot_of(&question.entity, name)?.text();
            Ok(format!("nullif({text}, '')"))
        });
        let by = by.collect::<Result<Vec<_>, Error>>()?;
        let group: String = by.iter().map(|sql| format!(", {sql}")).collect();
        let (bucket, rows) = self.rows(read)?;
        Ok(format!(
            "(SELECT {number}::int AS question, client_id, {bucket} AS bucket, ARRAY[{}]::text[] AS dimensions, count(*) AS facts,
                ARRAY[{}]::numeric[] AS states
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
        let entities = self.entities(read.members.iter().map(|(_, entity)| *entity).collect());
        let (from, to) = (self.time(question.range.from), self.time(question.range.to));
        let (bucket, windows) = self.windows(&question.bins);
        let rows = format!(
            "{} AS fact{windows} WHERE client_id = ANY ({clients}) AND entity_id = ANY ({entities}) AND time >= {from} AND time < {to}",
            read.volume.facts()
        );
        Ok((bucket, rows))
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
            let text = read.layout.slot_of(&question.entity, name)?.text();
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

/// The numbers of a measure, over the facts that meet its condition.
fn brought(read: &Read, measure: &Measure, condition: Option<&str>) -> Result<Vec<String>, Error> {
    let value = match &measure.attribute {
        None => None,
        Some(Measured::Attribute(name)) => Some(value(read, name)?),
        Some(Measured::Between { from, to }) => Some(seconds_between(&value(read, from)?, &value(read, to)?)),
    };
    // What is no number of facts needs a value of them.
    let value = value.unwrap_or_else(|| "NULL::numeric".to_owned());
    let only = condition
        .map(|condition| format!(" FILTER (WHERE {condition})"))
        .unwrap_or_default();
    let present = match condition {
        Some(condition) => format!(" FILTER (WHERE {condition} AND {value} IS NOT NULL)"),
        None => format!(" FILTER (WHERE {value} IS NOT NULL)"),
    };
    let number = |brings: &Brings| match brings {
        Brings::Facts => format!("count(*){only}"),
        Brings::Count => format!("count({value}){only}"),
        Brings::Sum => format!("sum({value}){only}"),
        Brings::Min => format!("min({value}){only}"),
        Brings::Max => format!("max({value}){only}"),
        Brings::First => format!("(min(ARRAY[{TIME_US}, {value}]){present})[2]"),
        Brings::Last => format!("(max(ARRAY[{TIME_US}, {value}]){present})[2]"),
        // Of objects, which are counted elsewhere.
        Brings::Entered | Brings::Left | Brings::Stayed => "NULL::numeric".to_owned(),
    };
    Ok(numbers(measure).iter().map(number).collect())
}

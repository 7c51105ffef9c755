//! Questions that are answered from sketches: those that are kept, and of hours that are to be made anew the facts themselves, value by value.

use catalog::{GroupingDefinition, Level, SketchKind};
use database::Error;

use super::parts::{Columns, Scope, bucket_of};
use super::{Read, Statement, comparable, possible};
use crate::layout::{Family, Slot};

impl Statement {
    /// One question as a SELECT of the common shape: a row for each sketch, and one for each value of hours that are read from the facts, which has it after the
    /// dimensions.
    pub(super) fn sketched(
        &mut self,
        number: usize,
        read: &Read,
        grouping: &GroupingDefinition,
        (attribute, kind): &(String, SketchKind),
    ) -> Result<String, Error> {
        let question = &read.question;
        let slot = read.layout.slot_of(&question.entity, attribute)?;
        let (kept, facts) = (Columns::of(read, Some(grouping))?, Columns::of(read, None)?);
        let clients = self.clients(&read.members.iter().map(|(client, _)| *client).collect::<Vec<_>>());
        let entities = self.many_numbers(read.members.iter().map(|(_, entity)| *entity).collect());
        let (from, to) = (self.time(question.range.from), self.time(question.range.to));
        let (positions, texts) = self.wanted(read, grouping);
        let filter = self.filter(question, &kept);
        let kept = format!(
            "SELECT client_id, bucket, {}NULL::text AS value, 0::bigint AS facts, sketch
             FROM core.sketches_within({clients}, {entities}, {}::smallint, '{}', '{}', {}, {from}, {to}, {positions}, {texts}) AS part WHERE true{filter}",
            kept.named_dimensions(),
            read.layout.grouping_id(grouping)?,
            slot.name(),
            kind.name(),
            question.level == Level::Day,
        );
        let group: String = (1..=question.dimensions.len())
            .map(|number| format!("d{number}, "))
            .collect();
        let facts = if self.reads_unsketched {
            let filter = self.filter(question, &facts);
            let scope = Scope {
                clients,
                entities,
                from,
                to,
                hours: question.hours,
                filter,
                found_by: String::new(),
            };
            format!(" UNION ALL {}", of_facts(read, slot, &facts, &scope))
        } else {
            String::new()
        };
        let bucket = self.binned(question);
        Ok(format!(
            "(SELECT {number}::int AS question, client_id, {bucket} AS bucket, ARRAY[{group}value]::text[] AS dimensions, facts, NULL::numeric[] AS states, sketch
             FROM ({kept}{facts}) AS parts)"
        ))
    }

    /// What dimensions of a grouping, by their positions in it, may be: a text each. A dimension of which no text can be is left to the filter.
    fn wanted(&mut self, read: &Read, grouping: &GroupingDefinition) -> (String, String) {
        let positions = (1..).zip(&grouping.dimensions);
        let wanted = positions.flat_map(|(position, dimension)| {
            let mine = comparable(&read.question).filter(move |(name, _)| *name == dimension);
            mine.flat_map(move |(_, values)| possible(values).map(move |value| (position, value.clone())))
        });
        let (positions, texts): (Vec<i32>, Vec<String>) = wanted.unzip();
        (self.many_numbers(positions), self.many_texts(texts))
    }

    /// The hours that are read from the facts where sketches are asked for, read once for all branches.
    pub(super) fn unsketched(&mut self, reads: &[Read]) -> Option<String> {
        let mut sketched = reads.iter().filter(|read| read.question.sketch.is_some()).peekable();
        sketched.peek()?;
        let [clients, from, to] = self.hulls(sketched);
        Some(format!(
            "unsketched AS MATERIALIZED (
                SELECT client_id, entity_id, from_time, to_time FROM core.unsketched_within({clients}, {from}, {to})
            )"
        ))
    }
}

/// The values of hours that are read from the facts, hour by hour whatever the server believes: else all facts of the range would be sorted to be joined with few hours.
fn of_facts(read: &Read, slot: Slot, columns: &Columns<'_>, scope: &Scope) -> String {
    let question = &read.question;
    let group: String = (1..=question.dimensions.len())
        .map(|number| format!("d{number}, "))
        .collect();
    format!(
        "SELECT client_id, bucket, {group}value, count(*) AS facts, NULL::bytea AS sketch FROM (
             SELECT client_id, {} AS bucket, {}{} AS value FROM (
                 SELECT fact.* FROM unsketched AS hours CROSS JOIN LATERAL (
                     SELECT * FROM {} WHERE {} AND client_id = hours.client_id AND entity_id = hours.entity_id
                         AND time >= hours.from_time AND time < hours.to_time OFFSET 0
                 ) AS fact
             ) AS fact
         ) AS seen WHERE value IS NOT NULL GROUP BY client_id, bucket, {group}value",
        bucket_of(question.level, "time"),
        columns.named_dimensions(),
        value(slot),
        read.volume.facts(),
        scope.condition("time"),
    )
}

/// The one text of each value, as sketches take it; an empty text is none.
pub(crate) fn value(slot: Slot) -> String {
    match slot.family {
        Family::Text => format!("nullif({}, '')", slot.text()),
        Family::Number | Family::Time | Family::Flag => slot.text(),
    }
}

//! Objects that are looked up for each fact, by the paths of a question: what the facts of another entity tell of the object whose key an attribute has as its value.
//!
//! Of each object there is one row, so that a fact is counted once whatever is known of it. The history of an object that is looked at as of a fact's time is in arrays
//! by time, in which that time is found by halving: a key that was told a thousand times is joined once, and not a thousand times.

use std::collections::BTreeSet;

use database::Error;
use series::Question;
use series::plan::{Known, Lookup};

use super::{Read, Related, Statement};
use crate::layout::{Family, Layout};

impl Statement {
    /// Rows of facts with what is looked up for them beside their own columns. They are SQL in parentheses, and so is the result.
    ///
    /// The join is a full one, which the server has no nested loops for: it can't know how many facts a client has that came today, and would compare each with every
    /// object if it took them for one. What is left over of the objects is dropped outside of it, behind OFFSET, which keeps the server from making a left join of it.
    pub(super) fn looked_up(&mut self, read: &Read, rows: String) -> Result<String, Error> {
        let question = &read.question;
        let mut rows = rows;
        for (place, (lookup, related)) in question.lookups.iter().zip(&read.related).enumerate() {
            let columns = columns(question, lookup, related)?;
            let objects = self.objects(read, (lookup, related), &columns)?;
            let values: String = columns
                .iter()
                .map(|column| format!(", {} AS {}", column.of_fact(lookup.known), column.name(place)))
                .collect();
            let key = value(read, &lookup.path)?;
            rows = format!(
                "(SELECT * FROM (SELECT fact.*{values} FROM {rows} AS fact FULL JOIN {objects} AS object ON object.key = {key} OFFSET 0) AS fact
                  WHERE fact.client_id IS NOT NULL)"
            );
        }
        Ok(rows)
    }

    /// What is known of the objects of an entity, one row of each, whose columns are called as none of a fact is. It names the client and the entity.
    fn objects(
        &mut self,
        read: &Read,
        (lookup, related): (&Lookup, &Related),
        columns: &[Column],
    ) -> Result<String, Error> {
        let clients = self.clients(&read.members.iter().map(|(client, _)| *client).collect::<Vec<_>>());
        let entities = self.many_numbers(vec![related.id]);
        let until = match lookup.known {
            Known::Only | Known::Last => String::new(),
            Known::AtFact => format!(" AND time < {}", self.time(read.question.range.to)),
        };
        let told = format!(
            "(SELECT * FROM {} WHERE client_id = ANY ({clients}) AND entity_id = ANY ({entities}){until} OFFSET 0) AS told",
            related.volume.facts()
        );
        let key = own_value(&related.layout, lookup, &lookup.key)?;
        let values = columns.iter().map(|column| match lookup.known {
            Known::AtFact => format!(", array_agg({} ORDER BY time) AS o_{}", column.value, column.slot),
            Known::Only | Known::Last => format!(", {} AS o_{}", column.value, column.slot),
        });
        let values: String = values.collect();
        Ok(match lookup.known {
            Known::AtFact => format!(
                "(SELECT {key} AS key, array_agg(time ORDER BY time) AS times{values} FROM {told} WHERE {key} IS NOT NULL GROUP BY {key})"
            ),
            Known::Only | Known::Last => format!(
                "(SELECT DISTINCT ON ({key}) {key} AS key{values} FROM {told} WHERE {key} IS NOT NULL ORDER BY {key}, time DESC)"
            ),
        })
    }
}

/// An attribute of an object that a question needs.
struct Column {
    /// Where it is: the name of its slot, or `time`.
    slot: String,
    /// Its value as SQL.
    value: String,
}

impl Column {
    /// What a fact has of it.
    fn of_fact(&self, known: Known) -> String {
        let slot = format!("object.o_{}", self.slot);
        match known {
            // Before the first time the place is 0, where an array has nothing.
            Known::AtFact => format!("({slot})[width_bucket(fact.time, object.times)]"),
            Known::Only | Known::Last => slot,
        }
    }

    fn name(&self, place: usize) -> String {
        column(place, &self.slot)
    }
}

/// The name of a looked-up value among the columns of a fact.
fn column(place: usize, slot: &str) -> String {
    format!("l{place}_{slot}")
}

/// What a question needs of an object.
fn columns(question: &Question, lookup: &Lookup, related: &Related) -> Result<Vec<Column>, Error> {
    let names = names(question).into_iter().filter_map(|name| name.rsplit_once('.'));
    let own: BTreeSet<&str> = names
        .filter(|(path, _)| *path == lookup.path)
        .map(|(_, name)| name)
        .collect();
    let columns = own.into_iter().map(|name| {
        let slot = slot_name(&related.layout, lookup, name)?;
        let value = own_value(&related.layout, lookup, name)?;
        Ok(Column { slot, value })
    });
    columns.collect()
}

/// All names that a question reads of a fact, among them those by whose values objects are looked up.
fn names(question: &Question) -> BTreeSet<&str> {
    let measured = question.pushed.iter().flat_map(formula::Measure::names);
    let asked = question.dimensions.iter().chain(question.filter.keys());
    let keys = question.lookups.iter().map(|lookup| &lookup.path);
    measured.chain(asked.chain(keys).map(String::as_str)).collect()
}

/// Where an entity's facts have an attribute.
fn slot_name(layout: &Layout, lookup: &Lookup, name: &str) -> Result<String, Error> {
    if lookup.entity.is_own_time(name) {
        return Ok("time".to_owned());
    }
    Ok(layout.slot_of(&lookup.entity, name)?.name())
}

/// Its value there.
fn own_value(layout: &Layout, lookup: &Lookup, name: &str) -> Result<String, Error> {
    if lookup.entity.is_own_time(name) {
        return Ok("time".to_owned());
    }
    let slot = layout.slot_of(&lookup.entity, name)?;
    Ok(as_value(&slot.value(), slot.family))
}

/// The value of a fact's attribute, or of one at the end of a path; an empty text, as facts of before may have, is none.
pub(super) fn value(read: &Read, name: &str) -> Result<String, Error> {
    if let Some(place) = placed(read, name)? {
        let Placed { column, .. } = place;
        return Ok(column);
    }
    let entity = &read.question.entity;
    if entity.is_own_time(name) {
        return Ok("time".to_owned());
    }
    let slot = read.layout.slot_of(entity, name)?;
    Ok(as_value(&slot.value(), slot.family))
}

/// The same as the one text of each value.
pub(super) fn text(read: &Read, name: &str) -> Result<String, Error> {
    match placed(read, name)? {
        Some(Placed { column, family }) => Ok(match family {
            Family::Number => format!("trim_scale({column})::text"),
            Family::Text => column,
            Family::Time | Family::Flag => format!("({column})::text"),
        }),
        None => Ok(read.layout.slot_of(&read.question.entity, name)?.text()),
    }
}

fn as_value(value: &str, family: Family) -> String {
    match family {
        Family::Text => format!("(nullif({value}, '') COLLATE \"C\")"),
        _ => format!("({value})"),
    }
}

/// A looked-up value among the columns of a fact.
struct Placed {
    column: String,
    family: Family,
}

/// Where the value at the end of a path is; `None` of a name without points.
fn placed(read: &Read, name: &str) -> Result<Option<Placed>, Error> {
    let Some((path, last)) = name.rsplit_once('.') else {
        return Ok(None);
    };
    let lookups = read.question.lookups.iter().zip(&read.related).enumerate();
    let mut of_path = lookups.filter(|(_, (lookup, _))| lookup.path == path);
    let (place, (lookup, related)) = of_path.next().ok_or_else(|| Error::Stored {
        place: format!("a question of {}", read.question.entity.code()),
        cause: format!("nothing is looked up for {name:?}"),
    })?;
    let family = match lookup.entity.is_own_time(last) {
        true => Family::Time,
        false => related.layout.slot_of(&lookup.entity, last)?.family,
    };
    let slot = slot_name(&related.layout, lookup, last)?;
    Ok(Some(Placed {
        column: column(place, &slot),
        family,
    }))
}

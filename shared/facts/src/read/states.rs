//! States of objects, told from the facts of an entity that is a state: at an instant each object has the one that the last fact before it tells.

use database::Error;
use formula::Basis;
use jiff::Timestamp;
use series::Range;
use series::calendar::Bins;
use series::pushed::{Brings, numbers};

use super::pushed::any_of;
use super::{Read, Statement};

/// The instants of a question's buckets at which states are looked at, in their order, each with the start of its bucket.
struct Instants {
    at: Vec<Timestamp>,
    starts: Vec<Timestamp>,
}

impl Instants {
    fn of(windows: &[(Timestamp, Range)], end: fn(&Range) -> Timestamp) -> Self {
        let mut instants: Vec<(Timestamp, Timestamp)> =
            windows.iter().map(|(start, range)| (end(range), *start)).collect();
        instants.sort_unstable();
        let (at, starts) = instants.into_iter().unzip();
        Self { at, starts }
    }
}

impl Statement {
    /// The states at the ends of windows as SQL that stands for the facts: all columns of the fact that tells one, the start of the answer's bucket as `start`, and
    /// whether it is one at the bucket's end as `is_end`. It names the clients and the entities.
    ///
    /// A fact tells from its time on, up to the next one of its object. It is looked up by counting how many of the instants lie up to each, so that it is
    /// found as often as it is asked for, and not compared with every instant.
    pub(super) fn states(
        &mut self,
        read: &Read,
        windows: &[(Timestamp, Range)],
        basis: Basis,
    ) -> Result<String, Error> {
        let ends = [
            (
                matches!(basis, Basis::AtStart | Basis::Moved),
                false,
                (|range| range.from) as fn(&Range) -> Timestamp,
            ),
            (matches!(basis, Basis::AtEnd | Basis::Moved), true, |range| range.to),
        ];
        let mut last = Timestamp::UNIX_EPOCH;
        let mut looks = Vec::new();
        for (_, is_end, end) in ends.into_iter().filter(|(is_asked, ..)| *is_asked) {
            let Instants { at, starts } = Instants::of(windows, end);
            last = at.last().copied().map_or(last, |at| last.max(at));
            let (at, starts) = (self.many_times(at.into_iter()), self.many_times(starts.into_iter()));
            looks.push(format!(
                "SELECT ({starts})[number] AS start, {is_end} AS is_end
                 FROM generate_series(width_bucket(told.time, {at}) + 1, CASE WHEN told.until IS NULL THEN cardinality({at}) ELSE width_bucket(told.until, {at}) END)
                     AS number"
            ));
        }
        let clients = self.clients(&read.members.iter().map(|(client, _)| *client).collect::<Vec<_>>());
        let entities = self.many_numbers(read.members.iter().map(|(_, entity)| *entity).collect());
        let last = self.time(last);
        Ok(format!(
            "(SELECT told.*, look.start, look.is_end FROM (
                SELECT fact.*, lead(fact.time) OVER (PARTITION BY client_id, {} ORDER BY fact.time) AS until FROM {} AS fact
                WHERE client_id = ANY ({clients}) AND entity_id = ANY ({entities}) AND time < {last}
             ) AS told, LATERAL ({}) AS look)",
            object(read)?.join(", "),
            read.volume.facts(),
            looks.join(" UNION ALL "),
        ))
    }

    /// Objects by what becomes of them from the start of a window to its end, as a SELECT of the common shape: each object is looked at once for each bucket and group, in
    /// which it may be at either end.
    pub(super) fn moved(&mut self, number: usize, read: &Read) -> Result<String, Error> {
        let question = &read.question;
        let Bins::Windows(windows) = &question.bins else {
            return Err(Error::Stored {
                place: format!("a question of {}", question.entity.code()),
                cause: "states are asked for without windows".to_owned(),
            });
        };
        let told = self.states(read, windows, Basis::Moved)?;
        let conditions = self.conditions(read)?;
        let mut texts = Vec::new();
        for name in &question.dimensions {
            let text = read.layout.slot_of(&question.entity, name)?.text();
            texts.push(format!("nullif({text}, '')"));
        }
        let named: String = (1..)
            .zip(&texts)
            .map(|(place, text)| format!(", {text} AS d{place}"))
            .collect();
        let dimensions: Vec<String> = (1..=texts.len()).map(|place| format!("d{place}")).collect();
        let group: String = dimensions.iter().map(|name| format!(", {name}")).collect();
        let object: String = object(read)?.iter().map(|text| format!(", {text}")).collect();
        let ends: String = (1..)
            .zip(&conditions)
            .map(|(place, condition)| {
                let condition = condition.as_deref().unwrap_or("TRUE");
                format!(
                    ", coalesce(bool_or({condition}) FILTER (WHERE NOT is_end), FALSE) AS s{place}, coalesce(bool_or({condition}) FILTER (WHERE is_end), FALSE) AS e{place}"
                )
            })
            .collect();
        let counts = (1..).zip(&question.pushed).flat_map(|(place, measure)| {
            numbers(measure).into_iter().map(move |brings| {
                let condition = match brings {
                    Brings::Entered => format!("e{place} AND NOT s{place}"),
                    Brings::Left => format!("s{place} AND NOT e{place}"),
                    Brings::Facts => format!("s{place} OR e{place}"),
                    _ => format!("s{place} AND e{place}"),
                };
                format!("count(*) FILTER (WHERE {condition})")
            })
        });
        let counts: Vec<String> = counts.collect();
        Ok(format!(
            "(SELECT {number}::int AS question, client_id, start AS bucket, ARRAY[{}]::text[] AS dimensions, count(*) AS facts, ARRAY[{}]::numeric[] AS states, NULL::bytea AS sketch
             FROM (
                SELECT client_id, start{named}{ends} FROM {told} AS fact WHERE TRUE{}{} GROUP BY client_id, start{object}{group}
             ) AS objects GROUP BY client_id, start{group})",
            dimensions.join(", "),
            counts.join(", "),
            self.exactly(read)?,
            any_of(&conditions),
        ))
    }
}

/// What tells an object from others, as SQL.
pub(super) fn object(read: &Read) -> Result<Vec<String>, Error> {
    let entity = &read.question.entity;
    let names = entity.definition().state.iter();
    names
        .map(|name| Ok(read.layout.slot_of(entity, name)?.text()))
        .collect()
}

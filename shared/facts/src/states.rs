//! States of numeric attributes as columns: what rollups keep, how it merges, and how it is computed from facts where it is not computed on the way in
//! (for corrections, new groupings and questions that no rollup answers).

use catalog::GroupingDefinition;
use database::Error;

use crate::layout::{Family, Slot};
use crate::place::Placed;
use crate::volume::width;

/// The one that is read with every other one.
pub(crate) const COUNT: &str = "count";

/// Columns that rollups keep of each numeric attribute: suffix, type, and the aggregate that merges it.
///
/// First and last are pairs of microseconds and value: the smallest and largest pair, so that ties of time are broken by
/// value alike on every edition and in [`series::AttributeState`].
pub(crate) const STATES: [(&str, &str, &str); 6] = [
    (COUNT, "bigint", "sum"),
    ("sum", "numeric", "sum"),
    ("min", "numeric", "min"),
    ("max", "numeric", "max"),
    ("first", "numeric[]", "min"),
    ("last", "numeric[]", "max"),
];

/// Column of one state of the attribute in a slot.
#[must_use]
pub(crate) fn state_column(slot: u16, state: &str) -> String {
    format!("n{slot}_{state}")
}

/// Names of the states of slots, as the end of a list: `, n1_count, n1_sum, …`.
pub(crate) fn state_names(slots: impl IntoIterator<Item = u16>) -> String {
    let names = |slot| {
        STATES
            .map(|(state, _, _)| format!(", {}", state_column(slot, state)))
            .concat()
    };
    slots.into_iter().map(names).collect()
}

/// Merged states of rows that are grouped, as the end of a list: `, sum(n1_count)::bigint AS n1_count, …`.
pub(crate) fn merges(slots: impl IntoIterator<Item = u16>) -> String {
    let merge = |slot| {
        STATES
            .map(|(state, _, merge)| {
                let column = state_column(slot, state);
                // The sum of bigints is numeric; counts stay bigints.
                let cast = if state == "count" { "::bigint" } else { "" };
                format!(", {merge}({column}){cast} AS {column}")
            })
            .concat()
    };
    slots.into_iter().map(merge).collect()
}

/// The statements that insert the partials of the facts that fulfil a condition, one for each page. The condition names the client and the entity by $1
/// and $2, and $3 is the number of the commit.
pub(crate) fn from_facts(
    placed: &Placed,
    grouping: &GroupingDefinition,
    condition: &str,
) -> Result<Vec<String>, Error> {
    let place = &placed.place;
    let id = place.layout.grouping_id(grouping)?;
    let bucket = format!("time_bucket('{}', time)", width(grouping.finest));
    let dimensions: Vec<String> = grouping
        .dimensions
        .iter()
        .map(|name| Ok(place.layout.slot_of(&placed.entity, name)?.text()))
        .collect::<Result<_, Error>>()?;
    let dimensions = format!("ARRAY[{}]::text[]", dimensions.join(", "));
    let numbers: Vec<Slot> = placed
        .entity
        .numeric_attributes()
        .map(|(_, attribute)| place.layout.slot(attribute))
        .collect::<Result<_, Error>>()?;
    let statement = |page: i16| {
        let slots = numbers.iter().filter(|slot| slot.state().page == page);
        let (names, states): (String, String) = slots
            .map(|slot| {
                let states = STATES
                    .map(|(state, _, _)| format!(", {}", state_of_facts(*slot, state)))
                    .concat();
                (state_names([slot.state().slot]), states)
            })
            .unzip();
        // By the columns' positions, which are no names of the facts' columns.
        format!(
            "INSERT INTO {} (client_id, entity_id, grouping_id, page, bucket, batch_number, dimensions, facts{names})
             SELECT $1, $2, {id}, {page}, {bucket} AS start, $3::bigint, {dimensions} AS by, count(*){states} FROM {}
             WHERE client_id = $1 AND entity_id = $2 AND {condition} GROUP BY start, by",
            place.volume.partials(),
            place.volume.facts(),
        )
    };
    Ok(place.layout.pages().into_iter().map(statement).collect())
}

/// One state of an attribute, computed from facts in SQL. Of texts, booleans and times there is only how many there are, and an empty text is none.
pub(crate) fn state_of_facts(slot: Slot, state: &str) -> String {
    let value = slot.value();
    if slot.family != Family::Number {
        return match state {
            "count" if slot.family == Family::Text => format!("count(nullif({value}, ''))"),
            "count" => format!("count({value})"),
            "first" | "last" => "NULL::numeric[]".to_owned(),
            _ => "NULL::numeric".to_owned(),
        };
    }
    state_of_numbers(&value, state)
}

/// The seconds from one instant to another in SQL, with their microseconds, as derived attributes have them.
pub(crate) fn seconds_between(from: &str, to: &str) -> String {
    format!("(extract(epoch FROM {to}) - extract(epoch FROM {from}))")
}

/// The time of a fact in SQL, in microseconds since 1970.
pub(crate) const TIME_US: &str = "(extract(epoch FROM time) * 1000000)::numeric";

/// One state of numbers, computed from facts in SQL.
pub(crate) fn state_of_numbers(value: &str, state: &str) -> String {
    let pair = format!("ARRAY[{TIME_US}, {value}]) FILTER (WHERE {value} IS NOT NULL)");
    match state {
        "count" => format!("count({value})"),
        "sum" => format!("sum({value})"),
        "min" => format!("min({value})"),
        "max" => format!("max({value})"),
        "first" => format!("min({pair}"),
        _ => format!("max({pair}"),
    }
}

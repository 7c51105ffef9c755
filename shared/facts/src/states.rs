//! States of facts computed in SQL, where they are not computed on their way in: for corrections, new groupings and questions that no
//! rollup answers.

use catalog::GroupingDefinition;
use database::identifier;

use crate::relation::{Columns, Placed, level_name};

/// Inserts the partials of the facts that fulfil a condition.
pub(crate) fn from_facts(placed: &Placed, grouping: &GroupingDefinition, condition: &str) -> String {
    let bucket = format!("time_bucket('1 {}', time)", level_name(grouping.finest));
    let columns = Columns::of(&placed.entity, grouping);
    format!(
        "INSERT INTO {} (client_id, bucket, {first} facts{})
         SELECT client_id, {bucket}, {first} count(*){} FROM {} WHERE {condition} GROUP BY client_id, {bucket}{}",
        placed.relation.partials(grouping),
        columns.states(),
        columns.computed(state_of_facts),
        placed.relation.facts(),
        columns.last,
        first = columns.first
    )
}

/// One state of an attribute, computed from facts in SQL.
pub(crate) fn state_of_facts(attribute: &str, state: &str) -> String {
    let column = identifier(attribute);
    let pair = format!(
        "ARRAY[(extract(epoch FROM time) * 1000000)::numeric, {column}::numeric]) FILTER (WHERE {column} IS NOT NULL)"
    );
    match state {
        "count" => format!("count({column})"),
        "sum" => format!("coalesce(sum({column}), 0)::numeric"),
        "min" => format!("min({column})::numeric"),
        "max" => format!("max({column})::numeric"),
        "first" => format!("min({pair}"),
        _ => format!("max({pair}"),
    }
}

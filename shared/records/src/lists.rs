//! Pages of lists: one statement for all of them. An index finds rows in the list's order from a key on; of these, those that match are read, and how far was looked
//! is told, so that a filter that matches next to nothing takes no longer than one that matches all.

use database::{Database, Error};
use tokio_postgres::types::ToSql;
use uuid::Uuid;

/// The most rows that one page looks at: some 30 ms, of letters of the usual size a few megabytes. A page of which few or none match ends there, and the next one goes on.
pub const MAX_LOOKED_AT: i64 = 10_000;

/// What a page was made of.
#[derive(Clone, Debug)]
pub struct Found<R, K> {
    /// The rows that match, in the list's order.
    pub rows: Vec<R>,
    /// The key of the last row that was looked at, where there may be others after it.
    pub reached: Option<K>,
}

database::row! {
    struct Mark {
        matches: bool,
        is_last: bool,
    }
}

/// A list of rows of one table.
pub(crate) struct List {
    /// The table, and the name by which every text here calls its rows.
    pub table: &'static str,
    pub name: &'static str,
    /// A total order, which an index of the client's rows has.
    pub order: &'static str,
    /// What is read of the rows that match.
    pub columns: &'static str,
    /// Other tables that it is read from, at most one row of each for a row.
    pub joins: &'static str,
}

/// Which rows of a client a page is made of. In conditions, `{}` stands for the value.
pub(crate) struct Selection<'a> {
    client: &'a Uuid,
    found: Vec<String>,
    matches: Vec<String>,
    values: Vec<&'a (dyn ToSql + Sync)>,
}

impl<'a> Selection<'a> {
    pub(crate) fn of(client: &'a Uuid) -> Self {
        Self {
            client,
            found: Vec::new(),
            matches: Vec::new(),
            values: vec![client],
        }
    }

    /// A condition that is looked at row by row, whatever is asked for.
    pub(crate) fn always(&mut self, condition: &str) {
        self.matches.push(condition.to_owned());
    }

    /// A condition that an index finds, where there is a value.
    pub(crate) fn found<T: ToSql + Sync>(&mut self, condition: &str, value: Option<&'a T>) {
        if let Some(value) = value {
            let condition = self.with(condition, value);
            self.found.push(condition);
        }
    }

    /// The same with two values.
    pub(crate) fn found_by_two<T: ToSql + Sync, U: ToSql + Sync>(
        &mut self,
        condition: &str,
        values: Option<&'a (T, U)>,
    ) {
        if let Some((first, second)) = values {
            let condition = self.with(condition, first);
            let condition = self.with(&condition, second);
            self.found.push(condition);
        }
    }

    /// The same of a condition that is looked at row by row.
    pub(crate) fn matching_two<T: ToSql + Sync, U: ToSql + Sync>(
        &mut self,
        condition: &str,
        values: Option<&'a (T, U)>,
    ) {
        if let Some((first, second)) = values {
            let condition = self.with(condition, first);
            let condition = self.with(&condition, second);
            self.matches.push(condition);
        }
    }

    /// A condition that is looked at row by row, where there is a value.
    pub(crate) fn matching<T: ToSql + Sync>(&mut self, condition: &str, value: Option<&'a T>) {
        if let Some(value) = value {
            let condition = self.with(condition, value);
            self.matches.push(condition);
        }
    }

    /// The condition with the value's number in the first place that has none.
    fn with(&mut self, condition: &str, value: &'a (dyn ToSql + Sync)) -> String {
        self.values.push(value);
        condition.replacen("{}", &format!("${}", self.values.len()), 1)
    }

    fn statement(&self, list: &List) -> String {
        let List {
            table,
            name,
            order,
            columns,
            joins,
        } = list;
        let found: String = self.found.iter().map(|condition| format!(" AND {condition}")).collect();
        let limit = format!("${}", self.values.len() + 1);
        // Where all match, no more are found than are read: the planner knows then that few are wanted.
        let (matches, looked_at) = if self.matches.is_empty() {
            ("true".to_owned(), limit.clone())
        } else {
            (self.matches.join(" AND "), MAX_LOOKED_AT.to_string())
        };
        format!(
            "SELECT {columns}, {name}.matches, {name}.nth = {MAX_LOOKED_AT} AS is_last
             FROM (
                SELECT {name}.*, ({matches}) IS TRUE AS matches, row_number() OVER (ORDER BY {order}) AS nth
                FROM (SELECT * FROM {table} {name} WHERE {name}.client_id = $1{found} ORDER BY {order} LIMIT {looked_at}) {name}
             ) {name} {joins}
             WHERE {name}.matches OR {name}.nth = {MAX_LOOKED_AT} ORDER BY {order} LIMIT {limit}"
        )
    }

    /// The rows of a page: so many at most, and the one where the looking ended.
    pub(crate) async fn read<R: database::FromRow, K>(
        self,
        database: &Database,
        list: &List,
        most: i64,
        key: impl Fn(&R) -> K,
    ) -> Result<Found<R, K>, Error> {
        let sql = self.statement(list);
        let mut values = self.values;
        values.push(&most);
        let read: Vec<(R, Mark)> = database.of(*self.client).rows(&sql, &values).await?;
        let end = read.last().filter(|(_, mark)| mark.is_last);
        let reached = end.map(|(row, _)| key(row));
        let rows = read.into_iter().filter(|(_, mark)| mark.matches).map(|(row, _)| row);
        Ok(Found {
            rows: rows.collect(),
            reached,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_has_the_conditions_that_have_values() {
        let client = Uuid::nil();
        let list = List {
            table: "core.things",
            name: "t",
            order: "t.at DESC, t.id DESC",
            columns: "t.id",
            joins: "",
        };
        let (pair, entity) = ((7_i64, client), "Flight");
        let mut selection = Selection::of(&client);
        selection.found("t.entity = {}", Some(&entity));
        selection.found("t.at >= {}", None::<&i64>);
        selection.found_by_two("(t.at, t.id) < ({}, {})", Some(&pair));
        selection.matching("t.state = {}", Some(&entity));
        let sql = selection.statement(&list);
        for part in [
            "WHERE t.client_id = $1 AND t.entity = $2 AND (t.at, t.id) < ($3, $4) ORDER BY t.at DESC, t.id DESC LIMIT 10000)",
            "(t.state = $5) IS TRUE AS matches",
            "LIMIT $6",
        ] {
            assert!(sql.contains(part), "{sql}");
        }
        let sql = Selection::of(&client).statement(&list);
        assert!(sql.contains("(true) IS TRUE") && sql.contains("LIMIT $2)"), "{sql}");
    }
}

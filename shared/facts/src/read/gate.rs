//! What a statement begins with: it is run in one of a client's places, and tells where it would not be whole.

use uuid::Uuid;

use super::{MAX_AT_ONCE, MAX_ROWS, Statement};

/// The number that the one row has which says that no place was free.
pub(super) const NO_PLACE: i32 = -1;

/// The number that the one row has which says that there are hours without sketches, whose facts the statement does not read.
pub(super) const UNSKETCHED: i32 = -2;

impl Statement {
    /// The statement of these branches over `tables`. That of a client first takes the first of its places that is free, by a lock that ends with the statement however
    /// it ends, and without one nothing of it is run; nor is it where facts would have to be read that it does not read.
    pub(super) fn whole(
        &mut self,
        [stale, unsketched]: [Option<String>; 2],
        branches: &str,
        client: Option<Uuid>,
    ) -> String {
        let place = client.map(|client| {
            let client = self.clients(&[client]);
            format!(
                "place AS MATERIALIZED (
                    SELECT FROM generate_series(1, {MAX_AT_ONCE}) AS number
                    WHERE pg_try_advisory_xact_lock(hashtextextended('question ' || ({client})[1] || ' ' || number, 0)) LIMIT 1
                )"
            )
        });
        let gates = [
            (place.is_some(), NO_PLACE, "EXISTS (SELECT FROM place)"),
            (
                unsketched.is_some() && !self.reads_unsketched,
                UNSKETCHED,
                "NOT EXISTS (SELECT FROM unsketched)",
            ),
        ];
        let gates = gates.into_iter().filter(|(is_there, ..)| *is_there);
        let (mut told, mut conditions) = (Vec::new(), Vec::new());
        for (_, number, condition) in gates {
            told.push(format!(
                "SELECT {number} AS question, NULL::uuid AS client_id, NULL::timestamptz AS bucket, NULL::text[] AS dimensions, NULL::bigint AS facts,
                    NULL::numeric[] AS states, NULL::bytea AS sketch WHERE NOT {condition}"
            ));
            conditions.push(condition);
        }
        if !conditions.is_empty() {
            told.push(format!(
                "SELECT * FROM ({branches}) AS answers WHERE {}",
                conditions.join(" AND ")
            ));
        }
        let gated = match told.is_empty() {
            true => branches.to_owned(),
            false => told.join(" UNION ALL "),
        };
        let tables: Vec<String> = place.into_iter().chain(stale).chain(unsketched).collect();
        let with = if tables.is_empty() { "" } else { "WITH " };
        format!("{with}{}\n{gated} LIMIT {}", tables.join(",\n"), MAX_ROWS + 1)
    }
}

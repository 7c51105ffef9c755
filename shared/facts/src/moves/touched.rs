//! What commits touched while an entity is being moved, copied again.

use std::time::Duration;

use catalog::Level;
use database::{Database, Edition, Error, Session};
use jiff::{SignedDuration, Timestamp};
use series::calendar::{floor_us, length_us};
use tokio_postgres::types::ToSql;

use super::copy::alike;
use super::{MAX_LAST, Move};
use crate::chunks;
use crate::copy::timestamp;
use crate::place::Placed;
use crate::volume::{Volume, levels};

/// The commits that are not copied yet, with what they cost: their facts, and the ranges that each table is asked for.
const COMMITS: &str = "SELECT batch_number, max(facts) + count(*) AS cost FROM core.moved_ranges
    WHERE client_id = $1 AND entity_id = $2 GROUP BY batch_number";

database::row! {
    struct More {
        is_more: bool,
    }
}

/// Whether more was touched than is copied while writers wait.
pub(super) async fn is_more(database: &Database, moving: &Move) -> Result<bool, Error> {
    let sql = format!("SELECT coalesce(sum(cost), 0) > $3::bigint AS is_more FROM ({COMMITS}) AS commits");
    let parameters: [&(dyn ToSql + Sync); 3] = [&moving.client_id, &moving.entity_id, &MAX_LAST];
    let more: Option<More> = database.of(moving.client_id).row(&sql, &parameters).await?;
    Ok(more.is_some_and(|more| more.is_more))
}

database::row! {
    struct Touched {
        batch_number: i64,
        from_time: Timestamp,
        to_time: Timestamp,
    }
}

/// Copies what the next commits touched, about [`MAX_LAST`] of it, within `limit` of the transaction's beginning. Whether there is more.
pub(super) async fn copy(session: &Session, placed: &Placed, moving: &Move, limit: Duration) -> Result<bool, Error> {
    let (client, id) = (moving.client_id, moving.entity_id);
    let sql = format!(
        "WITH running AS (
            SELECT batch_number, sum(cost) OVER (ORDER BY batch_number) - cost AS before FROM ({COMMITS}) AS commits
        )
        SELECT r.batch_number, r.from_time, r.to_time FROM core.moved_ranges r JOIN running c ON c.batch_number = r.batch_number
        WHERE r.client_id = $1 AND r.entity_id = $2 AND c.before < $3::bigint"
    );
    let touched: Vec<Touched> = session.rows(&sql, &[&client, &id, &MAX_LAST]).await?;
    let Some(last) = touched.iter().map(|touched| touched.batch_number).max() else {
        return Ok(false);
    };
    let replaces = replaces(session, placed, moving).await?;
    let edges = |touched: &Touched| (touched.from_time.as_microsecond(), touched.to_time.as_microsecond());
    let again = Again {
        session,
        moving,
        placed,
        last,
        ranges: touched.iter().map(edges).collect(),
        replaces,
        limit,
    };
    let facts = again.all().await?;
    session.limit_transaction(limit).await?;
    let sql = "UPDATE core.moves SET number = $3, rounds = rounds + 1, copied = copied + $4 WHERE client_id = $1 AND entity_id = $2";
    session.execute(sql, &[&client, &id, &last, &facts]).await?;
    let sql = "DELETE FROM core.moved_ranges WHERE client_id = $1 AND entity_id = $2 AND batch_number <= $3";
    session.execute(sql, &[&client, &id, &last]).await?;
    let sql = "SELECT EXISTS (SELECT FROM core.moved_ranges WHERE client_id = $1 AND entity_id = $2) AS is_more";
    let more: Option<More> = session.row(sql, &[&client, &id]).await?;
    Ok(more.is_some_and(|more| more.is_more))
}

struct Again<'a> {
    session: &'a Session,
    moving: &'a Move,
    placed: &'a Placed,
    /// The commit up to which it is copied now.
    last: i64,
    /// Ranges that were touched, in microseconds.
    ranges: Vec<(i64, i64)>,
    /// Whether facts may have been taken out, and not only added.
    replaces: bool,
    limit: Duration,
}

/// Whether facts may have been taken out since the move began: of a keyed entity they are by any commit, of others by changes. What commits brought is copied by
/// their numbers until the first is, and never again after it: what is copied as it is now may be of later commits, too.
async fn replaces(session: &Session, placed: &Placed, moving: &Move) -> Result<bool, Error> {
    if placed.entity.is_keyed() {
        return Ok(true);
    }
    // A change that only puts back counts the buckets anew, and so takes out what is counted there.
    let sql = "SELECT EXISTS (SELECT FROM core.commits c JOIN core.changes h ON h.client_id = $1 AND h.id = c.batch_id
        WHERE c.client_id = $1 AND c.entity_id = $2 AND c.committed_at >= $3) AS is_more";
    let parameters: [&(dyn ToSql + Sync); 3] = [&moving.client_id, &moving.entity_id, &moving.began_at];
    let more: Option<More> = session.row(sql, &parameters).await?;
    Ok(more.is_some_and(|more| more.is_more))
}

impl Again<'_> {
    /// Facts that were copied.
    async fn all(&self) -> Result<i64, Error> {
        let [from, to] = self.moving.volumes();
        let pair = |table: &dyn Fn(&Volume) -> String| [table(&from), table(&to)];
        let facts = self.table(&pair(&Volume::facts), "time", None, Level::Minute).await?;
        let is_apache = self.session.edition().await? == Edition::Apache;
        for (id, grouping) in self.placed.place.layout.groupings() {
            self.table(&pair(&Volume::partials), "bucket", Some(id), grouping.finest)
                .await?;
            // Only replacements and changes touch what was moved up.
            let moved_up = levels(Level::Minute).filter(|_| is_apache && self.replaces);
            for level in moved_up {
                let rows = pair(&|volume| volume.rows(level));
                self.table(&rows, "bucket", Some(id), level.max(grouping.finest))
                    .await?;
            }
        }
        let replaced = pair(&Volume::replaced);
        let rows = "client_id = $1 AND entity_id = $2 AND replaced_by > $3 AND replaced_by <= $4";
        let parameters: [&(dyn ToSql + Sync); 4] = [
            &self.moving.client_id,
            &self.moving.entity_id,
            &self.moving.number,
            &self.last,
        ];
        alike(
            self.session,
            self.limit,
            [&replaced[0], &replaced[1]],
            "",
            rows,
            &parameters,
        )
        .await?;
        Ok(facts)
    }

    /// What was touched of one table. What was appended is copied by the numbers of its commits; where rows are taken out or replaced, all of the buckets
    /// is, as it is now: what later commits do to them is copied once more. All ranges are joined, or each would be a statement.
    async fn table(
        &self,
        tables: &[String; 2],
        column: &str,
        grouping: Option<i16>,
        level: Level,
    ) -> Result<i64, Error> {
        let Move {
            client_id, entity_id, ..
        } = self.moving;
        let of_grouping = grouping.map_or_else(String::new, |id| format!(" AND grouping_id = {id}"));
        let of_commits = if self.replaces {
            "$7::bigint <= $8::bigint"
        } else {
            "batch_number > $7 AND batch_number <= $8"
        };
        let rows = |table: &str| {
            format!(
                "{table}.client_id = $1 AND {table}.entity_id = $2{of_grouping} AND {of_commits}
                     AND {table}.{column} >= r.from_time AND {table}.{column} < r.to_time AND {table}.{column} >= $5 AND {table}.{column} < $6"
            )
        };
        let mut copied = 0;
        for near in near(buckets(&self.ranges, level)) {
            let (from, to): (Vec<Timestamp>, Vec<Timestamp>) = near.into_iter().unzip();
            let edges = [from.first(), to.last()].map(|edge| edge.copied().unwrap_or(Timestamp::MIN));
            let parameters: [&(dyn ToSql + Sync); 8] = [
                client_id,
                entity_id,
                &from,
                &to,
                &edges[0],
                &edges[1],
                &self.moving.number,
                &self.last,
            ];
            if self.replaces {
                self.delete(&tables[1], &rows("f"), &parameters).await?;
            }
            copied += alike(
                self.session,
                self.limit,
                [&tables[0], &tables[1]],
                RANGES,
                &rows("t"),
                &parameters,
            )
            .await?;
        }
        Ok(copied)
    }

    async fn delete(&self, table: &str, rows: &str, parameters: &[&(dyn ToSql + Sync)]) -> Result<(), Error> {
        self.session.limit_transaction(self.limit).await?;
        let tables = match self.session.edition().await? {
            Edition::Apache => chunks::with_rows(self.session, &format!("{RANGES}{table} f"), rows, parameters).await?,
            // Aggregates learn of what is deleted from the hypertable that they are over.
            Edition::Community => vec![table.to_owned()],
        };
        let ranges = RANGES.trim_end_matches(", ");
        for table in tables {
            let sql = format!("DELETE FROM {table} f USING {ranges} WHERE {rows}");
            self.session.limit_transaction(self.limit).await?;
            self.session.execute(&sql, parameters).await?;
        }
        Ok(())
    }
}

/// Ranges as a table that others are joined with.
const RANGES: &str = "unnest($3::timestamptz[], $4::timestamptz[]) AS r (from_time, to_time), ";

/// Ranges that are asked for by one statement are no farther apart: to plan it, PostgreSQL opens each chunk from the first to the last of them.
const NEAR: SignedDuration = SignedDuration::from_hours(365 * 24);

/// Ranges by statements: all of usual data by one, and some dozens where facts of all times were touched.
fn near(ranges: Vec<(Timestamp, Timestamp)>) -> Vec<Vec<(Timestamp, Timestamp)>> {
    let is_near = |one: &(Timestamp, Timestamp), next: &(Timestamp, Timestamp)| next.0.duration_since(one.1) <= NEAR;
    ranges.chunk_by(is_near).map(<[_]>::to_vec).collect()
}

/// Ranges as whole buckets of a level, each bucket in one of them.
fn buckets(ranges: &[(i64, i64)], level: Level) -> Vec<(Timestamp, Timestamp)> {
    let whole = |(from, to): &(i64, i64)| (floor_us(level, *from), floor_us(level, to - 1) + length_us(level));
    let mut whole: Vec<(i64, i64)> = ranges.iter().map(whole).collect();
    whole.sort_unstable();
    let mut merged: Vec<(i64, i64)> = Vec::new();
    for (from, to) in whole {
        match merged.last_mut() {
            Some((_, end)) if from <= *end => *end = to.max(*end),
            _ => merged.push((from, to)),
        }
    }
    let instants = merged.into_iter().map(|(from, to)| (timestamp(from), timestamp(to)));
    instants.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bucket_is_in_one_range() {
        let at = |minute: i64| minute * length_us(Level::Minute);
        let ranges = [(at(61), at(62)), (at(1), at(3)), (at(2), at(4)), (at(4), at(5))];
        let of = |level| -> Vec<(i64, i64)> {
            let ranges = buckets(&ranges, level).into_iter();
            ranges
                .map(|(from, to)| (from.as_microsecond() / at(1), to.as_microsecond() / at(1)))
                .collect()
        };
        assert_eq!(of(Level::Minute), [(1, 5), (61, 62)]);
        assert_eq!(of(Level::Hour), [(0, 120)]);
        assert_eq!(of(Level::Day), [(0, 1_440)]);
    }

    #[test]
    fn far_ranges_are_asked_for_apart() {
        let day = length_us(Level::Day);
        let days = [1, 300, 700, 701].map(|number| (timestamp(number * day), timestamp((number + 1) * day)));
        let lengths: Vec<usize> = near(days.to_vec()).iter().map(Vec::len).collect();
        assert_eq!(lengths, [2, 2]);
        assert_eq!(near(Vec::new()).len(), 0);
    }
}

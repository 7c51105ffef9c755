//! What commits touched while an entity is being moved, copied again.

use catalog::Level;
use database::{Database, Edition, Error, Session};
use jiff::Timestamp;
use series::calendar::{floor_us, length_us};
use tokio_postgres::types::ToSql;

use super::Move;
use super::copy::alike;
use crate::copy::timestamp;
use crate::place::Placed;
use crate::volume::{Volume, levels};

database::row! {
    struct Facts {
        facts: i64,
    }
}

/// Facts of the commits that are not copied yet.
pub(super) async fn facts(database: &Database, moving: &Move) -> Result<i64, Error> {
    let sql = "SELECT coalesce(sum(facts), 0)::bigint AS facts FROM (
            SELECT max(facts) AS facts FROM core.moved_ranges WHERE client_id = $1 AND entity_id = $2 GROUP BY batch_number
        ) AS commits";
    let parameters: [&(dyn ToSql + Sync); 2] = [&moving.client_id, &moving.entity_id];
    let facts: Option<Facts> = database.of(moving.client_id).row(sql, &parameters).await?;
    Ok(facts.map_or(0, |facts| facts.facts))
}

database::row! {
    struct Touched {
        batch_number: i64,
        from_time: Timestamp,
        to_time: Timestamp,
    }
}

/// Copies what the next commits touched, about so many facts of them, or all.
pub(super) async fn copy(session: &Session, placed: &Placed, moving: &Move, most: Option<i64>) -> Result<(), Error> {
    let (client, id) = (moving.client_id, moving.entity_id);
    let sql = "WITH commits AS (
            SELECT batch_number, max(facts) AS facts FROM core.moved_ranges WHERE client_id = $1 AND entity_id = $2 GROUP BY batch_number
        ), running AS (
            SELECT batch_number, sum(facts) OVER (ORDER BY batch_number) - facts AS before FROM commits
        )
        SELECT r.batch_number, r.from_time, r.to_time FROM core.moved_ranges r JOIN running c ON c.batch_number = r.batch_number
        WHERE r.client_id = $1 AND r.entity_id = $2 AND c.before < $3::bigint";
    let touched: Vec<Touched> = session.rows(sql, &[&client, &id, &most.unwrap_or(i64::MAX)]).await?;
    let Some(last) = touched.iter().map(|touched| touched.batch_number).max() else {
        return Ok(());
    };
    let edges = |touched: &Touched| (touched.from_time.as_microsecond(), touched.to_time.as_microsecond());
    let again = Again {
        session,
        moving,
        placed,
        last,
        ranges: touched.iter().map(edges).collect(),
    };
    let facts = again.all().await?;
    let sql = "UPDATE core.moves SET number = $3, rounds = rounds + 1, copied = copied + $4 WHERE client_id = $1 AND entity_id = $2";
    session.execute(sql, &[&client, &id, &last, &facts]).await?;
    let sql = "DELETE FROM core.moved_ranges WHERE client_id = $1 AND entity_id = $2 AND batch_number <= $3";
    session.execute(sql, &[&client, &id, &last]).await.map(drop)
}

struct Again<'a> {
    session: &'a Session,
    moving: &'a Move,
    placed: &'a Placed,
    /// The commit up to which it is copied now.
    last: i64,
    /// Ranges that were touched, in microseconds.
    ranges: Vec<(i64, i64)>,
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
            // Only replacements touch what was moved up.
            let moved_up = levels(Level::Minute).filter(|_| is_apache && self.is_keyed());
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
        alike(self.session, [&replaced[0], &replaced[1]], rows, &parameters).await?;
        Ok(facts)
    }

    fn is_keyed(&self) -> bool {
        !self.placed.entity.definition().key.is_empty()
    }

    /// What was touched of one table. What was appended is copied by the numbers of its commits; of a keyed entity, whose rows are replaced, all of the buckets
    /// is, as it is now: what later commits do to them is copied once more.
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
        let of_commits = if self.is_keyed() {
            "$5::bigint <= $6::bigint"
        } else {
            "batch_number > $5 AND batch_number <= $6"
        };
        let rows = format!(
            "client_id = $1 AND entity_id = $2{of_grouping} AND {column} >= $3 AND {column} < $4 AND {of_commits}"
        );
        let mut copied = 0;
        for [from, to] in buckets(&self.ranges, level) {
            let parameters: [&(dyn ToSql + Sync); 6] =
                [client_id, entity_id, &from, &to, &self.moving.number, &self.last];
            if self.is_keyed() {
                let delete = format!("DELETE FROM {} WHERE {rows}", tables[1]);
                self.session.execute(&delete, &parameters).await?;
            }
            copied += alike(self.session, [&tables[0], &tables[1]], &rows, &parameters).await?;
        }
        Ok(copied)
    }
}

/// Ranges as whole buckets of a level, each bucket in one of them.
fn buckets(ranges: &[(i64, i64)], level: Level) -> Vec<[Timestamp; 2]> {
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
    let instants = merged.into_iter().map(|(from, to)| [timestamp(from), timestamp(to)]);
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
                .map(|[from, to]| (from.as_microsecond() / at(1), to.as_microsecond() / at(1)))
                .collect()
        };
        assert_eq!(of(Level::Minute), [(1, 5), (61, 62)]);
        assert_eq!(of(Level::Hour), [(0, 120)]);
        assert_eq!(of(Level::Day), [(0, 1_440)]);
    }
}

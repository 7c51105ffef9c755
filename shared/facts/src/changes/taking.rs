//! Facts that are taken out, and how far a step goes.

use std::collections::BTreeSet;

use database::Error;
use jiff::Timestamp;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::deletion::condition;
use super::{Change, aside};
use crate::chunks;
use crate::keyed::Limited;
use crate::place::{Place, Placed};

/// Rows that a step takes: where they are, which these are, and by which numbers.
pub(super) struct Source {
    table: String,
    entity: i32,
    rows: String,
    numbers: Vec<i64>,
    filter: Option<String>,
}

database::row! {
    struct Number {
        batch_number: i64,
    }
}

database::row! {
    struct Key {
        key: Uuid,
    }
}

database::row! {
    struct Position {
        time: Timestamp,
    }
}

database::row! {
    /// A fact that was taken out.
    pub(super) struct Taken {
        pub(super) time: Timestamp,
        pub(super) key: Option<Uuid>,
        pub(super) batch_number: i64,
    }
}

/// The numbers of the facts of batches, and of the steps of changes.
async fn numbers(limited: &Limited<'_>, change: &Change, batches: &[Uuid]) -> Result<Vec<i64>, Error> {
    let sql = "SELECT batch_number FROM core.commits WHERE client_id = $1 AND entity_id = $2 AND batch_id = ANY ($3)";
    let session = limited.next().await?;
    let numbers: Vec<Number> = session
        .rows(sql, &[&change.client_id, &change.entity_id, &batches])
        .await?;
    Ok(numbers.into_iter().map(|row| row.batch_number).collect())
}

impl Source {
    /// What a change takes out.
    pub(super) async fn taken_out(limited: &Limited<'_>, change: &Change, placed: &Placed) -> Result<Self, Error> {
        let (rows, numbers) = match change.up_to {
            Some(up_to) => (condition(placed, change)?, vec![up_to]),
            None => (
                "f.batch_number = ANY ($5) AND $6::text IS NULL".to_owned(),
                numbers(limited, change, &change.batches).await?,
            ),
        };
        Ok(Self {
            table: placed.place.volume.facts(),
            entity: placed.place.id,
            rows,
            numbers,
            filter: change.filter.clone(),
        })
    }

    /// What is put back of an earlier change.
    pub(super) async fn put_back(
        limited: &Limited<'_>,
        change: &Change,
        placed: &Placed,
        earlier: Uuid,
    ) -> Result<Self, Error> {
        Ok(Self {
            table: placed.place.volume.replaced(),
            entity: placed.place.id,
            rows: "f.replaced_by = ANY ($5) AND $6::text IS NULL".to_owned(),
            numbers: numbers(limited, change, &[earlier]).await?,
            filter: None,
        })
    }

    /// What was kept aside of a batch.
    pub(super) fn aside(placed: &Placed, batch: Uuid) -> Self {
        Self {
            table: placed.place.volume.facts(),
            entity: -placed.place.id,
            rows: "f.batch_number = ANY ($5) AND $6::text IS NULL".to_owned(),
            numbers: vec![aside::number_of(batch)],
            filter: None,
        }
    }

    /// Its rows in a range of time, as a statement with parameters from $4 to $7 selects them.
    pub(super) fn select(&self) -> String {
        format!(
            "SELECT f.* FROM {} f WHERE f.client_id = $1 AND f.entity_id = $2 AND f.time >= $4 AND f.time < $7 AND {}",
            self.table, self.rows
        )
    }

    /// Parameters of [`Self::select`], from $4 on.
    pub(super) fn parameters<'p>(&'p self, range: &'p [Timestamp; 2]) -> [&'p (dyn ToSql + Sync); 4] {
        [&range[0], &self.numbers, &self.filter, &range[1]]
    }

    /// The keys of its rows in a range of time.
    pub(super) async fn keys(
        &self,
        limited: &Limited<'_>,
        client: Uuid,
        [from, to]: &[Timestamp; 2],
    ) -> Result<Vec<Uuid>, Error> {
        let sql = format!(
            "SELECT DISTINCT f.key FROM {} f WHERE f.client_id = $1 AND f.entity_id = $2 AND f.time >= $3 AND f.time < $4 AND {} AND f.key IS NOT NULL",
            self.table, self.rows
        );
        let parameters: [&(dyn ToSql + Sync); 6] = [&client, &self.entity, from, to, &self.numbers, &self.filter];
        let keys: Vec<Key> = limited.next().await?.rows(&sql, &parameters).await?;
        Ok(keys.into_iter().map(|row| row.key).collect())
    }

    /// The time of the row with which a step would be too large.
    pub(super) async fn end(
        &self,
        limited: &Limited<'_>,
        change: &Change,
        most: usize,
    ) -> Result<Option<Timestamp>, Error> {
        if self.numbers.is_empty() {
            return Ok(None);
        }
        let sql = format!(
            "SELECT f.time FROM {} f WHERE f.client_id = $1 AND f.entity_id = $2 AND f.time >= $3 AND f.time < $4 AND {} ORDER BY f.time OFFSET $7 LIMIT 1",
            self.table, self.rows
        );
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let parameters: [&(dyn ToSql + Sync); 7] = [
            &change.client_id,
            &self.entity,
            &change.done_to,
            &change.to_time,
            &self.numbers,
            &self.filter,
            &most,
        ];
        let position: Option<Position> = limited.next().await?.row(&sql, &parameters).await?;
        Ok(position.map(|position| position.time))
    }

    /// Takes its rows of a range of time out, and returns what they were. Those of facts that count are kept among the replaced ones, by a number.
    pub(super) async fn take(
        &self,
        limited: &Limited<'_>,
        (client, placed): (Uuid, &Placed),
        [from, to]: &[Timestamp; 2],
        replaced_by: i64,
    ) -> Result<Vec<Taken>, Error> {
        if self.numbers.is_empty() {
            return Ok(Vec::new());
        }
        let Place { volume, .. } = &placed.place;
        let condition = format!(
            "f.client_id = $1 AND f.entity_id = $2 AND f.time >= $3 AND f.time < $4 AND {}",
            self.rows
        );
        let range: [&(dyn ToSql + Sync); 6] = [&client, &self.entity, from, to, &self.numbers, &self.filter];
        let tables = format!("{} f", self.table);
        let mut taken = Vec::new();
        for chunk in chunks::with_rows(limited.next().await?, &tables, &condition, &range).await? {
            let sql = format!(
                "WITH gone AS (
                     DELETE FROM {chunk} f WHERE {condition} RETURNING f.*
                 ), kept AS (
                     INSERT INTO {} SELECT gone.*, $7::bigint, clock_timestamp() FROM gone
                 )
                 SELECT time, key, batch_number FROM gone",
                volume.replaced()
            );
            let mut parameters = range.to_vec();
            parameters.push(&replaced_by);
            taken.extend(limited.next().await?.rows::<Taken>(&sql, &parameters).await?);
        }
        Ok(taken)
    }

    /// Puts its rows of a range of time, which were kept aside, among the facts that count, under a number. Their times.
    pub(super) async fn put_in(
        &self,
        limited: &Limited<'_>,
        (client, placed): (Uuid, &Placed),
        columns: &[String],
        [from, to]: &[Timestamp; 2],
        number: i64,
    ) -> Result<(BTreeSet<i64>, usize), Error> {
        let names: String = columns.iter().map(|name| format!(", {name}")).collect();
        let values: String = columns.iter().map(|name| format!(", gone.{name}")).collect();
        let condition = format!(
            "f.client_id = $1 AND f.entity_id = $2 AND f.time >= $3 AND f.time < $4 AND {}",
            self.rows
        );
        let range: [&(dyn ToSql + Sync); 6] = [&client, &self.entity, from, to, &self.numbers, &self.filter];
        let tables = format!("{} f", self.table);
        let (mut times, mut facts) = (BTreeSet::new(), 0);
        for chunk in chunks::with_rows(limited.next().await?, &tables, &condition, &range).await? {
            let sql = format!(
                "WITH gone AS (
                     DELETE FROM {chunk} f WHERE {condition} RETURNING f.*
                 ), put AS (
                     INSERT INTO {} (entity_id, batch_number{names}) SELECT $7, $8{values} FROM gone
                 )
                 SELECT time FROM gone",
                placed.place.volume.facts()
            );
            let mut parameters = range.to_vec();
            parameters.extend([&placed.place.id as &(dyn ToSql + Sync), &number]);
            let put: Vec<Position> = limited.next().await?.rows(&sql, &parameters).await?;
            facts += put.len();
            times.extend(put.iter().map(|put| put.time.as_microsecond()));
        }
        Ok((times, facts))
    }
}

//! Facts that are taken out, and how far a step goes.

use std::collections::BTreeSet;

use database::Error;
use jiff::Timestamp;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::deletion::condition;
use super::steps::Stretch;
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
    /// Facts of one minute and number that were taken out.
    pub(super) struct Taken {
        pub(super) first: Timestamp,
        pub(super) last: Timestamp,
        pub(super) facts: i64,
        pub(super) keys: Option<Vec<Uuid>>,
        pub(super) batch_number: i64,
    }
}

database::row! {
    struct Put {
        first: Timestamp,
        last: Timestamp,
        facts: i64,
    }
}

database::row! {
    struct OfNumber {
        number: i64,
        facts: i64,
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

    /// What is put back of an earlier change: of the batches that count again.
    pub(super) async fn put_back(
        limited: &Limited<'_>,
        change: &Change,
        placed: &Placed,
        earlier: Uuid,
    ) -> Result<Self, Error> {
        Ok(Self {
            table: placed.place.volume.replaced(),
            entity: placed.place.id,
            rows: "f.replaced_by = ANY ($5) AND $6::text IS NULL AND NOT EXISTS (SELECT FROM core.commits k
                WHERE k.client_id = f.client_id AND k.entity_id = f.entity_id AND k.batch_number = f.batch_number AND k.is_undone)"
                .to_owned(),
            numbers: numbers(limited, change, &[earlier]).await?,
            filter: None,
        })
    }

    /// What facts of a keyed entity that an earlier change has taken out of what counts were, whoever has replaced them: keys may have them again.
    pub(super) async fn of_keys(
        limited: &Limited<'_>,
        change: &Change,
        placed: &Placed,
        earlier: Uuid,
    ) -> Result<Self, Error> {
        let sql = "SELECT k.batch_number FROM core.commits k JOIN core.changes c ON c.client_id = $1 AND c.id = $3
            WHERE k.client_id = $1 AND k.entity_id = $2 AND k.batch_id = ANY (c.batches) AND NOT k.is_undone";
        let session = limited.next().await?;
        let numbers: Vec<Number> = session
            .rows(sql, &[&change.client_id, &change.entity_id, &earlier])
            .await?;
        Ok(Self {
            table: placed.place.volume.replaced(),
            entity: placed.place.id,
            // As the index has it.
            rows: "f.batch_number = ANY ($5) AND f.key IS NOT NULL AND $6::text IS NULL".to_owned(),
            numbers: numbers.into_iter().map(|row| row.batch_number).collect(),
            filter: None,
        })
    }

    /// Those of its rows, which are by the number that replaced them, that a step puts back: of the numbers after one as many as fit, the first one in any case. And
    /// whether there are more.
    pub(super) async fn some(
        self,
        limited: &Limited<'_>,
        client: Uuid,
        stretch: &Stretch,
        after: Option<i64>,
    ) -> Result<(Self, bool), Error> {
        let Some(most) = stretch.most else {
            return Ok((self, false));
        };
        let sql = format!(
            "SELECT f.replaced_by AS number, count(*) AS facts FROM {} f
             WHERE f.client_id = $1 AND f.entity_id = $2 AND f.time >= $3 AND f.time < $4 AND {} AND ($7::bigint IS NULL OR f.replaced_by > $7)
             GROUP BY f.replaced_by ORDER BY f.replaced_by",
            self.table, self.rows
        );
        let [from, to] = &stretch.range;
        let parameters: [&(dyn ToSql + Sync); 7] =
            [&client, &self.entity, from, to, &self.numbers, &self.filter, &after];
        let all: Vec<OfNumber> = limited.next().await?.rows(&sql, &parameters).await?;
        let mut facts = 0;
        let fitting = all.iter().take_while(|of| {
            let fits = facts == 0 || facts + of.facts <= most;
            facts += of.facts;
            fits
        });
        let numbers: Vec<i64> = fitting.map(|of| of.number).collect();
        let has_more = numbers.len() < all.len();
        Ok((Self { numbers, ..self }, has_more))
    }

    /// The last of its numbers.
    pub(super) fn last_number(&self) -> Option<i64> {
        self.numbers.iter().copied().max()
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

    /// The keys of its rows, in their order and after one: as many as a step takes.
    pub(super) async fn keys(
        &self,
        limited: &Limited<'_>,
        client: Uuid,
        stretch: &Stretch,
        after: Option<Uuid>,
    ) -> Result<Vec<Uuid>, Error> {
        let sql = format!(
            "SELECT DISTINCT f.key FROM {} f WHERE f.client_id = $1 AND f.entity_id = $2 AND f.time >= $3 AND f.time < $4 AND {}
                 AND f.key IS NOT NULL AND ($7::uuid IS NULL OR f.key > $7) ORDER BY f.key LIMIT $8::bigint",
            self.table, self.rows
        );
        let [from, to] = &stretch.range;
        let parameters: [&(dyn ToSql + Sync); 8] = [
            &client,
            &self.entity,
            from,
            to,
            &self.numbers,
            &self.filter,
            &after,
            &stretch.most,
        ];
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

    /// The condition of rows of a chunk: all of a range, or as many as a step takes. Its parameters are $1 to $6.
    fn some_of(&self, chunk: &str, stretch: &Stretch, order: &str) -> String {
        let condition = self.condition();
        match stretch.most {
            None => condition,
            // The rows of one minute are in one chunk.
            Some(most) => {
                format!("f.ctid = ANY (ARRAY(SELECT f.ctid FROM {chunk} f WHERE {condition}{order} LIMIT {most}))")
            }
        }
    }

    fn condition(&self) -> String {
        format!(
            "f.client_id = $1 AND f.entity_id = $2 AND f.time >= $3 AND f.time < $4 AND {}",
            self.rows
        )
    }

    /// Takes its rows out, and returns what they were. Those of facts that count are kept among the replaced ones, by a number.
    pub(super) async fn take(
        &self,
        limited: &Limited<'_>,
        (client, placed): (Uuid, &Placed),
        stretch: &Stretch,
        replaced_by: i64,
    ) -> Result<Vec<Taken>, Error> {
        if self.numbers.is_empty() {
            return Ok(Vec::new());
        }
        let Place { volume, .. } = &placed.place;
        let [from, to] = &stretch.range;
        let range: [&(dyn ToSql + Sync); 6] = [&client, &self.entity, from, to, &self.numbers, &self.filter];
        let tables = format!("{} f", self.table);
        let mut taken = Vec::new();
        for chunk in chunks::with_rows(limited.next().await?, &tables, &self.condition(), &range).await? {
            let sql = format!(
                "WITH gone AS (
                     DELETE FROM {chunk} f WHERE {} RETURNING f.*
                 ), kept AS (
                     INSERT INTO {} SELECT gone.*, $7::bigint, clock_timestamp() FROM gone
                 )
                 SELECT min(time) AS first, max(time) AS last, count(*) AS facts, array_agg(key) FILTER (WHERE key IS NOT NULL) AS keys, batch_number
                 FROM gone GROUP BY date_trunc('minute', time), batch_number",
                self.some_of(&chunk, stretch, ""),
                volume.replaced()
            );
            let mut parameters = range.to_vec();
            parameters.push(&replaced_by);
            taken.extend(limited.next().await?.rows::<Taken>(&sql, &parameters).await?);
        }
        Ok(taken)
    }

    /// Puts its rows, which were kept aside, among the facts that count, under a number: those of the first keys, where they are some and have keys. The first and the
    /// last time of each minute, and how many there are.
    pub(super) async fn put_in(
        &self,
        limited: &Limited<'_>,
        (client, placed): (Uuid, &Placed),
        columns: &[String],
        stretch: &Stretch,
        number: i64,
    ) -> Result<(BTreeSet<i64>, usize), Error> {
        let names: String = columns.iter().map(|name| format!(", {name}")).collect();
        let values: String = columns.iter().map(|name| format!(", gone.{name}")).collect();
        let is_keyed = placed.entity.is_keyed();
        let order = if is_keyed { " ORDER BY f.key" } else { "" };
        let [from, to] = &stretch.range;
        let range: [&(dyn ToSql + Sync); 6] = [&client, &self.entity, from, to, &self.numbers, &self.filter];
        let tables = format!("{} f", self.table);
        let (mut times, mut facts) = (BTreeSet::new(), 0);
        for chunk in chunks::with_rows(limited.next().await?, &tables, &self.condition(), &range).await? {
            let sql = format!(
                "WITH gone AS (
                     DELETE FROM {chunk} f WHERE {} RETURNING f.*
                 ), put AS (
                     INSERT INTO {} (entity_id, batch_number{names}) SELECT $7, $8{values} FROM gone
                 )
                 SELECT min(time) AS first, max(time) AS last, count(*) AS facts FROM gone GROUP BY date_trunc('minute', time)",
                self.some_of(&chunk, stretch, order),
                placed.place.volume.facts()
            );
            let mut parameters = range.to_vec();
            parameters.extend([&placed.place.id as &(dyn ToSql + Sync), &number]);
            let put: Vec<Put> = limited.next().await?.rows(&sql, &parameters).await?;
            facts += put
                .iter()
                .map(|put| usize::try_from(put.facts).unwrap_or(0))
                .sum::<usize>();
            times.extend(
                put.iter()
                    .flat_map(|put| [put.first, put.last].map(Timestamp::as_microsecond)),
            );
        }
        Ok((times, facts))
    }
}

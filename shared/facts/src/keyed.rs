//! Keyed entities: a fact replaces the one with its key, and the partials of the minutes that lost or gained a fact are
//! recomputed from the facts, in the same transaction.
//!
//! The transaction is REPEATABLE READ, so that what is deleted and what is recomputed are of one snapshot: a batch that
//! commits in between would else be counted twice. Writers of one client and entity take turns by an advisory lock, so
//! that two batches can't both insert the same key.

use std::collections::{BTreeMap, BTreeSet};

use catalog::{Entity, GroupingDefinition, Level};
use database::{Database, Edition, Error, Isolation, Scope, Session, identifier};
use formula::Value;
use jiff::Timestamp;
use series::Fact;
use series::calendar::floor_us;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::MAX_TRIES;
use crate::batch::reject;
use crate::commit::tell;
use crate::copy::{self, timestamp};
use crate::ingest::unchanged;
use crate::mark::{Marks, mark};
use crate::part::Part;
use crate::relation::{Columns, Placed, column_type, level_name, levels, writers_lock};
use crate::states::from_facts;

/// Writes parts of batches of a keyed entity.
pub(crate) async fn write(
    database: &Database,
    client: Uuid,
    placed: &Placed,
    source: &str,
    parts: &[Part<'_>],
) -> Result<Marks, Error> {
    let mut tries = 1;
    loop {
        match once(database, client, placed, source, parts).await {
            Err(error) if error.is_conflict() && tries < MAX_TRIES => tries += 1,
            result => return result,
        }
    }
}

async fn once(
    database: &Database,
    client: Uuid,
    placed: &Placed,
    source: &str,
    parts: &[Part<'_>],
) -> Result<Marks, Error> {
    let scope = Scope {
        client: Some(client),
        isolation: Isolation::RepeatableRead,
    };
    let lock = writers_lock(client, &placed.relation);
    let work = async |session: &Session| replace(session, client, placed, source, parts).await;
    database.locked_transaction(&lock, scope, work).await
}

async fn replace(
    session: &Session,
    client: Uuid,
    placed: &Placed,
    source: &str,
    parts: &[Part<'_>],
) -> Result<Marks, Error> {
    unchanged(session, client, placed).await?;
    let marks = mark(session, client, placed.entity.code(), source, parts).await?;
    let new = marks.fresh(parts);
    let facts = newest(&placed.entity, &new);
    if !facts.is_empty() {
        let mut times: BTreeSet<i64> = delete(session, client, placed, &facts).await?;
        times.extend(facts.iter().map(|fact| fact.time_us));
        copy::facts(session, client, placed, &facts).await?.finish().await?;
        for grouping in placed.entity.groupings() {
            recompute(session, client, placed, grouping, &times).await?;
        }
        let minutes: BTreeSet<i64> = times.iter().map(|time_us| floor_us(Level::Minute, *time_us)).collect();
        tell(session, client, placed, times.len(), &minutes).await?;
    }
    reject(session, client, placed.entity.code(), &new).await?;
    Ok(marks)
}

/// The last fact of each key, in the order of the parts.
fn newest<'b>(entity: &Entity, parts: &[Part<'b>]) -> Vec<&'b Fact> {
    let positions = entity.key();
    let mut by_key: BTreeMap<Vec<String>, &'b Fact> = BTreeMap::new();
    for fact in parts.iter().flat_map(Part::mapped).map(|mapped| &mapped.fact) {
        by_key.insert(
            positions
                .iter()
                .map(|position| series::answer::text(&fact.values[*position]))
                .collect(),
            fact,
        );
    }
    by_key.into_values().collect()
}

database::row! {
    struct Deleted {
        time: Timestamp,
    }
}

/// Deletes the facts that have the keys of new ones and returns their times.
async fn delete(session: &Session, client: Uuid, placed: &Placed, facts: &[&Fact]) -> Result<BTreeSet<i64>, Error> {
    let positions = placed.entity.key();
    let text = |position: usize| -> Vec<Option<String>> {
        facts
            .iter()
            .map(|fact| match &fact.values[position] {
                Value::Null => None,
                value => Some(series::answer::text(value)),
            })
            .collect()
    };
    let keys: Vec<Vec<Option<String>>> = positions.iter().map(|position| text(*position)).collect();
    let mut parameters: Vec<&(dyn ToSql + Sync)> = vec![&client];
    let mut arrays = Vec::new();
    let mut matches = Vec::new();
    for (number, (position, values)) in positions.iter().zip(&keys).enumerate() {
        let attribute = &placed.entity.stored_attributes()[*position];
        arrays.push(format!("${}::text[]", number + 2));
        matches.push(format!(
            "f.{} = k.k{number}::{}",
            identifier(&attribute.name),
            column_type(attribute.kind)
        ));
        parameters.push(values);
    }
    let names: Vec<String> = (0..positions.len()).map(|number| format!("k{number}")).collect();
    let sql = format!(
        "DELETE FROM {} f USING unnest({}) AS k ({}) WHERE f.client_id = $1 AND {} RETURNING f.time",
        placed.relation.facts(),
        arrays.join(", "),
        names.join(", "),
        matches.join(" AND ")
    );
    let deleted: Vec<Deleted> = session.rows(&sql, &parameters).await?;
    Ok(deleted.iter().map(|fact| fact.time.as_microsecond()).collect())
}

/// Replaces the partials of the touched buckets by what the facts say, and takes them out of the levels above.
async fn recompute(
    session: &Session,
    client: Uuid,
    placed: &Placed,
    grouping: &GroupingDefinition,
    times: &BTreeSet<i64>,
) -> Result<(), Error> {
    let buckets = |level: Level| -> Vec<Timestamp> {
        times
            .iter()
            .map(|time_us| floor_us(level, *time_us))
            .collect::<BTreeSet<_>>()
            .into_iter()
            .map(timestamp)
            .collect()
    };
    let finest = buckets(grouping.finest);
    let partials = placed.relation.partials(grouping);
    session
        .execute(
            &format!("DELETE FROM {partials} WHERE client_id = $1 AND bucket = ANY ($2)"),
            &[&client, &finest],
        )
        .await?;
    if session.edition().await? == Edition::Apache {
        for level in levels(grouping.finest) {
            let rows = placed.relation.rows(grouping, level);
            session
                .execute(
                    &format!("DELETE FROM {rows} WHERE client_id = $1 AND bucket = ANY ($2)"),
                    &[&client, &buckets(level)],
                )
                .await?;
            if level > grouping.finest {
                let sql = rebuild_level(placed, grouping, level);
                session.execute(&sql, &[&client, &buckets(level)]).await?;
            }
        }
    }
    let (from, to) = (
        edge(&finest, 0),
        edge(&finest, series::calendar::length_us(grouping.finest)),
    );
    let touched = format!(
        "client_id = $1 AND time_bucket('1 {}', time) = ANY ($2) AND time >= $3 AND time < $4",
        level_name(grouping.finest)
    );
    session
        .execute(&from_facts(placed, grouping, &touched), &[&client, &finest, &from, &to])
        .await?;
    Ok(())
}

/// First bucket, or the last plus a width.
fn edge(buckets: &[Timestamp], width_us: i64) -> Timestamp {
    let bucket = if width_us == 0 { buckets.first() } else { buckets.last() };
    bucket.map_or(Timestamp::MIN, |bucket| timestamp(bucket.as_microsecond() + width_us))
}

/// Rebuilds buckets of a level from what was moved to the finest one; what is still in the partials is added on read.
fn rebuild_level(placed: &Placed, grouping: &GroupingDefinition, level: Level) -> String {
    let columns = Columns::of(&placed.entity, grouping);
    let name = level_name(level);
    format!(
        "INSERT INTO {} (client_id, bucket, {first} facts{})
         SELECT client_id, time_bucket('1 {name}', bucket), {first} sum(facts){} FROM {}
         WHERE client_id = $1 AND time_bucket('1 {name}', bucket) = ANY ($2)
         GROUP BY client_id, time_bucket('1 {name}', bucket){}",
        placed.relation.rows(grouping, level),
        columns.states(),
        columns.merges(),
        placed.relation.rows(grouping, grouping.finest),
        columns.last,
        first = columns.first
    )
}

//! What one tick reads: at most three statements, however many subscribers there are. One loads definitions of clients
//! that were not known, one reads all buckets, one, for the beats, how far the data has come.

use std::collections::{BTreeMap, BTreeSet};

use database::read::read;
use database::{Database, Error, notify};
use jiff::Timestamp;
use live::{Observed, Publisher, TopicRead, Touched, Watermark};
use series::answer::Row;
use series::plan::Filter;
use series::{Question, Range, Request};
use uuid::Uuid;

use crate::catalogs::Catalogs;
use crate::merge::Merged;

/// Reads what the publisher asks for and lets it observe.
///
/// # Errors
/// When a statement fails: nothing was observed then, and the publisher asks again.
pub async fn observe(
    database: &Database,
    catalogs: &mut Catalogs,
    publisher: &mut Publisher,
    now: Timestamp,
    touched: Option<&[Touched]>,
) -> Result<(), Error> {
    let clients: BTreeSet<Uuid> = publisher
        .stats()
        .topics
        .iter()
        .map(|topic| topic.topic.client)
        .collect();
    let session = database.session().await?;
    catalogs.load(&session, &clients).await?;
    let reads = publisher.reads(now, touched, catalogs);
    let mut merged = Merged::default();
    let planned: Vec<Planned> = reads
        .into_iter()
        .map(|read| plan(catalogs, &mut merged, read))
        .collect();
    let answers = read(&session, merged.reads()).await?;
    drop(session);
    let rows: Vec<BTreeMap<Uuid, Vec<Row>>> = answers.into_iter().map(by_client).collect();
    for topic in &planned {
        let values = values(catalogs, &merged, &rows, topic);
        publisher.observe(&topic.read, &values);
    }
    Ok(())
}

/// A topic's read with the positions of the merged reads that answer it.
struct Planned {
    read: TopicRead,
    positions: Vec<usize>,
}

fn plan(catalogs: &Catalogs, merged: &mut Merged, read: TopicRead) -> Planned {
    let filter: &Filter = &read.topic.filter;
    let mut positions = Vec::new();
    if let Some((client, kpi)) = catalogs.kpi(&read.topic) {
        let range = Range {
            from: read.from,
            to: read.to,
        };
        let request = Request {
            kpi,
            period: read.topic.period,
            range,
            filter,
            by: &[],
        };
        match series::plan(&request, &client.calendar, |code| client.catalog.entity(code)) {
            Ok(questions) => {
                for question in questions {
                    if let Some(placed) = client.placed.get(question.entity.code()) {
                        positions.push(merged.add(read.topic.client, &placed.relation, question));
                    }
                }
            }
            // The definition changed after the subscription was checked: the topic has no values then.
            Err(reason) => tracing::warn!(topic = read.topic.id(), reason, "a topic can't be planned"),
        }
    }
    Planned { read, positions }
}

fn by_client(rows: Vec<(Uuid, Row)>) -> BTreeMap<Uuid, Vec<Row>> {
    let mut clients: BTreeMap<Uuid, Vec<Row>> = BTreeMap::new();
    for (client, row) in rows {
        clients.entry(client).or_default().push(row);
    }
    clients
}

/// A topic's buckets, finished from the rows of its client. The read may have brought more than the topic asked for.
fn values(catalogs: &Catalogs, merged: &Merged, rows: &[BTreeMap<Uuid, Vec<Row>>], planned: &Planned) -> Vec<Observed> {
    let topic = &planned.read.topic;
    let Some((client, kpi)) = catalogs.kpi(topic) else {
        return Vec::new();
    };
    let range = Range {
        from: planned.read.from,
        to: planned.read.to,
    };
    let request = Request {
        kpi,
        period: topic.period,
        range,
        filter: &topic.filter,
        by: &[],
    };
    let read: Vec<(&Question, &[Row])> = planned
        .positions
        .iter()
        .filter_map(|position| {
            let question = &merged.reads().get(*position)?.question;
            Some((
                question,
                rows.get(*position)?.get(&topic.client).map_or(&[][..], Vec::as_slice),
            ))
        })
        .collect();
    series::answer(&request, &client.calendar, &read)
        .into_iter()
        .filter(|((bucket, _), _)| *bucket >= range.from && *bucket < range.to)
        .map(|((start, _), point)| Observed {
            start,
            value: point.value,
            facts: u64::try_from(point.facts).unwrap_or(0),
        })
        .collect()
}

/// How far the data of the watching clients has come.
///
/// # Errors
/// When the statement fails.
pub async fn watermarks(database: &Database, publisher: &Publisher) -> Result<BTreeMap<Uuid, Watermark>, Error> {
    let clients: BTreeSet<Uuid> = publisher
        .stats()
        .topics
        .iter()
        .map(|topic| topic.topic.client)
        .collect();
    let mut watermarks: BTreeMap<Uuid, Watermark> = BTreeMap::new();
    if clients.is_empty() {
        return Ok(watermarks);
    }
    let clients: Vec<Uuid> = clients.into_iter().collect();
    let session = database.session().await?;
    for (client, entity, latest) in notify::watermarks(&session, &clients).await? {
        watermarks.entry(client).or_default().insert(entity, latest);
    }
    Ok(watermarks)
}

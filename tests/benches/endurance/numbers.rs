//! Every number three ways: as the product answers, by plain SQL over the facts, and from the generator's own bookkeeping.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive as _;
use serde_json::Value;
use tokio_postgres::Client;

use crate::shape::{Dimension, Event, LATEST, Measure, Shape};
use crate::world::{Side, World};

const MINUTE_US: i64 = 60_000_000;
const PERIODS: [(&str, i64); 3] = [
    ("minute", MINUTE_US),
    ("hour", 60 * MINUTE_US),
    ("day", 24 * 60 * MINUTE_US),
];

/// A bucket's start in microseconds since 1970, and the values of the dimensions that it is split by.
type Place = (i64, Vec<String>);

/// What there is of a bucket and group; amounts in hundredths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cell {
    facts: i64,
    sum: i64,
    max: i64,
}

type Cells = BTreeMap<Place, Cell>;

/// What was compared, and what differs.
#[derive(Default)]
pub(crate) struct Compared {
    pub(crate) numbers: usize,
    pub(crate) facts: usize,
    pub(crate) differences: Vec<String>,
}

/// One question, and how its answers are told.
struct Question<'a> {
    shape: &'a Shape,
    measure: Measure,
    period: (&'static str, i64),
    by: Vec<usize>,
    dimensions: &'a [Dimension],
}

/// Compares everything that can be asked of a client's entities.
pub(crate) async fn compare(world: &World, side: &Side, plain: &Client) -> Result<Compared> {
    let mut compared = Compared::default();
    for shape in &side.shapes {
        let facts = side.books.facts(shape.code, shape.is_keyed());
        let stored = Stored::find(plain, side, shape).await?;
        let count = stored.count(plain).await?;
        compared.facts += count;
        if count != facts.len() {
            compared.differences.push(format!(
                "{} of the {} client: {count} facts, not {}",
                shape.code,
                side.name,
                facts.len()
            ));
        }
        let dimensions = shape.dimensions();
        for question in questions(shape, &dimensions) {
            let by_books = from_books(&question, &facts);
            let by_sql = stored.cells(plain, &question).await?;
            let told = ask(world, side, &question).await?;
            compared.take(side, &question, &by_books, &by_sql, &told);
        }
    }
    Ok(compared)
}

/// Each measure by each period, and split by each dimension and by two of them.
fn questions<'a>(shape: &'a Shape, dimensions: &'a [Dimension]) -> Vec<Question<'a>> {
    let mut asked = Vec::new();
    for measure in Measure::ALL {
        asked.extend(PERIODS.map(|period| (measure, period, vec![])));
        if measure != Measure::Some {
            asked.extend((0..dimensions.len()).map(|dimension| (measure, PERIODS[1], vec![dimension])));
            asked.push((measure, PERIODS[2], vec![0, dimensions.len() - 1]));
        }
    }
    let question = |(measure, period, by)| Question {
        shape,
        measure,
        period,
        by,
        dimensions,
    };
    asked.into_iter().map(question).collect()
}

impl Question<'_> {
    /// Whether a fact counts.
    fn counts(&self, event: &Event) -> bool {
        self.measure != Measure::Some || event.values.first() == Some(&Some(0))
    }

    fn group(&self, event: &Event) -> Vec<String> {
        let text = |place: &usize| {
            let value = event.values.get(*place).copied().flatten();
            value.map_or_else(String::new, |value| self.dimensions[*place].kind.text(value))
        };
        self.by.iter().map(text).collect()
    }

    fn names(&self) -> Vec<&str> {
        self.by
            .iter()
            .map(|place| self.dimensions[*place].name.as_str())
            .collect()
    }

    fn path(&self) -> String {
        let now = platform::clock::now();
        let (from, to) = (
            now - LATEST - SignedDuration::from_hours(48),
            now + SignedDuration::from_mins(1),
        );
        let by = if self.by.is_empty() {
            String::new()
        } else {
            format!("&by={}", self.names().join(","))
        };
        let (kpi, period) = (self.shape.kpi(self.measure), self.period.0);
        format!("/v1/kpis/{kpi}/series?period={period}&from={from:.0}&to={to:.0}{by}")
    }

    /// The value that a cell means, in hundredths.
    fn value(&self, cell: &Cell) -> i64 {
        match self.measure {
            Measure::Count | Measure::Some => cell.facts * 100,
            Measure::Sum => cell.sum,
            Measure::Max => cell.max,
        }
    }
}

fn from_books(question: &Question<'_>, facts: &[Event]) -> Cells {
    let mut cells = Cells::new();
    for event in facts.iter().filter(|event| question.counts(event)) {
        let bucket = event.time_us.div_euclid(question.period.1) * question.period.1;
        let cell = cells.entry((bucket, question.group(event)));
        let cell = cell.or_insert(Cell {
            facts: 0,
            sum: 0,
            max: i64::MIN,
        });
        cell.facts += 1;
        cell.sum += event.cents;
        cell.max = cell.max.max(event.cents);
    }
    cells
}

/// Where an entity's facts are, read beside the product.
struct Stored {
    /// `FROM` and `WHERE`.
    facts: String,
    layout: Value,
}

impl Stored {
    async fn find(plain: &Client, side: &Side, shape: &Shape) -> Result<Self> {
        let client = side.user().client;
        let sql = "SELECT id, volume, layout::text FROM core.entities WHERE client_id = $1 AND code = $2";
        let row = plain.query_one(sql, &[&client, &shape.code]).await?;
        let (id, volume, layout): (i32, String, String) = (row.get(0), row.get(1), row.get(2));
        Ok(Self {
            facts: format!("FROM \"{volume}\".facts WHERE client_id = '{client}' AND entity_id = {id}"),
            layout: serde_json::from_str(&layout)?,
        })
    }

    /// The column of an attribute, and its value as answers have it.
    fn column(&self, name: &str) -> Result<(String, String)> {
        for (list, letter) in [("numbers", 'n'), ("texts", 't'), ("flags", 'f')] {
            let names = self.layout[list].as_array().context("the layout has no such list")?;
            if let Some(place) = names.iter().position(|known| known == name) {
                let column = format!("{letter}{}", place + 1);
                let text = if letter == 'n' {
                    format!("trim_scale({column})")
                } else {
                    column.clone()
                };
                return Ok((column, format!("coalesce({text}::text, '')")));
            }
        }
        anyhow::bail!("the layout does not know {name}")
    }

    async fn count(&self, plain: &Client) -> Result<usize> {
        let count: i64 = plain
            .query_one(&format!("SELECT count(*) {}", self.facts), &[])
            .await?
            .get(0);
        Ok(usize::try_from(count)?)
    }

    async fn cells(&self, plain: &Client, question: &Question<'_>) -> Result<Cells> {
        let (amount, _) = self.column("amount")?;
        let texts = question.names().into_iter().map(|name| Ok(self.column(name)?.1));
        let texts: Vec<String> = texts.collect::<Result<_>>()?;
        let groups: String = texts.iter().map(|text| format!(", {text}")).collect();
        let order: String = (0..texts.len()).map(|place| format!(", {}", place + 5)).collect();
        let first = &question.dimensions[0];
        let filter = match question.measure {
            Measure::Some => format!(" AND {} = '{}'", self.column(&first.name)?.1, first.kind.text(0)),
            _ => String::new(),
        };
        let sql = format!(
            "SELECT (extract(epoch FROM date_trunc('{}', time, 'UTC')) * 1000000)::bigint, count(*), sum({amount} * 100)::bigint,
                max({amount} * 100)::bigint{groups} {}{filter} GROUP BY 1{order}",
            question.period.0, self.facts
        );
        let rows = plain.query(&sql, &[]).await.with_context(|| sql.clone())?;
        let cells = rows.iter().map(|row| {
            let group = (0..texts.len()).map(|place| row.get(4 + place)).collect();
            (
                (row.get(0), group),
                Cell {
                    facts: row.get(1),
                    sum: row.get(2),
                    max: row.get(3),
                },
            )
        });
        Ok(cells.collect())
    }
}

/// Values in hundredths, and how many facts they are made of.
type Told = BTreeMap<Place, (Option<i64>, i64)>;

async fn ask(world: &World, side: &Side, question: &Question<'_>) -> Result<Told> {
    let answer = side.get(world, &question.path()).await?;
    let points = answer["points"].as_array().context("an answer without points")?;
    let point = |point: &Value| {
        let bucket: Timestamp = point["bucket"].as_str().context("no bucket")?.parse()?;
        let names = question.names().into_iter();
        let group = names.map(|name| point["group"][name].as_str().unwrap_or_default().to_owned());
        let facts = point["facts"].as_i64().context("no facts")?;
        Ok((
            (bucket.as_microsecond(), group.collect()),
            (hundredths(&point["value"])?, facts),
        ))
    };
    points.iter().map(point).collect()
}

fn hundredths(value: &Value) -> Result<Option<i64>> {
    if value.is_null() {
        return Ok(None);
    }
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let exact: Decimal = text.parse().or_else(|_| Decimal::from_scientific(&text))?;
    let hundredths = exact * Decimal::ONE_HUNDRED;
    anyhow::ensure!(hundredths.fract().is_zero(), "{text} has digits that no amount has");
    Ok(hundredths.to_i64())
}

impl Compared {
    fn take(&mut self, side: &Side, question: &Question<'_>, by_books: &Cells, by_sql: &Cells, told: &Told) {
        let kpi = question.shape.kpi(question.measure);
        let place = format!(
            "{kpi} of the {} client by {} {:?}",
            side.name,
            question.period.0,
            question.names()
        );
        self.numbers += told.len();
        let mut places: Vec<&Place> = by_books.keys().chain(by_sql.keys()).chain(told.keys()).collect();
        places.sort_unstable();
        places.dedup();
        for at in places {
            let of_cell = |cell: &Cell| (Some(question.value(cell)), cell.facts);
            let (books, sql, told) = (
                by_books.get(at).map(of_cell),
                by_sql.get(at).map(of_cell),
                told.get(at).copied(),
            );
            if books != sql || sql != told {
                let bucket = Timestamp::from_microsecond(at.0).unwrap_or_default();
                self.differences.push(format!(
                    "{place} at {bucket} {:?}: books {books:?}, SQL {sql:?}, told {told:?}",
                    at.1
                ));
            }
        }
    }
}

//! A shop with two clients: what the scenarios write and ask.

use std::collections::BTreeMap;

use catalog::{EntityDefinition, KpiDefinition, Level};
use database::definitions::{self, ClientCatalog};
use database::ingest::{self, Batch, Outcome};
use database::read::{self, Read};
use jiff::Timestamp;
use serde_json::{Value, json};
use series::answer::Row;
use series::plan::Filter;
use series::{Mapper, Point, Question, Range, Request, SeriesKey};
use tests::databases::TestDatabase;
use uuid::Uuid;

/// KPIs with their formula, and the same in SQL over the facts.
pub(super) const KPIS: [(&str, &str, &str); 9] = [
    ("SALES", "COUNT(Sale)", "count(*)"),
    ("REVENUE", "SUM(Sale.amount)", "sum(amount)"),
    ("AVERAGE", "AVG(Sale.amount)", "avg(amount)"),
    ("SMALLEST", "MIN(Sale.amount)", "min(amount)"),
    ("LARGEST", "MAX(Sale.items)", "max(items)"),
    (
        "OPENING",
        "FIRST(Sale.amount)",
        "(min(ARRAY[extract(epoch from time)::numeric, amount]) FILTER (WHERE amount IS NOT NULL))[2]",
    ),
    (
        "CLOSING",
        "LAST(Sale.amount)",
        "(max(ARRAY[extract(epoch from time)::numeric, amount]) FILTER (WHERE amount IS NOT NULL))[2]",
    ),
    (
        "BIG_SHARE",
        "COUNT(Sale WHERE big) / COUNT(Sale) * 100",
        "(count(*) FILTER (WHERE big))::numeric / nullif(count(*), 0) * 100",
    ),
    (
        "NORTH_PER_ITEM",
        "SUM(Sale.amount WHERE region = 'north') / SUM(Sale.items WHERE region = 'north')",
        "sum(amount) FILTER (WHERE region = 'north') / nullif(sum(items) FILTER (WHERE region = 'north'), 0)",
    ),
];

/// A shop's database with two clients that define the entity alike.
pub(super) struct Shop {
    pub(super) database: TestDatabase,
    pub(super) ours: Uuid,
    pub(super) theirs: Uuid,
}

impl Shop {
    pub(super) async fn open(server: &str, key: &[&str]) -> Self {
        Self::in_zone(server, key, "UTC").await
    }

    pub(super) async fn in_zone(server: &str, key: &[&str], zone: &str) -> Self {
        let database = TestDatabase::create(server).await.unwrap();
        let mut clients = Vec::new();
        for name in ["ours", "theirs"] {
            let email = format!("{name}@example.com").parse().unwrap();
            let new = database::clients::NewClient {
                name,
                time_zone: zone,
                email: &email,
                password_hash: "none",
                role: "admin",
            };
            let client = database::clients::provision(&database.owner, &new)
                .await
                .unwrap()
                .client;
            let entity = entity(key).validate().unwrap();
            definitions::create_entity(&database.owner, client, &entity)
                .await
                .unwrap();
            for (code, formula, _) in KPIS {
                let mut kpi = KpiDefinition::named(code, code);
                kpi.formula = formula.to_owned();
                definitions::create_kpi(&database.owner, client, &kpi).await.unwrap();
            }
            clients.push(client);
        }
        Self {
            database,
            ours: clients[0],
            theirs: clients[1],
        }
    }

    pub(super) async fn definitions(&self, client: Uuid) -> ClientCatalog {
        definitions::load_one(&self.database.app, client)
            .await
            .unwrap()
            .unwrap()
    }

    /// Ingests events as one batch, as the functions do.
    pub(super) async fn sell(&self, client: Uuid, events: &[Value]) -> Outcome {
        self.sell_as(Uuid::now_v7(), client, events).await
    }

    pub(super) async fn sell_as(&self, id: Uuid, client: Uuid, events: &[Value]) -> Outcome {
        let definitions = self.definitions(client).await;
        let placed = &definitions.placed["Sale"];
        let mapper = Mapper::new(placed.entity.clone());
        let now = platform::clock::now();
        let facts = events
            .iter()
            .map(|event| mapper.json(now, &event.to_string()).unwrap())
            .collect();
        let batch = Batch {
            id,
            key: None,
            facts,
            rejects: Vec::new(),
        };
        ingest::ingest(&self.database.app, client, placed, "test", &[batch])
            .await
            .unwrap()[0]
    }

    pub(super) async fn compact(&self, now: &str) {
        database::compact::run(&self.database.owner, now.parse().unwrap())
            .await
            .unwrap();
    }

    /// Asks as `read-series` does.
    pub(super) async fn ask(
        &self,
        client: Uuid,
        code: &str,
        period: Level,
        range: Range,
        filter: &Filter,
        by: &[String],
    ) -> BTreeMap<SeriesKey, Point> {
        let definitions = self.definitions(client).await;
        let kpi = definitions.catalog.kpi(code).unwrap();
        let range = definitions.calendar.align(period, range);
        let request = Request {
            kpi,
            period,
            range,
            filter,
            by,
        };
        let questions = series::plan(&request, &definitions.calendar, |code| definitions.catalog.entity(code)).unwrap();
        let relation = |question: &Question| definitions.placed[question.entity.code()].relation.clone();
        let reads: Vec<Read> = questions
            .into_iter()
            .map(|question| Read {
                clients: vec![client],
                relation: relation(&question),
                question,
            })
            .collect();
        let answers = read::read(&self.database.app.session().await.unwrap(), &reads)
            .await
            .unwrap();
        let rows: Vec<Vec<Row>> = answers
            .into_iter()
            .map(|rows| {
                rows.into_iter()
                    .inspect(|(owner, _)| assert_eq!(*owner, client))
                    .map(|(_, row)| row)
                    .collect()
            })
            .collect();
        let read: Vec<(&Question, &[Row])> = reads
            .iter()
            .zip(&rows)
            .map(|(read, rows)| (&read.question, rows.as_slice()))
            .collect();
        series::answer(&request, &definitions.calendar, &read)
    }
}

fn entity(key: &[&str]) -> EntityDefinition {
    serde_json::from_value(json!({
        "code": "Sale", "domain": "shop", "time": "at",
        "attributes": [
            { "name": "receipt", "type": "text", "required": true },
            { "name": "region", "type": "text", "dimension": true },
            { "name": "till", "type": "integer", "dimension": true },
            { "name": "amount", "type": "decimal" },
            { "name": "items", "type": "integer", "required": true },
            { "name": "big", "type": "boolean", "dimension": true, "formula": "amount >= 100" }
        ],
        "key": key,
        "groupings": [
            { "dimensions": ["big"] },
            { "dimensions": ["region"] },
            { "dimensions": ["big", "region"], "finest": "hour" }
        ]
    }))
    .unwrap()
}

/// A sale. Regions and tills go round, so that groups have several facts.
pub(super) fn sale(receipt: &str, at: &str, amount: &str, items: i64) -> Value {
    let number: usize = receipt.bytes().map(usize::from).sum();
    let region = [Some("north"), Some("south"), None][number % 3];
    json!({ "receipt": receipt, "at": at, "amount": amount, "items": items, "region": region, "till": number % 2 })
}

/// The range in which the scenarios happen.
pub(super) fn range() -> Range {
    Range {
        from: at("2026-03-27T00:00:00Z"),
        to: at("2026-04-02T00:00:00Z"),
    }
}

pub(super) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

//! A shop with two clients: what the scenarios write and ask.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use catalog::{Entity, EntityDefinition, KpiDefinition, Period};
use database::{Database, Edition, Error};
use facts::Placed;
use facts::batch::{Batch, Outcome};
use facts::ingest::{self, Effort};
use jiff::Timestamp;
use records::definitions::{self, ClientCatalog};
use serde_json::{Value, json};
use series::plan::Filter;
use series::{Mapper, Point, Range, Request, SeriesKey};
use tests::databases::TestDatabase;
use uuid::Uuid;

/// KPIs with their formula, and the same in SQL over the facts.
pub(super) const KPIS: [(&str, &str, &str); 9] = [
    ("SALES", "COUNT(Sale)", "count(*)"),
    ("REVENUE", "SUM(Sale.amount)", "sum(amount)"),
    (
        "AVERAGE",
        "AVG(Sale.amount)",
        "sum(amount)::numeric(60, 30) / nullif(count(amount), 0)",
    ),
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
        "(count(*) FILTER (WHERE big))::numeric(60, 30) / nullif(count(*), 0) * 100",
    ),
    (
        "NORTH_PER_ITEM",
        "SUM(Sale.amount WHERE region = 'north') / SUM(Sale.items WHERE region = 'north')",
        "(sum(amount) FILTER (WHERE region = 'north'))::numeric(60, 30) / nullif(sum(items) FILTER (WHERE region = 'north'), 0)",
    ),
];

/// The facts under the names of their attributes, written by hand from the order in which the entity defines them: for oracles.
pub(super) const SALES: &str = "CREATE SCHEMA shop_data;
    CREATE VIEW shop_data.sale AS
    SELECT f.client_id, f.time, f.t1 AS receipt, f.t2 AS region, f.n1::bigint AS till, f.n2 AS amount, f.n3::bigint AS items, f.f1 AS big
    FROM volume_1.facts f JOIN core.entities e ON e.client_id = f.client_id AND e.id = f.entity_id AND e.code = 'Sale'";

/// Between two runs of an upkeep that goes on beside writers.
const UPKEEP_PAUSE: Duration = Duration::from_millis(100);

/// A shop's database with two clients that define the entity alike.
pub(super) struct Shop {
    pub(super) database: TestDatabase,
    pub(super) ours: Uuid,
    pub(super) theirs: Uuid,
}

impl Shop {
    pub(super) async fn open(server: &str, zone: &str, key: &[&str]) -> Self {
        let database = TestDatabase::create(server).await.unwrap();
        let mut clients = Vec::new();
        for name in ["ours", "theirs"] {
            let client = database.client(name, zone).await.unwrap();
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
        database.plain().await.unwrap().batch_execute(SALES).await.unwrap();
        Self {
            database,
            ours: clients[0],
            theirs: clients[1],
        }
    }

    /// One that the version before volumes kept facts in, brought up to date. `aggregate` is made there on the Community edition.
    pub(super) async fn of_earlier(server: &str, key: &[&str], aggregate: &str) -> Self {
        let database = TestDatabase::of_version(server, 5).await.unwrap();
        let plain = database.plain().await.unwrap();
        let definition = format!("'{}'::jsonb", serde_json::to_string(&entity(key)).unwrap());
        let sql = include_str!("earlier.sql").replace("$DEFINITION$", &definition);
        plain.batch_execute(&sql).await.unwrap();
        if database.app.session().await.unwrap().edition().await.unwrap() == Edition::Community {
            plain.batch_execute(aggregate).await.unwrap();
        }
        assert!(!database.migrate().await.unwrap().is_empty());
        plain.batch_execute(SALES).await.unwrap();
        let [ours, theirs] = [1, 2].map(Uuid::from_u128);
        for client in [ours, theirs] {
            for (code, formula, _) in KPIS {
                let mut kpi = KpiDefinition::named(code, code);
                kpi.formula = formula.to_owned();
                definitions::create_kpi(&database.app, client, &kpi).await.unwrap();
            }
        }
        Self { database, ours, theirs }
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
        let sold = self
            .write(&self.database.app, id, client, events, Effort::default())
            .await;
        sold.unwrap()
    }

    /// Another function process: a [`Database`] has one connection, on which transactions only follow each other.
    pub(super) fn connect(&self) -> Database {
        Database::new(&self.database.url, "analytics_app").unwrap()
    }

    /// Ingests events as one batch through a connection of the caller's own.
    pub(super) async fn sell_through(
        &self,
        database: &Database,
        client: Uuid,
        events: &[Value],
    ) -> Result<Outcome, Error> {
        self.write(database, Uuid::now_v7(), client, events, Effort::default())
            .await
    }

    /// Ingests events as one batch, as hard as is said.
    pub(super) async fn write(
        &self,
        database: &Database,
        id: Uuid,
        client: Uuid,
        events: &[Value],
        effort: Effort<'_>,
    ) -> Result<Outcome, Error> {
        let definitions = definitions::load_one(database, client).await?.unwrap();
        let placed = &definitions.placed["Sale"];
        let mapper = Mapper::new(placed.entity.clone());
        let now = platform::clock::now();
        let facts = events.iter().map(|event| mapper.json(now, &event.to_string()).unwrap());
        let batch = Batch::of(id, facts);
        let outcomes = ingest::ingest(database, client, placed, "test", &[batch], effort).await?;
        Ok(outcomes[0])
    }

    /// Facts of the first client.
    pub(super) async fn count(&self) -> usize {
        let plain = self.database.plain().await.unwrap();
        let sql = "SELECT count(*) FROM shop_data.sale WHERE client_id = $1";
        let count: i64 = plain.query_one(sql, &[&self.ours]).await.unwrap().get(0);
        usize::try_from(count).unwrap()
    }

    /// The entity as it is stored, and with one more attribute and a grouping by `dimension`.
    pub(super) async fn with_grouping(&self, client: Uuid, dimension: &str) -> (Placed, Arc<Entity>) {
        let mut known = self.definitions(client).await;
        let old = known.placed["Sale"].clone();
        let mut definition = old.entity.definition().clone();
        let attribute = json!({ "name": "discount", "type": "decimal" });
        definition.attributes.push(serde_json::from_value(attribute).unwrap());
        let grouping = json!({ "dimensions": [dimension] });
        definition.groupings.push(serde_json::from_value(grouping).unwrap());
        let entity = known.catalog.replace_entity(definition).unwrap();
        (old, entity)
    }

    /// Runs the upkeep over and over, at times that close more and more buckets, until `work` is done.
    pub(super) async fn with_upkeep_until_done<T>(&self, work: impl Future<Output = T>) -> T {
        let upkeep = async {
            loop {
                for hour in 9..13 {
                    for minute in [0, 20, 40] {
                        self.compact(&format!("2026-03-28T{hour:02}:{minute:02}:00Z")).await;
                        // Really it runs once a minute: without a pause corrections would do little but lose against it.
                        tokio::time::sleep(UPKEEP_PAUSE).await;
                    }
                }
                self.compact("2026-04-01T00:00:00Z").await;
            }
        };
        tokio::select! {
            done = work => done,
            () = upkeep => unreachable!("the upkeep goes on"),
        }
    }

    pub(super) async fn compact(&self, now: &str) {
        facts::compact::run(&self.database.owner, now.parse().unwrap())
            .await
            .unwrap();
    }

    /// Asks as everybody does.
    pub(super) async fn ask(
        &self,
        client: Uuid,
        code: &str,
        period: Period,
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
            now: jiff::Timestamp::MAX,
        };
        let answer = answer::ask(
            &self.database.app,
            client,
            &definitions,
            &definitions.calendar,
            &request,
        )
        .await;
        answer.unwrap().points
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

//! What clients define can't harm what others, or they themselves, have defined.

mod companions;
mod names;
mod references;
mod versions;

use std::collections::BTreeMap;
use std::slice::from_ref;

use catalog::{EntityDefinition, KpiDefinition, MAX_ATTRIBUTES, MAX_ENTITIES, MAX_KPIS, Period};
use database::LOGIN_ROLE;
use database::{Database, Error};
use facts::batch::Batch;
use facts::ingest::{self, Effort};
use facts::place::KPI_VALUE;
use formula::Number;
use records::definitions::{self, Author, ClientCatalog, Written};
use serde_json::{Value, json};
use series::plan::Filter;
use series::{Mapper, Range, Request};
use tests::databases::{TestDatabase, servers};
use uuid::Uuid;

/// A database with two clients that have defined nothing yet.
struct Bench {
    database: TestDatabase,
    ours: Uuid,
    theirs: Uuid,
}

impl Bench {
    async fn open(server: &str) -> Self {
        let database = TestDatabase::create(server).await.unwrap();
        let ours = database.client("ours", "UTC").await.unwrap();
        let theirs = database.client("theirs", "UTC").await.unwrap();
        Self { database, ours, theirs }
    }

    async fn close(self) {
        self.database.drop_it().await.unwrap();
    }

    async fn known(&self, client: Uuid) -> ClientCatalog {
        let loaded = definitions::load_one(&self.database.app, client).await;
        loaded.unwrap().unwrap()
    }

    async fn create(&self, client: Uuid, definition: &Value) -> Written {
        let definition: EntityDefinition = serde_json::from_value(definition.clone()).unwrap();
        let entity = definition.validate().unwrap();
        definitions::create_entity(&self.database.owner, client, &entity)
            .await
            .unwrap()
    }

    /// Adds attributes and groupings to an entity.
    async fn add(&self, client: Uuid, code: &str, attributes: &[Value], groupings: &[Value]) -> Written {
        let mut known = self.known(client).await;
        let old = known.placed[code].clone();
        let mut definition = serde_json::to_value(old.entity.definition()).unwrap();
        for (field, items) in [("attributes", attributes), ("groupings", groupings)] {
            let mut all = definition[field].as_array().cloned().unwrap_or_default();
            all.extend_from_slice(items);
            definition[field] = all.into();
        }
        let entity = known
            .catalog
            .replace_entity(serde_json::from_value(definition).unwrap())
            .unwrap();
        definitions::replace_entity(&self.database.owner, client, &old, &entity, None)
            .await
            .unwrap()
    }

    async fn replace_kpi(&self, author: impl Into<Author>, code: &str, formula: &str) -> Written {
        let author = author.into();
        let known = self.known(author.client).await;
        let mut kpi = known.catalog.kpi(code).unwrap().as_ref().clone();
        kpi.definition.formula = formula.to_owned();
        definitions::replace_kpi(&self.database.app, author, &kpi, None)
            .await
            .unwrap()
    }

    async fn delete_kpi(&self, client: Uuid, code: &str) -> Written {
        definitions::delete_kpi(&self.database.app, client, code, None)
            .await
            .unwrap()
    }

    async fn kpi(&self, client: Uuid, code: &str, formula: &str) -> Written {
        let mut kpi = KpiDefinition::named(code, code);
        kpi.formula = formula.to_owned();
        definitions::create_kpi(&self.database.owner, client, &kpi)
            .await
            .unwrap()
    }

    async fn ingest(&self, client: Uuid, code: &str, events: &[Value]) -> Result<(), Error> {
        let known = self.known(client).await;
        let placed = &known.placed[code];
        let mapper = Mapper::new(placed.entity.clone());
        let now = platform::clock::now();
        let facts = events.iter().map(|event| mapper.json(now, &event.to_string()).unwrap());
        let batch = Batch::of(Uuid::now_v7(), facts);
        ingest::ingest(&self.database.app, client, placed, "test", &[batch], Effort::default())
            .await
            .map(drop)
    }

    /// Facts of a client by a grouping, as its partials have them.
    async fn groups(&self, client: Uuid, code: &str, dimensions: &[&str]) -> BTreeMap<String, i64> {
        let known = self.known(client).await;
        let placed = &known.placed[code];
        let grouping = placed
            .entity
            .groupings()
            .iter()
            .find(|grouping| grouping.dimensions == dimensions)
            .unwrap();
        let sql = "SELECT array_to_string(dimensions, ' '), sum(facts)::bigint FROM volume_1.partials
            WHERE client_id = $1 AND entity_id = $2 AND grouping_id = $3 AND page = 0 GROUP BY 1";
        let plain = self.database.plain().await.unwrap();
        let id = placed.place.layout.grouping_id(grouping).unwrap();
        let rows = plain.query(sql, &[&client, &placed.place.id, &id]).await.unwrap();
        rows.iter().map(|row| (row.get(0), row.get(1))).collect()
    }
}

impl Bench {
    /// A KPI's value over the day of the events.
    async fn day(&self, client: Uuid, code: &str) -> Option<Number> {
        let known = self.known(client).await;
        let request = Request {
            kpi: known.catalog.kpi(code).unwrap(),
            period: Period::Day,
            range: Range {
                from: "2026-03-28T00:00:00Z".parse().unwrap(),
                to: "2026-03-29T00:00:00Z".parse().unwrap(),
            },
            filter: &Filter::new(),
            by: &[],
            now: jiff::Timestamp::MAX,
        };
        let answer = answer::ask(&self.database.app, client, &known, &known.calendar, &request)
            .await
            .unwrap();
        answer.points.into_values().next().and_then(|point| point.value)
    }
}

const STORED: Written = Written::Stored(1);

fn attribute(name: &str, kind: &str) -> Value {
    json!({ "name": name, "type": kind, "dimension": kind != "decimal" })
}

fn order() -> Value {
    json!({ "code": "Order", "domain": "sales", "attributes": [{ "name": "amount", "type": "decimal" }] })
}

/// An event with some fields of its own.
fn event(fields: &Value) -> Value {
    let mut event = json!({ "time": "2026-03-28T09:00:00Z", "amount": "5" });
    let fields = fields.as_object().unwrap().clone();
    event.as_object_mut().unwrap().extend(fields);
    event
}

#[tokio::test]
async fn codes_that_differ_in_case_are_refused_and_a_broken_client_is_alone() {
    for server in servers() {
        let bench = Bench::open(&server).await;
        let mut capitals = order();
        capitals["code"] = "ORDER".into();
        assert_eq!(bench.create(bench.ours, &order()).await, STORED);
        for (definition, client, written) in [
            (&order(), bench.ours, Written::Exists("Order".into())),
            (&capitals, bench.ours, Written::Exists("Order".into())),
            (&capitals, bench.theirs, STORED),
        ] {
            assert_eq!(bench.create(client, definition).await, written);
        }
        assert_eq!(
            bench.known(bench.ours).await.catalog.entities().count(),
            2,
            "and KpiValue"
        );

        let unknown = bench.kpi(bench.theirs, "ORDERS", "COUNT(Order)").await;
        assert!(matches!(unknown, Written::Invalid(_)), "{unknown:?}");
        assert_eq!(bench.kpi(bench.theirs, "ORDERS", "COUNT(ORDER)").await, STORED);
        let again = bench.kpi(bench.theirs, "ORDERS", "COUNT(ORDER)").await;
        assert_eq!(again, Written::Exists("ORDERS".into()));

        let plain = bench.database.plain().await.unwrap();
        let broken = "UPDATE core.kpis SET definition = definition || '{\"formula\": \"COUNT(\"}'";
        plain.execute(broken, &[]).await.unwrap();
        let session = bench.database.app.session().await.unwrap();
        let loaded = definitions::load(&session, &[bench.theirs, bench.ours]).await.unwrap();
        drop(session);
        let told = loaded[&bench.theirs].as_ref().unwrap_err().to_string();
        assert!(told.contains(&bench.theirs.to_string()), "{told}");
        assert!(loaded[&bench.ours].as_ref().unwrap().catalog.entity("Order").is_some());
        bench.close().await;
    }
}

/// Two clients define one code in ways that contradict each other everywhere, and neither notices: not when they define, not when they ingest, not when
/// they change it.
#[tokio::test]
async fn definitions_that_clash_are_nothing_to_each_other() {
    for server in servers() {
        let bench = Bench::open(&server).await;
        let (mut ours, mut theirs) = (order(), order());
        for (definition, kind, other) in [(&mut ours, "text", "pieces_count"), (&mut theirs, "integer", "weight")] {
            let attributes = definition["attributes"].as_array_mut().unwrap();
            attributes.insert(0, attribute("channel", kind));
            attributes.push(json!({ "name": other, "type": "decimal" }));
        }
        theirs["key"] = json!(["channel"]);
        theirs["attributes"][0]["required"] = true.into();
        assert_eq!(bench.create(bench.ours, &ours).await, STORED);
        assert_eq!(bench.create(bench.theirs, &theirs).await, STORED);
        let by_channel = json!({ "dimensions": ["channel"] });
        for (client, channel, group) in [(bench.ours, json!("web"), "web"), (bench.theirs, json!(7), "7")] {
            let events = [event(&json!({ "channel": channel }))];
            bench.ingest(client, "Order", &events).await.unwrap();
            let written = bench.add(client, "Order", &[], from_ref(&by_channel)).await;
            assert_eq!(written, Written::Stored(2));
            let before = bench.groups(client, "Order", &["channel"]).await;
            assert_eq!(before, BTreeMap::from([(group.to_owned(), 1)]), "filled from the facts");
            bench.ingest(client, "Order", &events).await.unwrap();
            // The same key again is the same fact.
            let facts = if client == bench.theirs { 1 } else { 2 };
            let groups = bench.groups(client, "Order", &["channel"]).await;
            assert_eq!(groups, BTreeMap::from([(group.to_owned(), facts)]));
        }
        bench.close().await;
    }
}

/// What a client may define does not depend on others, and an entity of the most attributes counts right beyond the slots of its tables, too.
#[tokio::test]
async fn each_client_may_define_as_much_as_one_may() {
    for server in servers() {
        let bench = Bench::open(&server).await;
        let numbers = |prefix: &str| -> Vec<Value> {
            let names = (0..MAX_ATTRIBUTES - 1).map(|number| format!("{prefix}{number}"));
            names.map(|name| json!({ "name": name, "type": "decimal" })).collect()
        };
        for (client, prefix) in [(bench.ours, "a"), (bench.theirs, "b")] {
            assert_eq!(bench.create(client, &order()).await, STORED);
            assert_eq!(
                bench.add(client, "Order", &numbers(prefix), &[]).await,
                Written::Stored(2)
            );
            for (number, code) in [(0, "FIRST"), (30, "BEYOND"), (MAX_ATTRIBUTES - 2, "LAST")] {
                let formula = format!("SUM(Order.{prefix}{number}) + COUNT(Order) + MAX(Order.amount)");
                assert_eq!(bench.kpi(client, code, &formula).await, STORED);
            }
            let values = (0..MAX_ATTRIBUTES - 1).map(|number| (format!("{prefix}{number}"), json!(number)));
            let events = [event(&Value::Object(values.collect())), event(&json!({}))];
            bench.ingest(client, "Order", &events).await.unwrap();
            for time in ["2026-03-28T09:00:00Z", "2026-04-01T00:00:00Z"] {
                facts::compact::run(&bench.database.owner, time.parse().unwrap())
                    .await
                    .unwrap();
                for (code, value) in [("FIRST", 7), ("BEYOND", 37), ("LAST", 69)] {
                    assert_eq!(
                        bench.day(client, code).await,
                        Some(Number::from(value)),
                        "{code} at {time}"
                    );
                }
            }
        }
        bench.close().await;
    }
}

#[tokio::test]
async fn entities_and_groupings_of_like_names_are_told_apart() {
    for server in servers() {
        let bench = Bench::open(&server).await;
        let long = "L".repeat(48);
        for code in [
            "Flight",
            "FlightTotalMinute",
            "FlightByAPartials",
            &long,
            &format!("{}M", &long[..47]),
        ] {
            let definition = json!({
                "code": code, "domain": "travel",
                "attributes": [attribute("amount", "decimal"), attribute("a", "text"), attribute("b", "text"), attribute("a_b", "text")],
                "groupings": [{ "dimensions": ["a_b"] }, { "dimensions": ["a", "b"] }, { "dimensions": ["a"], "finest": "hour" }],
            });
            for client in [bench.ours, bench.theirs] {
                assert_eq!(bench.create(client, &definition).await, STORED, "{code}");
                let events = [event(&json!({ "a": "x", "b": "y", "a_b": "z" }))];
                bench.ingest(client, code, &events).await.unwrap();
                for (dimensions, group) in [(&["a_b"][..], "z"), (&["a", "b"], "x y"), (&["a"], "x")] {
                    let groups = bench.groups(client, code, dimensions).await;
                    assert_eq!(groups, BTreeMap::from([(group.to_owned(), 1)]), "{code} {dimensions:?}");
                }
            }
        }
        bench.close().await;
    }
}

#[tokio::test]
async fn the_built_in_entity_stays_as_it_is() {
    for server in servers() {
        let bench = Bench::open(&server).await;
        let weight = json!({ "name": "weight", "type": "decimal" });
        let written = bench.add(bench.ours, KPI_VALUE, &[weight], &[]).await;
        assert_eq!(written, Written::BuiltIn);
        bench.close().await;
    }
}

#[tokio::test]
async fn a_client_has_only_so_many_definitions() {
    for server in servers() {
        let bench = Bench::open(&server).await;
        assert_eq!(bench.create(bench.ours, &order()).await, STORED);
        assert_eq!(bench.kpi(bench.ours, "ORDERS", "COUNT(Order)").await, STORED);
        let plain = bench.database.plain().await.unwrap();
        let count = |most: usize, present: usize| i32::try_from(most - present - 1).unwrap();
        let entities = "INSERT INTO core.entities (client_id, code, volume, layout, definition)
            SELECT client_id, 'E' || n, volume, layout, definition || jsonb_build_object('code', 'E' || n)
            FROM core.entities, generate_series(1, $1) AS n WHERE code = 'Order'";
        let kpis = "INSERT INTO core.kpis (client_id, code, definition)
            SELECT client_id, 'K' || n, definition || jsonb_build_object('code', 'K' || n)
            FROM core.kpis, generate_series(1, $1) AS n";
        // The built-in entity is one of them.
        plain.execute(entities, &[&count(MAX_ENTITIES, 2)]).await.unwrap();
        plain.execute(kpis, &[&count(MAX_KPIS, 1)]).await.unwrap();
        let mut other = order();
        for (code, written) in [("Last", STORED), ("OneMore", Written::Full(MAX_ENTITIES))] {
            other["code"] = code.into();
            assert_eq!(bench.create(bench.ours, &other).await, written);
        }
        for (code, written) in [("LAST", STORED), ("ONE_MORE", Written::Full(MAX_KPIS))] {
            assert_eq!(bench.kpi(bench.ours, code, "COUNT(Order)").await, written);
        }
        assert_eq!(
            bench.create(bench.theirs, &other).await,
            STORED,
            "the other client has room"
        );
        bench.close().await;
    }
}

#[tokio::test]
async fn a_migration_that_fails_leaves_no_role_behind() {
    for server in servers() {
        let bench = Bench::open(&server).await;
        // The first volume is made anew, and its schema is in the way.
        let plain = bench.database.plain().await.unwrap();
        plain
            .batch_execute("DELETE FROM core.entities; DELETE FROM core.volumes")
            .await
            .unwrap();
        let database = Database::new(&bench.database.url, LOGIN_ROLE).unwrap();
        for turn in ["first", "second"] {
            let told = facts::migrate::run(&database).await.unwrap_err().to_string();
            assert!(told.contains("volume_1"), "{turn}: {told}");
        }
        bench.close().await;
    }
}

#[tokio::test]
async fn a_grouping_of_one_client_leaves_the_rollups_of_others_as_they_are() {
    for server in servers() {
        let bench = Bench::open(&server).await;
        let mut definition = order();
        definition["attributes"]
            .as_array_mut()
            .unwrap()
            .push(attribute("channel", "text"));
        for client in [bench.ours, bench.theirs] {
            assert_eq!(bench.create(client, &definition).await, STORED);
            let events = [event(&json!({ "channel": "web" }))];
            bench.ingest(client, "Order", &events).await.unwrap();
        }
        let now = "2026-04-01T00:00:00Z".parse().unwrap();
        facts::compact::run(&bench.database.owner, now).await.unwrap();
        let by_channel = json!({ "dimensions": ["channel"] });
        let written = bench.add(bench.ours, "Order", &[], &[by_channel]).await;
        assert_eq!(written, Written::Stored(2));
        let groups = bench.groups(bench.ours, "Order", &["channel"]).await;
        assert_eq!(groups, BTreeMap::from([("web".to_owned(), 1)]));
        let plain = bench.database.plain().await.unwrap();
        let sql = "SELECT DISTINCT client_id FROM core.stale_ranges";
        let stale = plain.query(sql, &[]).await.unwrap();
        assert!(stale.iter().all(|row| row.get::<_, Uuid>(0) == bench.ours), "{stale:?}");
        bench.close().await;
    }
}

/// Nothing that others do with their facts, or with the tables, keeps a change of definitions waiting; only a batch of the same entity does.
#[tokio::test]
async fn a_change_waits_for_its_own_batches_only() {
    let server = servers().remove(0);
    let bench = Bench::open(&server).await;
    for client in [bench.ours, bench.theirs] {
        assert_eq!(bench.create(client, &order()).await, STORED);
    }
    let known = bench.known(bench.theirs).await;
    let mut plain = bench.database.plain().await.unwrap();
    let writer = plain.transaction().await.unwrap();
    let lock = facts::place::writers_lock(bench.theirs, &known.placed["Order"].place);
    let sql = "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))";
    writer.execute(sql, &[&lock]).await.unwrap();
    writer
        .batch_execute("LOCK TABLE volume_1.facts, volume_1.partials IN ROW EXCLUSIVE MODE")
        .await
        .unwrap();
    let tax = json!({ "name": "tax", "type": "decimal" });
    assert_eq!(
        bench.add(bench.ours, "Order", from_ref(&tax), &[]).await,
        Written::Stored(2)
    );
    assert_eq!(
        bench.add(bench.theirs, "Order", from_ref(&tax), &[]).await,
        Written::TooLong
    );
    writer.commit().await.unwrap();
    assert_eq!(bench.add(bench.theirs, "Order", &[tax], &[]).await, Written::Stored(2));
    bench.close().await;
}

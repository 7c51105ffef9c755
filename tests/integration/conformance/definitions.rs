//! What clients define can't harm what others, or they themselves, have defined.

use std::collections::BTreeMap;
use std::slice::from_ref;

use catalog::{EntityDefinition, KpiDefinition, MAX_ATTRIBUTES, MAX_ENTITIES, MAX_KPIS};
use database::LOGIN_ROLE;
use database::{Database, Error};
use facts::batch::Batch;
use facts::ingest::{self, Effort};
use facts::relation::KPI_VALUE;
use records::definitions::{self, ClientCatalog, Written};
use serde_json::{Value, json};
use series::Mapper;
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
        let provision = async |name: &str| {
            let new = records::clients::NewClient {
                name,
                time_zone: "UTC",
                email: &format!("{name}@example.com").parse().unwrap(),
                password_hash: "none",
                role: "admin",
            };
            let provisioned = records::clients::provision(&database.owner, &new).await;
            provisioned.unwrap().client
        };
        let (ours, theirs) = (provision("ours").await, provision("theirs").await);
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
        let sql = format!(
            "SELECT concat_ws(' ', {}), sum(facts)::bigint FROM {} WHERE client_id = $1 GROUP BY 1",
            dimensions.join(", "),
            placed.relation.partials(grouping)
        );
        let plain = self.database.plain().await.unwrap();
        let rows = plain.query(&sql, &[&client]).await.unwrap();
        rows.iter().map(|row| (row.get(0), row.get(1))).collect()
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

#[tokio::test]
async fn a_type_that_contradicts_anothers_never_reaches_their_table() {
    for server in servers() {
        let bench = Bench::open(&server).await;
        for client in [bench.ours, bench.theirs] {
            assert_eq!(bench.create(client, &order()).await, STORED);
        }
        let (text, integer) = (attribute("channel", "text"), attribute("channel", "integer"));
        assert_eq!(bench.add(bench.ours, "Order", &[text], &[]).await, Written::Stored(2));
        bench.ingest(bench.theirs, "Order", &[event(&json!({}))]).await.unwrap();
        let refused = bench.add(bench.theirs, "Order", from_ref(&integer), &[]).await;
        assert_eq!(refused, Written::Misfit("they hold `channel` as text".into()));
        bench.ingest(bench.theirs, "Order", &[event(&json!({}))]).await.unwrap();

        // Without facts there is nothing to leave behind.
        let plain = bench.database.plain().await.unwrap();
        let delete = "DELETE FROM sales_data.order WHERE client_id = $1";
        plain
            .execute(&delete.replace("order", "\"order\""), &[&bench.theirs])
            .await
            .unwrap();
        let by_channel = json!({ "dimensions": ["channel"] });
        let moved = bench
            .add(bench.theirs, "Order", &[integer], from_ref(&by_channel))
            .await;
        assert_eq!(moved, Written::Stored(2));
        let grouped = bench.add(bench.ours, "Order", &[], &[by_channel]).await;
        assert_eq!(grouped, Written::Stored(3));
        for (client, channel, group) in [(bench.ours, json!("web"), "web"), (bench.theirs, json!(7), "7")] {
            let events = [event(&json!({ "channel": channel }))];
            bench.ingest(client, "Order", &events).await.unwrap();
            let groups = bench.groups(client, "Order", &["channel"]).await;
            assert_eq!(groups, BTreeMap::from([(group.to_owned(), 1)]));
        }
        bench.close().await;
    }
}

#[tokio::test]
async fn what_several_clients_define_may_be_more_than_one_may() {
    for server in servers() {
        let bench = Bench::open(&server).await;
        let many = |prefix: &str, count: usize| -> Vec<Value> {
            (0..count)
                .map(|number| json!({ "name": format!("{prefix}{number}"), "type": "text" }))
                .collect()
        };
        let with = |time: &str, attributes: Vec<Value>| {
            let mut definition = order();
            definition["time"] = time.into();
            definition["attributes"].as_array_mut().unwrap().extend(attributes);
            definition
        };
        let (ours, theirs) = (with("at", many("a", 40)), with("when", many("b", 40)));
        assert_eq!(bench.create(bench.ours, &ours).await, STORED);
        assert_eq!(bench.create(bench.theirs, &theirs).await, STORED);
        let place = async |client| bench.known(client).await.placed["Order"].relation.clone();
        assert_ne!(place(bench.ours).await, place(bench.theirs).await);

        // Shared tables that one client then fills up; the other's time is no name of theirs.
        let shared = |time: &str| {
            let mut definition = with(time, Vec::new());
            definition["code"] = "Shared".into();
            definition
        };
        assert_eq!(bench.create(bench.ours, &shared("at")).await, STORED);
        assert_eq!(bench.create(bench.theirs, &shared("when")).await, STORED);
        let filled = bench
            .add(bench.ours, "Shared", &many("a", MAX_ATTRIBUTES - 2), &[])
            .await;
        assert_eq!(filled, Written::Stored(2));
        let at = attribute("at", "text");
        assert_eq!(bench.add(bench.theirs, "Shared", &[at], &[]).await, Written::Stored(2));
        let when = json!({ "when": "2026-03-28T09:00:00Z", "at": "noon" });
        bench.ingest(bench.theirs, "Shared", &[when]).await.unwrap();
        let refused = bench.add(bench.theirs, "Shared", &many("b", 1), &[]).await;
        assert!(
            matches!(&refused, Written::Misfit(why) if why.contains("65 attributes")),
            "{refused:?}"
        );
        bench.close().await;
    }
}

#[tokio::test]
async fn tables_of_different_things_have_different_names() {
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
        // A view of the built-in entity is called so.
        let view = json!({ "code": "KpiValuesMinute", "domain": "kpi", "attributes": [] });
        assert_eq!(bench.create(bench.ours, &view).await, STORED);
        let nothing_but_time = json!({ "time": "2026-03-28T09:00:00Z" });
        bench
            .ingest(bench.ours, "KpiValuesMinute", &[nothing_but_time])
            .await
            .unwrap();
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
        let entities = "INSERT INTO core.entities (client_id, code, schema_name, relation_name, definition)
            SELECT client_id, 'E' || n, schema_name, relation_name, definition || jsonb_build_object('code', 'E' || n)
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
        // The built-in entity's tables are made anew, and its views are in the way.
        let plain = bench.database.plain().await.unwrap();
        plain
            .batch_execute("DELETE FROM core.entities; DELETE FROM core.relations")
            .await
            .unwrap();
        let database = Database::new(&bench.database.url, LOGIN_ROLE).unwrap();
        for turn in ["first", "second"] {
            let told = facts::migrate::run(&database).await.unwrap_err().to_string();
            assert!(told.contains("kpi_values_minute"), "{turn}: {told}");
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

#[tokio::test]
async fn a_change_that_waits_too_long_is_undone() {
    let server = servers().remove(0);
    let bench = Bench::open(&server).await;
    assert_eq!(bench.create(bench.ours, &order()).await, STORED);
    let mut plain = bench.database.plain().await.unwrap();
    let reader = plain.transaction().await.unwrap();
    reader
        .batch_execute("LOCK sales_data.\"order\" IN ACCESS SHARE MODE")
        .await
        .unwrap();
    let tax = json!({ "name": "tax", "type": "decimal" });
    let waited = bench.add(bench.ours, "Order", from_ref(&tax), &[]).await;
    assert_eq!(waited, Written::TooLong);
    reader.commit().await.unwrap();
    assert_eq!(bench.add(bench.ours, "Order", &[tax], &[]).await, Written::Stored(2));
    bench.close().await;
}

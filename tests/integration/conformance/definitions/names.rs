//! Definitions that go or have other names: what there was is gone for good, or answers as before, and another client's of the same code is not touched.

use std::sync::Arc;
use std::time::{Duration, Instant};

use catalog::{Entity, EntityRename, KpiRename};
use jiff::ToSpan as _;
use records::files::{self, Begun, End, File};

use super::*;

/// An entity of two dimensions, rolled up by both.
fn parcel(amount: &str) -> Value {
    json!({ "code": "Parcel", "domain": "logistics",
        "attributes": [{ "name": "amount", "type": amount }, attribute("carrier", "text"), attribute("origin", "text"),
            { "name": "large", "type": "boolean", "formula": "amount > 3", "dimension": true }],
        "groupings": [{ "dimensions": ["carrier", "origin"] }] })
}

fn parcels() -> Vec<Value> {
    [("DHL", "LEJ"), ("DHL", "BER"), ("UPS", "LEJ")]
        .map(|(carrier, origin)| event(&json!({ "carrier": carrier, "origin": origin })))
        .into()
}

impl Bench {
    async fn delete(&self, client: Uuid, code: &str, with_facts: bool) -> Written {
        let old = self.known(client).await.placed[code].clone();
        definitions::delete_entity(&self.database.app, client, &old, None, with_facts)
            .await
            .unwrap()
    }

    async fn rename(&self, client: Uuid, code: &str, wanted: &EntityRename) -> Written {
        let old = self.known(client).await.placed[code].clone();
        definitions::rename_entity(&self.database.app, client, &old, wanted, None)
            .await
            .unwrap()
    }

    /// Rows of each table that name an entity by its identity or its code.
    async fn left(&self, client: Uuid, id: i32, code: &str) -> Vec<(String, i64)> {
        let plain = self.database.plain().await.unwrap();
        let names = "SELECT format('%I.%I', table_schema, table_name) FROM information_schema.tables
            WHERE table_schema = 'volume_1' AND table_name IN ('facts', 'replaced', 'partials', 'history', 'minute', 'hour', 'day')";
        let mut left = Vec::new();
        for row in plain.query(names, &[]).await.unwrap() {
            let table: String = row.get(0);
            let sql = format!("SELECT count(*) FROM {table} WHERE client_id = $1 AND abs(entity_id) = $2");
            left.push((table, plain.query_one(&sql, &[&client, &id]).await.unwrap().get(0)));
        }
        let commits = "SELECT count(*) FROM core.commits WHERE client_id = $1 AND entity_id = $2";
        left.push((
            "commits".to_owned(),
            plain.query_one(commits, &[&client, &id]).await.unwrap().get(0),
        ));
        for table in ["batches", "dead_letters", "files"] {
            let sql = format!("SELECT count(*) FROM core.{table} WHERE client_id = $1 AND entity = $2");
            left.push((
                table.to_owned(),
                plain.query_one(&sql, &[&client, &code]).await.unwrap().get(0),
            ));
        }
        left.retain(|(_, rows)| *rows > 0);
        left
    }
}

#[tokio::test]
async fn an_entity_that_is_deleted_is_gone_and_its_code_is_free() {
    for server in servers() {
        let bench = Bench::open(&server).await;
        let (ours, theirs) = (bench.ours, bench.theirs);
        for client in [ours, theirs] {
            assert_eq!(bench.create(client, &parcel("decimal")).await, STORED);
            assert_eq!(bench.kpi(client, "SUM", "SUM(Parcel.amount)").await, STORED);
            bench.ingest(client, "Parcel", &parcels()).await.unwrap();
        }
        let id = bench.known(ours).await.placed["Parcel"].place.id;
        // What uses it keeps it, and then what it has does.
        let Written::InUse(users) = bench.delete(ours, "Parcel", true).await else {
            panic!("a KPI reads it");
        };
        assert!(users.len() == 1 && users[0].what.contains("SUM"), "{users:?}");
        let stale = bench.known(ours).await.catalog.kpi("SUM").unwrap().as_ref().clone();
        let gone = definitions::delete_kpi(&bench.database.app, ours, "SUM", None).await;
        assert_eq!(gone.unwrap(), STORED);
        assert_eq!(bench.delete(ours, "Parcel", false).await, Written::HasFacts);
        let builtin = bench.delete(ours, KPI_VALUE, true).await;
        assert_eq!(builtin, Written::BuiltIn);

        let before = bench.known(ours).await.placed["Parcel"].clone();
        assert_eq!(bench.delete(ours, "Parcel", true).await, STORED);
        // A batch that was mapped before is refused, and a KPI that was checked before is not stored.
        let mapper = Mapper::new(before.entity.clone());
        let fact = mapper.json(platform::clock::now(), &parcels()[0].to_string()).unwrap();
        let late = Batch::of(Uuid::now_v7(), [fact]);
        let late = ingest::ingest(&bench.database.app, ours, &before, "test", &[late], Effort::default()).await;
        assert!(matches!(late, Err(Error::DefinitionChanged(_))), "{late:?}");
        assert_eq!(bench.kpi(ours, "MINE", "COUNT(KpiValue)").await, STORED);
        let mut reading = stale.clone();
        reading.definition.code = "MINE".to_owned();
        let replaced = definitions::replace_kpi(&bench.database.app, ours, &reading, None).await;
        assert!(matches!(replaced.unwrap(), Written::Invalid(_)));

        // Cut off here: until the rest has followed, the code is nobody's. The upkeep goes on with it.
        let cut_off = definitions::follow(&bench.database.app, ours, "Parcel", Instant::now()).await;
        assert!(!cut_off.unwrap());
        let again = bench.create(ours, &parcel("integer")).await;
        assert_eq!(again, Written::Departing("Parcel".to_owned()));
        let until = Instant::now() + Duration::from_secs(20);
        definitions::follow_all(&bench.database.owner, until).await.unwrap();
        let mut other = parcel("integer");
        other["attributes"]
            .as_array_mut()
            .unwrap()
            .retain(|attribute| attribute["name"] != "large");
        // Its numbers go on, after the one of its deletion.
        assert_eq!(bench.create(ours, &other).await, Written::Stored(3));
        assert_eq!(bench.kpi(ours, "SUM", "COUNT(Parcel)").await, Written::Stored(3));
        assert_eq!(bench.day(ours, "SUM").await, None, "nothing of before comes back");
        let whole = event(&json!({ "amount": 5, "carrier": "DHL", "origin": "LEJ" }));
        bench.ingest(ours, "Parcel", &[whole]).await.unwrap();
        assert_eq!(bench.day(ours, "SUM").await, Some(Number::from(1)));

        // Nobody can be reading it any more: the upkeep clears it.
        let later = platform::clock::now() + 3.minutes();
        for _ in 0..3 {
            facts::compact::run(&bench.database.owner, later).await.unwrap();
        }
        let left = bench.left(ours, id, "nothing else").await;
        assert!(left.is_empty(), "{left:?}");
        assert_eq!(bench.day(ours, "SUM").await, Some(Number::from(1)));
        assert_eq!(bench.day(theirs, "SUM").await, Some(Number::from(15)));
        bench.close().await;
    }
}

#[tokio::test]
async fn names_change_and_numbers_stay() {
    for server in servers() {
        let bench = Bench::open(&server).await;
        let (ours, theirs) = (bench.ours, bench.theirs);
        for client in [ours, theirs] {
            assert_eq!(bench.create(client, &parcel("decimal")).await, STORED);
            let formula = "SUM(Parcel.amount WHERE carrier = 'DHL' AND origin = 'LEJ') + COUNT(Parcel WHERE large)";
            assert_eq!(bench.kpi(client, "SUM", formula).await, STORED);
            bench.ingest(client, "Parcel", &parcels()).await.unwrap();
        }
        assert_eq!(bench.day(ours, "SUM").await, Some(Number::from(8)));
        let later = "2026-04-01T00:00:00Z".parse().unwrap();
        facts::compact::run(&bench.database.owner, later).await.unwrap();
        let before = bench.known(ours).await.placed["Parcel"].clone();
        let groups = bench.groups(theirs, "Parcel", &["carrier", "origin"]).await;

        // The new names sort the other way round, and values stay where they are.
        let names = [("carrier", "shipped_by"), ("amount", "price")];
        let names = names.map(|(old, new)| (old.to_owned(), new.to_owned()));
        let wanted = EntityRename {
            code: Some("Consignment".to_owned()),
            attributes: names.into(),
        };
        assert_eq!(bench.rename(ours, "Parcel", &wanted).await, Written::Stored(2));
        let known = bench.known(ours).await;
        assert!(!known.placed.contains_key("Parcel"));
        assert_eq!(known.placed_by("Parcel").unwrap().place.id, before.place.id);
        let formula = &known.catalog.kpi("SUM").unwrap().definition.formula;
        assert_eq!(
            formula,
            "SUM(Consignment.price WHERE shipped_by = 'DHL' AND origin = 'LEJ') + COUNT(Consignment WHERE large)"
        );
        assert_eq!(bench.day(ours, "SUM").await, Some(Number::from(8)));

        // What was mapped by the old names is mapped anew; events of either names count, and rollups by both dimensions fit those of before.
        let mapper = Mapper::new(before.entity.clone());
        let fact = mapper.json(platform::clock::now(), &parcels()[0].to_string()).unwrap();
        let late = Batch::of(Uuid::now_v7(), [fact]);
        let late = ingest::ingest(&bench.database.app, ours, &before, "test", &[late], Effort::default()).await;
        assert!(matches!(late, Err(Error::DefinitionChanged(_))), "{late:?}");
        let renamed = json!({ "time": "2026-03-28T09:00:00Z", "price": 5, "shipped_by": "DHL", "origin": "LEJ" });
        bench
            .ingest(ours, "Consignment", &[renamed, parcels()[0].clone()])
            .await
            .unwrap();
        let twice = json!({ "time": "2026-03-28T09:00:00Z", "price": 5, "amount": 5 });
        let placed = &bench.known(ours).await.placed["Consignment"].clone();
        let refused = Mapper::new(placed.entity.clone()).json(platform::clock::now(), &twice.to_string());
        assert_eq!(refused.unwrap_err().reason, "appears twice");
        assert_eq!(bench.day(ours, "SUM").await, Some(Number::from(20)));
        facts::compact::run(&bench.database.owner, later).await.unwrap();
        assert_eq!(bench.day(ours, "SUM").await, Some(Number::from(20)));
        assert_eq!(placed.entity.groupings()[1].dimensions, ["shipped_by", "origin"]);

        // What came under the old code follows.
        let until = Instant::now() + Duration::from_secs(20);
        assert!(
            definitions::follow(&bench.database.app, ours, "Parcel", until)
                .await
                .unwrap()
        );
        let left = bench.left(ours, 0, "Parcel").await;
        assert!(left.is_empty(), "{left:?}");
        assert_eq!(bench.left(ours, 0, "Consignment").await, [("batches".to_owned(), 2)]);
        // And back again, while it has not.
        let wanted = |code: &str| EntityRename {
            code: Some(code.to_owned()),
            ..EntityRename::default()
        };
        for code in ["Box", "Consignment", "Parcel"] {
            let now = bench.known(ours).await;
            let old = now.placed.keys().find(|code| *code != KPI_VALUE).unwrap().clone();
            assert!(
                matches!(bench.rename(ours, &old, &wanted(code)).await, Written::Stored(_)),
                "{code}"
            );
        }
        definitions::follow_all(&bench.database.owner, until).await.unwrap();
        assert_eq!(bench.left(ours, 0, "Parcel").await, [("batches".to_owned(), 2)]);
        assert_eq!(bench.day(ours, "SUM").await, Some(Number::from(20)));

        // Nothing of it was the other client's.
        assert_eq!(bench.day(theirs, "SUM").await, Some(Number::from(8)));
        assert_eq!(bench.groups(theirs, "Parcel", &["carrier", "origin"]).await, groups);
        bench.close().await;
    }
}

#[tokio::test]
async fn a_kpi_is_renamed_and_kept_by_who_uses_it() {
    for server in servers() {
        let bench = Bench::open(&server).await;
        let (ours, database) = (bench.ours, &bench.database.app);
        assert_eq!(bench.create(ours, &order()).await, STORED);
        assert_eq!(bench.kpi(ours, "ORDERS", "COUNT(Order)").await, STORED);
        let plain = bench.database.plain().await.unwrap();
        let begin = "INSERT INTO core.proposals (client_id, id, name, price_book, answers, created_by) VALUES ($1, gen_random_uuid(), 'Rollout', 'x',
            '{\"kpi_selection\": {\"kpis\": [\"ORDERS\"]}, \"kpi_implementation\": {\"ORDERS\": {\"complexity\": \"rbac\"}}}', $1)";
        plain.execute(begin, &[&ours]).await.unwrap();
        let wanted = KpiRename {
            code: "SALES".to_owned(),
        };
        let renamed = definitions::rename_kpi(database, ours, "ORDERS", &wanted, Some(7)).await;
        assert_eq!(renamed.unwrap(), Written::Stale(1));
        let renamed = definitions::rename_kpi(database, ours, "ORDERS", &wanted, Some(1)).await;
        assert_eq!(renamed.unwrap(), Written::Stored(2));
        let answers = "SELECT answers::text, version FROM core.proposals WHERE client_id = $1";
        let draft = plain.query_one(answers, &[&ours]).await.unwrap();
        assert_eq!(
            draft.get::<_, String>(0),
            r#"{"kpi_selection": {"kpis": ["SALES"]}, "kpi_implementation": {"SALES": {"complexity": "rbac"}}}"#
        );
        assert_eq!(draft.get::<_, i32>(1), 2, "who edits it is told");
        let delete = async || definitions::delete_kpi(database, ours, "SALES", None).await.unwrap();
        let in_use = delete().await;
        assert!(
            matches!(&in_use, Written::InUse(users) if users.len() == 1),
            "{in_use:?}"
        );
        // An offer has the code that it was issued with; once it has ended, nothing keeps the KPI.
        let issue = "INSERT INTO core.proposal_revisions (client_id, proposal_id, revision, answers, terms, required, quote, issued_by, valid_until)
            SELECT client_id, id, 1, '{\"kpi_selection\": {\"kpis\": [\"ORDERS\"]}}', '{}', '{}', '{}', client_id, (now() + interval '2 days')::date
            FROM core.proposals WHERE client_id = $1";
        plain.execute(issue, &[&ours]).await.unwrap();
        assert!(matches!(delete().await, Written::InUse(_)));
        let end =
            "UPDATE core.proposal_revisions SET valid_until = (now() - interval '2 days')::date WHERE client_id = $1";
        plain.execute(end, &[&ours]).await.unwrap();
        assert_eq!(delete().await, Written::Stored(2));
        drop(plain);
        bench.close().await;
    }
}

fn renamed_to(code: &str) -> EntityRename {
    EntityRename {
        code: Some(code.to_owned()),
        ..EntityRename::default()
    }
}

/// The definition of an entity with these former codes, as it is checked before it is stored.
fn formerly(known: &ClientCatalog, code: &str, former: &[&str]) -> Arc<Entity> {
    let mut definition: EntityDefinition = known.placed[code].entity.definition().clone();
    definition.formerly = former.iter().map(|&code| code.to_owned()).collect();
    known.catalog.clone().replace_entity(definition).unwrap()
}

#[tokio::test]
async fn a_former_code_is_not_taken_from_who_gets_it_meanwhile() {
    for server in servers() {
        let bench = Bench::open(&server).await;
        let (ours, database) = (bench.ours, &bench.database.app);
        assert_eq!(bench.create(ours, &parcel("decimal")).await, STORED);
        let known = bench.known(ours).await;
        let checked = formerly(&known, "Parcel", &["Box"]);
        let mut other = parcel("decimal");
        other["code"] = "Box".into();
        assert_eq!(bench.create(ours, &other).await, STORED);
        let old = &known.placed["Parcel"];
        let replaced = definitions::replace_entity(database, ours, old, &checked, None).await;
        assert!(matches!(replaced.unwrap(), Written::Invalid(_)));
        assert_eq!(bench.known(ours).await.placed.len(), 3, "the catalogue can be read");

        // One that was deleted and defined anew under its code is another one.
        let checked = formerly(&known, "Parcel", &["Crate"]);
        assert_eq!(bench.delete(ours, "Parcel", true).await, STORED);
        let until = Instant::now() + Duration::from_secs(20);
        assert!(definitions::follow(database, ours, "Parcel", until).await.unwrap());
        assert_eq!(bench.create(ours, &parcel("decimal")).await, Written::Stored(3));
        let replaced = definitions::replace_entity(database, ours, old, &checked, None).await;
        assert_eq!(replaced.unwrap(), Written::Missing);
        let given_up = definitions::give_up_groupings(database, ours, old).await;
        assert_eq!(given_up.unwrap(), Written::Missing);
        bench.close().await;
    }
}

#[tokio::test]
async fn what_has_not_followed_yet_is_found_under_the_code_of_now() {
    for server in servers() {
        let bench = Bench::open(&server).await;
        let (ours, database) = (bench.ours, &bench.database.app);
        assert_eq!(bench.create(ours, &parcel("decimal")).await, STORED);
        bench.ingest(ours, "Parcel", &parcels()).await.unwrap();
        let old = bench.known(ours).await.placed["Parcel"].clone();
        for (code, new) in [("Parcel", "Box"), ("Box", "Crate")] {
            let renamed = bench.rename(ours, code, &renamed_to(new)).await;
            assert!(matches!(renamed, Written::Stored(_)), "{renamed:?}");
        }
        // Nothing has followed, and the definition says no more what it was called.
        let known = bench.known(ours).await;
        let entity = formerly(&known, "Crate", &[]);
        let replaced = definitions::replace_entity(database, ours, &known.placed["Crate"], &entity, None).await;
        assert!(matches!(replaced.unwrap(), Written::Stored(_)));
        assert!(bench.known(ours).await.placed_by("Parcel").is_none());
        for code in ["Parcel", "Box"] {
            let now = definitions::followed(database, ours, code).await.unwrap();
            assert_eq!(now.as_deref(), Some("Crate"), "{code}");
        }
        assert_eq!(
            definitions::followed(database, bench.theirs, "Parcel").await.unwrap(),
            None
        );

        // A file that was read when the entity had another code begins under the one of now, and no rename is between.
        let file = File {
            client: ours,
            key: "c/Parcel/a.csv",
            entity: "Parcel",
            etag: "e",
            digest: "",
            replaces: true,
            sequencer: "1",
        };
        let begun = files::begin_of(database, Some(&old), file).await.unwrap();
        let Begun::At(attempt) = begun else {
            panic!("nothing of it was loaded");
        };
        let until = Instant::now() + Duration::from_secs(20);
        definitions::follow_all(&bench.database.owner, until).await.unwrap();
        files::end(database, Some(&old), file, attempt, End::Refused("no"))
            .await
            .unwrap();
        let left = bench.left(ours, 0, "Parcel").await;
        assert!(left.is_empty(), "{left:?}");
        let left = bench.left(ours, 0, "Crate").await;
        let (batches, letters, files) = (
            ("batches".to_owned(), 2),
            ("dead_letters".to_owned(), 1),
            ("files".to_owned(), 1),
        );
        assert_eq!(left, [batches, letters, files]);
        assert_eq!(definitions::followed(database, ours, "Parcel").await.unwrap(), None);
        bench.close().await;
    }
}

#[tokio::test]
async fn who_is_being_moved_keeps_nobody_else_from_following() {
    for server in servers() {
        let bench = Bench::open(&server).await;
        let (ours, theirs) = (bench.ours, bench.theirs);
        // Who knows cells asks where a client is; nobody goes to this one.
        let cells = "gone=postgres://nobody@127.0.0.1:1/nothing?sslmode=disable";
        let owner = bench.database.owner.clone().with_cells(cells).unwrap();
        for client in [ours, theirs] {
            assert_eq!(bench.create(client, &parcel("decimal")).await, STORED);
            bench.ingest(client, "Parcel", &parcels()).await.unwrap();
            let renamed = bench.rename(client, "Parcel", &renamed_to("Box")).await;
            assert_eq!(renamed, Written::Stored(2));
        }
        let moving = bench.database.plain().await.unwrap();
        let lock = format!("SELECT pg_advisory_lock(hashtextextended('client {ours}', 0))");
        moving.batch_execute(&lock).await.unwrap();
        let until = Instant::now() + Duration::from_secs(20);
        definitions::follow_all(&owner, until).await.unwrap();
        for (client, left) in [(ours, Some("Box")), (theirs, None)] {
            let now = definitions::followed(&owner, client, "Parcel").await.unwrap();
            assert_eq!(now.as_deref(), left);
        }
        let unlock = lock.replace("advisory_lock", "advisory_unlock");
        moving.batch_execute(&unlock).await.unwrap();
        drop(moving);
        definitions::follow_all(&owner, until).await.unwrap();
        assert_eq!(definitions::followed(&owner, ours, "Parcel").await.unwrap(), None);
        drop(owner);
        bench.close().await;
    }
}

//! Where clients are: they move without a number that is lost, doubled or changed, and nothing is left of one that goes.

use std::time::{Duration, Instant};

use catalog::Level;
use database::{Database, Edition, Error, Scope};
use facts::moves::{self, Begun, Move};
use facts::volume::{MAX_ENTITIES_OF_VOLUME, Volume, add_volume, make_room};
use facts::work;
use facts::{Placed, changes};
use jiff::SignedDuration;
use records::client_removal::{self, TABLES};
use records::definitions;
use records::undo::{self, Target, Undone};
use serde_json::Value;
use tests::databases::servers;
use uuid::Uuid;

use super::fillings::many;
use super::oracle::check;
use super::scenarios::{a_day, in_every_shop};
use super::shop::{Shop, at, sale};

/// The facts under the names of their attributes, wherever they are.
const SALES_OF_BOTH: &str = "CREATE OR REPLACE VIEW shop_data.sale AS
    SELECT f.client_id, f.time, f.t1 AS receipt, f.t2 AS region, f.n1::bigint AS till, f.n2 AS amount, f.n3::bigint AS items, f.f1 AS big
    FROM (SELECT 'volume_1' AS volume, * FROM volume_1.facts UNION ALL SELECT 'volume_2', * FROM volume_2.facts) f
    JOIN core.entities e ON e.client_id = f.client_id AND e.id = f.entity_id AND e.volume = f.volume AND e.code = 'Sale'";

impl Shop {
    pub(super) async fn second_volume(&self) -> Volume {
        let add = self.database.owner.transaction_in(Scope::default(), async |session| {
            add_volume(session, Some(self.ours)).await
        });
        let volume = add.await.unwrap();
        self.database
            .plain()
            .await
            .unwrap()
            .batch_execute(SALES_OF_BOTH)
            .await
            .unwrap();
        volume
    }

    pub(super) async fn begin_move(&self, database: &Database, to: &Volume) -> Result<Begun, Error> {
        let placed = self.definitions(self.ours).await.placed["Sale"].clone();
        moves::begin(database, self.ours, &placed, to).await
    }

    async fn moving(&self) -> Vec<Move> {
        moves::moves(&self.database.app, self.ours).await.unwrap()
    }

    /// Moves to the end.
    async fn move_sales(&self, database: &Database, to: &Volume) {
        while let Err(error) = self.begin_move(database, to).await {
            assert!(matches!(error, Error::DefinitionChanged(_)), "{error}");
        }
        self.end_moves(database).await;
    }

    pub(super) async fn end_moves(&self, database: &Database) {
        let until = Instant::now() + Duration::from_secs(60);
        self.work_until(database, until).await.unwrap();
        assert_eq!(self.moving().await.len(), 0);
    }

    /// Partials of a client where everybody begins.
    async fn partials_of(&self, client: Uuid) -> i64 {
        let plain = self.database.plain().await.unwrap();
        let sql = "SELECT count(*) FROM volume_1.partials WHERE client_id = $1";
        plain.query_one(sql, &[&client]).await.unwrap().get(0)
    }

    /// Rows of a client in the tables of a volume.
    async fn rows_of(&self, client: Uuid, volume: &Volume) -> i64 {
        let edition = self.database.app.session().await.unwrap().edition().await.unwrap();
        let plain = self.database.plain().await.unwrap();
        let mut rows = 0;
        let mut tables = volume.tables(edition);
        tables.extend(Level::ALL.map(|level| volume.rollup(level)));
        for table in tables {
            let sql = format!("SELECT count(*) FROM {table} WHERE client_id = $1");
            rows += plain.query_one(&sql, &[&client]).await.unwrap().get::<_, i64>(0);
        }
        rows
    }
}

#[tokio::test]
async fn a_client_moves_while_it_writes_and_every_number_stays() {
    for key in [&[][..], &["receipt"]] {
        in_every_shop(key, async |shop| {
            let second = shop.second_volume().await;
            shop.sell(shop.ours, &a_day()).await;
            shop.sell(shop.theirs, &a_day()).await;
            shop.compact("2026-03-28T11:00:00Z").await;
            let mover = Database::new(&shop.database.url, "analytics_owner").unwrap();
            assert_eq!(shop.begin_move(&mover, &second).await.unwrap(), Begun::Now);
            // Killed wherever it is just then: nobody notices, and the next one goes on there.
            for milliseconds in [1, 5, 15, 30] {
                let soon = Instant::now() + Duration::from_secs(60);
                let work = shop.work_until(&mover, soon);
                let killed = tokio::time::timeout(Duration::from_millis(milliseconds), work)
                    .await
                    .is_err();
                let when = format!("killed after {milliseconds} ms: {killed}");
                check(shop, shop.ours, "UTC", &when).await;
            }
            let writers = (0..4).map(async |writer| {
                let database = shop.connect();
                for number in 0..10 {
                    let at = format!("2026-03-28T{:02}:{number:02}:30Z", 8 + writer);
                    let correction = sale(&format!("r{}", writer * 10 + number), &at, "4.5", 3);
                    let sales = [sale(&format!("w{writer} {number}"), &at, "5", 1), correction];
                    while let Err(error) = shop.sell_through(&database, shop.ours, &sales).await {
                        assert!(
                            matches!(error, Error::DefinitionChanged(_)) || error.is_conflict(),
                            "{error}"
                        );
                    }
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            });
            let first = Volume::named("volume_1");
            let later = "2099-01-01T00:00:00Z";
            let moves = async {
                shop.end_moves(&mover).await;
                assert_eq!(shop.begin_move(&mover, &first).await.unwrap(), Begun::NotCleared);
                for volume in [&first, &second] {
                    shop.compact(later).await;
                    shop.compact(later).await;
                    shop.move_sales(&mover, volume).await;
                }
            };
            tokio::join!(futures::future::join_all(writers), moves);
            let corrections = if key.is_empty() { 40 } else { 0 };
            assert_eq!(shop.count().await, a_day().len() + 40 + corrections);
            let mut answers = check(shop, shop.ours, "UTC", "after all moves").await;
            answers.extend(check(shop, shop.theirs, "UTC", "the other client, who stays").await);
            assert_eq!(shop.rows_of(shop.theirs, &second).await, 0);

            // Who still reads where it was has some time; then nothing is left there.
            assert!(shop.rows_of(shop.ours, &first).await > 0);
            shop.compact(later).await;
            shop.compact(later).await;
            // The built-in entity stays where it is, and has no facts.
            assert_eq!(shop.rows_of(shop.ours, &first).await, 0);
            check(shop, shop.ours, "UTC", "cleared").await;
            answers
        })
        .await;
    }
}

#[tokio::test]
async fn a_batch_is_undone_while_its_entity_moves() {
    for key in [&[][..], &["receipt"]] {
        in_every_shop(key, async |shop| {
            let second = shop.second_volume().await;
            let sales = a_day();
            shop.sell(shop.ours, &sales[..20]).await;
            let wrong = shop.sell(shop.ours, &sales[20..]).await.batch;
            shop.compact("2026-03-28T11:00:00Z").await;
            let mover = Database::new(&shop.database.url, "analytics_owner").unwrap();
            assert_eq!(shop.begin_move(&mover, &second).await.unwrap(), Begun::Now);
            // Counted and copied: what was copied of it is taken out there, too.
            for _ in 0..2 {
                shop.step().await;
            }
            shop.sell(shop.ours, &[sale("meanwhile", "2026-03-28T10:00:10Z", "3", 1)])
                .await;
            let placed = shop.definitions(shop.ours).await.placed["Sale"].clone();
            let app = &shop.database.app;
            let begun = undo::begin(app, shop.ours, &placed, Target::Batch(wrong), platform::clock::now()).await;
            let Undone::Begun(change) = begun.unwrap() else {
                panic!("it is undone for the first time")
            };
            let until = Instant::now() + Duration::from_secs(60);
            let done = changes::go_on(app, shop.ours, &placed, change, until).await;
            assert!(done.unwrap());
            check(shop, shop.ours, "UTC", "undone on its way").await;
            shop.sell(shop.ours, &[sale("later", "2026-03-28T10:00:20Z", "4", 1)])
                .await;
            shop.end_moves(&mover).await;
            assert_eq!(shop.count().await, 22);
            let mut answers = check(shop, shop.ours, "UTC", "arrived").await;
            shop.compact("2026-04-01T00:00:00Z").await;
            answers.extend(check(shop, shop.ours, "UTC", "moved up there").await);
            answers
        })
        .await;
    }
}

#[tokio::test]
async fn a_move_tells_how_far_it_is_keeps_no_upkeep_waiting_and_is_given_up() {
    in_every_shop(&["receipt"], async |shop| {
        let second = shop.second_volume().await;
        shop.sell(shop.ours, &many()).await;
        shop.sell(shop.theirs, &a_day()).await;
        assert_eq!(
            shop.begin_move(&shop.database.owner, &second).await.unwrap(),
            Begun::Now
        );
        assert_eq!(
            shop.begin_move(&shop.database.owner, &second).await.unwrap(),
            Begun::Before(second.clone())
        );
        assert_eq!((shop.step().await, shop.moving().await[0].percent()), (0, 0));
        shop.step().await;
        let percent = shop.moving().await[0].percent();
        assert!((1..100).contains(&percent), "{percent}");

        // While a step goes on, whoever else's buckets close are moved up; the entity's own stay until it is there.
        let plain = shop.database.plain().await.unwrap();
        plain
            .batch_execute("BEGIN; SELECT FROM core.moves FOR UPDATE")
            .await
            .unwrap();
        let ours = shop.partials_of(shop.ours).await;
        let upkeep = shop.compact("2026-04-02T00:00:00Z");
        tokio::time::timeout(Duration::from_secs(20), upkeep).await.unwrap();
        plain.batch_execute("COMMIT").await.unwrap();
        let edition = shop.database.app.session().await.unwrap().edition().await.unwrap();
        assert_eq!(shop.partials_of(shop.ours).await, ours);
        assert_eq!(shop.partials_of(shop.theirs).await == 0, edition == Edition::Apache);

        // A copy that is not what it is a copy of is no copy.
        let stray = "INSERT INTO volume_2.partials (client_id, entity_id, grouping_id, page, bucket, batch_number, facts, dimensions)
            SELECT client_id, id, 0, 0, '2026-03-28T09:00:00Z', 1, 1, '{}' FROM core.entities WHERE client_id = $1 AND code = 'Sale'";
        plain.execute(stray, &[&shop.ours]).await.unwrap();
        let soon = Instant::now() + Duration::from_secs(60);
        let worked = shop.work_until(&shop.database.owner, soon).await.unwrap();
        assert_eq!((worked.moved, shop.moving().await.len()), (0, 1));
        let failing = shop.moving().await.remove(0);
        let reason = failing.reason.unwrap_or_default();
        assert!(failing.failures == 1 && reason.contains("give the move up"), "{reason}");

        let entity = shop.moving().await[0].entity_id;
        for expected in [true, false] {
            let cancelled = moves::cancel(&shop.database.owner, shop.ours, entity).await;
            assert_eq!(cancelled.unwrap(), expected);
        }
        let answers = check(shop, shop.ours, "UTC", "where it was").await;
        assert!(shop.rows_of(shop.ours, &second).await > 0);
        // What can't be cleared, for its volume is none, keeps nothing else.
        let broken = "INSERT INTO core.leftovers (volume, client_id, entity_id, left_at) VALUES ('volume_9', $1, $2, '2020-01-01')";
        plain.execute(broken, &[&shop.ours, &entity]).await.unwrap();
        shop.compact("2099-01-01T00:00:00Z").await;
        shop.compact("2099-01-01T00:00:00Z").await;
        assert_eq!(shop.rows_of(shop.ours, &second).await, 0);
        shop.move_sales(&shop.database.owner, &second).await;
        check(shop, shop.ours, "UTC", "moved after all").await;
        answers
    })
    .await;
}

#[tokio::test]
async fn a_grouping_that_is_added_while_an_entity_moves_is_moved_too() {
    in_every_shop(&[], async |shop| {
        let second = shop.second_volume().await;
        shop.sell(shop.ours, &a_day()).await;
        shop.begin_move(&shop.database.owner, &second).await.unwrap();
        let (old, entity) = shop.with_grouping(shop.ours, "till").await;
        definitions::replace_entity(&shop.database.app, shop.ours, &old, &entity, None)
            .await
            .unwrap();
        shop.sell(shop.ours, &[sale("late", "2026-03-28T09:20:30Z", "7", 2)])
            .await;

        // Whoever goes on with the move found the entity before it was changed.
        let find = async |_: Uuid, _: i32| -> Result<Option<Placed>, Error> { Ok(Some(old.clone())) };
        let until = Instant::now() + Duration::from_secs(2);
        let worked = work::run(&shop.database.owner, find, until).await.unwrap();
        assert_eq!((worked.moved, shop.moving().await.len()), (0, 1));

        shop.end_moves(&shop.database.owner).await;
        check(shop, shop.ours, "UTC", "moved and filled").await
    })
    .await;
}

#[tokio::test]
async fn a_grouping_that_is_given_up_while_its_entity_moves_leaves_nothing_there() {
    in_every_shop(&[], async |shop| {
        let second = shop.second_volume().await;
        shop.sell(shop.ours, &many()).await;
        let (old, entity) = shop.with_grouping(shop.ours, "till").await;
        definitions::replace_entity(&shop.database.app, shop.ours, &old, &entity, None)
            .await
            .unwrap();
        // Counted, and filled for one step.
        for _ in 0..2 {
            shop.step().await;
        }
        shop.begin_move(&shop.database.owner, &second).await.unwrap();
        let plain = shop.database.plain().await.unwrap();
        let copied = "SELECT count(*) FROM volume_2.partials WHERE grouping_id = 4";
        while plain.query_one(copied, &[]).await.unwrap().get::<_, i64>(0) == 0 {
            shop.step().await;
        }
        let old = shop.definitions(shop.ours).await.placed["Sale"].clone();
        definitions::give_up_groupings(&shop.database.app, shop.ours, &old)
            .await
            .unwrap();
        shop.end_moves(&shop.database.owner).await;
        for _ in 0..2 {
            shop.compact("2099-01-01T00:00:00Z").await;
        }
        for table in [second.partials(), second.rollup(Level::Day)] {
            let left = format!("SELECT count(*) FROM {table} WHERE grouping_id = 4");
            let left: i64 = plain.query_one(&left, &[]).await.unwrap().get(0);
            assert_eq!(left, 0, "{table}");
        }
        check(shop, shop.ours, "UTC", "moved without it").await
    })
    .await;
}

#[tokio::test]
async fn corrections_of_many_times_during_a_move_are_copied_by_few_statements() {
    in_every_shop(&["receipt"], async |shop| {
        let second = shop.second_volume().await;
        let from = at("2026-02-20T00:00:30Z");
        let sales = |amount: &str| -> Vec<Value> {
            let time = |number: i64| (from + SignedDuration::from_hours(2 * number)).to_string();
            let sale = |number| sale(&format!("r{number}"), &time(number), amount, 1);
            (0..500).map(sale).collect()
        };
        shop.sell(shop.ours, &sales("5")).await;
        shop.compact("2026-04-10T00:00:00Z").await;
        let mover = Database::new(&shop.database.url, "analytics_owner").unwrap();
        shop.begin_move(&mover, &second).await.unwrap();
        shop.sell(shop.ours, &sales("7.5")).await;
        let before = mover.statements();
        shop.end_moves(&mover).await;
        let statements = mover.statements() - before;
        assert!(statements < 2_000, "{statements} for 500 ranges");
        check(shop, shop.ours, "UTC", "moved with its corrections").await
    })
    .await;
}

#[tokio::test]
async fn a_volume_that_is_full_is_followed_by_another() {
    for server in servers() {
        let shop = Shop::open(&server, "UTC", &[]).await;
        assert_eq!(make_room(&shop.database.owner).await.unwrap(), None);
        let plain = shop.database.plain().await.unwrap();
        let sql = "INSERT INTO core.entities (client_id, code, definition, volume, layout)
            SELECT $1, 'E' || n, '{}', 'volume_1', '{}' FROM generate_series(1, $2::bigint) AS n";
        plain
            .execute(sql, &[&shop.theirs, &MAX_ENTITIES_OF_VOLUME])
            .await
            .unwrap();
        let second = Volume::named("volume_2");
        assert_eq!(make_room(&shop.database.owner).await.unwrap(), Some(second.clone()));
        assert_eq!(make_room(&shop.database.owner).await.unwrap(), None);

        let mut definition = shop.definitions(shop.ours).await.placed["Sale"]
            .entity
            .definition()
            .clone();
        definition.code = "Resale".to_owned();
        let entity = definition.validate().unwrap();
        definitions::create_entity(&shop.database.app, shop.ours, &entity)
            .await
            .unwrap();
        let known = shop.definitions(shop.ours).await;
        assert_eq!(known.placed["Resale"].place.volume, second);
        assert_eq!(known.placed["Sale"].place.volume, Volume::named("volume_1"));
        shop.sell(shop.ours, &a_day()).await;
        check(&shop, shop.ours, "UTC", "beside a second volume").await;
        shop.database.drop_it().await.unwrap();
    }
}

#[tokio::test]
async fn nothing_is_left_of_a_client_that_is_removed() {
    for server in servers() {
        let shop = Shop::open(&server, "UTC", &["receipt"]).await;
        let second = shop.second_volume().await;
        for client in [shop.ours, shop.theirs] {
            shop.sell(client, &a_day()).await;
            shop.sell(client, &[sale("r5", "2026-03-28T09:15:05Z", "1", 1)]).await;
        }
        shop.compact("2026-04-01T00:00:00Z").await;
        shop.move_sales(&shop.database.owner, &second).await;
        let before = check(&shop, shop.theirs, "UTC", "before").await;
        let other_name = client_removal::remove(&shop.database.owner, shop.ours, "theirs")
            .await
            .unwrap();
        assert!(!other_name && shop.count().await > 0);
        assert!(
            client_removal::remove(&shop.database.owner, shop.ours, "ours")
                .await
                .unwrap()
        );

        // Aggregates go with the next refresh (Community edition).
        shop.compact("2026-04-01T00:00:00Z").await;
        for volume in [&second, &Volume::named("volume_1")] {
            assert_eq!(shop.rows_of(shop.ours, volume).await, 0, "{volume:?}");
        }
        let plain = shop.database.plain().await.unwrap();
        let sql = "SELECT c.relname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
            WHERE c.relnamespace = 'core'::regnamespace AND a.attname = 'client_id' AND c.relkind = 'r'";
        for table in plain.query(sql, &[]).await.unwrap() {
            let table: String = table.get(0);
            let count = format!("SELECT count(*) FROM core.{table} WHERE client_id = $1");
            let left: i64 = plain.query_one(&count, &[&shop.ours]).await.unwrap().get(0);
            assert_eq!(left, 0, "{table}");
            assert!(
                table == "volumes" || TABLES.contains(&table.as_str()),
                "{table} is in no list of what goes"
            );
        }
        assert_eq!(
            check(&shop, shop.theirs, "UTC", "before").await,
            before,
            "the other client"
        );
        shop.database.drop_it().await.unwrap();
    }
}

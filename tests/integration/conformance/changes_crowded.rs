//! Changes of minutes with many facts, and changes that are cut off: between steps, within steps, and by several who go on with one at once.

use std::time::{Duration, Instant};

use database::Database;
use facts::Placed;
use facts::changes::{self, MAX_MINUTE_AT_ONCE};
use records::files::End;
use records::undo::Target;
use serde_json::Value;
use uuid::Uuid;

use super::changes::{LONG, begun, go_on, load, of, put, rows, sale_placed, sell, sold};
use super::changes_meet::in_small_steps;
use super::oracle::check;
use super::scenarios::{a_day, in_every_shop};
use super::shop::{Shop, sale};

/// So many sales at one time, as a file of days has them.
fn at_once(count: usize, amount: &str) -> Vec<Value> {
    let sale = |number: usize| sale(&format!("f{number}"), "2026-03-28T09:00:00Z", amount, 1);
    (0..count).map(sale).collect()
}

/// Facts that a change has taken out, put back and put in; and whether it is done.
async fn progress(shop: &Shop, change: Uuid) -> ([i64; 3], bool) {
    let found = changes::find(&shop.database.app, shop.ours, change)
        .await
        .unwrap()
        .unwrap();
    let facts = [found.removed, found.restored, found.added];
    (facts, found.finished_at.is_some())
}

/// Goes on in steps of few facts, as `fill-groupings` makes them, to the end; how many there were. The rollups equal the facts in between.
async fn in_steps(shop: &Shop, change: Uuid) -> usize {
    let mut steps = 0;
    loop {
        let before = progress(shop, change).await;
        if before.1 {
            return steps;
        }
        in_small_steps(shop).await;
        // The rest after a step is longer than the time that is left. A server that is busy may leave no time for any.
        let soon = Instant::now() + Duration::from_millis(10);
        shop.work_until(&shop.database.owner, soon).await.unwrap();
        let after = progress(shop, change).await;
        if after == before {
            continue;
        }
        let facts = |progress: ([i64; 3], bool)| progress.0.iter().sum::<i64>();
        // Of a keyed entity keys are settled of those that are taken out and of as many that come back.
        let done = facts(after) - facts(before);
        assert!(done <= 3 * 122, "{done} facts are no small step");
        steps += 1;
        if steps % 3 == 1 {
            check(shop, shop.ours, "UTC", &format!("after {steps} steps")).await;
        }
    }
}

#[tokio::test]
async fn a_minute_of_many_facts_is_undone_and_comes_back_in_steps_of_bounded_size() {
    for key in [&[][..], &["receipt"]] {
        in_every_shop(key, async |shop| {
            sell(shop, &[sale("other", "2026-03-28T09:00:00Z", "1", 1)]).await;
            let with_other = |mut sales: std::collections::BTreeSet<String>| {
                sales.insert("other 1".to_owned());
                sales
            };
            load(shop, put(shop, "one", "1"), &at_once(700, "5"), End::Finished).await;
            shop.compact("2026-04-01T00:00:00Z").await;
            // Who asks waits for no minute that takes so long.
            let placed = sale_placed(shop).await;
            let file = put(shop, "two", "2");
            let attempt = super::changes::read(shop, file, &at_once(600, "6")).await;
            let ended = records::files::end(&shop.database.app, Some(&placed), file, attempt, End::Finished).await;
            let change = ended.unwrap().unwrap();
            in_small_steps(shop).await;
            assert!(!go_on(shop, change, LONG).await);
            // Of half a million facts in usual steps and of 122 in these; of a hundred thousand and 24 where there are keys.
            let steps = in_steps(shop, change).await;
            assert!((3..80).contains(&steps), "{steps} steps");
            assert_eq!(sold(shop).await, with_other(of(600, "6")));
            let mut answers = check(shop, shop.ours, "UTC", "replaced").await;
            // It comes back as it went.
            let change = begun(shop, Target::File(attempt.file)).await;
            let steps = in_steps(shop, change).await;
            assert!((3..80).contains(&steps), "{steps} steps");
            assert_eq!(sold(shop).await, with_other(of(700, "5")));
            answers.extend(check(shop, shop.ours, "UTC", "back").await);
            let found = changes::find(&shop.database.app, shop.ours, change)
                .await
                .unwrap()
                .unwrap();
            assert_eq!((found.removed, found.restored), (600, 700));
            answers
        })
        .await;
    }
}

/// Another process that goes on with a change, whatever becomes of its connection.
async fn going_on(shop: &Shop, placed: &Placed, database: &Database, change: Uuid) {
    loop {
        let until = Instant::now() + Duration::from_secs(5);
        match changes::go_on(database, shop.ours, placed, change, until).await {
            Ok(true) => return,
            Ok(false) => {}
            Err(error) => assert!(!error.is_of_statement() || error.is_conflict(), "{error}"),
        }
    }
}

/// Ends connections that are at work on a step, again and again.
async fn killing(shop: &Shop) {
    let plain = shop.database.plain().await.unwrap();
    let sql = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid() AND state IN ('active', 'idle in transaction')
            AND backend_type = 'client backend'";
    for pause_ms in [3, 7, 13, 2, 29, 5, 17, 11].into_iter().cycle() {
        tokio::time::sleep(Duration::from_millis(pause_ms * 4)).await;
        plain.query_one(sql, &[]).await.unwrap();
    }
}

#[tokio::test]
async fn a_change_that_is_cut_off_anywhere_ends_with_every_number() {
    for key in [&[][..], &["receipt"]] {
        in_every_shop(key, async |shop| {
            let day = a_day();
            sell(shop, &day[..10]).await;
            load(shop, put(shop, "one", "1"), &rows(50, 0, "1"), End::Finished).await;
            let second = load(shop, put(shop, "two", "2"), &rows(45, 3, "2"), End::Finished).await;
            shop.compact("2026-03-28T10:30:30Z").await;
            let change = begun(shop, Target::File(second)).await;
            in_small_steps(shop).await;
            // Dropped within a step, wherever that is just then.
            let placed = sale_placed(shop).await;
            for microseconds in [300, 900, 2_000, 4_000, 7_000, 11_000] {
                let database = shop.connect();
                let until = Instant::now() + LONG;
                let gone = changes::go_on(&database, shop.ours, &placed, change, until);
                let cut = tokio::time::timeout(Duration::from_micros(microseconds), gone).await;
                check(
                    shop,
                    shop.ours,
                    "UTC",
                    &format!("cut off after {microseconds} µs: {}", cut.is_err()),
                )
                .await;
            }
            // Two go on with it, others sell, and connections are lost.
            let others = [shop.connect(), shop.connect()];
            let seller = shop.connect();
            let both = async {
                let going = others.iter().map(|database| going_on(shop, &placed, database, change));
                futures::future::join_all(going).await;
            };
            tokio::select! {
                () = both => {}
                () = killing(shop) => unreachable!("it goes on until the others are done"),
            }
            let sale_between = [sale("between", "2026-03-28T09:20:30Z", "7", 1)];
            shop.sell_through(&seller, shop.ours, &sale_between).await.unwrap();
            let mut left = sold(shop).await;
            assert!(left.remove("between 7"));
            let of_day: Vec<String> = left.iter().filter(|sale| sale.starts_with('r')).cloned().collect();
            for sale in of_day {
                left.remove(&sale);
            }
            assert_eq!(left, of(50, "1"));
            let answers = check(shop, shop.ours, "UTC", "every number is right").await;
            let found = changes::find(&shop.database.app, shop.ours, change)
                .await
                .unwrap()
                .unwrap();
            assert_eq!((found.removed, found.restored), (45, 50), "each fact once");
            answers
        })
        .await;
    }
}

/// Facts of one time in the test of [`MAX_MINUTE_AT_ONCE`]; `CROWDED_FACTS` measures others, such as 3000000.
fn crowd() -> i64 {
    let usual = i64::try_from(MAX_MINUTE_AT_ONCE).unwrap() + 20_000;
    std::env::var("CROWDED_FACTS").map_or(usual, |facts| facts.parse().unwrap())
}

/// Gives a file's batch so many more facts of one time, as if it had had as many rows.
async fn crowd_of(shop: &Shop, batch: Uuid, facts: i64) {
    let plain = shop.database.plain().await.unwrap();
    let id = sale_placed(shop).await.place.id;
    let statements = [
        "INSERT INTO volume_1.facts (client_id, entity_id, time, batch_number, t1, t2, n1, n2, n3, f1)
            SELECT $1, $2, '2026-03-28T09:00:30Z', c.last + 1, 'c' || i, (ARRAY['north', 'south', NULL])[i % 3 + 1], i % 2, i % 190, 1, i % 190 >= 100
            FROM core.clocks c, generate_series(1, $3::bigint) AS i WHERE c.client_id = $1 AND c.entity_id = $2 AND $4::uuid IS NOT NULL",
        "INSERT INTO core.commits (client_id, entity_id, batch_number, batch_id, first_time, last_time, facts, is_kept)
            SELECT $1, $2, c.last + 1, $4, '2026-03-28T09:00:30Z', '2026-03-28T09:00:30Z', $3::bigint, true
            FROM core.clocks c WHERE c.client_id = $1 AND c.entity_id = $2",
        "UPDATE core.clocks SET last = last + 1 WHERE client_id = $1 AND entity_id = $2 AND $3::bigint > 0 AND $4::uuid IS NOT NULL",
        "UPDATE core.batches SET accepted = accepted + $3::bigint WHERE client_id = $1 AND id = $4 AND $2::integer > 0",
    ];
    for sql in statements {
        plain.execute(sql, &[&shop.ours, &id, &facts, &batch]).await.unwrap();
    }
}

#[tokio::test]
async fn more_facts_of_a_minute_than_anybody_waits_for_are_long_work() {
    in_every_shop(&[], async |shop| {
        let (facts, placed) = (crowd(), sale_placed(shop).await);
        let first = load(shop, put(shop, "one", "1"), &rows(3, 0, "1"), End::Finished).await;
        crowd_of(shop, first, facts).await;
        let file = put(shop, "two", "2");
        let attempt = super::changes::read(shop, file, &rows(2, 0, "2")).await;
        let ended = records::files::end(&shop.database.app, Some(&placed), file, attempt, End::Finished).await;
        let out = ended.unwrap().unwrap();
        let mut answers = Vec::new();
        for (name, change, left) in [("out", Some(out), 2), ("back", None, facts + 3)] {
            let change = match change {
                Some(change) => change,
                None => begun(shop, Target::File(attempt.file)).await,
            };
            assert!(!go_on(shop, change, LONG).await, "it is left to who has more time");
            let began = Instant::now();
            shop.work_until(&shop.database.owner, began + 10 * LONG).await.unwrap();
            println!(
                "{facts} facts of one time {name}: {:.1} s",
                began.elapsed().as_secs_f32()
            );
            assert!(progress(shop, change).await.1);
            assert_eq!(shop.count().await, usize::try_from(left).unwrap());
        }
        // The oracle asks each fact some hundred times.
        if facts <= 200_000 {
            answers.extend(check(shop, shop.ours, "UTC", "back").await);
        }
        answers.push("both are done".to_owned());
        answers
    })
    .await;
}

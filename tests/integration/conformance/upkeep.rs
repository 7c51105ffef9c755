//! Upkeep of many clients at once, and facts of far times.

use std::time::{Duration, Instant};

use catalog::Period;
use database::Edition;
use facts::compact::{self, MAX_MOVED};
use jiff::SignedDuration;
use serde_json::Value;
use series::Range;
use series::plan::Filter;

use super::oracle::check;
use super::scenarios::in_every_shop;
use super::shop::{Shop, at, range, sale};

/// Partials of two groupings and of a whole lie in one minute of many commits, as single events of that minute would have brought them: they change no number.
const A_MINUTE: &str = "INSERT INTO volume_1.partials (client_id, entity_id, grouping_id, page, bucket, batch_number, facts, dimensions)
    SELECT e.client_id, e.id, g.id, 0, '2026-03-28T09:00:00Z', n, 0, CASE g.id WHEN 0 THEN '{}'::text[] ELSE ARRAY['north'] END
    FROM core.entities e CROSS JOIN (VALUES (0), (2)) AS g (id) CROSS JOIN generate_series(1, $2::int) AS n
    WHERE e.client_id = $1 AND e.code = 'Sale'";

/// Has moving up the rows of a client take a second, and fail then.
const FAILING: &str = "CREATE FUNCTION public.fail() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN PERFORM pg_sleep(1); RAISE EXCEPTION 'a disk is full' USING ERRCODE = '22000'; END $$;
    CREATE TRIGGER fails BEFORE INSERT ON volume_1.day_rows FOR EACH ROW WHEN (NEW.client_id = '$CLIENT$') EXECUTE FUNCTION public.fail()";

impl Shop {
    async fn by_client(&self, code: &str, range: Range) -> Vec<String> {
        let mut values = Vec::new();
        for client in [self.ours, self.theirs] {
            let points = self.ask(client, code, Period::Day, range, &Filter::new(), &[]).await;
            let told = points.into_values().filter(|point| point.facts > 0);
            values.extend(told.map(|point| {
                format!(
                    "{} of {}",
                    point.value.map_or_else(String::new, |value| value.to_string()),
                    point.facts
                )
            }));
        }
        values
    }
}

#[tokio::test]
async fn what_a_run_does_not_reach_the_next_one_does() {
    in_every_shop(&[], async |shop| {
        for (client, receipt) in [(shop.ours, "r1"), (shop.theirs, "r2"), (shop.ours, "r3")] {
            shop.sell(client, &[sale(receipt, "2026-03-28T09:00:00Z", "5", 1)])
                .await;
        }
        let (owner, now) = (&shop.database.owner, at("2026-04-01T00:00:00Z"));
        let before = shop.by_client("SALES", range()).await;
        let is_apache = owner.session().await.unwrap().edition().await.unwrap() == Edition::Apache;
        let cut_off = compact::run_until(owner, now, Instant::now()).await.unwrap();
        if is_apache {
            assert_eq!((cut_off.moved, cut_off.left), (0, 2), "an entity of each client waits");
        }
        assert_eq!(shop.by_client("SALES", range()).await, before);
        let whole = compact::run(owner, now).await.unwrap();
        assert_eq!(whole.left, 0);
        assert!(!is_apache || whole.moved > 0);
        assert_eq!(
            compact::run(owner, now).await.unwrap().moved,
            0,
            "there is nothing left"
        );
        let after = shop.by_client("SALES", range()).await;
        assert_eq!(after, before);
        after
    })
    .await;
}

#[tokio::test]
async fn a_fact_is_replaced_by_its_key_wherever_it_was_in_time() {
    in_every_shop(&["receipt"], async |shop| {
        let times = ["1995-06-01T10:00:00Z", "2010-06-01T10:00:00Z", "2026-03-28T10:00:00Z"];
        for (number, time) in times.into_iter().enumerate() {
            shop.sell(shop.ours, &[sale(&format!("r{number}"), time, "5", 1)]).await;
        }
        shop.sell(shop.theirs, &[sale("r0", times[0], "7", 1)]).await;
        shop.compact("2026-04-01T00:00:00Z").await;
        // Each goes to where another one was.
        let moved: Vec<_> = (0..3)
            .map(|number| sale(&format!("r{number}"), times[(number + 1) % 3], "9", 1))
            .collect();
        shop.sell(shop.ours, &moved).await;
        shop.compact("2026-04-01T00:00:00Z").await;
        let mut revenue = Vec::new();
        for time in times {
            let from = at(time);
            let day = Range {
                from,
                to: from + SignedDuration::from_hours(1),
            };
            revenue.extend(shop.by_client("REVENUE", day).await);
        }
        // Ours on each of the days, theirs on the first.
        assert_eq!(revenue, ["9 of 1", "7 of 1", "9 of 1", "9 of 1"]);
        revenue
    })
    .await;
}

/// Two sales in each minute of a day.
fn a_full_day() -> Vec<Value> {
    let time = |minute: usize| format!("2026-03-28T{:02}:{:02}:07Z", minute / 60 % 24, minute % 60);
    let sale = |number: usize| sale(&format!("r{number}"), &time(number), &format!("{number}.5"), 1);
    (0..2_880).map(sale).collect()
}

#[tokio::test]
async fn a_day_of_many_partials_is_moved_by_statements_of_bounded_size() {
    in_every_shop(&[], async |shop| {
        for _ in 0..2 {
            shop.sell(shop.ours, &a_full_day()).await;
        }
        let plain = shop.database.plain().await.unwrap();
        let commits = i32::try_from(MAX_MOVED * 2 + 5).unwrap();
        plain.execute(A_MINUTE, &[&shop.ours, &commits]).await.unwrap();
        let before = check(shop, shop.ours, "UTC", "a day").await;
        shop.compact("2026-03-28T18:30:00Z").await;
        let half = check(shop, shop.ours, "UTC", "a day").await;
        assert_eq!(half, before);
        shop.compact("2026-04-01T00:00:00Z").await;
        let edition = shop.database.app.session().await.unwrap().edition().await.unwrap();
        if edition == Edition::Apache {
            // What one statement moved was written by one transaction.
            let sql = "SELECT max(moved) AS most, sum(moved)::bigint AS moved FROM (
                SELECT count(*) AS moved FROM volume_1.history WHERE client_id = $1 GROUP BY xmin) AS statements";
            let moved = plain.query_one(sql, &[&shop.ours]).await.unwrap();
            let (most, moved): (i64, i64) = (moved.get("most"), moved.get("moved"));
            assert!(most <= MAX_MOVED, "{most} by one statement");
            assert!(moved > i64::from(commits) * 2, "{moved}");
            assert_eq!(shop.waiting().await, 0);
        }
        assert_eq!(check(shop, shop.ours, "UTC", "a day").await, before);
        before
    })
    .await;
}

impl Shop {
    /// Partials of the first client that are not moved up.
    async fn waiting(&self) -> i64 {
        let plain = self.database.plain().await.unwrap();
        let sql = "SELECT count(*) FROM volume_1.partials WHERE client_id = $1";
        plain.query_one(sql, &[&self.ours]).await.unwrap().get(0)
    }
}

#[tokio::test]
async fn who_fails_in_the_upkeep_comes_after_all_others() {
    in_every_shop(&[], async |shop| {
        // The one that fails has waited longest, and what it has is of another time than what the other has.
        shop.sell(shop.theirs, &[sale("r1", "2026-03-01T09:00:00Z", "5", 1)])
            .await;
        shop.sell(shop.ours, &[sale("r2", "2026-03-28T09:00:00Z", "5", 1)])
            .await;
        let (owner, now) = (&shop.database.owner, at("2026-03-28T12:00:00Z"));
        let plain = shop.database.plain().await.unwrap();
        if owner.session().await.unwrap().edition().await.unwrap() == Edition::Apache {
            let failing = FAILING.replace("$CLIENT$", &shop.theirs.to_string());
            plain.batch_execute(&failing).await.unwrap();
            for (run, waiting) in [(1, true), (2, false), (3, false)] {
                // Time for one of them.
                let until = Instant::now() + Duration::from_millis(500);
                let failure = compact::run_until(owner, now, until).await.unwrap_err();
                assert!(failure.to_string().contains("a disk is full"), "{failure}");
                assert_eq!(shop.waiting().await > 0, waiting, "run {run}");
            }
            let failed = "SELECT failures, reason FROM core.upkeep WHERE client_id = $1";
            let failed = plain.query_one(failed, &[&shop.theirs]).await.unwrap();
            let failed: (i32, &str) = (failed.get(0), failed.get(1));
            assert_eq!(failed, (3, "SQLSTATE 22000"));
            plain
                .batch_execute("DROP TRIGGER fails ON volume_1.day_rows")
                .await
                .unwrap();
        }
        assert_eq!(compact::run(owner, now).await.unwrap().left, 0);
        let left = plain.query("SELECT FROM core.upkeep", &[]).await.unwrap();
        assert_eq!(left.len(), 0, "nobody has failed any more");
        shop.by_client("SALES", range()).await
    })
    .await;
}

/// Two hours apart over six weeks.
fn far_apart() -> Vec<Value> {
    let last = at("2026-04-01T12:00:00Z");
    let time = |number: i64| (last - SignedDuration::from_hours(2 * number)).to_string();
    let sale = |number: i64| sale(&format!("r{number}"), &time(number), "5.5", 1);
    (0..500).map(sale).collect()
}

#[tokio::test]
async fn a_commit_of_many_times_leaves_few_ranges_and_all_are_refreshed() {
    in_every_shop(&[], async |shop| {
        let plain = shop.database.plain().await.unwrap();
        let is_community = shop.database.app.session().await.unwrap().edition().await.unwrap() == Edition::Community;
        shop.sell(shop.theirs, &far_apart()[..9]).await;
        shop.compact("2026-04-02T00:00:00Z").await;
        let ranges = async || -> i64 {
            let sql = "SELECT count(*) FROM core.stale_ranges";
            plain.query_one(sql, &[]).await.unwrap().get(0)
        };
        assert_eq!(ranges().await, 0);
        shop.sell(shop.ours, &far_apart()).await;
        assert_eq!(ranges().await, if is_community { 16 } else { 0 });
        let before = check(shop, shop.ours, "UTC", "far apart").await;
        // Who asks for an hour holds nothing that lags at other times.
        let sql = "SELECT count(*) FROM core.stale_ranges_within(ARRAY[$1::uuid], ARRAY['2026-04-01T11:00:00Z'::timestamptz], ARRAY['2026-04-01T12:00:00Z'::timestamptz])";
        let of_an_hour: i64 = plain.query_one(sql, &[&shop.ours]).await.unwrap().get(0);
        assert!(of_an_hour <= 1, "{of_an_hour}");
        let refreshed = compact::run(&shop.database.owner, at("2026-04-02T00:00:00Z")).await.unwrap().refreshed;
        assert_eq!((refreshed, ranges().await), (if is_community { 16 } else { 0 }, 0));
        assert_eq!(check(shop, shop.ours, "UTC", "far apart").await, before);
        before
    })
    .await;
}

#[tokio::test]
async fn a_volume_that_can_not_be_refreshed_keeps_no_other_and_its_ranges_stay() {
    in_every_shop(&[], async |shop| {
        shop.sell(shop.ours, &[sale("r1", "2026-03-28T09:00:00Z", "5", 1)])
            .await;
        let (owner, now) = (&shop.database.owner, at("2026-04-01T00:00:00Z"));
        if owner.session().await.unwrap().edition().await.unwrap() == Edition::Community {
            let plain = shop.database.plain().await.unwrap();
            // First in the line, and of a volume that is none.
            let broken = "INSERT INTO core.stale_ranges (id, volume, client_id, entity_id, from_time, to_time)
                OVERRIDING SYSTEM VALUE VALUES (-1, 'volume_9', gen_random_uuid(), 1, '2026-03-28', '2026-03-29')";
            plain.batch_execute(broken).await.unwrap();
            for _ in 0..2 {
                assert!(
                    compact::run_until(owner, now, Instant::now() + Duration::from_secs(60))
                        .await
                        .is_err()
                );
                let left = plain.query("SELECT volume FROM core.stale_ranges", &[]).await.unwrap();
                let left: Vec<&str> = left.iter().map(|row| row.get(0)).collect();
                assert_eq!(left, ["volume_9"]);
            }
        }
        shop.by_client("SALES", range()).await
    })
    .await;
}

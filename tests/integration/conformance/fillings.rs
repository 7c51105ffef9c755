//! Groupings that are added to many facts: they are filled in steps, asked when they are whole, and given up on wish.

use std::time::{Duration, Instant};

use database::{Database, Error};
use facts::Placed;
use facts::fill::{self, Filling, MAX_FAILURES, MAX_STEP};
use facts::groups;
use facts::work::{self, Worked};
use records::definitions::{self, Written};
use serde_json::Value;
use uuid::Uuid;

use super::oracle::check;
use super::scenarios::in_every_shop;
use super::shop::{Shop, sale};

/// More than are filled at once, over four days, and one that lies years before.
pub(super) fn many() -> Vec<Value> {
    let count = usize::try_from(MAX_STEP).unwrap() + 1_000;
    let at = |number: usize| {
        let minute = number % 5_760;
        format!(
            "2026-03-{}T{:02}:{:02}:09Z",
            28 + minute / 1_440,
            minute / 60 % 24,
            minute % 60
        )
    };
    let sales = (0..count).map(|number| sale(&format!("r{number}"), &at(number), "5.25", 1));
    sales.chain([sale("far", "1999-01-01T00:00:00Z", "1", 1)]).collect()
}

impl Shop {
    async fn fillings(&self) -> Vec<Filling> {
        fill::fillings(&self.database.app, self.ours).await.unwrap()
    }

    async fn fill_until(&self, until: Instant) -> usize {
        self.work_until(&self.database.owner, until).await.unwrap().filled
    }

    /// Goes on with long work, as `fill-groupings` does.
    pub(super) async fn work_until(&self, database: &Database, until: Instant) -> Result<Worked, Error> {
        let find = async |client: Uuid, entity: i32| -> Result<Option<Placed>, Error> {
            let known = definitions::load_one(&self.database.app, client).await?.unwrap();
            Ok(known.placed.values().find(|placed| placed.place.id == entity).cloned())
        };
        work::run(database, find, until).await
    }

    /// Takes one step: the rest after it is longer than the time that is left. A server that is busy may leave no time for any.
    pub(super) async fn step(&self) -> usize {
        let state = async || {
            let moves = facts::moves::moves(&self.database.app, self.ours).await.unwrap();
            format!("{:?} {moves:?}", self.fillings().await)
        };
        let before = state().await;
        loop {
            let filled = self.fill_until(Instant::now() + Duration::from_millis(10)).await;
            if state().await != before {
                return filled;
            }
        }
    }

    /// Adds the grouping by till, which is filled afterwards.
    async fn begin_to_fill(&self) {
        self.sell(self.theirs, &many()[..9]).await;
        self.begin_to_fill_of(self.ours).await;
        assert_eq!(self.fillings().await.len(), 1);
    }

    async fn begin_to_fill_of(&self, client: Uuid) {
        self.sell(client, &many()).await;
        let (old, entity) = self.with_grouping(client, "till").await;
        let written = definitions::replace_entity(&self.database.app, client, &old, &entity, None).await;
        assert_eq!(written.unwrap(), Written::Stored(2));
    }

    /// Groupings by which questions of the first client are answered.
    async fn readable(&self) -> usize {
        self.definitions(self.ours).await.placed["Sale"]
            .readable
            .groupings()
            .len()
    }
}

#[tokio::test]
async fn a_grouping_is_filled_in_steps_while_sales_go_on() {
    for key in [&[][..], &["receipt"]] {
        in_every_shop(key, async |shop| {
            shop.begin_to_fill().await;
            assert_eq!(shop.readable().await, 4, "nobody reads what is not whole");
            assert_eq!(shop.step().await, 0, "they are counted first");
            let filling = shop.fillings().await.remove(0);
            let counted = i64::try_from(many().len()).unwrap();
            assert_eq!(
                (filling.facts, filling.counted_to, filling.percent()),
                (counted, None, 0)
            );
            assert_eq!(shop.step().await, 0, "one step is not all");
            // It is the share of the facts that tells, and one of them lies years before all others.
            let percent = shop.fillings().await[0].percent();
            assert!((100 * (MAX_STEP - 2) / counted..100).contains(&percent), "{percent}");
            // Before and after what is filled by now; with a key some replace what was there.
            let late = [
                sale("r3", "2026-03-28T00:03:30Z", "7", 2),
                sale("new", "2026-03-31T22:00:00Z", "8", 1),
            ];
            shop.sell(shop.ours, &late).await;
            shop.compact("2026-04-02T00:00:00Z").await;
            let mut answers = check(shop, shop.ours, "UTC", "half filled").await;

            assert_eq!(shop.fill_until(Instant::now() + Duration::from_secs(60)).await, 1);
            assert_eq!((shop.fillings().await.len(), shop.readable().await), (0, 5));
            answers.extend(check(shop, shop.ours, "UTC", "filled").await);
            shop.compact("2026-04-02T00:00:00Z").await;
            answers.extend(check(shop, shop.ours, "UTC", "and moved up").await);
            answers
        })
        .await;
    }
}

#[tokio::test]
async fn a_grouping_that_is_given_up_is_gone() {
    in_every_shop(&[], async |shop| {
        shop.begin_to_fill().await;
        shop.step().await;
        let old = shop.definitions(shop.ours).await.placed["Sale"].clone();
        let given_up = definitions::give_up_groupings(&shop.database.app, shop.ours, &old).await;
        assert_eq!(given_up.unwrap(), Written::Stored(3));
        assert_eq!(shop.fillings().await.len(), 0);
        let now = shop.definitions(shop.ours).await.placed["Sale"].clone();
        assert_eq!(now.entity.groupings().len(), 4);
        let again = definitions::give_up_groupings(&shop.database.app, shop.ours, &now).await;
        assert_eq!(again.unwrap(), Written::Missing);
        check(shop, shop.ours, "UTC", "given up").await;
        // The same once more is another grouping, with nothing of the first.
        let mut known = shop.definitions(shop.ours).await;
        let entity = known.catalog.replace_entity(old.entity.definition().clone()).unwrap();
        definitions::replace_entity(&shop.database.app, shop.ours, &now, &entity, None)
            .await
            .unwrap();
        assert_eq!(shop.fill_until(Instant::now() + Duration::from_secs(60)).await, 1);
        let answers = check(shop, shop.ours, "UTC", "filled after all").await;
        shop.compact("2026-04-02T00:00:00Z").await;
        check(shop, shop.ours, "UTC", "and moved up").await;
        answers
    })
    .await;
}

/// Has filling the grouping by till of a client fail.
const FAILING: &str = "CREATE FUNCTION public.fail() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE EXCEPTION 'a disk is full' USING ERRCODE = '22000'; END $$;
    CREATE TRIGGER fails BEFORE INSERT ON volume_1.partials FOR EACH ROW WHEN (NEW.client_id = '$CLIENT$' AND NEW.batch_number = 0)
        EXECUTE FUNCTION public.fail()";

#[tokio::test]
async fn a_filling_that_fails_keeps_nobody_waiting_and_is_stopped_in_the_end() {
    in_every_shop(&[], async |shop| {
        shop.begin_to_fill().await;
        shop.begin_to_fill_of(shop.theirs).await;
        let plain = shop.database.plain().await.unwrap();
        plain
            .batch_execute(&FAILING.replace("$CLIENT$", &shop.ours.to_string()))
            .await
            .unwrap();
        // Each run has time for one step, and the one that fails began first.
        let run = async || shop.fill_until(Instant::now() + Duration::from_millis(10)).await;
        let theirs = async || fill::fillings(&shop.database.app, shop.theirs).await.unwrap();
        for _ in 0..40 {
            if theirs().await.is_empty() {
                break;
            }
            run().await;
        }
        assert_eq!(theirs().await.len(), 0, "the other client's is filled");
        assert!(shop.fillings().await[0].failures > 0);
        let tries = usize::try_from(MAX_FAILURES).unwrap() * 2;
        for _ in 0..tries {
            if shop.fillings().await.is_empty() {
                break;
            }
            run().await;
        }
        assert_eq!(shop.fillings().await.len(), 0);
        let stopped = groups::stopped(&shop.database.app, shop.ours).await.unwrap();
        let reason = stopped[0].reason.as_deref().unwrap();
        assert!(
            reason.contains("SQLSTATE 22000") && reason.contains("20 tries"),
            "{reason}"
        );
        // Everything is answered all the same, and once it is mended it is filled as any other.
        let answers = check(shop, shop.ours, "UTC", "stopped").await;
        plain
            .batch_execute("DROP TRIGGER fails ON volume_1.partials")
            .await
            .unwrap();
        let old = shop.definitions(shop.ours).await.placed["Sale"].clone();
        definitions::give_up_groupings(&shop.database.app, shop.ours, &old)
            .await
            .unwrap();
        let mut known = shop.definitions(shop.ours).await;
        let now = known.placed["Sale"].clone();
        let entity = known.catalog.replace_entity(old.entity.definition().clone()).unwrap();
        definitions::replace_entity(&shop.database.app, shop.ours, &now, &entity, None)
            .await
            .unwrap();
        assert_eq!(shop.fill_until(Instant::now() + Duration::from_secs(60)).await, 1);
        check(shop, shop.ours, "UTC", "filled after all").await;
        answers
    })
    .await;
}

#[tokio::test]
async fn where_rollups_lag_is_not_asked_of_the_facts() {
    in_every_shop(&[], async |shop| {
        shop.sell(shop.ours, &many()[..9]).await;
        let plain = shop.database.plain().await.unwrap();
        plain
            .batch_execute("UPDATE core.clocks SET last_time = '2027-01-01T00:00:30Z'")
            .await
            .unwrap();
        let place = shop.definitions(shop.ours).await.placed["Sale"].place.clone();
        let lag = shop
            .database
            .app
            .transaction(shop.ours, async |session| fill::stale(session, shop.ours, &place).await);
        lag.await.unwrap();
        let last = plain
            .query_one("SELECT max(to_time)::text FROM core.stale_ranges", &[])
            .await
            .unwrap();
        assert!(last.get::<_, &str>(0).starts_with("2027-01-01 00:01:30"));
        check(shop, shop.ours, "UTC", "far more lags than there is").await
    })
    .await;
}

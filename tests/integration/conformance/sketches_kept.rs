//! What is kept of sketches: an hour that can't be made anew keeps nothing else waiting, and what goes is cleared a part at a time.

use std::time::{Duration, Instant};

use facts::health::{self, Sketches};
use facts::sketches::MAX_FAILURES;
use records::definitions::{self, Written};
use tokio_postgres::types::ToSql;

use super::changes::sell;
use super::fillings::many;
use super::scenarios::{a_day, in_every_shop};
use super::shop::Shop;

/// The sketches of an hour can't be written.
const BROKEN: &str = "
    CREATE FUNCTION public.breaks() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no hour'; END $$;
    CREATE TRIGGER breaks BEFORE INSERT ON core.sketches FOR EACH ROW
        WHEN (NEW.level = 'hour' AND NEW.bucket = '2026-03-28T10:00:00Z') EXECUTE FUNCTION public.breaks()";

const MENDED: &str = "DROP TRIGGER breaks ON core.sketches";

impl Shop {
    async fn number(&self, sql: &str, parameters: &[&(dyn ToSql + Sync)]) -> i64 {
        let plain = self.database.plain().await.unwrap();
        plain.query_one(sql, parameters).await.unwrap().get(0)
    }

    /// What waits: as many notes, and how often the worst of them failed.
    async fn unsketched(&self) -> (i64, i64) {
        let notes = "SELECT count(*) FROM core.unsketched WHERE client_id = $1";
        let failures = "SELECT coalesce(max(failures), 0)::bigint FROM core.unsketched WHERE client_id = $1";
        (
            self.number(notes, &[&self.ours]).await,
            self.number(failures, &[&self.ours]).await,
        )
    }

    /// As if what failed had been tried so many minutes before.
    async fn tried_before(&self, minutes: i32, failures: i32) {
        let sql = "UPDATE core.unsketched SET tried_at = clock_timestamp() - make_interval(mins => $1), failures = $2 WHERE failures > 0";
        let plain = self.database.plain().await.unwrap();
        assert_eq!(plain.execute(sql, &[&minutes, &failures]).await.unwrap(), 1);
    }

    async fn works(&self) {
        let until = Instant::now() + Duration::from_secs(60);
        self.work_until(&self.database.owner, until).await.unwrap();
        assert!(Instant::now() < until, "it goes on and on");
    }
}

#[tokio::test]
async fn an_hour_that_fails_keeps_nothing_else_waiting() {
    in_every_shop(&[], async |shop| {
        sell(shop, &many()).await;
        sell(shop, &a_day()).await;
        shop.declare().await;
        let plain = shop.database.plain().await.unwrap();
        plain.batch_execute(BROKEN).await.unwrap();
        shop.works().await;
        assert_eq!(shop.unsketched().await, (1, 1), "all others are made");
        assert!(shop.are_read().await, "it is read from its facts");
        let mut answers = shop.approximate("but for an hour").await;
        let told = health::check(&shop.database.app).await.unwrap().sketches;
        let expected = Sketches {
            entities: 1,
            hours: 1,
            failures: 1,
            reasons: told.reasons.clone(),
        };
        assert!(told == expected && !told.reasons.is_empty(), "{told:?}");

        shop.works().await;
        assert_eq!(shop.unsketched().await, (1, 1), "it is not tried at once");
        shop.tried_before(2, 1).await;
        shop.works().await;
        assert_eq!(shop.unsketched().await, (1, 2), "it is tried a minute later");
        let most = i32::try_from(MAX_FAILURES).unwrap();
        shop.tried_before(2, most).await;
        shop.works().await;
        assert_eq!(
            shop.unsketched().await.1,
            i64::from(most),
            "what failed often waits for long"
        );
        // What comes meanwhile has its turn.
        sell(shop, &a_day()[50..60]).await;
        answers.extend(shop.approximate("more of other hours").await);
        shop.works().await;
        assert_eq!(shop.unsketched().await.1, i64::from(most));

        plain.batch_execute(MENDED).await.unwrap();
        shop.tried_before(61, most).await;
        shop.made_anew(&shop.database.owner).await;
        shop.kept("mended", true).await;
        answers.extend(shop.approximate("mended").await);
        assert_eq!(
            health::check(&shop.database.app).await.unwrap().sketches,
            Sketches::default()
        );
        answers
    })
    .await;
}

#[tokio::test]
async fn sketches_of_a_grouping_that_is_given_up_are_cleared() {
    in_every_shop(&[], async |shop| {
        shop.declare().await;
        sell(shop, &a_day()).await;
        shop.made_anew(&shop.database.owner).await;
        let plain = shop.database.plain().await.unwrap();
        let sql = "INSERT INTO core.stopped_groupings (client_id, entity_id, grouping_id, groups)
            SELECT client_id, id, 2, 20000 FROM core.entities WHERE client_id = $1 AND code = 'Sale'";
        plain.execute(sql, &[&shop.ours]).await.unwrap();
        let old = shop.definitions(shop.ours).await.placed["Sale"].clone();
        let given_up = definitions::give_up_groupings(&shop.database.app, shop.ours, &old).await;
        assert!(matches!(given_up, Ok(Written::Stored(_))), "{given_up:?}");
        let left = "SELECT count(*) FROM core.sketches WHERE client_id = $1 AND grouping_id = 2";
        let others = "SELECT count(*) FROM core.sketches WHERE client_id = $1 AND grouping_id <> 2";
        let before = shop.number(others, &[&shop.ours]).await;
        assert!(before > 0 && shop.number(left, &[&shop.ours]).await > 0);
        let sql = "UPDATE core.stopped_groupings SET stopped_at = '2026-01-01Z'";
        plain.execute(sql, &[]).await.unwrap();
        shop.compact("2026-04-01T00:00:00Z").await;
        assert_eq!(shop.number(left, &[&shop.ours]).await, 0);
        assert_eq!(shop.number(others, &[&shop.ours]).await, before, "others stay");
        vec![before.to_string()]
    })
    .await;
}

#[tokio::test]
async fn sketches_of_an_entity_that_is_deleted_are_cleared_by_the_upkeep() {
    in_every_shop(&[], async |shop| {
        shop.declare().await;
        sell(shop, &a_day()).await;
        shop.made_anew(&shop.database.owner).await;
        let definitions = shop.definitions(shop.ours).await;
        for code in definitions.catalog.kpis().map(|kpi| kpi.definition.code.clone()) {
            let deleted = definitions::delete_kpi(&shop.database.app, shop.ours, &code, None).await;
            assert!(matches!(deleted, Ok(Written::Stored(_))), "{code}: {deleted:?}");
        }
        let old = &definitions.placed["Sale"];
        let deleted = definitions::delete_entity(&shop.database.app, shop.ours, old, None, true).await;
        assert!(matches!(deleted, Ok(Written::Stored(_))), "{deleted:?}");
        let left = "SELECT count(*) FROM core.sketches WHERE client_id = $1";
        let before = shop.number(left, &[&shop.ours]).await;
        assert!(before > 0, "no request waits for them");
        let plain = shop.database.plain().await.unwrap();
        let sql = "UPDATE core.leftovers SET left_at = '2026-01-01Z'";
        plain.execute(sql, &[]).await.unwrap();
        shop.compact("2026-04-01T00:00:00Z").await;
        assert_eq!(shop.number(left, &[&shop.ours]).await, 0);
        vec![before.to_string()]
    })
    .await;
}

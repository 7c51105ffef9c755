//! Questions that take long, of one client beside another.

use std::time::{Duration, Instant};

use answer::AskError;
use catalog::Period;
use database::Database;
use facts::read::MAX_AT_ONCE;
use series::Request;
use series::plan::Filter;
use tests::databases::servers;
use tests::waiting::eventually;
use uuid::Uuid;

use super::shop::{Shop, range, sale};

/// Less than a question that takes long, and more than any other.
const AT_ONCE: Duration = Duration::from_secs(2);

/// Asks for a KPI that no rollup covers, as a function of its own, which has a connection of its own.
async fn ask(shop: &Shop, client: Uuid) -> Result<usize, AskError> {
    let definitions = shop.definitions(client).await;
    let request = Request {
        kpi: definitions.catalog.kpi("SALES").unwrap(),
        period: Period::Day,
        range: definitions.calendar.align(Period::Day, range()),
        filter: &Filter::default(),
        by: &["till".to_owned()],
        now: jiff::Timestamp::MAX,
    };
    let database = Database::new(&shop.database.url, "analytics_app").unwrap();
    let answer = answer::ask(&database, client, &definitions, &definitions.calendar, &request).await?;
    assert!(answer.plan.iter().all(|step| step.raw), "it goes to the facts");
    Ok(answer.points.len())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clients_slow_questions_keep_no_other_client_waiting() {
    for server in servers() {
        let shop = Shop::open(&server, "UTC", &[]).await;
        for client in [shop.ours, shop.theirs] {
            shop.sell(client, &[sale("a", "2026-03-28T10:00:00Z", "1", 1)]).await;
        }
        // What a billion facts would do: to read one of ours takes as long as somebody has a lock.
        let plain = shop.database.plain().await.unwrap();
        let slow = format!(
            "ALTER TABLE volume_1.facts ENABLE ROW LEVEL SECURITY;
             CREATE POLICY slow ON volume_1.facts USING (CASE WHEN client_id = '{}' THEN pg_advisory_xact_lock_shared(7)::text IS NOT NULL ELSE true END)",
            shop.ours
        );
        plain.batch_execute(&slow).await.unwrap();
        plain.batch_execute("SELECT pg_advisory_lock(7)").await.unwrap();

        let (first, rest) = (ask(&shop, shop.ours), async {
            let waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
                AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
            eventually("all places are taken", async || {
                let count: i64 = plain.query_one(waiting, &[]).await.unwrap().get(0);
                (usize::try_from(count).unwrap() == MAX_AT_ONCE).then_some(())
            })
            .await;
            let begun = Instant::now();
            let refused = ask(&shop, shop.ours).await.unwrap_err();
            assert!(matches!(refused, AskError::TooManyAtOnce(MAX_AT_ONCE)), "{refused}");
            assert_eq!(ask(&shop, shop.theirs).await.unwrap(), 1);
            assert!(begun.elapsed() < AT_ONCE, "{:?}", begun.elapsed());
            plain.batch_execute("SELECT pg_advisory_unlock(7)").await.unwrap();
        });
        let others = futures::future::join_all((1..MAX_AT_ONCE).map(|_| ask(&shop, shop.ours)));
        let (first, others, ()) = tokio::join!(first, others, rest);
        for answered in others.into_iter().chain([first]) {
            assert_eq!(answered.unwrap(), 1, "who had a place has an answer");
        }
        assert_eq!(ask(&shop, shop.ours).await.unwrap(), 1, "and the places are free again");
        shop.database.drop_it().await.unwrap();
    }
}

//! A future may be dropped at any moment: a caller's time is up, a function is stopped. Nothing of it stays behind.

use std::time::Duration;

use database::{Database, Error, Session};
use records::outbox::{self, PendingEvent};
use serde_json::json;
use tests::databases::{TestDatabase, servers};
use uuid::Uuid;

/// Until a caller gives up.
const PATIENCE: Duration = Duration::from_millis(300);

/// Within which the server must have ended what a closed connection was at: it looks once a second.
const ENDED_WITHIN: Duration = Duration::from_secs(10);

database::row! {
    struct Clock {
        is_fresh: bool,
    }
}

/// Whether a statement of the pool's connection is a transaction of its own: in one that was left open, `now()` stands still.
async fn works_in_a_transaction_of_its_own(database: &Database) -> bool {
    tokio::time::sleep(PATIENCE).await;
    let sql = "SELECT statement_timestamp() - now() < interval '100 ms' AS is_fresh";
    let clock: Option<Clock> = database.session().await.unwrap().row(sql, &[]).await.unwrap();
    clock.unwrap().is_fresh
}

fn event(client: Uuid) -> PendingEvent {
    PendingEvent {
        client_id: client,
        id: Uuid::now_v7(),
        kind: "Something".to_owned(),
        detail: json!({}),
    }
}

/// Statements of the application that the server is at work on, or holds a transaction open for.
async fn at_work(database: &TestDatabase) -> i64 {
    let sql = "SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND application_name = 'analytics_app' AND state <> 'idle'";
    let plain = database.plain().await.unwrap();
    plain.query_one(sql, &[]).await.unwrap().get(0)
}

#[tokio::test]
async fn a_read_that_is_dropped_leaves_no_transaction_open() {
    for server in servers() {
        let database = TestDatabase::create(&server).await.unwrap();
        let client = Uuid::now_v7();
        let blocker = database.plain().await.unwrap();
        let lock = "BEGIN; LOCK TABLE core.outbox IN ACCESS EXCLUSIVE MODE";
        blocker.batch_execute(lock).await.unwrap();
        let read = tokio::time::timeout(PATIENCE, outbox::of_client(&database.app, client)).await;
        assert!(read.is_err(), "the table is locked");

        assert!(works_in_a_transaction_of_its_own(&database.app).await);
        // The table is still locked: what waited for it was ended nevertheless.
        let ended = async {
            while at_work(&database).await > 0 {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        tokio::time::timeout(ENDED_WITHIN, ended).await.unwrap();
        drop(blocker);
        database.drop_it().await.unwrap();
    }
}

#[tokio::test]
async fn half_done_work_is_not_committed_by_the_next_event() {
    for server in servers() {
        let database = TestDatabase::create(&server).await.unwrap();
        let (client, half) = (
            Uuid::now_v7(),
            "INSERT INTO core.clients (id, name, time_zone) VALUES ($1, 'half', 'UTC')",
        );
        let work = database.owner.transaction(client, async |session: &Session| {
            session.execute(half, &[&client]).await?;
            std::future::pending::<Result<(), Error>>().await
        });
        assert!(tokio::time::timeout(PATIENCE, work).await.is_err(), "it never ends");

        let whole = Uuid::now_v7();
        let next = database
            .owner
            .transaction(whole, async |session: &Session| session.execute(half, &[&whole]).await);
        next.await.unwrap();
        let plain = database.plain().await.unwrap();
        let stored = plain.query("SELECT id FROM core.clients", &[]).await.unwrap();
        let stored: Vec<Uuid> = stored.iter().map(|row| row.get("id")).collect();
        assert_eq!(stored, [whole]);
        database.drop_it().await.unwrap();
    }
}

#[tokio::test]
async fn a_failed_transaction_is_undone_and_the_next_one_works() {
    for server in servers() {
        let database = TestDatabase::create(&server).await.unwrap();
        let client = Uuid::now_v7();
        let insert = "INSERT INTO core.clients (id, name, time_zone) VALUES ($1, 'undone', 'UTC')";
        // A decision of ours, and a statement that the server refuses.
        for is_refused in [false, true] {
            let work = database.owner.transaction(client, async |session: &Session| {
                session.execute(insert, &[&client]).await?;
                if is_refused {
                    session.execute("SELECT 1 / 0", &[]).await?;
                }
                Err::<(), Error>(Error::TooMuch("too much".to_owned()))
            });
            work.await.unwrap_err();
            let is_clean = works_in_a_transaction_of_its_own(&database.owner).await;
            assert!(is_clean, "refused: {is_refused}");
        }
        let plain = database.plain().await.unwrap();
        let stored = plain.query("SELECT id FROM core.clients", &[]).await.unwrap();
        assert_eq!(stored.len(), 0);
        database.drop_it().await.unwrap();
    }
}

#[tokio::test]
async fn a_lock_ends_with_the_work_that_it_was_taken_for() {
    for server in servers() {
        let database = TestDatabase::create(&server).await.unwrap();
        let other = Database::new(&database.url, "analytics_app").unwrap();
        let endless = database
            .app
            .alone("upkeep", async |_| std::future::pending::<Result<(), Error>>().await);
        let endless = tokio::time::timeout(PATIENCE, endless);
        let meanwhile = async {
            tokio::time::sleep(PATIENCE / 2).await;
            other.alone("upkeep", async |_| Ok(())).await.unwrap()
        };
        let (endless, meanwhile) = tokio::join!(endless, meanwhile);
        assert!(endless.is_err() && meanwhile.is_none(), "the first one has the lock");

        let taken = async {
            while other.alone("upkeep", async |_| Ok(())).await.unwrap().is_none() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(ENDED_WITHIN, taken).await.unwrap();
        database.drop_it().await.unwrap();
    }
}

#[tokio::test]
async fn events_of_a_caller_that_gave_up_are_sent_once_by_the_next() {
    for server in servers() {
        let database = TestDatabase::create(&server).await.unwrap();
        let client = Uuid::now_v7();
        let plain = database.plain().await.unwrap();
        let insert = "INSERT INTO core.clients (id, name, time_zone) VALUES ($1, 'Events', 'UTC')";
        plain.execute(insert, &[&client]).await.unwrap();
        let event = event(client);
        let blocker = database.plain().await.unwrap();
        let lock = "BEGIN; LOCK TABLE core.outbox IN ACCESS EXCLUSIVE MODE";
        blocker.batch_execute(lock).await.unwrap();
        let added = tokio::time::timeout(PATIENCE, outbox::add(&database.app, &event)).await;
        assert!(added.is_err(), "the table is locked");
        blocker.batch_execute("COMMIT").await.unwrap();

        outbox::add(&database.app, &event).await.unwrap();
        assert_eq!(outbox::of_client(&database.app, client).await.unwrap(), [event]);
        database.drop_it().await.unwrap();
    }
}

#[tokio::test]
async fn a_refused_statement_that_is_ignored_does_not_count_as_committed() {
    for server in servers() {
        let database = TestDatabase::create(&server).await.unwrap();
        let client = Uuid::now_v7();
        let work = database.owner.transaction(client, async |session: &Session| {
            let insert = "INSERT INTO core.clients (id, name, time_zone) VALUES ($1, 'ignored', 'UTC')";
            session.execute(insert, &[&client]).await?;
            session.execute("SELECT 1 / 0", &[]).await.ok();
            Ok(())
        });
        let error = work.await.unwrap_err().to_string();
        assert!(error.contains("refused"), "{error}");
        assert!(works_in_a_transaction_of_its_own(&database.owner).await);
        database.drop_it().await.unwrap();
    }
}

#[tokio::test]
async fn a_server_without_a_free_connection_is_told_from_one_that_is_gone() {
    for server in servers() {
        let database = TestDatabase::create(&server).await.unwrap();
        let plain = database.plain().await.unwrap();
        let login = format!("full_{}", Uuid::now_v7().simple());
        let create = format!("CREATE ROLE {login} LOGIN PASSWORD 'full' CONNECTION LIMIT 0");
        plain.batch_execute(&create).await.unwrap();
        let (_, place) = database.url.rsplit_once('@').unwrap();
        for (url, passes_soon) in [
            (format!("postgres://{login}:full@{place}"), true),
            ("postgres://nobody@127.0.0.1:1/nothing".to_owned(), false),
        ] {
            let refused = Database::new(&url, &login).unwrap().session().await.err().unwrap();
            assert_eq!(refused.passes_soon(), passes_soon, "{refused}");
            assert!(refused.is_unavailable(), "{refused}");
        }
        plain.batch_execute(&format!("DROP ROLE {login}")).await.unwrap();
        database.drop_it().await.unwrap();
    }
}

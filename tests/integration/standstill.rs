//! A database that stands still: it takes what is sent and says nothing. Whoever asks is told in time, and is answered as soon as it goes on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use database::{Database, Error, Timeouts};
use records::batches::Wanted;
use tests::databases::{TestDatabase, servers};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio_postgres::types::Type;
use uuid::Uuid;

const TIMEOUTS: Timeouts = Timeouts {
    statement: Duration::from_millis(500),
    lock: Duration::from_millis(500),
};

/// A way to a server on which nothing moves while it stands.
struct Way {
    url: String,
    stands: Arc<AtomicBool>,
}

impl Way {
    async fn to(database: &TestDatabase) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (_, rest) = database.url.split_once("://").unwrap();
        let (head, path) = rest.split_once('/').unwrap();
        let (user, place) = head.rsplit_once('@').unwrap();
        let url = format!("postgres://{user}@{}/{path}", listener.local_addr().unwrap());
        let stands = Arc::new(AtomicBool::new(false));
        let (place, standing) = (place.to_owned(), Arc::clone(&stands));
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let far = TcpStream::connect(&place).await.unwrap();
                let ((near_read, near_write), (far_read, far_write)) = (near.into_split(), far.into_split());
                tokio::spawn(forward(near_read, far_write, Arc::clone(&standing)));
                tokio::spawn(forward(far_read, near_write, Arc::clone(&standing)));
            }
        });
        Self { url, stands }
    }

    /// The database as a function reaches it that way.
    fn database(&self) -> Database {
        let database = Database::new(&self.url, "analytics_app").unwrap();
        database.with_timeouts(TIMEOUTS)
    }

    fn stand(&self, stands: bool) {
        self.stands.store(stands, Ordering::SeqCst);
    }
}

async fn forward(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, stands: Arc<AtomicBool>) {
    let mut bytes = vec![0; 16_384];
    while let Ok(read @ 1..) = from.read(&mut bytes).await {
        while stands.load(Ordering::SeqCst) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        if to.write_all(&bytes[..read]).await.is_err() {
            break;
        }
    }
}

async fn ask(database: &Database) -> Result<usize, Error> {
    let found = records::batches::list(database, Uuid::nil(), &Wanted::default(), 1).await?;
    Ok(found.rows.len())
}

/// Copies numbers into a table of this transaction's own, to a server that stands still as soon as the COPY has begun.
async fn copy(database: &Database, way: &Way, rows: i64) -> Result<(), Error> {
    let work = async |session: &database::Session| {
        session
            .batch("CREATE TEMPORARY TABLE numbers (number bigint) ON COMMIT DROP")
            .await?;
        let sql = "COPY numbers (number) FROM STDIN (FORMAT binary)";
        let mut copying = session.copy_in(sql, &[Type::INT8]).await?;
        way.stand(true);
        for number in 0..rows {
            copying.write(&[&number]).await?;
        }
        copying.finish().await
    };
    database.transaction(Uuid::nil(), work).await
}

#[tokio::test]
async fn a_copy_to_a_database_that_stands_still_is_given_up_in_time() {
    for server in servers() {
        let real = TestDatabase::create(&server).await.unwrap();
        let way = Way::to(&real).await;
        let database = way.database();
        // Few rows wait for the server's last word, many until somebody takes more of them.
        for rows in [10, 10_000_000] {
            let began = Instant::now();
            let error = copy(&database, &way, rows).await.unwrap_err();
            let took = began.elapsed();
            assert!(error.is_unavailable(), "{rows} rows: {error}");
            assert!(took < Duration::from_secs(4), "{rows} rows: {error} after {took:?}");
            way.stand(false);
            assert_eq!(
                ask(&database).await.unwrap(),
                0,
                "the next one has a connection of its own"
            );
        }
        real.drop_it().await.unwrap();
    }
}

#[tokio::test]
async fn a_database_that_stands_still_is_told_in_time_and_used_again_when_it_goes_on() {
    for server in servers() {
        let real = TestDatabase::create(&server).await.unwrap();
        let way = Way::to(&real).await;
        let database = way.database();
        assert_eq!(ask(&database).await.unwrap(), 0);

        way.stand(true);
        // In the middle of work, with a connection that was at work, and with none.
        for _ in 0..3 {
            let began = Instant::now();
            let error = ask(&database).await.unwrap_err();
            assert!(error.is_unavailable(), "{error}");
            assert!(
                began.elapsed() < Duration::from_secs(8),
                "{error} after {:?}",
                began.elapsed()
            );
        }
        let idle = Database::new(&way.url, "analytics_app").unwrap();
        let error = ask(&idle).await.unwrap_err();
        assert!(
            error.is_unavailable(),
            "also without limits of its own there is no connection: {error}"
        );

        way.stand(false);
        assert_eq!(ask(&database).await.unwrap(), 0);
        real.drop_it().await.unwrap();
    }
}

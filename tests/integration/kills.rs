//! What was accepted survives: the local cloud is killed, and its database, and everything counts all the same.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use reqwest::Method;
use serde_json::json;
use tests::databases::{TestDatabase, servers};
use tests::http::User;
use tests::json::JsonExt as _;
use tests::processes::kill_function;
use tests::product::{CloudProcess, Product, signal};
use tests::waiting::eventually_within;
use uuid::Uuid;

use crate::flights::{flight, flights_counted};

/// A database that was killed replays its log first, on a machine that other tests use, too.
const PATIENCE: Duration = Duration::from_secs(60);

/// A state folder of this test's own.
struct State(PathBuf);

impl State {
    fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("analytics-engine-killed-{}", Uuid::now_v7().simple()));
        std::fs::create_dir(&folder).unwrap();
        Self(folder)
    }
}

impl Drop for State {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

async fn until_counted(airline: &User, flights: i64) {
    let counted = async || {
        let path = "/v1/kpis/FLIGHTS/value?period=day&at=2026-03-28T12:00:00Z";
        let answer = airline.get(path).try_send().await.ok()?;
        (answer.status == 200 && answer["facts"].integer() >= flights).then_some(())
    };
    eventually_within(PATIENCE, "every flight counts", counted).await;
    assert_eq!(flights_counted(airline).await.1, flights, "and counts once");
}

/// Sends requests of one flight each, from eight sides, and says how long an answer took.
async fn send(airline: &User, requests: u32) -> Vec<Duration> {
    let one = async |number: u32| {
        let events = json!([flight(number % 60, 1, "ORD")]);
        let began = Instant::now();
        airline.post("/v1/events/Flight", &events).await.accepted();
        began.elapsed()
    };
    futures::stream::iter(0..requests)
        .map(one)
        .buffer_unordered(8)
        .collect()
        .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_accepted_before_a_kill_counts_after_it() {
    const REQUESTS: u32 = 300;
    let database = TestDatabase::create(&servers()[0]).await.unwrap();
    let (state, url) = (State::new(), Some(database.url.as_str()));
    // Nobody works on events and files: they wait, or are in flight for ever.
    let (cloud, product) = CloudProcess::start(&state.0, url, &["ingest-events", "load-files"]).await;
    let airline = product.airline().await;
    let topic = json!({ "kpi": "LONGEST_DELAY", "period": "hour" });
    airline.post("/v1/streams/start", &topic).await.ok();
    let mut took = send(&airline, REQUESTS).await;
    took.sort();
    let (median, last) = (took[took.len() / 2], took[took.len() * 99 / 100]);
    println!("POST /v1/events, 8 at once: p50 {median:?}, p99 {last:?}");
    let file = "date,delay,distance,origin,destination\n2026-03-28T10:00:00Z,5,100,ORD,LGA\n";
    product.drop_file(&airline, "Flight/late.csv", file.into()).await;
    assert_eq!(flights_counted(&airline).await.1, 0);
    cloud.kill().await;

    let (cloud, product) = CloudProcess::start(&state.0, url, &[]).await;
    let airline = airline.at(product.http()).refreshed().await;
    until_counted(&airline, i64::from(REQUESTS) + 1).await;
    let streams = airline.get("/v1/streams").await.ok();
    let pinned = streams["streams"]
        .list()
        .iter()
        .any(|stream| stream["kpi"] == "LONGEST_DELAY" && stream["control"] == "pinned");
    assert!(pinned, "a pinned stream stays pinned: {streams}");

    // Ctrl-C is no worse than a kill, and what has counted does not come again.
    assert!(cloud.interrupt().await.success());
    let (cloud, product) = CloudProcess::start(&state.0, url, &[]).await;
    let airline = airline.at(product.http()).refreshed().await;
    until_counted(&airline, i64::from(REQUESTS) + 1).await;
    assert!(cloud.interrupt().await.success());
    database.drop_it().await.unwrap();
}

/// The process of the server that the local cloud has started.
fn postmaster(state: &Path) -> u32 {
    let notes = std::fs::read_to_string(state.join("postgres-data/17/postmaster.pid")).unwrap();
    notes.lines().next().unwrap().trim().parse().unwrap()
}

/// Sends a flight again and again, under one key each until it is accepted, and says how many were.
async fn keep_sending(airline: &User, is_over: &AtomicBool) -> i64 {
    let mut sent = 0;
    while !is_over.load(Ordering::Relaxed) {
        let (key, events) = (format!("flight-{sent}"), json!([flight(1, 1, "ORD")]));
        let accepted = async || {
            let request = airline.post("/v1/events/Flight", &events).idempotency_key(&key);
            let answer = request.try_send().await.ok()?;
            (answer.status == 202).then_some(())
        };
        eventually_within(PATIENCE, "a flight is accepted", accepted).await;
        sent += 1;
    }
    sent
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_killed_is_started_again_and_loses_nothing() {
    let state = State::new();
    let (cloud, product) = CloudProcess::start(&state.0, None, &[]).await;
    let airline = product.airline().await;
    let is_over = AtomicBool::new(false);
    let kills = async {
        for _ in 0..2 {
            tokio::time::sleep(Duration::from_secs(2)).await;
            let killed = postmaster(&state.0);
            signal("KILL", killed).unwrap();
            let began = Instant::now();
            eventually_within(PATIENCE, "the database is there again", async || {
                let is_another = std::fs::read_to_string(state.0.join("postgres-data/17/postmaster.pid")).is_ok();
                let answer = airline.get("/v1/kpis/FLIGHTS/value?period=day").try_send().await.ok()?;
                (is_another && answer.status == 200 && postmaster(&state.0) != killed).then_some(())
            })
            .await;
            println!("a killed database answers again after {:?}", began.elapsed());
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        is_over.store(true, Ordering::Relaxed);
    };
    let (sent, ()) = tokio::join!(keep_sending(&airline, &is_over), kills);
    let later = json!([flight(2, 1, "ORD")]);
    assert_eq!(
        airline.ingest("Flight", &later).await,
        (1, 0),
        "functions have found the database again"
    );
    let sent = sent + 1;
    println!("{sent} flights were accepted meanwhile");

    // What failed meanwhile would come again after three minutes. The next cloud has it at once; it ends the server that this one
    // leaves before it starts another.
    let left = postmaster(&state.0);
    cloud.kill().await;
    let (cloud, product) = CloudProcess::start(&state.0, None, &[]).await;
    assert_ne!(postmaster(&state.0), left);
    until_counted(&airline.at(product.http()).refreshed().await, sent).await;
    let server = postmaster(&state.0);
    assert!(cloud.interrupt().await.success());
    assert!(
        !Path::new(&format!("/proc/{server}")).exists(),
        "Ctrl-C ends the server"
    );
}

/// How many of this database wait for their turn.
const WAITING: &str = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";

/// Waits for the one batch of this database that is kept waiting by another transaction.
async fn until_a_batch_waits(plain: &tokio_postgres::Client) {
    let waits = async || (plain.query_one(WAITING, &[]).await.unwrap().get::<_, i64>(0) > 0).then_some(());
    eventually_within(PATIENCE, "the batch waits for its turn", waits).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_whose_function_is_killed_count_within_a_minute() {
    let product = Product::start().await;
    let airline = product.airline().await;
    let plain = product.database.plain().await.unwrap();
    let entity = "SELECT client_id || '/' || id FROM core.entities WHERE client_id = $1 AND code = 'Flight'";
    let turn: String = plain.query_one(entity, &[&airline.client]).await.unwrap().get(0);
    let lock = "SELECT pg_advisory_lock(hashtextextended($1, 0))";
    plain.execute(lock, &[&turn]).await.unwrap();
    airline
        .post("/v1/events/Flight", &json!([flight(1, 1, "ORD")]))
        .await
        .accepted();
    until_a_batch_waits(&plain).await;
    assert!(kill_function("ingest-events").unwrap() > 0);
    let began = Instant::now();
    let unlock = "SELECT pg_advisory_unlock(hashtextextended($1, 0))";
    plain.execute(unlock, &[&turn]).await.unwrap();
    // Not before its function can't be at work any more, and well before the three minutes of the queue itself.
    until_counted(&airline, 1).await;
    println!("events of a killed function counted after {:?}", began.elapsed());
    product.stop().await;
}

/// A file of so many flights, a minute after the other.
fn file_of(flights: usize) -> Vec<u8> {
    let flight = |number: usize| {
        let minute = number % 720;
        format!(
            "2026-03-28T{:02}:{:02}:00Z,5,100,ORD,LGA\n",
            6 + minute / 60,
            minute % 60
        )
    };
    let rows: String = (0..flights).map(flight).collect();
    format!("date,delay,distance,origin,destination\n{rows}").into_bytes()
}

/// A file is undone in steps; who makes the second is killed, and who goes on with it is, too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_undoing_whose_functions_are_killed_ends_with_every_number() {
    let product = Product::start().await;
    let airline = product.airline().await;
    let (plain, watching) = tokio::join!(product.database.plain(), product.database.plain());
    let (plain, watching) = (plain.unwrap(), watching.unwrap());
    for flights in [31_000, 25_000] {
        product.drop_file(&airline, "Flight/year.csv", file_of(flights)).await;
        let counted = async || {
            let all = usize::try_from(flights_counted(&airline).await.1).unwrap();
            (all == flights).then_some(())
        };
        eventually_within(2 * PATIENCE, "a file takes its place", counted).await;
    }
    let files = airline.get("/v1/files").await.ok();
    let counting = files["files"].list().iter().find(|file| file["state"] == "finished");
    let path = format!("/v1/files/{}", counting.unwrap()["id"].text());
    let entity = "SELECT client_id || '/' || id FROM core.entities WHERE client_id = $1 AND code = 'Flight'";
    let turn: String = plain.query_one(entity, &[&airline.client]).await.unwrap().get(0);
    let undoing = async {
        // Its answer is lost with the function.
        let _ = airline.request(Method::DELETE, &path).try_send().await;
    };
    let kills = async {
        let began = "SELECT removed > 0 FROM core.changes WHERE client_id = $1 AND kind = 'undo'";
        eventually_within(PATIENCE, "a step is done", async || {
            let found = watching.query_opt(began, &[&airline.client]).await.unwrap()?;
            found.get::<_, bool>(0).then_some(())
        })
        .await;
        for function in ["review-batches", "fill-groupings"] {
            let lock = "SELECT pg_advisory_lock(hashtextextended($1, 0))";
            plain.execute(lock, &[&turn]).await.unwrap();
            eventually_within(2 * PATIENCE, "a step waits for its turn", async || {
                let waits = watching.query_one(WAITING, &[]).await.unwrap();
                (waits.get::<_, i64>(0) > 0).then_some(())
            })
            .await;
            assert!(kill_function(function).unwrap() > 0, "{function} is at work");
            let unlock = "SELECT pg_advisory_unlock(hashtextextended($1, 0))";
            plain.execute(unlock, &[&turn]).await.unwrap();
            // The server learns that who waited is gone.
            eventually_within(PATIENCE, "nobody waits", async || {
                let waits = watching.query_one(WAITING, &[]).await.unwrap();
                (waits.get::<_, i64>(0) == 0).then_some(())
            })
            .await;
        }
    };
    tokio::join!(undoing, kills);
    eventually_within(3 * PATIENCE, "the version before is back", async || {
        let undone = airline.get("/v1/files").await.ok();
        let is_undone = undone["files"].list().iter().any(|file| file["state"] == "undone");
        is_undone.then_some(())
    })
    .await;
    assert_eq!(flights_counted(&airline).await.1, 31_000);
    let facts = "SELECT count(*) FROM volume_1.facts WHERE client_id = $1 AND entity_id > 0";
    let facts: i64 = plain.query_one(facts, &[&airline.client]).await.unwrap().get(0);
    assert_eq!(facts, 31_000, "each fact is there once");
    product.stop().await;
}

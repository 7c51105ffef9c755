//! DuckDB over a Parquet file and PostgreSQL over a table, asked the same.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result};
use serde::Deserialize;
use tests::databases::TestDatabase;
use tests::required;
use tokio_postgres::SimpleQueryMessage;

use super::Asked;

/// Times that PostgreSQL is asked after the first time: each takes it long.
const WARM: usize = 2;

/// The flights as a table without anything of ours: the columns of the file, in a heap that is scanned. The layout of `Flight` is the order of its attributes.
const TABLE: &str = "CREATE TABLE public.flights AS
    SELECT f.time AT TIME ZONE 'UTC' AS date, f.n1::bigint AS delay, f.n2::bigint AS distance, f.t1 AS origin, f.t2 AS destination FROM volume_1.facts f;
    SET max_parallel_workers_per_gather = 2";

/// Asks PostgreSQL, on a new connection.
pub(crate) async fn postgresql(database: &TestDatabase, queries: &[String]) -> Result<Vec<Asked>> {
    let plain = database.plain().await?;
    plain.batch_execute(TABLE).await?;
    plain.batch_execute("VACUUM (ANALYZE) public.flights").await?;
    let plain = database.plain().await?;
    let mut all = Vec::with_capacity(queries.len());
    for query in queries {
        let mut times = Vec::new();
        let mut days = BTreeMap::new();
        for _ in 0..=WARM {
            let began = Instant::now();
            let rows = plain.simple_query(query).await?;
            times.push(began.elapsed().as_secs_f64());
            days = rows.iter().filter_map(day).collect();
        }
        let warm = times.split_off(1);
        all.push(Asked {
            cold_s: times.first().copied().unwrap_or_default(),
            warm_s: super::median(warm)?,
            days,
        });
    }
    Ok(all)
}

fn day(message: &SimpleQueryMessage) -> Option<(String, f64)> {
    let SimpleQueryMessage::Row(row) = message else {
        return None;
    };
    let (day, value) = row.get(0).zip(row.get(1))?;
    Some((day.get(..10)?.to_owned(), value.parse().ok()?))
}

/// What the script says of a question.
#[derive(Deserialize)]
struct Told {
    cold_s: f64,
    warm_s: f64,
    days: BTreeMap<String, f64>,
}

/// Asks DuckDB, in a process of its own.
pub(crate) fn duckdb(queries: &[String]) -> Result<Vec<Asked>> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/calculate/ask_duckdb.py");
    let mut process = Command::new(required("TEST_PYTHON"))
        .args([script, &required("FACTS_FILE")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("DuckDB does not start")?;
    let mut input = process.stdin.take().context("it has no input")?;
    input.write_all(serde_json::to_string(queries)?.as_bytes())?;
    drop(input);
    let output = process.wait_with_output()?;
    anyhow::ensure!(output.status.success(), "DuckDB fails");
    let told: Vec<Told> = serde_json::from_slice(&output.stdout)?;
    anyhow::ensure!(told.len() == queries.len(), "DuckDB answers {} questions", told.len());
    let asked = |Told { cold_s, warm_s, days }| Asked { cold_s, warm_s, days };
    Ok(told.into_iter().map(asked).collect())
}

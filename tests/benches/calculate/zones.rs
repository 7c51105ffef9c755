//! Two years by day in zones whose days do not begin with those of UTC.

use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, Result};
use catalog::Period;
use database::Database;
use series::Range;
use tests::figures::{self, Target};
use tests::product::Product;
use tests::required;

use super::engine::{ask, calendar, known, wait_for};
use super::median;

/// The flights of half a year, so many times, each time half a year later.
const TIMES: u64 = 4;
const FLIGHTS: u64 = 3_000_000;

/// Times that each zone is asked, in turns.
const ROUNDS: usize = 15;

/// Zones, and the most that they may take of UTC's time.
const ZONES: [(&str, Option<f64>); 5] = [
    ("UTC", None),
    ("Europe/Berlin", None),
    ("America/New_York", None),
    ("Asia/Kolkata", Some(4.0)),
    ("Asia/Kathmandu", Some(4.0)),
];

/// KPIs of the demo: states of one grouping, of two, and of the one by airport.
const KPIS: [&str; 3] = ["AVERAGE_DELAY", "ON_TIME_RATE", "ON_TIME_RATE_ORD"];

pub(crate) async fn measure(product: &Product) -> Result<()> {
    let airline = product.airline().await;
    for time in 0..TIMES {
        let name = format!("Flight/flights-{time}.parquet");
        product.drop_file(&airline, &name, shifted(time)?).await;
        wait_for(product, airline.client, FLIGHTS * (time + 1)).await?;
    }
    let database = Database::new(&product.database.url, "analytics_app")?;
    let known = known(&database, airline.client).await?;
    let range = Range {
        from: "2001-01-01T00:00:00Z".parse()?,
        to: "2003-01-01T00:00:00Z".parse()?,
    };
    for kpi in KPIS {
        let mut times = [(); ZONES.len()].map(|()| Vec::with_capacity(ROUNDS));
        for _ in 0..ROUNDS {
            for ((zone, _), times) in ZONES.iter().zip(&mut times) {
                let calendar = calendar(zone)?;
                let began = Instant::now();
                let days = ask(&database, airline.client, &known, kpi, range, Period::Day, &calendar).await?;
                times.push(began.elapsed().as_secs_f64() * 1e3);
                anyhow::ensure!(days.len() >= 720, "{kpi} has {} days in {zone}", days.len());
            }
        }
        let medians: Vec<f64> = times.into_iter().map(median).collect::<Result<_>>()?;
        let utc = *medians.first().context("no zone was asked")?;
        for ((zone, most), took) in ZONES.iter().zip(&medians) {
            let name = format!("calculate.two_years_{kpi}_{zone}")
                .to_lowercase()
                .replace('/', "_");
            figures::print(&format!("{name}_ms"), *took);
            if let Some(most) = most {
                figures::print_with_target(&format!("{name}_ratio_to_utc"), took / utc, Target::AtMost(*most));
            }
        }
    }
    Ok(())
}

/// The file of flights with half years added to their times.
fn shifted(times: u64) -> Result<Vec<u8>> {
    let folder = std::env::temp_dir();
    let path = folder.join(format!(
        "analytics-engine-flights-{}.parquet",
        uuid::Uuid::now_v7().simple()
    ));
    let query = format!(
        "COPY (SELECT date + INTERVAL '{} days' AS date, delay, distance, origin, destination FROM read_parquet('{}')) TO '{}' (FORMAT parquet)",
        182 * times,
        required("FACTS_FILE"),
        path.display()
    );
    let code = format!("import duckdb\nduckdb.execute({query:?})");
    let status = Command::new(required("TEST_PYTHON")).args(["-c", &code]).status()?;
    anyhow::ensure!(status.success(), "DuckDB does not write {}", path.display());
    let bytes = std::fs::read(&path)?;
    std::fs::remove_file(&path)?;
    Ok(bytes)
}

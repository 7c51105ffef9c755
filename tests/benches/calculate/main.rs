//! `make bench-calculate`: KPIs of all kinds, by day over 90 days of the 3,000,000 flights, one after the other and all at once, against DuckDB over a Parquet file of the same facts and PostgreSQL over a
//! table of them, in one run; what compiling and planning take; and two years by day in zones whose days begin elsewhere. `ARGS` names one part to run: `kpis` or `zones`.
//!
//! What is measured is the way of a question through the functions without HTTP: plan, one statement, finish. DuckDB and PostgreSQL are given the same question in
//! SQL, and the answers are compared. `cold` is the first time, on connections that have seen nothing; `warm` the median of the next ones.
#![allow(
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "a bench prints figures, none of which is near 2^52"
)]

mod engine;
mod kpis;
mod others;
mod zones;

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use tests::figures::{self, Target};
use tests::parts::wanted;
use tests::product::Product;

use self::kpis::{Group, Kpi};

/// Times that a question is asked after the first time.
const WARM: usize = 5;

/// The most that we may take of the time of DuckDB and of PostgreSQL's scan.
const OF_DUCKDB: Target = Target::AtMost(1.0 / 50.0);
const OF_POSTGRESQL: Target = Target::AtMost(1.0 / 200.0);

/// The most that approximate answers may take of the time of exact ones in PostgreSQL.
const OF_EXACT_POSTGRESQL: Target = Target::AtMost(1.0 / 100.0);

/// What floats may differ in near zero.
const ROUNDING: f64 = 1e-9;

/// One question asked once after the other.
#[derive(Clone, Debug)]
struct Asked {
    /// Seconds of the first time, and the median of the others.
    cold_s: f64,
    warm_s: f64,
    /// The value of each day, by its date; days without one are left out.
    days: BTreeMap<String, f64>,
}

#[tokio::main]
async fn main() -> Result<()> {
    let product = Product::start().await;
    if wanted("kpis") {
        Box::pin(measure(&product)).await?;
    }
    if wanted("zones") {
        Box::pin(zones::measure(&product)).await?;
    }
    product.stop().await;
    Ok(())
}

/// KPIs of all kinds, against the others.
async fn measure(product: &Product) -> Result<()> {
    let kpis = kpis::all();
    let client = engine::load(product, &kpis).await?;
    let ours = engine::ask_all(product, client, &kpis).await?;
    let queries: Vec<String> = kpis.iter().map(|kpi| kpi.sql.clone()).collect();
    let postgresql = others::postgresql(&product.database, &queries).await?;
    let duckdb = others::duckdb(&queries)?;
    println!("{:>10} {:>10} {:>10}  ms, warm", "engine", "DuckDB", "PostgreSQL");
    let mut wrong = 0;
    for (number, kpi) in kpis.iter().enumerate() {
        let [ours, duckdb, postgresql] = [&ours, &duckdb, &postgresql].map(|all| &all[number]);
        let [one, two, three] = [ours, duckdb, postgresql].map(|asked| asked.warm_s * 1e3);
        println!("{one:>10.2} {two:>10.2} {three:>10.2}  {}", kpi.formula);
        for other in [duckdb, postgresql] {
            if kpi
                .tolerance
                .is_some_and(|most| !are_alike(&ours.days, &other.days, most))
            {
                wrong += 1;
                println!("  differs: {:?}\n      from {:?}", ours.days, other.days);
            }
        }
    }
    figures::print("calculate.kpis", kpis.len() as f64);
    figures::print_with_target("calculate.wrong_answers", f64::from(wrong), Target::AtMost(0.0));
    for of in Group::ALL.map(Some).into_iter().chain([None]) {
        let others = compare(of, &kpis, [&ours, &duckdb, &postgresql]);
        let mine = kpis.iter().zip(&ours).filter(|(kpi, _)| is_of(kpi, of));
        let (kpis, alone): (Vec<&Kpi>, Vec<&Asked>) = mine.unzip();
        let together = engine::ask_together(product, client, &kpis, &alone).await?;
        for (number, time) in ["cold", "warm"].into_iter().enumerate() {
            print(
                of,
                &format!("together_{time}"),
                [together, others[0], others[1]].map(|times| times[number]),
            );
        }
    }
    engine::plan_all(product, client, &kpis).await?;
    Ok(())
}

/// Whether a KPI is of a group, or, of all kinds together, one that need not read the facts.
fn is_of(kpi: &Kpi, group: Option<Group>) -> bool {
    group.map_or(kpi.group != Group::Exact, |group| kpi.group == group)
}

/// Prints what the KPIs of a group take one after the other, as parts of what DuckDB and PostgreSQL take, and returns what these take: the first time and later ones.
fn compare(group: Option<Group>, kpis: &[Kpi], all: [&[Asked]; 3]) -> [[f64; 2]; 2] {
    let [ours, duckdb, postgresql] = all.map(|asked| {
        let of_group = kpis.iter().zip(asked).filter(|(kpi, _)| is_of(kpi, group));
        of_group.fold([0.0, 0.0], |[cold_s, warm_s], (_, asked)| {
            [cold_s + asked.cold_s, warm_s + asked.warm_s]
        })
    });
    for (number, time) in ["cold", "warm"].into_iter().enumerate() {
        print(group, time, [ours, duckdb, postgresql].map(|times| times[number]));
    }
    [duckdb, postgresql]
}

/// Prints what some questions took, as parts of what DuckDB and PostgreSQL took for the same.
fn print(group: Option<Group>, time: &str, [ours, duckdb, postgresql]: [f64; 3]) {
    let name = format!("calculate.{}_{time}", group.map_or("all_kinds", Group::name));
    figures::print(&format!("{name}_s"), ours);
    for (other, took, target) in [("duckdb", duckdb, OF_DUCKDB), ("postgresql", postgresql, OF_POSTGRESQL)] {
        let name = format!("{name}_ratio_to_{other}");
        match group {
            None | Some(Group::Merged) => figures::print_with_target(&name, ours / took, target),
            Some(Group::Approximate) if other == "postgresql" => {
                figures::print_with_target(&name, ours / took, OF_EXACT_POSTGRESQL);
            }
            Some(Group::Approximate) => figures::print_with_target(&name, ours / took, target),
            // These read the facts as the others do: there is no target.
            Some(Group::Exact) => figures::print(&name, ours / took),
        }
    }
}

fn are_alike(ours: &BTreeMap<String, f64>, other: &BTreeMap<String, f64>, most: f64) -> bool {
    let is_near = |(day, value): (&String, &f64)| {
        let known = ours.get(day);
        known.is_some_and(|known| (known - value).abs() <= most * value.abs() + ROUNDING)
    };
    ours.len() == other.len() && other.iter().all(is_near)
}

/// The median of some times.
fn median(mut times: Vec<f64>) -> Result<f64> {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().context("nothing was measured")
}

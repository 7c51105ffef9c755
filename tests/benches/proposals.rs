//! `make bench-proposals`: what a quote takes, computed and asked for over HTTP, for carts of 2, 40 and 500 KPIs over the demo's
//! entity. The limits are 5 ms computed and 20 ms asked for.
#![allow(
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "a bench prints figures, none of which is near 2^52"
)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use serde_json::{Map, Value, json};
use tests::product::{Account, Product};

const CARTS: [usize; 3] = [2, 40, 500];
const COMPUTED: usize = 200;
const ASKED: usize = 200;
const COMPUTED_LIMIT: Duration = Duration::from_millis(5);
const ASKED_LIMIT: Duration = Duration::from_millis(20);

#[tokio::main]
async fn main() -> Result<()> {
    let product = Product::start().await?;
    let ours = &product.ours;
    for index in 0..CARTS.into_iter().max().unwrap_or_default() {
        let kpi = json!({ "code": code(index), "name": code(index), "formula": "COUNT(Flight) / 2", "value_chain": format!("Chain {}", index % 5) });
        ours.post("/v1/kpis", &kpi).await?.expect(201)?;
    }
    for kpis in CARTS {
        let path = answered(ours, kpis).await?;
        let url = format!("{path}/quote");
        let size = ours.get(&url).await?.expect(200)?.body.to_string().len();
        let mut asked = Vec::new();
        for _ in 0..ASKED {
            let begin = Instant::now();
            ours.get(&url).await?.expect(200)?;
            asked.push(begin.elapsed());
        }
        let computed = computed(&product, &path).await?;
        println!("{kpis} KPIs, an answer of {size} bytes");
        print("computed", computed, COMPUTED_LIMIT);
        print("asked for over HTTP", asked, ASKED_LIMIT);
    }
    product.stop().await
}

fn code(index: usize) -> String {
    format!("BENCH_{index}")
}

fn print(what: &str, mut times: Vec<Duration>, limit: Duration) {
    times.sort_unstable();
    let at = |share: usize| times[(times.len() - 1) * share / 100];
    println!(
        "  {what}: p50 {:.3} ms, p95 {:.3} ms; p95 is {:.3} of the limit of {} ms",
        at(50).as_secs_f64() * 1e3,
        at(95).as_secs_f64() * 1e3,
        at(95).as_secs_f64() / limit.as_secs_f64(),
        limit.as_millis()
    );
}

/// A proposal in which everything is answered.
async fn answered(ours: &Account, kpis: usize) -> Result<String> {
    let codes: Vec<String> = (0..kpis).map(code).collect();
    let new = json!({ "name": "Bench", "kpis": codes });
    let created = ours.post("/v1/proposals", &new).await?.expect(201)?;
    let path = format!("/v1/proposals/{}", created.body["id"].as_str().context("no id")?);
    let complexity = |code: &String| (code.clone(), json!({ "complexity": "rbac" }));
    let steps = [
        ("licensing", json!({ "term": "five_years" })),
        (
            "data_integration",
            json!({ "Flight": { "source_system": "Tower", "method": "streaming_architected" } }),
        ),
        (
            "kpi_implementation",
            Value::Object(codes.iter().map(complexity).collect::<Map<_, _>>()),
        ),
        ("environment", json!({ "platform": "aws" })),
        ("retention", json!({ "compliance": ["sox"] })),
        (
            "infrastructure",
            json!({ "daily_volume_gb": "5", "concurrent_users": 1000, "refresh_period": "minute" }),
        ),
        ("managed_services", json!({ "retainer": false })),
    ];
    for (step, answers) in steps {
        ours.put(&format!("{path}/answers/{step}"), Some("*"), &answers)
            .await?
            .expect(200)?;
    }
    Ok(path)
}

/// The same quote without HTTP and database.
async fn computed(product: &Product, path: &str) -> Result<Vec<Duration>> {
    let id = path.rsplit('/').next().context("no id")?.parse()?;
    let client = product.ours.client;
    let session = product.database.app.session().await?;
    let mut loaded = records::definitions::load(&session, &[client]).await?;
    let definitions = loaded.remove(&client).context("no client")??;
    // The pool has one connection.
    drop(session);
    let stored = records::proposals::find(&product.database.app, client, id).await?;
    let stored = stored.context("no proposal")?;
    let book = proposal::PriceBook::of(&stored.price_book)?;
    let one = || {
        let begin = Instant::now();
        let required = proposal::required_objects(&definitions.catalog, &stored.answers.kpi_selection.kpis);
        black_box(proposal::quote(book, &stored.answers, &stored.terms, &required));
        begin.elapsed()
    };
    Ok((0..COMPUTED).map(|_| one()).collect())
}

//! `make bench-proposals`: what a quote takes, computed and asked for over HTTP, for carts of 2, 40 and 500 KPIs over the demo's
//! entity. The limits are 5 ms computed and 20 ms asked for.
#![allow(clippy::print_stdout, reason = "a bench prints figures")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use serde_json::{Map, Value, json};
use tests::figures::{self, Target};
use tests::http::User;
use tests::product::Product;

const CARTS: [usize; 3] = [2, 40, 500];
const COMPUTED: usize = 200;
const ASKED: usize = 200;
const COMPUTED_LIMIT: Duration = Duration::from_millis(5);
const ASKED_LIMIT: Duration = Duration::from_millis(20);

#[tokio::main]
async fn main() -> Result<()> {
    let product = Product::start().await;
    let airline = product.airline().await;
    for index in 0..CARTS.into_iter().max().unwrap_or_default() {
        let kpi = json!({ "code": code(index), "name": code(index), "formula": "COUNT(Flight) / 2", "value_chain": format!("Chain {}", index % 5) });
        airline.post("/v1/kpis", &kpi).await.created();
    }
    for kpis in CARTS {
        let path = complete_draft(&airline, kpis).await;
        let url = format!("{path}/quote");
        let size = airline.get(&url).await.ok().body.to_string().len();
        let mut asked = Vec::new();
        for _ in 0..ASKED {
            let begin = Instant::now();
            airline.get(&url).await.ok();
            asked.push(begin.elapsed());
        }
        let computed = computed(&product, &airline, &path).await?;
        println!("{kpis} KPIs, a quote of {size} bytes");
        print(&format!("proposals.quote_of_{kpis}_computed"), computed, COMPUTED_LIMIT);
        print(&format!("proposals.quote_of_{kpis}_over_http"), asked, ASKED_LIMIT);
    }
    product.stop().await;
    Ok(())
}

fn code(index: usize) -> String {
    format!("BENCH_{index}")
}

fn print(name: &str, mut times: Vec<Duration>, limit: Duration) {
    times.sort_unstable();
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    let at = |share: usize| ms(times[(times.len() - 1) * share / 100]);
    figures::print(&format!("{name}_p50_ms"), at(50));
    figures::print_with_target(&format!("{name}_p95_ms"), at(95), Target::AtMost(ms(limit)));
}

/// The path of a draft in which everything is answered.
async fn complete_draft(airline: &User, kpis: usize) -> String {
    let codes: Vec<String> = (0..kpis).map(code).collect();
    let new = json!({ "name": "Bench", "kpis": codes });
    let created = airline.post("/v1/proposals", &new).await.created();
    let path = created.header("location").to_owned();
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
        let answered = airline.put(&format!("{path}/answers/{step}"), &answers);
        answered.if_match("*").await.ok();
    }
    path
}

/// The same quote without HTTP and database.
async fn computed(product: &Product, airline: &User, path: &str) -> Result<Vec<Duration>> {
    let id = path.rsplit('/').next().context("no id")?.parse()?;
    let client = airline.client;
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

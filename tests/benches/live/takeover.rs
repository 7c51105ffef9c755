//! How long dashboards hear nothing when the publisher is killed.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use serde_json::json;
use tests::dashboard::Dashboard;
use tests::figures::{self, Target};
use tests::processes;
use tests::product::Product;

const KILLS: usize = 5;

/// Prints the figures.
pub(crate) async fn run() -> Result<()> {
    let product = Product::start().await;
    let airline = product.airline().await;
    let mut dashboard = Dashboard::connect(&product, &airline).await;
    crate::shown::subscribe(&mut dashboard, &[vec![json!({ "kpi": "FLIGHTS", "period": "day" })]]).await?;
    let mut silences = Vec::new();
    for _ in 0..KILLS {
        // Long enough for a successor to stand by.
        tokio::time::sleep(Duration::from_secs(6)).await;
        anyhow::ensure!(
            processes::kill_publisher(&product).await? == 1,
            "there is one publisher"
        );
        let killed = Instant::now();
        let taken = async {
            loop {
                let frame = dashboard.frame().await?.context("the connection ended")?;
                if ["resync", "subscribed"].iter().any(|kind| frame.json["type"] == *kind) {
                    return anyhow::Ok(frame.arrived - killed);
                }
            }
        };
        silences.push(tokio::time::timeout(Duration::from_secs(90), taken).await??);
    }
    silences.sort_unstable();
    println!("killed {KILLS} times; from the kill to the new snapshot: {silences:?}");
    let longest = silences.last().copied().unwrap_or_default();
    figures::print_with_target("live.takeover_longest_s", longest.as_secs_f64(), Target::AtMost(3.0));
    product.stop().await;
    Ok(())
}

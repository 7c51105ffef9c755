//! What a client waits for while one viewer of another client of its shard has 60 connections x 500 topics, against what it waits for alone.

use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};
use tests::dashboard::Dashboard;
use tests::figures::{self, Target};
use tests::http::User;
use tests::product::Product;

use crate::shown::{self, Delays, Sent};

const CONNECTIONS: usize = 60;
const MESSAGES: usize = 4;
const TOPICS: usize = 125;
const LASTING: Duration = Duration::from_secs(20);

/// Prints the figures.
pub(crate) async fn run() -> Result<()> {
    let product = Product::start().await;
    let quiet = product.airline().await;
    let loud = neighbour(&product, &quiet).await;
    let (sent, delays) = (Sent::default(), Delays::default());
    let mut dashboard = Dashboard::connect(&product, &quiet).await;
    shown::subscribe(&mut dashboard, &[vec![json!({ "kpi": "FLIGHTS", "period": "day" })]]).await?;
    let watching = shown::watch(dashboard, sent.clone(), delays.clone());
    println!(
        "another client has {CONNECTIONS} connections x {} topics",
        MESSAGES * TOPICS
    );

    shown::send(&quiet, 2, 1, LASTING, &sent).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let alone = delays.take()?;

    // It subscribes while the first one goes on.
    let subscribing = async {
        let mut dashboards = Vec::new();
        for number in 0..CONNECTIONS {
            let mut dashboard = Dashboard::connect(&product, &loud).await;
            for message in 0..MESSAGES {
                dashboard
                    .send(&json!({ "action": "subscribe", "topics": topics(number * MESSAGES + message) }))
                    .await;
            }
            dashboards.push(dashboard);
        }
        let began = std::time::Instant::now();
        let answered = dashboards.into_iter().map(|mut dashboard| {
            tokio::spawn(async move {
                shown::subscribe_answers(&mut dashboard, MESSAGES).await?;
                while dashboard.frame().await?.is_some() {}
                anyhow::Ok(())
            })
        });
        let answered: Vec<_> = answered.collect();
        tokio::time::sleep(LASTING.saturating_sub(began.elapsed())).await;
        anyhow::Ok(answered)
    };
    let (listening, ()) = tokio::join!(subscribing, shown::send(&quiet, 2, 1, 2 * LASTING, &sent));
    let listening = listening?;
    tokio::time::sleep(Duration::from_secs(5)).await;
    let while_subscribing = delays.take()?;

    // And it has facts of its own, which touch all that it watches.
    let theirs = Sent::default();
    tokio::join!(
        shown::send(&quiet, 2, 1, LASTING, &sent),
        shown::send(&loud, 2, 20, LASTING, &theirs)
    );
    tokio::time::sleep(Duration::from_secs(5)).await;
    let beside = delays.take()?;

    figures::print("live.neighbour_alone_p50_ms", alone.percentile_ms(50));
    figures::print("live.neighbour_alone_p95_ms", alone.percentile_ms(95));
    figures::print(
        "live.neighbour_while_subscribing_p50_ms",
        while_subscribing.percentile_ms(50),
    );
    figures::print(
        "live.neighbour_while_subscribing_p95_ms",
        while_subscribing.percentile_ms(95),
    );
    figures::print("live.neighbour_beside_p50_ms", beside.percentile_ms(50));
    figures::print("live.neighbour_beside_p95_ms", beside.percentile_ms(95));
    let ratio = |share: usize| beside.percentile_ms(share) / alone.percentile_ms(share);
    figures::print_with_target("live.neighbour_beside_to_alone_p50", ratio(50), Target::AtMost(2.0));
    figures::print_with_target("live.neighbour_beside_to_alone_p95", ratio(95), Target::AtMost(2.0));
    watching.abort();
    listening.iter().for_each(tokio::task::JoinHandle::abort);
    product.stop().await;
    Ok(())
}

/// Another client of the same shard: of another one it would hardly be felt.
async fn neighbour(product: &Product, of: &User) -> User {
    loop {
        let client = product.client().await;
        if registry::shard_of(client.client) == registry::shard_of(of.client) {
            Product::define_flights(&client).await;
            return client;
        }
    }
}

/// Topics that no other message has: each with an origin of its own.
fn topics(message: usize) -> Vec<Value> {
    let topic = |number: usize| {
        let (kpi, period) = [
            ("FLIGHTS", "minute"),
            ("ON_TIME_RATE", "hour"),
            ("AVERAGE_DELAY", "day"),
        ][number % 3];
        // Some of them are touched by every event.
        let origin = if number < 20 {
            format!("A{number:02}")
        } else {
            format!("{message}-{number}")
        };
        json!({ "kpi": kpi, "period": period, "filter": { "origin": [origin, format!("{message}")] } })
    };
    (0..TOPICS).map(topic).collect()
}

//! What cells cost whoever asks.

use std::time::{Duration, Instant};

use database::{Database, Session};
use tests::databases::servers;

use super::Town;

#[tokio::test]
async fn what_asking_for_the_place_costs_a_transaction() {
    let town = Town::open(&servers()[0], &[]).await;
    let app = Database::new(&town.shop.database.url, "analytics_app").unwrap();
    let mut medians = Vec::new();
    let knowing = town.app();
    for database in [app.clone(), knowing.clone(), app.clone(), knowing.clone()] {
        let mut times = Vec::new();
        for _ in 0..1_000 {
            let began = Instant::now();
            let work = async |session: &Session| session.execute("SELECT 1", &[]).await;
            database.transaction(town.shop.ours, work).await.unwrap();
            times.push(began.elapsed());
        }
        times.sort();
        medians.push(times[times.len() / 2]);
    }
    println!("a transaction without asking for the place, and with: {medians:?}");
    assert!(medians[3] < medians[2] + Duration::from_millis(2), "{medians:?}");
    drop(app);
    town.drop_it().await;
}

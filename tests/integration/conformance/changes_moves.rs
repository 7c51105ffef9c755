//! What commits brought while their entity moved to another volume: several batches of one transaction, and facts that come back.

use std::time::Duration;

use database::Database;
use facts::batch::Batch;
use facts::ingest::{self, Effort};
use facts::moves::Begun;
use platform::clock;
use records::files::End;
use records::undo::Target;
use series::Mapper;
use uuid::Uuid;

use super::changes::{LONG, begun, go_on, load, of, put, rows, sale_placed, sell, sold};
use super::changes_meet::in_small_steps;
use super::oracle::check;
use super::scenarios::{a_day, in_every_shop};
use super::shop::{Shop, sale};

/// Batches of one sale each, in one transaction.
async fn sell_together(shop: &Shop, times: &[&str]) {
    let placed = sale_placed(shop).await;
    let mapper = Mapper::new(placed.entity.clone());
    let batch = |at: &&str| {
        let event = sale(&format!("at {at}"), at, "3", 1).to_string();
        Batch::of(Uuid::now_v7(), [mapper.json(clock::now(), &event).unwrap()])
    };
    let batches: Vec<Batch> = times.iter().map(batch).collect();
    let app = &shop.database.app;
    let written = ingest::ingest(app, shop.ours, &placed, "test", &batches, Effort::default()).await;
    assert_eq!(written.unwrap().len(), times.len());
}

/// A shop whose sales are being moved: what was there is copied.
async fn moving(shop: &Shop) -> Database {
    let second = shop.second_volume().await;
    shop.compact("2026-03-28T11:00:00Z").await;
    let mover = Database::new(&shop.database.url, "analytics_owner").unwrap();
    assert_eq!(shop.begin_move(&mover, &second).await.unwrap(), Begun::Now);
    for _ in 0..2 {
        shop.step().await;
    }
    mover
}

#[tokio::test]
async fn batches_of_one_transaction_move_too() {
    for key in [&[][..], &["receipt"]] {
        in_every_shop(key, async |shop| {
            sell(shop, &a_day()).await;
            let mover = moving(shop).await;
            let times = ["2026-03-28T09:00:05Z", "2026-03-28T15:00:00Z", "2026-03-31T10:00:00Z"];
            sell_together(shop, &times).await;
            let before = sold(shop).await;
            shop.end_moves(&mover).await;
            assert_eq!(sold(shop).await, before);
            assert_eq!(before.len(), a_day().len() + times.len());
            check(shop, shop.ours, "UTC", "arrived").await
        })
        .await;
    }
}

#[tokio::test]
async fn what_comes_back_on_the_way_moves_too() {
    for key in [&[][..], &["receipt"]] {
        in_every_shop(key, async |shop| {
            load(shop, put(shop, "one", "1"), &rows(20, 0, "1"), End::Finished).await;
            // It has rows behind those only: until there all that happens is that some come back.
            let later = load(shop, put(shop, "two", "2"), &rows(2, 40, "2"), End::Finished).await;
            let mover = moving(shop).await;
            let change = begun(shop, Target::File(later)).await;
            in_small_steps(shop).await;
            assert!(!go_on(shop, change, Duration::from_millis(1)).await);
            shop.end_moves(&mover).await;
            check(shop, shop.ours, "UTC", "arrived with some of it").await;
            assert!(go_on(shop, change, LONG).await);
            assert_eq!(sold(shop).await, of(20, "1"));
            let mut answers = check(shop, shop.ours, "UTC", "back").await;
            shop.compact("2026-04-01T00:00:00Z").await;
            answers.extend(check(shop, shop.ours, "UTC", "moved up there").await);
            answers
        })
        .await;
    }
}

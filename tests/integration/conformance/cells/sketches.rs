//! Sketches of a client that moves to another database: they are made anew there.

use records::cells;
use tests::databases::servers;

use super::{CELL, Town};
use crate::conformance::scenarios::a_day;

#[tokio::test]
async fn sketches_are_made_anew_where_a_client_arrives() {
    for server in servers() {
        let town = Town::open(&server, &[]).await;
        let ours = town.shop.ours;
        town.shop.declare().await;
        town.shop.sell(ours, &a_day()).await;
        town.shop.made_anew(&town.shop.database.owner).await;
        assert!(town.shop.are_read().await);
        let before = town.shop.approximate("it").await;
        cells::place(&town.owner(), ours, CELL).await.unwrap();
        let there = town.at(CELL);
        assert!(!there.are_read().await, "none is there yet");
        let cell = town.owner().named(CELL).unwrap();
        there.made_anew(&cell).await;
        assert!(there.are_read().await);
        assert_eq!(there.approximate("it").await, before);
        there.kept("moved", true).await;
        town.drop_it().await;
    }
}

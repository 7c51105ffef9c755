//! What brought facts and what took them out is listed together, in pages that leave nothing out.

use facts::changes::deletion::{self, Deleted};
use records::batches::{self, BatchReport, Wanted};
use records::undo;
use tests::databases::servers;
use uuid::Uuid;

use super::shop::{Shop, at, sale};

#[tokio::test]
async fn deletions_are_listed_among_batches_in_the_order_of_time() {
    for server in servers() {
        let shop = Shop::open(&server, "UTC", &[]).await;
        let database = &shop.database.app;
        let placed = shop.definitions(shop.ours).await.placed["Sale"].clone();
        let mut expected = Vec::new();
        for receipt in ["a", "b", "c"] {
            let sold = shop
                .sell(shop.ours, &[sale(receipt, "2026-03-28T10:00:00Z", "5", 1)])
                .await;
            let deleted = Deleted {
                from: at("2026-03-28T00:00:00Z"),
                to: at("2026-03-29T00:00:00Z"),
                filter: [("region".to_owned(), [String::new(), "north".to_owned()].into())].into(),
                up_to: deletion::last_commit(database, shop.ours, &placed).await.unwrap(),
            };
            let user = Uuid::now_v7();
            let change = undo::delete(database, shop.ours, &placed, &deleted, user)
                .await
                .unwrap();
            expected.splice(0..0, [(change, Some(user)), (sold.batch, None)]);
        }
        for limit in [1, 2, 3, 200] {
            let mut listed = Vec::new();
            let mut wanted = Wanted {
                entity: Some("Sale"),
                ..Wanted::default()
            };
            loop {
                let page = batches::list(database, shop.ours, &wanted, limit).await.unwrap().rows;
                let Some(last) = page.last() else { break };
                wanted.after = Some((last.begun_at, last.id));
                listed.extend(page.iter().map(|report| (report.id, report.begun_by)));
            }
            assert_eq!(listed, expected, "by {limit}");
        }
        for (entity, client) in [("Sold", shop.ours), ("Sale", shop.theirs)] {
            let wanted = Wanted {
                entity: Some(entity),
                ..Wanted::default()
            };
            let page = batches::list(database, client, &wanted, 10).await.unwrap();
            assert!(page.rows.is_empty(), "{page:?}");
        }
        let found = batches::find(database, shop.ours, expected[0].0)
            .await
            .unwrap()
            .unwrap();
        check(&found);
        let theirs = batches::find(database, shop.theirs, expected[0].0).await.unwrap();
        assert!(theirs.is_none());
        shop.database.drop_it().await.unwrap();
    }
}

/// A deletion that goes on says what it is.
fn check(report: &BatchReport) {
    assert!(report.is_deletion && report.source == "deletion");
    assert_eq!(report.filter.as_deref(), Some(r#"{"region": ["", "north"]}"#));
    assert_eq!(report.deleted_from, Some(at("2026-03-28T00:00:00Z")));
    assert_eq!(report.deleted_to, Some(at("2026-03-29T00:00:00Z")));
    assert_eq!(
        (report.next_position, report.begun_by_email.as_deref()),
        (Some(0), None)
    );
}

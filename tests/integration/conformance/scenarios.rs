//! What happens to facts.

use database::Error;
use facts::ingest::Effort;
use records::definitions;
use serde_json::Value;
use tests::databases::servers;
use uuid::Uuid;

use super::oracle::check;
use super::shop::{Shop, at, sale};

/// Writers at once, each with a connection of its own.
const WRITERS: usize = 6;

/// A day of sales over three hours, with several facts to a minute, a sale on the edge of a bucket, one without an amount,
/// and hours without any.
pub(super) fn a_day() -> Vec<Value> {
    let mut sales: Vec<Value> = (0..60)
        .map(|number| {
            let minute = number * 3;
            let at = format!(
                "2026-03-28T{:02}:{:02}:{:02}Z",
                9 + minute / 60,
                minute % 60,
                number % 60
            );
            sale(
                &format!("r{number}"),
                &at,
                &format!("{}.{:02}", number * 7 % 190, number),
                number % 5 + 1,
            )
        })
        .collect();
    sales.push(sale("edge of an hour", "2026-03-28T10:00:00Z", "100.00", 1));
    sales.push(sale("edge of a day", "2026-03-29T00:00:00Z", "100.000001", 1));
    sales.push(sale("last instant", "2026-03-28T23:59:59.999999Z", "99.999999", 1));
    let mut without = sale("no amount", "2026-03-28T09:00:30Z", "0", 2);
    without["amount"] = Value::Null;
    sales.push(without);
    sales.extend(["a", "b"].map(|receipt| {
        sale(
            receipt,
            "2026-03-28T12:00:00.5Z",
            if receipt == "a" { "5" } else { "3" },
            1,
        )
    }));
    sales
}

/// Runs a scenario in a shop of its own on every server, and holds the answers of all against those of the first. The
/// entity has the attributes `key` as its key.
pub(super) async fn in_every_shop<F: AsyncFn(&Shop) -> Vec<String>>(key: &[&str], scenario: F) {
    in_every_shop_of("UTC", key, scenario).await;
}

/// The same with clients in a time zone.
async fn in_every_shop_of<F: AsyncFn(&Shop) -> Vec<String>>(zone: &str, key: &[&str], scenario: F) {
    let mut first: Option<Vec<String>> = None;
    for server in servers() {
        let shop = Shop::open(&server, zone, key).await;
        let answers = scenario(&shop).await;
        shop.database.drop_it().await.unwrap();
        assert!(!answers.is_empty(), "nothing was asked");
        match &first {
            None => first = Some(answers),
            Some(first) => assert_eq!(first, &answers, "{server} answers differently"),
        }
    }
}

/// A sale's receipt with the amount to which writer `number` corrects it.
fn correction(receipt: usize, number: usize) -> Value {
    let minute = receipt * 3;
    let at = format!("2026-03-28T{:02}:{:02}:10Z", 9 + minute / 60, minute % 60);
    sale(&format!("r{receipt}"), &at, &format!("{}.5", number * 31 % 190), 1)
}

#[tokio::test]
async fn rollups_equal_facts_before_and_after_upkeep_and_with_late_events() {
    in_every_shop(&[], async |shop| {
        shop.sell(shop.ours, &a_day()).await;
        shop.sell(shop.theirs, &a_day()[..7]).await;
        let mut answers = check(shop, shop.ours, "UTC", "fresh").await;
        shop.compact("2026-03-28T10:30:30Z").await;
        answers.extend(check(shop, shop.ours, "UTC", "half a day is closed").await);
        shop.compact("2026-04-01T00:00:00Z").await;
        answers.extend(check(shop, shop.ours, "UTC", "all is closed").await);
        shop.sell(
            shop.ours,
            &[
                sale("late", "2026-03-28T09:00:01Z", "1.5", 9),
                sale("earlier than all", "2026-03-27T23:00:00Z", "250", 1),
            ],
        )
        .await;
        answers.extend(check(shop, shop.ours, "UTC", "late events").await);
        shop.compact("2026-04-01T00:00:00Z").await;
        shop.compact("2026-04-01T00:00:00Z").await;
        answers.extend(check(shop, shop.ours, "UTC", "late events, upkeep twice").await);
        answers.extend(check(shop, shop.theirs, "UTC", "the other client").await);
        answers
    })
    .await;
}

#[tokio::test]
async fn a_client_without_data_has_no_buckets() {
    in_every_shop(&[], async |shop| {
        shop.sell(shop.ours, &a_day()).await;
        shop.compact("2026-04-01T00:00:00Z").await;
        let answers = check(shop, shop.theirs, "UTC", "no data").await;
        assert!(answers.is_empty());
        vec!["no buckets".to_owned()]
    })
    .await;
}

#[tokio::test]
async fn hours_and_days_are_those_of_the_clients_zone() {
    // Full hours, half and quarter hours, and a day of 23 hours in Berlin on 2026-03-29.
    for zone in ["Europe/Berlin", "Asia/Kolkata", "Asia/Kathmandu"] {
        in_every_shop_of(zone, &[], async |shop| {
            let mut sales = a_day();
            sales.push(sale("evening before", "2026-03-28T18:29:59Z", "10", 1));
            sales.push(sale("evening after", "2026-03-28T18:30:00Z", "20", 1));
            sales.push(sale("night", "2026-03-29T21:59:59Z", "30", 1));
            sales.push(sale("next night", "2026-03-29T22:00:00Z", "40", 1));
            shop.sell(shop.ours, &sales).await;
            let mut answers = check(shop, shop.ours, zone, "fresh").await;
            shop.compact("2026-04-01T00:00:00Z").await;
            answers.extend(check(shop, shop.ours, zone, "closed").await);
            answers
        })
        .await;
    }
}

#[tokio::test]
async fn a_batch_has_its_effect_once() {
    in_every_shop(&[], async |shop| {
        let id = Uuid::now_v7();
        let first = shop.sell_as(id, shop.ours, &a_day()).await;
        let again = shop.sell_as(id, shop.ours, &a_day()).await;
        assert_eq!((first.written, first.duplicate), (a_day().len(), false));
        assert_eq!((again.written, again.duplicate), (0, true));
        // The same id of another client is another batch.
        assert!(!shop.sell_as(id, shop.theirs, &a_day()).await.duplicate);
        check(shop, shop.ours, "UTC", "twice").await
    })
    .await;
}

#[tokio::test]
async fn batches_at_once_and_upkeep_meanwhile_lose_nothing() {
    in_every_shop(&[], async |shop| {
        let writers = (0..WRITERS).map(async |part| {
            let database = shop.connect();
            for sale in a_day().chunks(2).skip(part).step_by(WRITERS) {
                shop.sell_through(&database, shop.ours, sale).await.unwrap();
            }
        });
        let writers = futures::future::join_all(writers);
        shop.with_upkeep_until_done(writers).await;
        let answers = check(shop, shop.ours, "UTC", "at once").await;
        shop.compact("2026-04-01T00:00:00Z").await;
        check(shop, shop.ours, "UTC", "at once, then upkeep").await;
        answers
    })
    .await;
}

/// A batch that was mapped by the old definition must not commit after the new grouping was filled from the facts.
#[tokio::test]
async fn a_grouping_that_is_added_while_batches_come_has_no_hole() {
    in_every_shop(&[], async |shop| {
        let writers = (0..WRITERS).map(async |part| {
            let database = shop.connect();
            for sale in a_day().chunks(1).skip(part).step_by(WRITERS) {
                while let Err(error) = shop.sell_through(&database, shop.ours, sale).await {
                    assert!(matches!(error, Error::DefinitionChanged(_)), "{error}");
                }
            }
        });
        let replacement = async {
            // Some batches come before, most after.
            while shop.count().await < 5 {
                tokio::task::yield_now().await;
            }
            let (old, entity) = shop.with_grouping(shop.ours, "till").await;
            let written = definitions::replace_entity(&shop.database.owner, shop.ours, &old, &entity, Some(1));
            assert_eq!(written.await.unwrap(), definitions::Written::Stored(2));
        };
        tokio::join!(futures::future::join_all(writers), replacement);
        let mut answers = check(shop, shop.ours, "UTC", "till is a grouping now").await;
        shop.compact("2026-04-01T00:00:00Z").await;
        answers.extend(check(shop, shop.ours, "UTC", "and upkeep").await);
        answers
    })
    .await;
}

#[tokio::test]
async fn a_keyed_fact_replaces_the_one_before() {
    in_every_shop(&["receipt"], async |shop| {
        shop.sell(shop.ours, &a_day()).await;
        shop.sell(shop.theirs, &a_day()).await;
        shop.compact("2026-04-01T00:00:00Z").await;
        let mut answers = check(shop, shop.ours, "UTC", "before").await;
        // Another amount, another time, another group, and twice in one batch: the last one counts.
        let mut moved = sale("r7", "2026-03-30T01:02:03Z", "500", 3);
        moved["region"] = "west".into();
        shop.sell(
            shop.ours,
            &[
                sale("r5", "2026-03-28T09:15:05Z", "0.01", 1),
                sale("r6", "2026-03-28T09:18:06Z", "1", 1),
                sale("r6", "2026-03-28T09:18:06Z", "2", 2),
                moved,
            ],
        )
        .await;
        answers.extend(check(shop, shop.ours, "UTC", "corrected").await);
        shop.compact("2026-04-01T00:00:00Z").await;
        answers.extend(check(shop, shop.ours, "UTC", "corrected, upkeep").await);
        answers.extend(check(shop, shop.theirs, "UTC", "the other client's keys").await);
        assert_eq!(shop.count().await, a_day().len(), "no key twice");
        answers
    })
    .await;
}

#[tokio::test]
async fn concurrent_corrections_of_one_key_leave_one_fact() {
    in_every_shop(&["receipt"], async |shop| {
        let corrections = (0..12).map(async |number| {
            let sales = [
                sale("same", "2026-03-28T09:15:05Z", &number.to_string(), 1),
                sale(&format!("other {number}"), "2026-03-28T09:15:06Z", "1", 1),
            ];
            let written = shop.sell_through(&shop.connect(), shop.ours, &sales).await;
            written.unwrap();
        });
        futures::future::join_all(corrections).await;
        assert_eq!(shop.count().await, 13);
        check(shop, shop.ours, "UTC", "corrected at once").await;
        vec!["13".to_owned()]
    })
    .await;
}

/// What a correction deletes and what it recomputes are of one snapshot, whatever the upkeep moves in between.
#[tokio::test]
async fn corrections_during_upkeep_count_every_fact_once() {
    in_every_shop(&["receipt"], async |shop| {
        let writers = (0..WRITERS).map(async |number| {
            let database = shop.connect();
            for receipt in (number..60).step_by(WRITERS).chain(0..4) {
                let sales = [correction(receipt, number)];
                // One that loses too often against the upkeep goes back to the queue, which brings it again.
                while let Err(error) = shop.sell_through(&database, shop.ours, &sales).await {
                    assert!(error.is_conflict(), "{error}");
                }
            }
        });
        let writers = futures::future::join_all(writers);
        shop.with_upkeep_until_done(writers).await;
        assert_eq!(shop.count().await, 60);
        check(shop, shop.ours, "UTC", "corrected during upkeep").await;
        shop.compact("2026-04-01T00:00:00Z").await;
        check(shop, shop.ours, "UTC", "corrected during upkeep, then upkeep").await;
        // Which writer comes last differs from run to run; what is asked is compared with the facts above.
        vec!["60".to_owned()]
    })
    .await;
}

#[tokio::test]
async fn new_attributes_and_groupings_cover_old_facts() {
    in_every_shop(&[], async |shop| {
        shop.sell(shop.ours, &a_day()).await;
        shop.sell(shop.theirs, &a_day()[..9]).await;
        shop.compact("2026-03-28T11:00:00Z").await;
        let (old, entity) = shop.with_grouping(shop.ours, "till").await;
        let written = definitions::replace_entity(&shop.database.owner, shop.ours, &old, &entity, Some(1))
            .await
            .unwrap();
        assert_eq!(written, definitions::Written::Stored(2));
        let mut answers = check(shop, shop.ours, "UTC", "till is a grouping now").await;
        shop.sell(shop.ours, &[sale("after", "2026-03-28T09:00:01Z", "77", 1)])
            .await;
        shop.sell(shop.theirs, &[sale("theirs after", "2026-03-28T09:00:01Z", "78", 1)])
            .await;
        shop.compact("2026-04-01T00:00:00Z").await;
        answers.extend(check(shop, shop.ours, "UTC", "after").await);
        answers.extend(
            check(
                shop,
                shop.theirs,
                "UTC",
                "the other client still has the old definition",
            )
            .await,
        );
        answers
    })
    .await;
}

#[tokio::test]
async fn ready_made_values_have_their_views() {
    in_every_shop(&[], async |shop| {
        let known = shop.definitions(shop.ours).await;
        let placed = &known.placed["KpiValue"];
        let mapper = series::Mapper::new(placed.entity.clone());
        let event = |time: &str, value: f64| serde_json::json!({ "time": time, "kpi_code": "CHURN", "value": value });
        let events = [event("2026-03-28T09:00:01Z", 1.5), event("2026-03-28T09:00:59Z", 2.5), event("2026-03-28T10:00:00Z", 8.0)];
        let facts = events.iter().map(|event| mapper.json(at("2026-04-01T00:00:00Z"), &event.to_string()).unwrap());
        let batch = facts::batch::Batch::of(Uuid::now_v7(), facts);
        facts::ingest::ingest(&shop.database.app, shop.ours, placed, "test", &[batch], Effort::default()).await.unwrap();
        shop.compact("2026-04-01T00:00:00Z").await;
        let plain = shop.database.plain().await.unwrap();
        let mut answers = Vec::new();
        for level in ["minute", "quarter_hour", "hour", "quarter_day", "day"] {
            let sql = format!("SELECT format('%s %s %s %s %s %s', bucket, kpi_code, round(avg_value, 4), min_value, max_value, data_points) FROM kpi_data.kpi_values_{level} WHERE client_id = $1 ORDER BY bucket");
            answers.extend(plain.query(&sql, &[&shop.ours]).await.unwrap().iter().map(|row| row.get::<_, String>(0)));
        }
        assert_eq!(answers.len(), 8, "{answers:?}");
        assert!(answers[7].contains("CHURN 4.0000 1.5 8 3"), "{answers:?}");
        answers
    })
    .await;
}

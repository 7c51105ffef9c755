//! What happens to facts.

use serde_json::Value;
use tests::databases::servers;
use uuid::Uuid;

use super::oracle::check;
use super::shop::{Shop, at, sale};

/// A day of sales over three hours, with several facts to a minute, a sale on the edge of a bucket, one without an amount,
/// and hours without any.
fn a_day() -> Vec<Value> {
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

/// Runs a scenario on every server and holds the answers of all against those of the first.
async fn on_every_server<F: AsyncFn(&str) -> Vec<String>>(scenario: F) {
    let mut first: Option<Vec<String>> = None;
    for server in servers() {
        let answers = scenario(&server).await;
        assert!(!answers.is_empty(), "nothing was asked");
        match &first {
            None => first = Some(answers),
            Some(first) => assert_eq!(first, &answers, "{server} answers differently"),
        }
    }
}

#[tokio::test]
async fn rollups_equal_facts_before_and_after_upkeep_and_with_late_events() {
    on_every_server(async |server| {
        let shop = Shop::open(server, &[]).await;
        shop.sell(shop.ours, &a_day()).await;
        shop.sell(shop.theirs, &a_day()[..7]).await;
        let mut answers = check(&shop, shop.ours, "UTC", "fresh").await;
        shop.compact("2026-03-28T10:30:30Z").await;
        answers.extend(check(&shop, shop.ours, "UTC", "half a day is closed").await);
        shop.compact("2026-04-01T00:00:00Z").await;
        answers.extend(check(&shop, shop.ours, "UTC", "all is closed").await);
        shop.sell(
            shop.ours,
            &[
                sale("late", "2026-03-28T09:00:01Z", "1.5", 9),
                sale("earlier than all", "2026-03-27T23:00:00Z", "250", 1),
            ],
        )
        .await;
        answers.extend(check(&shop, shop.ours, "UTC", "late events").await);
        shop.compact("2026-04-01T00:00:00Z").await;
        shop.compact("2026-04-01T00:00:00Z").await;
        answers.extend(check(&shop, shop.ours, "UTC", "late events, upkeep twice").await);
        answers.extend(check(&shop, shop.theirs, "UTC", "the other client").await);
        shop.database.drop_it().await.unwrap();
        answers
    })
    .await;
}

#[tokio::test]
async fn a_client_without_data_has_no_buckets() {
    on_every_server(async |server| {
        let shop = Shop::open(server, &[]).await;
        shop.sell(shop.ours, &a_day()).await;
        shop.compact("2026-04-01T00:00:00Z").await;
        let answers = check(&shop, shop.theirs, "UTC", "no data").await;
        assert!(answers.is_empty());
        shop.database.drop_it().await.unwrap();
        vec!["no buckets".to_owned()]
    })
    .await;
}

#[tokio::test]
async fn days_are_those_of_the_clients_zone() {
    on_every_server(async |server| {
        let mut answers = Vec::new();
        // Full hours, half hours, and a day of 23 hours in Berlin on 2026-03-29.
        for zone in ["Europe/Berlin", "Asia/Kolkata"] {
            let shop = Shop::in_zone(server, &[], zone).await;
            let mut sales = a_day();
            sales.push(sale("evening before", "2026-03-28T18:29:59Z", "10", 1));
            sales.push(sale("evening after", "2026-03-28T18:30:00Z", "20", 1));
            sales.push(sale("night", "2026-03-29T21:59:59Z", "30", 1));
            sales.push(sale("next night", "2026-03-29T22:00:00Z", "40", 1));
            shop.sell(shop.ours, &sales).await;
            answers.extend(check(&shop, shop.ours, zone, "fresh").await);
            shop.compact("2026-04-01T00:00:00Z").await;
            answers.extend(check(&shop, shop.ours, zone, "closed").await);
            shop.database.drop_it().await.unwrap();
        }
        answers
    })
    .await;
}

#[tokio::test]
async fn a_batch_has_its_effect_once() {
    on_every_server(async |server| {
        let shop = Shop::open(server, &[]).await;
        let id = Uuid::now_v7();
        let first = shop.sell_as(id, shop.ours, &a_day()).await;
        let again = shop.sell_as(id, shop.ours, &a_day()).await;
        assert_eq!((first.written, first.duplicate), (a_day().len(), false));
        assert_eq!((again.written, again.duplicate), (0, true));
        // The same id of another client is another batch.
        assert!(!shop.sell_as(id, shop.theirs, &a_day()).await.duplicate);
        let answers = check(&shop, shop.ours, "UTC", "twice").await;
        shop.database.drop_it().await.unwrap();
        answers
    })
    .await;
}

#[tokio::test]
async fn batches_at_once_and_upkeep_meanwhile_lose_nothing() {
    on_every_server(async |server| {
        let shop = Shop::open(server, &[]).await;
        let one_after_another = |part: usize| {
            let shop = &shop;
            async move {
                let pool = tests::databases::connect(&shop.database.url).await;
                drop(pool);
                for sale in a_day().chunks(8).skip(part).step_by(2) {
                    shop.sell(shop.ours, sale).await;
                }
            }
        };
        let upkeep = async {
            for _ in 0..6 {
                shop.compact("2026-04-01T00:00:00Z").await;
            }
        };
        tokio::join!(one_after_another(0), one_after_another(1), upkeep);
        let answers = check(&shop, shop.ours, "UTC", "at once").await;
        shop.compact("2026-04-01T00:00:00Z").await;
        check(&shop, shop.ours, "UTC", "at once, then upkeep").await;
        shop.database.drop_it().await.unwrap();
        answers
    })
    .await;
}

#[tokio::test]
async fn a_keyed_fact_replaces_the_one_before() {
    on_every_server(async |server| {
        let shop = Shop::open(server, &["receipt"]).await;
        shop.sell(shop.ours, &a_day()).await;
        shop.sell(shop.theirs, &a_day()).await;
        shop.compact("2026-04-01T00:00:00Z").await;
        let mut answers = check(&shop, shop.ours, "UTC", "before").await;
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
        answers.extend(check(&shop, shop.ours, "UTC", "corrected").await);
        shop.compact("2026-04-01T00:00:00Z").await;
        answers.extend(check(&shop, shop.ours, "UTC", "corrected, upkeep").await);
        answers.extend(check(&shop, shop.theirs, "UTC", "the other client's keys").await);
        let plain = shop.database.plain().await.unwrap();
        let count: i64 = plain
            .query_one(
                "SELECT count(*) FROM shop_data.sale WHERE client_id = $1",
                &[&shop.ours],
            )
            .await
            .unwrap()
            .get(0);
        assert_eq!(count, i64::try_from(a_day().len()).unwrap(), "no key twice");
        shop.database.drop_it().await.unwrap();
        answers
    })
    .await;
}

#[tokio::test]
async fn concurrent_corrections_of_one_key_leave_one_fact() {
    on_every_server(async |server| {
        let shop = Shop::open(server, &["receipt"]).await;
        let corrections = (0..12).map(|number| {
            let shop = &shop;
            async move {
                shop.sell(
                    shop.ours,
                    &[
                        sale("same", "2026-03-28T09:15:05Z", &number.to_string(), 1),
                        sale(&format!("other {number}"), "2026-03-28T09:15:06Z", "1", 1),
                    ],
                )
                .await
            }
        });
        futures::future::join_all(corrections).await;
        let plain = shop.database.plain().await.unwrap();
        let count: i64 = plain
            .query_one(
                "SELECT count(*) FROM shop_data.sale WHERE client_id = $1",
                &[&shop.ours],
            )
            .await
            .unwrap()
            .get(0);
        assert_eq!(count, 13);
        check(&shop, shop.ours, "UTC", "corrected at once").await;
        shop.database.drop_it().await.unwrap();
        vec!["13".to_owned()]
    })
    .await;
}

#[tokio::test]
async fn new_attributes_and_groupings_cover_old_facts() {
    on_every_server(async |server| {
        let shop = Shop::open(server, &[]).await;
        shop.sell(shop.ours, &a_day()).await;
        shop.sell(shop.theirs, &a_day()[..9]).await;
        shop.compact("2026-03-28T11:00:00Z").await;
        let mut known = shop.definitions(shop.ours).await;
        let old = known.placed["Sale"].clone();
        let mut definition = old.entity.definition().clone();
        definition
            .attributes
            .push(serde_json::from_value(serde_json::json!({ "name": "discount", "type": "decimal" })).unwrap());
        definition
            .groupings
            .push(serde_json::from_value(serde_json::json!({ "dimensions": ["till"] })).unwrap());
        let entity = known.catalog.replace_entity(definition).unwrap();
        let written = database::definitions::replace_entity(&shop.database.owner, shop.ours, &old, &entity, Some(1))
            .await
            .unwrap();
        assert_eq!(written, database::definitions::Written::Stored(2));
        let mut answers = check(&shop, shop.ours, "UTC", "till is a grouping now").await;
        shop.sell(shop.ours, &[sale("after", "2026-03-28T09:00:01Z", "77", 1)])
            .await;
        shop.sell(shop.theirs, &[sale("theirs after", "2026-03-28T09:00:01Z", "78", 1)])
            .await;
        shop.compact("2026-04-01T00:00:00Z").await;
        answers.extend(check(&shop, shop.ours, "UTC", "after").await);
        answers.extend(
            check(
                &shop,
                shop.theirs,
                "UTC",
                "the other client still has the old definition",
            )
            .await,
        );
        shop.database.drop_it().await.unwrap();
        answers
    })
    .await;
}

#[tokio::test]
async fn ready_made_values_have_their_views() {
    on_every_server(async |server| {
        let shop = Shop::open(server, &[]).await;
        let definitions = shop.definitions(shop.ours).await;
        let placed = &definitions.placed["KpiValue"];
        let mapper = series::Mapper::new(placed.entity.clone());
        let event = |time: &str, value: f64| serde_json::json!({ "time": time, "kpi_code": "CHURN", "value": value });
        let events = [event("2026-03-28T09:00:01Z", 1.5), event("2026-03-28T09:00:59Z", 2.5), event("2026-03-28T10:00:00Z", 8.0)];
        let facts = events.iter().map(|event| mapper.json(at("2026-04-01T00:00:00Z"), &event.to_string()).unwrap()).collect();
        let batch = database::ingest::Batch { id: Uuid::now_v7(), facts, rejects: Vec::new() };
        database::ingest::ingest(&shop.database.app, shop.ours, placed, "test", &[batch]).await.unwrap();
        shop.compact("2026-04-01T00:00:00Z").await;
        let plain = shop.database.plain().await.unwrap();
        let mut answers = Vec::new();
        for level in ["minute", "hour", "day"] {
            let sql = format!("SELECT format('%s %s %s %s %s %s', bucket, kpi_code, round(avg_value, 4), min_value, max_value, data_points) FROM kpi_data.kpi_values_{level} WHERE client_id = $1 ORDER BY bucket");
            answers.extend(plain.query(&sql, &[&shop.ours]).await.unwrap().iter().map(|row| row.get::<_, String>(0)));
        }
        assert_eq!(answers.len(), 5, "{answers:?}");
        assert!(answers[4].contains("CHURN 4.0000 1.5 8 3"), "{answers:?}");
        shop.database.drop_it().await.unwrap();
        answers
    })
    .await;
}

//! Where clients are: they move without a number that is lost, doubled or changed, and nothing is left of one that goes.

use std::time::Duration;

use catalog::Level;
use database::{Database, Error, Scope};
use facts::relocate::relocate;
use facts::volume::{Volume, add_volume};
use records::client_removal::{self, TABLES};
use tests::databases::servers;
use uuid::Uuid;

use super::oracle::check;
use super::scenarios::{a_day, in_every_shop};
use super::shop::{Shop, sale};

/// The facts under the names of their attributes, wherever they are.
const SALES_OF_BOTH: &str = "CREATE OR REPLACE VIEW shop_data.sale AS
    SELECT f.client_id, f.time, f.t1 AS receipt, f.t2 AS region, f.n1::bigint AS till, f.n2 AS amount, f.n3::bigint AS items, f.f1 AS big
    FROM (SELECT 'volume_1' AS volume, * FROM volume_1.facts UNION ALL SELECT 'volume_2', * FROM volume_2.facts) f
    JOIN core.entities e ON e.client_id = f.client_id AND e.id = f.entity_id AND e.volume = f.volume AND e.code = 'Sale'";

impl Shop {
    async fn second_volume(&self) -> Volume {
        let add = self.database.owner.transaction_in(Scope::default(), async |session| {
            add_volume(session, Some(self.ours)).await
        });
        let volume = add.await.unwrap();
        self.database
            .plain()
            .await
            .unwrap()
            .batch_execute(SALES_OF_BOTH)
            .await
            .unwrap();
        volume
    }

    async fn move_sales(&self, database: &Database, to: &Volume) -> Result<(), Error> {
        let placed = self.definitions(self.ours).await.placed["Sale"].clone();
        relocate(database, self.ours, &placed, to).await
    }

    /// Rows of a client in the tables of a volume.
    async fn rows_of(&self, client: Uuid, volume: &Volume) -> i64 {
        let edition = self.database.app.session().await.unwrap().edition().await.unwrap();
        let plain = self.database.plain().await.unwrap();
        let mut rows = 0;
        let mut tables = volume.tables(edition);
        tables.extend(Level::ALL.map(|level| volume.rollup(level)));
        for table in tables {
            let sql = format!("SELECT count(*) FROM {table} WHERE client_id = $1");
            rows += plain.query_one(&sql, &[&client]).await.unwrap().get::<_, i64>(0);
        }
        rows
    }
}

#[tokio::test]
async fn a_client_moves_while_it_writes_and_every_number_stays() {
    for key in [&[][..], &["receipt"]] {
        in_every_shop(key, async |shop| {
            let second = shop.second_volume().await;
            shop.sell(shop.ours, &a_day()).await;
            shop.sell(shop.theirs, &a_day()).await;
            shop.compact("2026-03-28T11:00:00Z").await;
            let mover = Database::new(&shop.database.url, "analytics_owner").unwrap();
            // Cut off wherever it is just then: it is as if nothing had been.
            for milliseconds in [1, 5, 15, 30] {
                let cut_off =
                    tokio::time::timeout(Duration::from_millis(milliseconds), shop.move_sales(&mover, &second)).await;
                check(
                    shop,
                    shop.ours,
                    "UTC",
                    &format!("cut off after {milliseconds} ms: {}", cut_off.is_err()),
                )
                .await;
            }
            let writers = (0..4).map(async |writer| {
                let database = shop.connect();
                for number in 0..10 {
                    let at = format!("2026-03-28T{:02}:{number:02}:30Z", 8 + writer);
                    let sales = [sale(&format!("w{writer} {number}"), &at, "5", 1)];
                    while let Err(error) = shop.sell_through(&database, shop.ours, &sales).await {
                        assert!(
                            matches!(error, Error::DefinitionChanged(_)) || error.is_conflict(),
                            "{error}"
                        );
                    }
                }
            });
            let moves = async {
                for volume in [&second, &Volume::named("volume_1"), &second] {
                    while let Err(error) = shop.move_sales(&mover, volume).await {
                        assert!(matches!(error, Error::DefinitionChanged(_)), "{error}");
                    }
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            };
            tokio::join!(futures::future::join_all(writers), moves);
            assert_eq!(shop.count().await, a_day().len() + 40);
            let mut answers = check(shop, shop.ours, "UTC", "after all moves").await;
            answers.extend(check(shop, shop.theirs, "UTC", "the other client, who stays").await);
            assert_eq!(shop.rows_of(shop.theirs, &second).await, 0);

            // Who still reads where it was has some time; then nothing is left there.
            let first = Volume::named("volume_1");
            assert!(shop.rows_of(shop.ours, &first).await > 0);
            let later = "2099-01-01T00:00:00Z";
            shop.compact(later).await;
            shop.compact(later).await;
            // The built-in entity stays where it is, and has no facts.
            assert_eq!(shop.rows_of(shop.ours, &first).await, 0);
            check(shop, shop.ours, "UTC", "cleared").await;
            answers
        })
        .await;
    }
}

#[tokio::test]
async fn nothing_is_left_of_a_client_that_is_removed() {
    for server in servers() {
        let shop = Shop::open(&server, "UTC", &["receipt"]).await;
        let second = shop.second_volume().await;
        for client in [shop.ours, shop.theirs] {
            shop.sell(client, &a_day()).await;
            shop.sell(client, &[sale("r5", "2026-03-28T09:15:05Z", "1", 1)]).await;
        }
        shop.compact("2026-04-01T00:00:00Z").await;
        shop.move_sales(&shop.database.owner, &second).await.unwrap();
        let before = check(&shop, shop.theirs, "UTC", "before").await;
        let other_name = client_removal::remove(&shop.database.owner, shop.ours, "theirs")
            .await
            .unwrap();
        assert!(!other_name && shop.count().await > 0);
        assert!(
            client_removal::remove(&shop.database.owner, shop.ours, "ours")
                .await
                .unwrap()
        );

        // Aggregates go with the next refresh (Community edition).
        shop.compact("2026-04-01T00:00:00Z").await;
        for volume in [&second, &Volume::named("volume_1")] {
            assert_eq!(shop.rows_of(shop.ours, volume).await, 0, "{volume:?}");
        }
        let plain = shop.database.plain().await.unwrap();
        let sql = "SELECT c.relname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
            WHERE c.relnamespace = 'core'::regnamespace AND a.attname = 'client_id' AND c.relkind = 'r'";
        for table in plain.query(sql, &[]).await.unwrap() {
            let table: String = table.get(0);
            let count = format!("SELECT count(*) FROM core.{table} WHERE client_id = $1");
            let left: i64 = plain.query_one(&count, &[&shop.ours]).await.unwrap().get(0);
            assert_eq!(left, 0, "{table}");
            assert!(
                table == "volumes" || TABLES.contains(&table.as_str()),
                "{table} is in no list of what goes"
            );
        }
        assert_eq!(
            check(&shop, shop.theirs, "UTC", "before").await,
            before,
            "the other client"
        );
        shop.database.drop_it().await.unwrap();
    }
}

//! Databases of earlier versions: what was asked before is answered alike after the migration.

use tests::databases::servers;

use super::oracle::check;
use super::shop::{Shop, sale};

/// A continuous aggregate, as the entities of before had them on the Community edition.
const AGGREGATE: &str = "SET ROLE analytics_owner;
    CREATE MATERIALIZED VIEW shop_data.sale__total_minute WITH (timescaledb.continuous) AS
    SELECT client_id, time_bucket('1 minute', bucket) AS bucket, sum(facts) AS facts FROM shop_data.sale__total_partials GROUP BY 1, 2 WITH NO DATA;
    RESET ROLE";

#[tokio::test]
async fn facts_of_shared_tables_are_brought_over() {
    for server in servers() {
        for key in [&[][..], &["receipt"]] {
            let shop = Shop::of_earlier(&server, key, AGGREGATE).await;
            assert_eq!(shop.count().await, 200, "{key:?}");
            check(&shop, shop.ours, "UTC", "brought over").await;
            check(&shop, shop.theirs, "UTC", "brought over, theirs").await;
            // A sale of before: with a key it is replaced.
            shop.sell(shop.ours, &[sale("r5", "2026-03-28T08:08:12Z", "0.01", 1)])
                .await;
            assert_eq!(shop.count().await, if key.is_empty() { 201 } else { 200 }, "{key:?}");
            check(&shop, shop.ours, "UTC", "and goes on").await;
            shop.compact("2026-04-01T00:00:00Z").await;
            check(&shop, shop.ours, "UTC", "upkeep").await;

            let plain = shop.database.plain().await.unwrap();
            let left =
                "SELECT n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                WHERE c.relname LIKE 'sale\\_%' OR (n.nspname = 'shop_data' AND c.relkind <> 'v')";
            assert_eq!(
                plain.query(left, &[]).await.unwrap().len(),
                0,
                "nothing is left of before"
            );
            let values = "SELECT avg_value::text || ' ' || data_points FROM kpi_data.kpi_values_minute";
            let values = plain.query_one(values, &[]).await.unwrap();
            assert!(values.get::<_, String>(0).starts_with("2.0") && values.get::<_, String>(0).ends_with(" 2"));
            let versions = "SELECT string_agg(DISTINCT kind || ' ' || code || ' ' || number || ' ' || change, ', ') FROM core.definition_versions WHERE kind = 'entity'";
            let versions = plain.query_one(versions, &[]).await.unwrap();
            assert_eq!(
                versions.get::<_, String>(0),
                "entity KpiValue 1 found, entity Sale 1 found"
            );
            assert_eq!(shop.database.migrate().await.unwrap().len(), 0, "once");
            shop.database.drop_it().await.unwrap();
        }
    }
}

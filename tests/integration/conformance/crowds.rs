//! Too many groups: a grouping that has them is kept no longer, and an answer that is too large is refused while it is read.

use std::time::{Duration, Instant};

use answer::AskError;
use catalog::{GroupingDefinition, Period};
use facts::Placed;
use facts::groups::{self, MAX_GROUPS};
use facts::read::MAX_READ_BYTES;
use records::definitions::{self, Written};
use series::Request;
use series::plan::Filter;

use super::scenarios::in_every_shop;
use super::shop::{Shop, range, sale};

/// Bytes of a region's name, as long as a dimension's value may be.
const LONG: usize = 512;

/// Partials of so many regions, as batches would have brought them: client, entity, grouping, regions and length are the parameters.
const REGIONS: &str =
    "INSERT INTO volume_1.partials (client_id, entity_id, grouping_id, page, bucket, batch_number, facts, dimensions)
    SELECT $1, $2, $3, 0, '2026-03-28T09:00:00Z', 1, 1, ARRAY[lpad(n::text, $5, '0')] FROM generate_series(1, $4) AS n";

impl Shop {
    /// Sells once in each of so many regions, on one day.
    async fn sell_in(&self, regions: usize) {
        let sale = |number: usize| {
            let mut sale = sale(&format!("r{number}"), "2026-03-28T09:00:00Z", "5", 1);
            sale["region"] = number.to_string().into();
            sale
        };
        for from in (0..regions).step_by(1_000) {
            let sales: Vec<_> = (from..regions.min(from + 1_000)).map(sale).collect();
            self.sell(self.ours, &sales).await;
        }
    }

    /// Gives the stopped groupings up and adds the one by region anew, once nothing is left of what they were.
    async fn bring_back(&self) {
        self.compact("2099-01-01T00:00:00Z").await;
        let old = self.definitions(self.ours).await.placed["Sale"].clone();
        assert_eq!(self.stopped_rows(&old).await, 0);
        let given_up = definitions::give_up_groupings(&self.database.app, self.ours, &old).await;
        assert_eq!(given_up.unwrap(), Written::Stored(2));
        let mut known = self.definitions(self.ours).await;
        let old = known.placed["Sale"].clone();
        assert_eq!(old.entity.groupings().len(), 2);
        let mut definition = old.entity.definition().clone();
        let by_region = GroupingDefinition::by_minute(["region"]);
        definition.groupings.push(by_region.clone());
        let entity = known.catalog.replace_entity(definition).unwrap();
        let written = definitions::replace_entity(&self.database.app, self.ours, &old, &entity, None).await;
        assert_eq!(written.unwrap(), Written::Stored(3));
        let until = Instant::now() + Duration::from_secs(120);
        let worked = self.work_until(&self.database.owner, until).await.unwrap();
        assert_eq!(worked.filled, 1);
        let placed = self.definitions(self.ours).await.placed["Sale"].clone();
        assert!(
            placed.place.layout.grouping_id(&by_region).unwrap() > 3,
            "a number of its own"
        );
        let answer = self.sales_by_region().await.unwrap();
        assert!(!answer.plan[0].raw);
        assert!(answer.points.values().map(|point| point.facts).sum::<i64>() > MAX_GROUPS);
    }

    /// Rows of the groupings by region in the tables of rollups.
    async fn stopped_rows(&self, placed: &Placed) -> i64 {
        let edition = self.database.app.session().await.unwrap().edition().await.unwrap();
        let plain = self.database.plain().await.unwrap();
        let mut rows = 0;
        for table in placed.place.volume.rollups(edition) {
            let sql = format!("SELECT count(*) FROM {table} WHERE entity_id = $1 AND grouping_id IN (2, 3)");
            rows += plain
                .query_one(&sql, &[&placed.place.id])
                .await
                .unwrap()
                .get::<_, i64>(0);
        }
        rows
    }

    async fn sales_by_region(&self) -> Result<answer::Answer, AskError> {
        let definitions = self.definitions(self.ours).await;
        let request = Request {
            kpi: definitions.catalog.kpi("SALES").unwrap(),
            period: Period::Day,
            range: range(),
            filter: &Filter::new(),
            by: &["region".to_owned()],
            now: jiff::Timestamp::MAX,
        };
        answer::ask(
            &self.database.app,
            self.ours,
            &definitions,
            &definitions.calendar,
            &request,
        )
        .await
    }
}

#[tokio::test]
async fn a_grouping_of_too_many_groups_is_kept_no_longer_and_answered_from_the_facts() {
    for key in [&[][..], &["receipt"]] {
        in_every_shop(key, async |shop| {
            let most = usize::try_from(MAX_GROUPS).unwrap();
            shop.sell_in(most + 1).await;
            assert!(!shop.sales_by_region().await.unwrap().plan[0].raw);
            shop.compact("2026-04-01T00:00:00Z").await;
            let stopped = groups::stopped(&shop.database.app, shop.ours).await.unwrap();
            // By region, and by region and whether it was big.
            assert_eq!(stopped.len(), 2, "{stopped:?}");
            assert!(
                stopped.iter().all(|stopped| stopped.groups == MAX_GROUPS + 1),
                "{stopped:?}"
            );
            let answer = shop.sales_by_region().await.unwrap();
            assert!(answer.plan[0].raw);
            assert_eq!(answer.points.len(), most + 1);

            // Once nobody can be reading them batches bring them no more, and everything is answered all the same.
            shop.compact("2099-01-01T00:00:00Z").await;
            assert_eq!(shop.definitions(shop.ours).await.placed["Sale"].kept().count(), 2);
            shop.sell(shop.ours, &[sale("r5", "2026-03-28T09:00:00Z", "7", 1)])
                .await;
            let facts: i64 = shop
                .sales_by_region()
                .await
                .unwrap()
                .points
                .values()
                .map(|point| point.facts)
                .sum();
            assert_eq!(facts, MAX_GROUPS + if key.is_empty() { 2 } else { 1 });
            shop.bring_back().await;
            vec![facts.to_string()]
        })
        .await;
    }
}

#[tokio::test]
async fn an_answer_that_is_too_large_is_refused_while_it_is_read() {
    in_every_shop(&[], async |shop| {
        let place = shop.definitions(shop.ours).await.placed["Sale"].place.clone();
        let by_region = place
            .layout
            .grouping_id(&GroupingDefinition::by_minute(["region"]))
            .unwrap();
        let (regions, length) = (
            i32::try_from(MAX_READ_BYTES / LONG).unwrap(),
            i32::try_from(LONG).unwrap(),
        );
        let plain = shop.database.plain().await.unwrap();
        plain
            .execute(REGIONS, &[&shop.ours, &place.id, &by_region, &regions, &length])
            .await
            .unwrap();
        let refused = shop.sales_by_region().await.err();
        assert!(
            matches!(&refused, Some(AskError::Refused(why)) if why.contains("64 MiB")),
            "{refused:?}"
        );
        // The connection goes on.
        assert_eq!(shop.definitions(shop.ours).await.placed.len(), 2);
        vec!["refused".to_owned()]
    })
    .await;
}

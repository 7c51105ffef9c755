//! Upkeep of many clients at once, and facts of far times.

use std::time::Instant;

use catalog::Level;
use database::Edition;
use facts::compact;
use jiff::SignedDuration;
use series::Range;
use series::plan::Filter;

use super::scenarios::in_every_shop;
use super::shop::{Shop, at, range, sale};

impl Shop {
    async fn by_client(&self, code: &str, range: Range) -> Vec<String> {
        let mut values = Vec::new();
        for client in [self.ours, self.theirs] {
            let points = self.ask(client, code, Level::Day, range, &Filter::new(), &[]).await;
            let told = points.into_values().filter(|point| point.facts > 0);
            values.extend(told.map(|point| format!("{} of {}", point.value.unwrap_or_default(), point.facts)));
        }
        values
    }
}

#[tokio::test]
async fn what_a_run_does_not_reach_the_next_one_does() {
    in_every_shop(&[], async |shop| {
        for (client, receipt) in [(shop.ours, "r1"), (shop.theirs, "r2"), (shop.ours, "r3")] {
            shop.sell(client, &[sale(receipt, "2026-03-28T09:00:00Z", "5", 1)])
                .await;
        }
        let (owner, now) = (&shop.database.owner, at("2026-04-01T00:00:00Z"));
        let before = shop.by_client("SALES", range()).await;
        let is_apache = owner.session().await.unwrap().edition().await.unwrap() == Edition::Apache;
        let cut_off = compact::run_until(owner, now, Instant::now()).await.unwrap();
        if is_apache {
            assert_eq!((cut_off.moved, cut_off.left), (0, 2), "an entity of each client waits");
        }
        assert_eq!(shop.by_client("SALES", range()).await, before);
        let whole = compact::run(owner, now).await.unwrap();
        assert_eq!(whole.left, 0);
        assert!(!is_apache || whole.moved > 0);
        assert_eq!(
            compact::run(owner, now).await.unwrap().moved,
            0,
            "there is nothing left"
        );
        let after = shop.by_client("SALES", range()).await;
        assert_eq!(after, before);
        after
    })
    .await;
}

#[tokio::test]
async fn a_fact_is_replaced_by_its_key_wherever_it_was_in_time() {
    in_every_shop(&["receipt"], async |shop| {
        let times = ["1995-06-01T10:00:00Z", "2010-06-01T10:00:00Z", "2026-03-28T10:00:00Z"];
        for (number, time) in times.into_iter().enumerate() {
            shop.sell(shop.ours, &[sale(&format!("r{number}"), time, "5", 1)]).await;
        }
        shop.sell(shop.theirs, &[sale("r0", times[0], "7", 1)]).await;
        shop.compact("2026-04-01T00:00:00Z").await;
        // Each goes to where another one was.
        let moved: Vec<_> = (0..3)
            .map(|number| sale(&format!("r{number}"), times[(number + 1) % 3], "9", 1))
            .collect();
        shop.sell(shop.ours, &moved).await;
        shop.compact("2026-04-01T00:00:00Z").await;
        let mut revenue = Vec::new();
        for time in times {
            let from = at(time);
            let day = Range {
                from,
                to: from + SignedDuration::from_hours(1),
            };
            revenue.extend(shop.by_client("REVENUE", day).await);
        }
        // Ours on each of the days, theirs on the first.
        assert_eq!(revenue, ["9 of 1", "7 of 1", "9 of 1", "9 of 1"]);
        revenue
    })
    .await;
}

//! Questions that sketches answer: under windows and folds, filtered to few groups of many, and with more to read than one statement may.

use std::collections::{BTreeMap, BTreeSet};

use catalog::{KpiDefinition, Mode, Period, SketchKind};
use formula::{Arithmetic, Number};
use jiff::{SignedDuration, Timestamp};
use records::definitions;
use series::Request;
use series::plan::Filter;
use series::sketch::{Seen, Sketch};

use super::changes::sell;
use super::fillings::many;
use super::scenarios::{a_day, in_every_shop};
use super::shop::{Shop, at, range, sale};

const A_DAY: SignedDuration = SignedDuration::from_hours(24);

/// More different values than rows are read in one statement.
const TOO_MANY: i64 = 510_000;

impl Shop {
    async fn approximately(&self, code: &str, formula: &str) {
        let kpi = KpiDefinition {
            formula: formula.to_owned(),
            mode: Mode::Approximate,
            ..KpiDefinition::named(code, code)
        };
        let created = definitions::create_kpi(&self.database.app, self.ours, &kpi).await;
        created.unwrap();
    }

    /// Sketches of the receipts and amounts of some days, made here of what plain SQL has of the facts.
    async fn made(&self, kind: SketchKind, [from, to]: [Timestamp; 2]) -> Option<Sketch> {
        let value = match kind {
            SketchKind::Percentiles => "trim_scale(amount)::text",
            SketchKind::Distinct => "receipt",
        };
        let sql = format!(
            "SELECT {value}, count(*) FROM shop_data.sale WHERE client_id = $1 AND time >= $2 AND time < $3 AND {value} IS NOT NULL GROUP BY 1"
        );
        let plain = self.database.plain().await.unwrap();
        let mut sketch = None;
        for row in plain.query(&sql, &[&self.ours, &from, &to]).await.unwrap() {
            let seen = Seen::of(kind, row.get(0), row.get(1)).unwrap();
            sketch.get_or_insert_with(|| Sketch::empty(kind)).add(&seen);
        }
        sketch
    }

    /// The value of the first measure of a KPI over some days.
    async fn value_of(&self, code: &str, kind: SketchKind, days: [Timestamp; 2]) -> Option<Number> {
        let definitions = self.definitions(self.ours).await;
        let measure = &definitions.catalog.kpi(code).unwrap().formula.measures[0];
        self.made(kind, days).await?.value(measure)
    }

    /// What the answer to a KPI by day, or by month, has as values, where there are facts.
    async fn values(&self, code: &str, period: Period) -> BTreeMap<Timestamp, Option<Number>> {
        let points = self.ask(self.ours, code, period, range(), &Filter::new(), &[]).await;
        let counted = points.into_iter().filter(|(_, point)| point.facts > 0);
        counted.map(|((bucket, _), point)| (bucket, point.value)).collect()
    }
}

#[tokio::test]
async fn windows_and_folds_are_of_sketches_too() {
    in_every_shop(&[], async |shop| {
        shop.declare().await;
        sell(shop, &many()).await;
        sell(shop, &a_day()).await;
        for (code, formula) in [
            ("ROLLED", "ROLLING(MEDIAN(Sale.amount), 3)"),
            ("SO_FAR", "TO_DATE(COUNT(DISTINCT Sale.receipt), MONTH)"),
            ("PER_DAY", "AVG_PER(MEDIAN(Sale.amount), DAY)"),
        ] {
            shop.approximately(code, formula).await;
        }
        let mut answers = Vec::new();
        for made in ["as batches brought them", "made anew"] {
            if made == "made anew" {
                shop.made_anew(&shop.database.owner).await;
            }
            for (code, kind) in [
                ("ROLLED", SketchKind::Percentiles),
                ("SO_FAR", SketchKind::Distinct),
                ("PER_DAY", SketchKind::Percentiles),
            ] {
                let told = shop.told(code, Period::Day).await;
                assert!(told.iter().all(|told| told.from == Ok(kind)), "{made}: {told:?}");
            }
            let rolled = shop.values("ROLLED", Period::Day).await;
            assert!(rolled.len() >= 5, "{made}: {rolled:?}");
            for (day, value) in &rolled {
                let days = [*day - A_DAY * 2, *day + A_DAY];
                let expected = shop.value_of("ROLLED", SketchKind::Percentiles, days).await;
                assert_eq!(*value, expected.map(|value| value.answered()), "{made}: {day}");
            }
            let so_far = shop.values("SO_FAR", Period::Day).await;
            assert!(so_far.len() >= 4, "{made}: {so_far:?}");
            for (day, value) in &so_far {
                let month: Timestamp = format!("{}-01T00:00:00Z", &day.to_string()[..7]).parse().unwrap();
                let expected = shop
                    .value_of("SO_FAR", SketchKind::Distinct, [month, *day + A_DAY])
                    .await;
                assert_eq!(*value, expected.map(|value| value.answered()), "{made}: {day}");
            }
            let per_day = shop.values("PER_DAY", Period::Month).await;
            assert!(!per_day.is_empty());
            for (month, value) in &per_day {
                let (mut sum, mut days) = (Number::from(0), 0);
                for day in 0..31 {
                    let from = *month + A_DAY * day;
                    let is_mine = from.to_string()[..7] == month.to_string()[..7];
                    let of_day = shop
                        .value_of("PER_DAY", SketchKind::Percentiles, [from, from + A_DAY])
                        .await;
                    if let Some(of_day) = of_day.filter(|_| is_mine) {
                        sum = sum.calculate(Arithmetic::Add, &of_day).unwrap();
                        days += 1;
                    }
                }
                let mean = sum.calculate(Arithmetic::Divide, &Number::from(days));
                assert_eq!(*value, mean.map(|value| value.answered()), "{made}: {month}");
            }
            answers.push(format!("{rolled:?} {so_far:?} {per_day:?}"));
        }
        answers
    })
    .await;
}

/// What the database passes over is what the answer would leave out: whichever dimensions of a grouping are filtered on, whatever else is asked, and where hours are read
/// one by one.
#[tokio::test]
async fn filters_find_the_groups_that_they_mean() {
    in_every_shop(&[], async |shop| {
        shop.declare().await;
        sell(shop, &a_day()).await;
        let mut answers = Vec::new();
        for made in [false, true] {
            if made {
                shop.made_anew(&shop.database.owner).await;
                sell(shop, &[sale("late", "2026-03-28T10:10:00Z", "12", 1)]).await;
            }
            for (filters, sql) in [
                (vec![("region", vec!["north"])], "region = 'north'"),
                (vec![("region", vec!["north", "south"])], "region IN ('north', 'south')"),
                (vec![("region", vec!["nowhere\0"])], "false"),
                (vec![("region", vec!["north", ""])], "(region IS NULL OR region = 'north')"),
                (vec![("big", vec!["true"]), ("region", vec!["south"])], "big AND region = 'south'"),
                (vec![("big", vec!["false", ""]), ("region", vec!["it's", "south"])], "big IS NOT TRUE AND region = 'south'"),
            ] {
                let filter: Filter = filters
                    .iter()
                    .map(|(name, values)| ((*name).to_owned(), values.iter().map(|value| (*value).to_owned()).collect::<BTreeSet<_>>()))
                    .collect();
                for period in [Period::Hour, Period::Day] {
                    let points = shop.ask(shop.ours, "RECEIPTS", period, range(), &filter, &[]).await;
                    let told: BTreeMap<Timestamp, Number> =
                        points.into_iter().map(|((bucket, _), point)| (bucket, point.value.unwrap())).collect();
                    // So few are told as they are.
                    let sql = format!(
                        "SELECT date_trunc('{}', time, 'UTC'), count(DISTINCT receipt) FROM shop_data.sale WHERE client_id = $1 AND {sql} GROUP BY 1",
                        period.name()
                    );
                    let plain = shop.database.plain().await.unwrap();
                    let rows = plain.query(&sql, &[&shop.ours]).await.unwrap();
                    let expected: BTreeMap<Timestamp, Number> =
                        rows.iter().map(|row| (row.get(0), Number::from(row.get::<_, i64>(1)))).collect();
                    assert_eq!(told, expected, "{filter:?} by {period}, made: {made}");
                    answers.push(format!("{told:?}"));
                }
            }
        }
        answers
    })
    .await;
}

/// Hours without sketches may have more facts than one statement reads: then the answer is exact, and says so.
#[tokio::test]
async fn what_is_too_much_to_read_is_exact_and_says_why() {
    in_every_shop(&[], async |shop| {
        shop.declare().await;
        sell(shop, &a_day()[..3]).await;
        let definitions = shop.definitions(shop.ours).await;
        let placed = &definitions.placed["Sale"];
        let plain = shop.database.plain().await.unwrap();
        let sql = format!(
            "INSERT INTO {} (client_id, entity_id, time, batch_number, t1, n3) SELECT $1, $2, '2026-03-28T09:30:00Z', 1, 'x' || n, 1 FROM generate_series(1, $3::bigint) AS n",
            placed.place.volume.facts()
        );
        plain.execute(&sql, &[&shop.ours, &placed.place.id, &TOO_MANY]).await.unwrap();
        let noted = "UPDATE core.unsketched SET is_written = false WHERE client_id = $1";
        assert!(plain.execute(noted, &[&shop.ours]).await.unwrap() > 0);
        let request = Request {
            kpi: definitions.catalog.kpi("RECEIPTS").unwrap(),
            period: Period::Day,
            range: definitions.calendar.align(Period::Day, range()),
            filter: &Filter::new(),
            by: &[],
            now: Timestamp::MAX,
        };
        let answer = answer::ask(&shop.database.app, shop.ours, &definitions, &definitions.calendar, &request).await.unwrap();
        let why = answer.told[0].from.clone().unwrap_err();
        assert!(why.contains("too much for one statement"), "{why}");
        let day = (at("2026-03-28T00:00:00Z"), Vec::new());
        assert_eq!(answer.points[&day].value, Some(Number::from(TOO_MANY + 3)));
        assert!(answer.plan.iter().all(|step| step.raw), "{:?}", answer.plan);
        vec![why]
    })
    .await;
}

//! Sketches: whatever becomes of facts, they are at every commit what one makes of the facts anew, and questions in the mode `approximate` are answered by them. The
//! test makes its own of what plain SQL has of the facts.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use catalog::{EntityDefinition, Kpi, KpiDefinition, Mode, Period, SketchKind};
use database::Database;
use formula::Number;
use jiff::Timestamp;
use records::definitions::{self, Written};
use serde_json::json;
use series::plan::Filter;
use series::plan::sketched::{self, Told};
use series::sketch::{Seen, Sketch};
use series::{Request, SeriesKey};
use uuid::Uuid;

use super::changes::{sell, undo};
use super::fillings::many;
use super::scenarios::{a_day, in_every_shop};
use super::shop::{Shop, range, sale};

/// KPIs, each with the attribute and kind of its sketch.
const KPIS: [(&str, &str, &str, SketchKind); 4] = [
    ("P90", "PERCENTILE(Sale.amount, 90)", "amount", SketchKind::Percentiles),
    ("MIDDLE", "MEDIAN(Sale.amount)", "amount", SketchKind::Percentiles),
    (
        "RECEIPTS",
        "COUNT(DISTINCT Sale.receipt)",
        "receipt",
        SketchKind::Distinct,
    ),
    (
        "NORTHERN",
        "COUNT(DISTINCT Sale.receipt WHERE region = 'north')",
        "receipt",
        SketchKind::Distinct,
    ),
];

impl Shop {
    /// Declares sketches of an entity that has facts, and KPIs that ask for them.
    pub(super) async fn declare(&self) {
        let mut known = self.definitions(self.ours).await;
        let old = known.placed["Sale"].clone();
        let mut definition: EntityDefinition = old.entity.definition().clone();
        for attribute in &mut definition.attributes {
            match attribute.name.as_str() {
                "amount" => attribute.sketches = vec![SketchKind::Percentiles],
                "receipt" => attribute.sketches = vec![SketchKind::Distinct],
                _ => {}
            }
        }
        let entity = known.catalog.replace_entity(definition).unwrap();
        let written = definitions::replace_entity(&self.database.app, self.ours, &old, &entity, None).await;
        assert_eq!(written.unwrap(), Written::Stored(2));
        for (code, formula, ..) in KPIS {
            let kpi = KpiDefinition {
                formula: formula.to_owned(),
                mode: Mode::Approximate,
                ..KpiDefinition::named(code, code)
            };
            definitions::create_kpi(&self.database.app, self.ours, &kpi)
                .await
                .unwrap();
        }
    }

    pub(super) async fn told(&self, code: &str, period: Period) -> Vec<Told> {
        let definitions = self.definitions(self.ours).await;
        let (by, filter) = (Vec::new(), Filter::new());
        let request = Request {
            kpi: definitions.catalog.kpi(code).unwrap(),
            period,
            range: definitions.calendar.align(period, range()),
            filter: &filter,
            by: &by,
            now: Timestamp::MAX,
        };
        let readable = |code: &str| definitions.placed.get(code).map(|placed| &placed.readable);
        sketched::told(&request, &definitions.calendar, readable).unwrap()
    }

    pub(super) async fn are_read(&self) -> bool {
        self.told("P90", Period::Day).await[0].from == Ok(SketchKind::Percentiles)
    }

    /// Goes on with long work until all is done.
    pub(super) async fn made_anew(&self, database: &Database) {
        let until = Instant::now() + Duration::from_secs(60);
        self.work_until(database, until).await.unwrap();
        let plain = self.database.plain().await.unwrap();
        let left = "SELECT count(*) FROM core.unsketched WHERE client_id = $1";
        let left: i64 = plain.query_one(left, &[&self.ours]).await.unwrap().get(0);
        assert_eq!(left, 0);
    }

    /// Holds the answers to all KPIs against sketches that are made here.
    pub(super) async fn approximate(&self, name: &str) -> Vec<String> {
        let mut all = Vec::new();
        let plain = self.database.plain().await.unwrap();
        let north = Filter::from([("region".to_owned(), ["north".to_owned()].into())]);
        for period in [Period::Hour, Period::Day, Period::Month] {
            for (by, filter) in [
                (vec![], Filter::new()),
                (vec!["region".to_owned()], Filter::new()),
                (vec![], north.clone()),
            ] {
                for (code, formula, attribute, kind) in KPIS {
                    let only_north = code == "NORTHERN" || !filter.is_empty();
                    let sql = format!(
                        "SELECT date_trunc('{}', time, 'UTC'), {}, {}, count(*) FROM shop_data.sale
                         WHERE client_id = $1 AND time >= $2 AND time < $3 {} GROUP BY 1, 2, 3",
                        period.name(),
                        if by.is_empty() {
                            "NULL::text"
                        } else {
                            "coalesce(region, '')"
                        },
                        if attribute == "amount" {
                            "trim_scale(amount)::text"
                        } else {
                            attribute
                        },
                        if only_north { "AND region = 'north'" } else { "" },
                    );
                    let definitions = self.definitions(self.ours).await;
                    let kpi: &Kpi = definitions.catalog.kpi(code).unwrap();
                    let whole = definitions.calendar.align(period, range());
                    let mut made: BTreeMap<SeriesKey, Sketch> = BTreeMap::new();
                    for row in plain.query(&sql, &[&self.ours, &whole.from, &whole.to]).await.unwrap() {
                        let (bucket, group): (Timestamp, Option<String>) = (row.get(0), row.get(1));
                        let key = (bucket, group.into_iter().collect());
                        let sketch = made.entry(key).or_insert_with(|| Sketch::empty(kind));
                        if let Some(value) = row.get::<_, Option<&str>>(2) {
                            sketch.add(&Seen::of(kind, value, row.get(3)).unwrap());
                        }
                    }
                    let measure = &kpi.formula.measures[0];
                    let expected: BTreeMap<SeriesKey, Option<Number>> = made
                        .into_iter()
                        .map(|(key, sketch)| (key, sketch.value(measure).map(|value| value.answered())))
                        .collect();
                    let points = self.ask(self.ours, code, period, range(), &filter, &by).await;
                    let told: BTreeMap<SeriesKey, Option<Number>> =
                        points.into_iter().map(|(key, point)| (key, point.value)).collect();
                    assert_eq!(
                        told, expected,
                        "{name}: {formula} by {period} of {by:?} where {filter:?}"
                    );
                    all.push(format!("{name} {code} {period} {told:?}"));
                }
            }
        }
        all
    }

    /// Holds all that is kept against sketches that are made here of the facts of the same hours and days. `is_one` says that each is in one row.
    pub(super) async fn kept(&self, name: &str, is_one: bool) {
        let plain = self.database.plain().await.unwrap();
        let mut made: BTreeMap<Key, Sketch> = BTreeMap::new();
        for level in ["hour", "day"] {
            for (grouping, dimensions) in [
                (0, "'[]'"),
                (1, "jsonb_build_array(big::text)"),
                (2, "jsonb_build_array(region)"),
                (3, "jsonb_build_array(big::text, region)"),
            ] {
                for (slot, value, kind) in [
                    ("n2", "trim_scale(amount)::text", SketchKind::Percentiles),
                    ("t1", "receipt", SketchKind::Distinct),
                ] {
                    let sql = format!(
                        "SELECT date_trunc('{level}', time, 'UTC'), {dimensions}::text, {value}, count(*) FROM shop_data.sale
                         WHERE client_id = $1 AND {value} IS NOT NULL GROUP BY 1, 2, 3"
                    );
                    for row in plain.query(&sql, &[&self.ours]).await.unwrap() {
                        let key = (level.to_owned(), grouping, slot.to_owned(), row.get(0), row.get(1));
                        let sketch = made.entry(key).or_insert_with(|| Sketch::empty(kind));
                        sketch.add(&Seen::of(kind, row.get(2), row.get(3)).unwrap());
                    }
                }
            }
        }
        let sql = "SELECT level, grouping_id, slot, bucket, to_jsonb(dimensions)::text, sketch FROM core.sketches WHERE client_id = $1";
        let mut kept: BTreeMap<Key, Sketch> = BTreeMap::new();
        let rows = plain.query(sql, &[&self.ours]).await.unwrap();
        for row in &rows {
            let slot: String = row.get(2);
            let kind = if slot == "n2" {
                SketchKind::Percentiles
            } else {
                SketchKind::Distinct
            };
            let sketch = Sketch::from_bytes(kind, row.get(5)).unwrap();
            let key = (row.get(0), row.get(1), slot, row.get(3), row.get(4));
            kept.entry(key).or_insert_with(|| Sketch::empty(kind)).merge(&sketch);
        }
        if is_one {
            assert_eq!(rows.len(), kept.len(), "{name}: each is in one row");
        } else {
            // Days are made of hours once these are made anew.
            made.retain(|(level, ..), _| level == "hour");
            kept.retain(|(level, ..), _| level == "hour");
        }
        let bytes = |all: &BTreeMap<Key, Sketch>| -> BTreeMap<Key, Vec<u8>> {
            all.iter()
                .map(|(key, sketch)| (key.clone(), sketch.to_bytes()))
                .collect()
        };
        assert!(!made.is_empty());
        assert_eq!(bytes(&kept), bytes(&made), "{name}");
    }
}

/// Level, grouping, slot, bucket, and dimensions as JSON.
type Key = (String, i16, String, Timestamp, String);

#[tokio::test]
async fn sketches_are_those_of_the_facts_whatever_becomes_of_them() {
    in_every_shop(&[], async |shop| {
        sell(shop, &many()).await;
        shop.sell(shop.theirs, &a_day()).await;
        shop.declare().await;
        assert!(!shop.are_read().await, "nobody reads what is not whole");
        let late = [
            sale("early", "2026-03-28T00:03:30Z", "-7.25", 2),
            sale("r3", "2026-03-31T22:00:00Z", "0", 1),
        ];
        sell(shop, &late).await;
        shop.made_anew(&shop.database.owner).await;
        assert!(shop.are_read().await);
        let mut answers = shop.approximate("filled").await;
        shop.kept("filled", true).await;

        let day = a_day();
        sell(shop, &day[..30]).await;
        let wrong = sell(shop, &day[30..]).await;
        let huge = [
            sale("huge", "2026-03-28T09:10:00Z", "9999999999999999999999999999", 1),
            sale("tiny", "2026-03-28T09:11:00Z", "-0.0000000000000000000000000001", 1),
        ];
        sell(shop, &huge).await;
        answers.extend(shop.approximate("as batches brought them").await);
        shop.kept("as batches brought them", false).await;
        shop.compact("2026-03-28T10:30:30Z").await;
        answers.extend(shop.approximate("moved up").await);
        shop.made_anew(&shop.database.owner).await;
        answers.extend(shop.approximate("made anew").await);
        shop.kept("made anew", true).await;

        undo(shop, wrong).await;
        answers.extend(shop.approximate("undone").await);
        shop.made_anew(&shop.database.owner).await;
        answers.extend(shop.approximate("undone and made anew").await);
        shop.kept("undone and made anew", true).await;
        answers
    })
    .await;
}

#[tokio::test]
async fn what_a_key_replaces_is_in_no_sketch() {
    in_every_shop(&["receipt"], async |shop| {
        let day = a_day();
        shop.declare().await;
        sell(shop, &day).await;
        assert!(shop.are_read().await, "there was nothing to fill");
        let mut answers = shop.approximate("not made yet").await;
        shop.made_anew(&shop.database.owner).await;
        shop.kept("made", true).await;
        let corrected = [
            sale("r3", "2026-03-28T12:03:30Z", "7000", 2),
            sale("r4", "2026-03-28T09:12:04Z", "8000", 1),
        ];
        sell(shop, &corrected).await;
        answers.extend(shop.approximate("replaced").await);
        shop.made_anew(&shop.database.owner).await;
        answers.extend(shop.approximate("replaced and made anew").await);
        shop.kept("replaced and made anew", true).await;

        let volume = shop.second_volume().await;
        shop.begin_move(&shop.database.owner, &volume).await.unwrap();
        sell(shop, &[sale("meanwhile", "2026-03-28T09:10:00Z", "12", 1)]).await;
        answers.extend(shop.approximate("on the move").await);
        shop.end_moves(&shop.database.owner).await;
        answers.extend(shop.approximate("moved").await);
        shop.made_anew(&shop.database.owner).await;
        shop.kept("moved and made anew", true).await;
        answers
    })
    .await;
}

/// What can't be from sketches is exact, and says why.
#[tokio::test]
async fn what_no_sketch_answers_is_exact_and_says_why() {
    in_every_shop(&[], async |shop| {
        shop.declare().await;
        sell(shop, &a_day()).await;
        let mut answers = Vec::new();
        for (code, formula, period, why) in [
            (
                "UNDECLARED",
                "MEDIAN(Sale.items)",
                Period::Day,
                Some("declare \"sketches\": [\"percentiles\"] for items"),
            ),
            (
                "BY_FACT",
                "MEDIAN(Sale.amount WHERE items > 2)",
                Period::Day,
                Some("items is no dimension"),
            ),
            (
                "BESIDE",
                "MEDIAN(Sale.amount) / STDDEV(Sale.amount)",
                Period::Day,
                Some("STDDEV"),
            ),
            (
                "BY_MINUTE",
                "MEDIAN(Sale.amount)",
                Period::Minute,
                Some("by hour of UTC"),
            ),
            (
                "UNGROUPED",
                "MEDIAN(Sale.amount WHERE till = 1)",
                Period::Day,
                Some("no grouping by till"),
            ),
            ("KEPT", "MEDIAN(Sale.amount) / COUNT(Sale)", Period::Day, None),
        ] {
            let kpi = KpiDefinition {
                formula: formula.to_owned(),
                mode: Mode::Approximate,
                ..KpiDefinition::named(code, code)
            };
            definitions::create_kpi(&shop.database.app, shop.ours, &kpi)
                .await
                .unwrap();
            let exact = KpiDefinition {
                formula: formula.to_owned(),
                ..KpiDefinition::named(format!("{code}_EXACT"), code)
            };
            definitions::create_kpi(&shop.database.app, shop.ours, &exact)
                .await
                .unwrap();
            let told = shop.told(code, period).await;
            let from = told[0].from.clone();
            assert_eq!(from.is_err(), why.is_some(), "{formula}: {told:?}");
            let (by, filter) = (Vec::new(), Filter::new());
            let points = shop.ask(shop.ours, code, period, range(), &filter, &by).await;
            if let Some(why) = why {
                assert!(from.unwrap_err().contains(why), "{formula}: {told:?}");
                let exact = shop.ask(shop.ours, &exact.code, period, range(), &filter, &by).await;
                assert!(
                    points == exact && !points.is_empty(),
                    "{formula}: {points:?} and not {exact:?}"
                );
            }
            answers.push(format!("{points:?}"));
        }
        answers
    })
    .await;
}

/// Nothing of it is another client's.
#[tokio::test]
async fn sketches_are_a_clients_own() {
    in_every_shop(&[], async |shop| {
        shop.declare().await;
        sell(shop, &a_day()).await;
        let nobody: Vec<Uuid> = vec![shop.theirs];
        let session = shop.database.app.session().await.unwrap();
        let sql = "SELECT count(*) FROM core.sketches_within($1, ARRAY(SELECT generate_series(1, 1000)), 0::smallint, 't1', 'distinct', false, '2026-01-01Z', '2027-01-01Z', '{}', '{}')";
        let theirs: i64 = session.query(sql, &[&nobody]).await.unwrap()[0].get(0);
        assert_eq!(theirs, 0);
        let ours: i64 = session.query(sql, &[&vec![shop.ours]]).await.unwrap()[0].get(0);
        assert!(ours > 0);
        drop(session);
        vec![json!({ "hours": ours }).to_string()]
    })
    .await;
}

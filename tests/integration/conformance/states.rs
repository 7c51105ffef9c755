//! States of objects at the ends of periods: reports in any order, again and again, with and without compaction, against keeping a list of what was told.

use std::collections::{BTreeMap, BTreeSet};

use catalog::{EntityDefinition, KpiDefinition, Period};
use formula::Number;
use jiff::{SignedDuration, Timestamp};
use records::definitions::{self, ClientCatalog};
use serde_json::json;
use series::plan::Filter;
use series::{Calendar, Range, Request, SeriesKey};
use tests::databases::{TestDatabase, servers};
use uuid::Uuid;

const BEGIN: &str = "2026-03-26T00:00:00Z";
const END: &str = "2026-04-02T00:00:00Z";

/// Objects, and reports of them.
const POLICIES: usize = 9;
const REPORTS: usize = 150;

/// What was reported of one policy.
#[derive(Clone, Debug)]
struct Report {
    policy: usize,
    at: Timestamp,
    status: Option<&'static str>,
    region: Option<&'static str>,
    premium: Option<i64>,
}

impl Report {
    fn of(random: &mut fastrand::Rng) -> Self {
        let begin: Timestamp = BEGIN.parse().unwrap();
        // Some at the very ends of days, and of the day before the first.
        let minute = match random.u8(..4) {
            0 => i64::from(random.u8(..8)) * 24 * 60 - 60,
            _ => random.i64(-24 * 60..7 * 24 * 60),
        };
        Self {
            policy: random.usize(..POLICIES),
            at: begin + SignedDuration::from_mins(minute),
            status: random
                .choice([Some("active"), Some("active"), Some("lapsed"), None])
                .unwrap(),
            region: random.choice([Some("north"), Some("south"), None]).unwrap(),
            premium: random.choice([Some(100), Some(250), Some(-3), None]).unwrap(),
        }
    }

    fn event(&self) -> String {
        json!({
            "time": self.at.to_string(), "policy": format!("P-{}", self.policy), "status": self.status,
            "region": self.region, "premium": self.premium,
        })
        .to_string()
    }

    fn is_active(&self) -> bool {
        self.status == Some("active")
    }
}

/// By policy.
type States = BTreeMap<usize, Report>;

/// The last report of each policy that was told before an instant; of one time the one that came last.
fn states_at(told: &[Report], at: Timestamp) -> States {
    let mut states = States::new();
    for report in told.iter().filter(|report| report.at < at) {
        if states.get(&report.policy).is_none_or(|known| report.at >= known.at) {
            states.insert(report.policy, report.clone());
        }
    }
    states
}

/// What a formula has to come to: of a bucket, and of the policies that pass.
type Expected = fn(&States, &States) -> Option<i64>;

fn active(states: &States) -> BTreeSet<usize> {
    let active = states.iter().filter(|(_, report)| report.is_active());
    active.map(|(policy, _)| *policy).collect()
}

fn count(policies: usize) -> Option<i64> {
    i64::try_from(policies).ok()
}

fn premiums(states: &States) -> impl Iterator<Item = i64> {
    states.values().filter_map(|report| report.premium)
}

const KPIS: [(&str, &str, Expected); 9] = [
    ("AT_END", "AT_END(COUNT(Policy WHERE status = 'active'))", |_, end| {
        count(active(end).len())
    }),
    (
        "AT_START",
        "AT_START(COUNT(Policy WHERE status = 'active'))",
        |start, _| count(active(start).len()),
    ),
    ("KNOWN", "AT_END(COUNT(Policy))", |_, end| count(end.len())),
    (
        "IN_FORCE",
        "AT_END(SUM(Policy.premium WHERE status = 'active'))",
        |_, end| {
            let mine: Vec<i64> = end
                .values()
                .filter(|report| report.is_active())
                .filter_map(|report| report.premium)
                .collect();
            (!mine.is_empty()).then(|| mine.iter().sum())
        },
    ),
    (
        "HIGHEST",
        "AT_START(MAX(Policy.premium WHERE premium < 200))",
        |start, _| premiums(start).filter(|premium| *premium < 200).max(),
    ),
    ("ENTERED", "ENTERED(Policy WHERE status = 'active')", |start, end| {
        count((&active(end) - &active(start)).len())
    }),
    ("LEFT", "LEFT(Policy WHERE status = 'active')", |start, end| {
        count((&active(start) - &active(end)).len())
    }),
    ("STAYED", "STAYED(Policy WHERE status = 'active')", |start, end| {
        count((&active(end) & &active(start)).len())
    }),
    (
        "BALANCE",
        "AT_START(COUNT(Policy WHERE status = 'active')) + ENTERED(Policy WHERE status = 'active')
            - LEFT(Policy WHERE status = 'active') - AT_END(COUNT(Policy WHERE status = 'active'))",
        |_, _| Some(0),
    ),
];

struct Bench {
    database: TestDatabase,
    client: Uuid,
}

impl Bench {
    async fn open(server: &str) -> Self {
        let database = TestDatabase::create(server).await.unwrap();
        let client = database.client("insurer", "Europe/Berlin").await.unwrap();
        let definition: EntityDefinition = serde_json::from_value(json!({
            "code": "Policy", "domain": "insurance", "state": ["policy"],
            "attributes": [
                { "name": "policy", "type": "text", "required": true },
                { "name": "status", "type": "text", "dimension": true },
                { "name": "region", "type": "text", "dimension": true },
                { "name": "premium", "type": "integer" },
            ],
            "groupings": [{ "dimensions": ["status"] }],
        }))
        .unwrap();
        let entity = definition.validate().unwrap();
        definitions::create_entity(&database.owner, client, &entity)
            .await
            .unwrap();
        Self { database, client }
    }

    async fn known(&self) -> ClientCatalog {
        definitions::load_one(&self.database.app, self.client)
            .await
            .unwrap()
            .unwrap()
    }

    async fn write(&self, reports: &[Report]) {
        let events = reports.iter().map(Report::event);
        self.database.ingest(self.client, "Policy", events).await.unwrap();
    }

    /// Asks every KPI by a period, and compares every bucket of the range with the list.
    async fn check(&self, told: &[Report], period: Period, region: Option<&str>, is_split: bool) {
        let known = self.known().await;
        let (from, to) = (BEGIN.parse().unwrap(), END.parse().unwrap());
        let filter: Filter = region
            .map(|region| ("region".to_owned(), BTreeSet::from([region.to_owned()])))
            .into_iter()
            .collect();
        let by: Vec<String> = is_split.then(|| "region".to_owned()).into_iter().collect();
        for (code, formula, expected) in KPIS {
            let kpi = KpiDefinition {
                formula: formula.to_owned(),
                ..KpiDefinition::named(code, code)
            };
            let kpi = known
                .catalog
                .clone()
                .add_kpi(kpi)
                .unwrap_or_else(|problems| panic!("{code}: {problems:?}"));
            let request = Request {
                kpi: &kpi,
                period,
                range: known.calendar.align(period, Range { from, to }),
                filter: &filter,
                by: &by,
                now: to,
            };
            let answer = answer::ask(&self.database.app, self.client, &known, &known.calendar, &request)
                .await
                .unwrap_or_else(|error| panic!("{code}: {error}"));
            let found: BTreeMap<SeriesKey, Option<Number>> = answer
                .points
                .into_iter()
                .map(|(key, point)| (key, point.value))
                .collect();
            compare(told, code, expected, &request, &known.calendar, &found);
        }
    }
}

fn compare(
    told: &[Report],
    code: &str,
    expected: Expected,
    request: &Request<'_>,
    calendar: &Calendar,
    found: &BTreeMap<SeriesKey, Option<Number>>,
) {
    let nothing = series::answer::empty(request).value;
    let mut start = request.range.from;
    while start < request.range.to {
        let end = calendar.next(request.period, start);
        let groups: BTreeSet<&str> = if request.by.is_empty() {
            BTreeSet::from([""])
        } else {
            BTreeSet::from(["", "north", "south"])
        };
        for group in groups {
            let passes = |report: &Report| {
                let region = report.region.unwrap_or_default();
                request.filter.values().all(|values| values.contains(region))
                    && (request.by.is_empty() || region == group)
            };
            let passing = |at| {
                let mut states = states_at(told, at);
                states.retain(|_, report| passes(report));
                states
            };
            let wanted = expected(&passing(start), &passing(end)).map(Number::from);
            let by: Vec<String> = request.by.iter().map(|_| group.to_owned()).collect();
            let answered = found.get(&(start, by)).unwrap_or(&nothing);
            assert_eq!(
                *answered, wanted,
                "{code} by {} from {start}, group {group:?}, filter {:?}",
                request.period, request.filter
            );
        }
        start = end;
    }
}

#[tokio::test]
async fn states_are_those_that_were_told_last_before_each_end() {
    for server in servers() {
        let bench = Bench::open(&server).await;
        let mut random = fastrand::Rng::with_seed(5);
        let told: Vec<Report> = std::iter::repeat_with(|| Report::of(&mut random))
            .take(REPORTS)
            .collect();
        let (early, late) = told.split_at(REPORTS / 2);
        for batch in early.chunks(20) {
            bench.write(batch).await;
        }
        let now = END.parse().unwrap();
        facts::compact::run(&bench.database.owner, now).await.unwrap();
        bench.check(early, Period::Day, None, false).await;
        bench.write(late).await;
        for period in [Period::Day, Period::Hour, Period::Week, Period::Month] {
            bench.check(&told, period, None, false).await;
            bench.check(&told, period, Some("north"), false).await;
            bench.check(&told, period, Some(""), true).await;
            bench.check(&told, period, None, true).await;
        }
        bench.database.drop_it().await.unwrap();
    }
}

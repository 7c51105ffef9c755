//! What the checker accepts is answered: some hundred generated formulas, in one statement, against counting the facts one by one.

mod generated;
mod pure;
mod worth;

use std::collections::BTreeMap;
use std::sync::Arc;

use answer::Batch;
use catalog::{Kpi, Period};
use generated::{Choices, Made, Number};
use records::definitions;
use series::plan::Filter;
use series::{Range, Request};
use tests::databases::{TestDatabase, servers};
use uuid::Uuid;

use self::worth::{BEGIN, compare, time};

/// Formulas that are asked in one statement: with three reads for most questions of a week and longer they stay below `facts::read::MAX_BRANCHES`.
const FORMULAS: usize = 180;

/// Facts that they are asked about.
const FACTS: usize = 80;

/// A question about a formula.
struct Asking {
    number: Number,
    kpi: Arc<Kpi>,
    period: Period,
    filter: Filter,
    by: Vec<String>,
}

fn drawn(random: &mut fastrand::Rng, length: usize) -> Vec<u8> {
    std::iter::repeat_with(|| random.u8(..)).take(length).collect()
}

fn facts(random: &mut fastrand::Rng) -> Vec<Made> {
    let made = std::iter::repeat_with(|| generated::fact(&mut Choices::new(&drawn(random, 40))));
    made.take(FACTS).collect()
}

/// Formulas that the checker accepts, each with a question.
fn askings(random: &mut fastrand::Rng) -> Vec<Asking> {
    let drawn = std::iter::repeat_with(|| {
        let bytes = drawn(random, 200);
        let mut choices = Choices::new(&bytes);
        let number = generated::number(&mut choices, 3);
        let catalog = generated::catalog(&number)?;
        Some(Asking {
            kpi: Arc::clone(catalog.kpi("K")?),
            number,
            period: random.choice(Period::ALL)?,
            filter: generated::filter(&mut choices),
            by: generated::split(&mut choices),
        })
    });
    drawn.flatten().take(FORMULAS).collect()
}

async fn write(database: &TestDatabase, client: Uuid, made: &[Made]) {
    // Every other fact has empty texts where it has none.
    let events = made
        .iter()
        .enumerate()
        .map(|(number, fact)| generated::event(fact, &time(fact).to_string(), number % 2 == 0));
    database.ingest(client, "M", events).await.unwrap();
}

/// Asks all in one statement.
async fn check(database: &TestDatabase, client: Uuid, askings: &[Asking], facts: &[Made]) {
    let known = definitions::load_one(&database.app, client).await.unwrap().unwrap();
    let begin: jiff::Timestamp = BEGIN.parse().unwrap();
    let range = Range {
        from: begin,
        to: begin + jiff::SignedDuration::from_hours(5 * 24),
    };
    let requests: Vec<Request<'_>> = askings
        .iter()
        .map(|asking| Request {
            kpi: &asking.kpi,
            period: asking.period,
            range: known.calendar.align(asking.period, range),
            filter: &asking.filter,
            by: &asking.by,
            now: jiff::Timestamp::MAX,
        })
        .collect();
    let mut batch = Batch::apart();
    let asked: Vec<_> = requests
        .iter()
        .map(|request| batch.add(client, &known, &known.calendar, request).unwrap())
        .collect();
    let session = database.app.session_at(known.residence).await.unwrap();
    let answers = batch.read(&session, client).await.unwrap();
    let mut points = 0;
    for ((request, asked), asking) in requests.iter().zip(&asked).zip(askings) {
        let told: BTreeMap<_, _> = answers.points(asked, request).unwrap();
        points += told.len();
        compare(&asking.number, request, &known.calendar, facts, told);
    }
    assert!(points > FORMULAS, "{points} points: too few to say anything");
}

#[tokio::test]
async fn what_the_checker_accepts_is_answered_by_the_database() {
    let mut random = fastrand::Rng::with_seed(11);
    let (askings, facts) = (askings(&mut random), facts(&mut random));
    for server in servers() {
        let database = TestDatabase::create(&server).await.unwrap();
        let client = database.client("formulas", "Asia/Kolkata").await.unwrap();
        let entity = generated::entity().validate().unwrap();
        definitions::create_entity(&database.owner, client, &entity)
            .await
            .unwrap();
        let (early, late) = facts.split_at(FACTS / 2);
        write(&database, client, early).await;
        facts::compact::run(&database.owner, "2026-03-22T08:00:00Z".parse().unwrap())
            .await
            .unwrap();
        write(&database, client, late).await;
        check(&database, client, &askings, &facts).await;
        // Facts of before an empty text was no value have some.
        let plain = database.plain().await.unwrap();
        let emptied = "UPDATE volume_1.facts SET t1 = coalesce(t1, ''), t2 = coalesce(t2, ''), t3 = coalesce(t3, '')";
        assert!(plain.execute(emptied, &[]).await.unwrap() > 0);
        check(&database, client, &askings, &facts).await;
        database.drop_it().await.unwrap();
    }
}

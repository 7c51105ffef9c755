//! Topics whose buckets depend on more than their own facts.

use std::collections::BTreeMap;

use catalog::Period;
use jiff::Timestamp;

use super::{CLIENT, frames, rows};
use crate::publisher::{Calendar, Observed, Publisher, Reach, TopicRead, Touched, Touches};
use crate::{Change, Mode, Subscription, Topic};

/// Hours of UTC, with topics that reach so far, of which facts change so much.
struct Hours(Reach, Touches);

impl Calendar for Hours {
    fn start(&self, topic: &Topic, at: Timestamp) -> Timestamp {
        series::Calendar::utc().start(topic.period, at)
    }

    fn next(&self, topic: &Topic, start: Timestamp) -> Timestamp {
        series::Calendar::utc().next(topic.period, start)
    }

    fn reach(&self, _: &Topic) -> Reach {
        self.0
    }

    fn touches(&self, _: &Topic, _: Option<&str>) -> Touches {
        self.1
    }
}

fn at(clock: &str) -> Timestamp {
    format!("2026-03-10T{clock}Z").parse().unwrap()
}

/// A publisher with one topic of four hours.
fn watched() -> Publisher {
    let mut publisher = Publisher::new(7);
    publisher.apply(Change::Subscribed {
        connection: "c".to_owned(),
        client: CLIENT,
        request: None,
        resume: None,
        subscriptions: vec![Subscription {
            channel: 1,
            topic: Topic {
                client: CLIENT,
                kpi: "SALES".to_owned(),
                period: Period::Hour,
                time_zone: None,
                filter: BTreeMap::new(),
            },
            mode: Mode::Live,
            buckets: 4,
        }],
    });
    publisher
}

/// What is read in a tick in which a fact came, all of it observed as empty.
fn read(publisher: &mut Publisher, reach: Reach, now: &str, fact: Option<&str>) -> Vec<String> {
    read_of(publisher, &Hours(reach, Touches::Own), now, fact)
}

/// The same of hours.
fn read_of(publisher: &mut Publisher, hours: &Hours, now: &str, fact: Option<&str>) -> Vec<String> {
    let touched = fact.map(|fact| Touched {
        client: CLIENT,
        entity: None,
        from: at(fact),
        to: at(fact),
    });
    let reads = publisher.reads(at(now), Some(touched.as_slice()), hours);
    let shown = |read: &TopicRead| format!("{} {}", &read.from.to_string()[11..16], &read.to.to_string()[11..16]);
    let shown = reads.iter().map(shown).collect();
    reads
        .iter()
        .for_each(|read| publisher.observe(read, &[], Some(&0.into())));
    publisher.frames(at(now), &BTreeMap::new());
    shown
}

#[test]
fn an_earlier_fact_changes_what_looks_back() {
    for (reach, fact, expected) in [
        (Reach::Own, "09:30:00", vec!["09:00 10:00"]),
        (Reach::Back, "09:30:00", vec!["09:00 11:00"]),
        (Reach::Back, "10:00:01", vec!["10:00 11:00"]),
        (Reach::Own, "01:30:00", vec![]),
        (Reach::Back, "01:30:00", vec!["06:00 11:00"]),
    ] {
        let mut publisher = watched();
        assert_eq!(read(&mut publisher, reach, "10:00:00", None), ["06:00 11:00"]);
        assert_eq!(
            read(&mut publisher, reach, "10:00:02", Some(fact)),
            expected,
            "{reach:?} {fact}"
        );
    }
}

#[test]
fn what_is_told_of_another_object_changes_the_facts_that_look_it_up() {
    for (touches, fact, expected) in [
        (Touches::Nothing, "09:30:00", vec![]),
        (Touches::Later, "08:30:00", vec!["08:00 11:00"]),
        // It holds from before all that is shown.
        (Touches::Later, "01:30:00", vec!["06:00 11:00"]),
        (Touches::All, "09:30:00", vec!["06:00 11:00"]),
        (Touches::All, "23:30:00", vec!["06:00 11:00"]),
    ] {
        let mut publisher = watched();
        let hours = Hours(Reach::Own, touches);
        assert_eq!(read_of(&mut publisher, &hours, "10:00:00", None), ["06:00 11:00"]);
        let found = read_of(&mut publisher, &hours, "10:00:02", Some(fact));
        assert_eq!(found, expected, "{touches:?} {fact}");
    }
}

#[test]
fn what_is_compared_with_what_has_passed_is_read_once_a_minute() {
    for (reach, expected) in [(Reach::Back, vec![]), (Reach::Clock, vec!["10:00 11:00"])] {
        let mut publisher = watched();
        assert_eq!(read(&mut publisher, reach, "10:00:00", None), ["06:00 11:00"]);
        assert_eq!(read(&mut publisher, reach, "10:00:30", None), [""; 0]);
        assert_eq!(read(&mut publisher, reach, "10:01:00", None), expected, "{reach:?}");
        assert_eq!(read(&mut publisher, reach, "10:01:30", None), [""; 0]);
    }
}

/// What is compared with nothing has no value, and a count without facts is 0.
#[test]
fn a_bucket_without_facts_is_told_where_its_value_is_another() {
    let mut publisher = watched();
    for read in publisher.reads(at("10:00:00"), Some(&[]), &Hours(Reach::Back, Touches::Own)) {
        let odd = Observed {
            start: at("08:00:00"),
            value: None,
            facts: 0,
        };
        let usual = Observed {
            start: at("09:00:00"),
            value: Some(0.into()),
            facts: 0,
        };
        publisher.observe(&read, &[odd, usual], Some(&0.into()));
    }
    let sent = publisher.frames(at("10:00:00"), &BTreeMap::new());
    let rows = frames(&sent).iter().flat_map(rows).collect::<Vec<_>>();
    let shown: Vec<_> = rows.into_iter().map(|row| (row.bucket, row.value)).collect();
    let second = |clock: &str| at(clock).as_second();
    assert_eq!(
        shown,
        [(second("08:00:00"), None), (second("10:00:00"), Some(0.into()))]
    );
}

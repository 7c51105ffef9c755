//! Buckets of days: they are long and of any length, and close like others.

use std::collections::BTreeMap;

use catalog::Period;
use jiff::Timestamp;

use super::{CLIENT, frames, rows};
use crate::publisher::{Calendar, Observed, Publisher, Touched};
use crate::{Change, Frame, Mode, Resume, Row, Subscription, Topic};

/// The calendar that a client has.
struct Berlin(series::Calendar);

impl Calendar for Berlin {
    fn start(&self, topic: &Topic, at: Timestamp) -> Timestamp {
        self.0.asked(topic.time_zone.as_ref()).start(topic.period, at)
    }

    fn next(&self, topic: &Topic, start: Timestamp) -> Timestamp {
        self.0.asked(topic.time_zone.as_ref()).next(topic.period, start)
    }
}

fn sales(period: Period, zone: Option<&str>) -> Topic {
    Topic {
        client: CLIENT,
        kpi: "SALES".to_owned(),
        period,
        time_zone: zone.map(|zone| zone.parse().unwrap()),
        filter: BTreeMap::new(),
    }
}

/// A publisher over sales, of which nothing is known but when they were.
struct Months {
    publisher: Publisher,
    calendar: Berlin,
    sales: Vec<Timestamp>,
}

impl Months {
    fn watch(&mut self, connection: &str, period: Period, mode: Mode, buckets: u16, resume: Option<Resume>) {
        let topic = sales(period, None);
        self.subscribe(connection, topic, mode, buckets, resume);
    }

    fn subscribe(&mut self, connection: &str, topic: Topic, mode: Mode, buckets: u16, resume: Option<Resume>) {
        self.publisher.apply(Change::Subscribed {
            connection: connection.to_owned(),
            client: CLIENT,
            request: None,
            resume,
            subscriptions: vec![Subscription {
                channel: 1,
                topic,
                mode,
                buckets,
            }],
        });
    }

    /// Sales happen, and a tick in which everything is read and arrives: the frames of each connection.
    fn tick(&mut self, now: &str, sold: &[&str]) -> BTreeMap<String, Vec<Frame>> {
        let now: Timestamp = now.parse().unwrap();
        let sold = sold.iter().map(|time| time.parse::<Timestamp>().unwrap());
        let sold: Vec<Timestamp> = sold.collect();
        self.sales.extend(&sold);
        let touched = sold.into_iter().map(|time| Touched {
            client: CLIENT,
            entity: None,
            from: time,
            to: time,
        });
        let touched: Vec<Touched> = touched.collect();
        for read in self.publisher.reads(now, Some(&touched), &self.calendar) {
            let mut counts: BTreeMap<Timestamp, u64> = BTreeMap::new();
            for sale in self.sales.iter().filter(|sale| read.from <= **sale && **sale < read.to) {
                *counts.entry(self.calendar.start(&read.topic, *sale)).or_default() += 1;
            }
            let values = counts.into_iter().map(|(start, facts)| Observed {
                start,
                value: Some(i64::try_from(facts).unwrap().into()),
                facts,
            });
            let values: Vec<Observed> = values.collect();
            self.publisher.observe(&read, &values, Some(&0.into()));
        }
        let outgoing = self.publisher.frames(now, &BTreeMap::new());
        let arrived = outgoing.into_iter().map(|sent| {
            self.publisher.sent(&sent.connection, sent.seq);
            (sent.connection.clone(), frames(&[sent]))
        });
        arrived.collect()
    }
}

/// Each row as "start facts", with "closed" where it is.
fn shown(frames: Option<&Vec<Frame>>) -> Vec<String> {
    let rows: Vec<Row> = frames.into_iter().flatten().flat_map(rows).collect();
    let shown = rows.into_iter().map(|row| {
        let start = Timestamp::from_second(row.bucket).unwrap();
        let closed = if row.closed { " closed" } else { "" };
        format!("{start} {}{closed}", row.facts)
    });
    shown.collect()
}

#[test]
fn a_month_is_told_as_it_grows_and_closes_once_with_the_clients_month() {
    let mut months = Months {
        publisher: Publisher::new(7),
        calendar: Berlin(series::Calendar::of("Europe/Berlin").unwrap()),
        sales: vec!["2026-02-10T12:00:00Z".parse().unwrap()],
    };
    months.watch("live", Period::Month, Mode::Live, 2, None);
    months.watch("closed", Period::Month, Mode::Closed, 1, None);
    months.watch("year", Period::Year, Mode::Live, 1, None);
    let first = months.tick("2026-03-31T21:59:00Z", &["2026-03-31T21:58:00Z"]);
    let (february, march, april) = ("2026-01-31T23:00:00Z", "2026-02-28T23:00:00Z", "2026-03-31T22:00:00Z");
    assert_eq!(
        shown(first.get("live")),
        [format!("{february} 1 closed"), format!("{march} 1")]
    );
    assert_eq!(shown(first.get("closed")), [format!("{february} 1 closed")]);
    assert_eq!(shown(first.get("year")), ["2025-12-31T23:00:00Z 2"]);
    // It grows, and only who is told of open buckets hears of it.
    let grown = months.tick("2026-03-31T21:59:58Z", &["2026-03-31T21:59:57Z"]);
    assert_eq!(shown(grown.get("live")), [format!("{march} 2")]);
    assert_eq!(shown(grown.get("closed")), [""; 0]);
    let Some(Frame::Update(last)) = grown["live"].last() else {
        panic!("{grown:?}")
    };
    let resume = Resume {
        epoch: last.position.epoch,
        seq: last.position.seq,
    };
    // The client's month is over two hours before that of UTC.
    let over = months.tick("2026-03-31T22:00:00Z", &[]);
    assert_eq!(
        shown(over.get("live")),
        [format!("{march} 2 closed"), format!("{april} 0")]
    );
    assert_eq!(shown(over.get("closed")), [format!("{march} 2 closed")]);
    assert_eq!(shown(over.get("year")), [""; 0]);
    for second in ["01", "02"] {
        let quiet = months.tick(&format!("2026-03-31T22:00:{second}Z"), &[]);
        assert_eq!(shown(quiet.get("live")), [""; 0], "it closes once");
        assert_eq!(shown(quiet.get("closed")), [""; 0]);
    }
    // Who was away meanwhile gets what changed, and a late sale corrects the month that closed.
    months.watch("again", Period::Month, Mode::Live, 2, Some(resume));
    let late = months.tick("2026-03-31T22:00:03Z", &["2026-03-15T12:00:00Z"]);
    assert_eq!(
        shown(late.get("again")),
        [format!("{april} 0"), format!("{march} 3 closed")],
        "in the order of their last changes"
    );
    assert_eq!(shown(late.get("live")), [format!("{march} 3 closed")]);
    assert_eq!(shown(late.get("closed")), [format!("{march} 3 closed")]);
    assert_eq!(shown(late.get("year")), ["2025-12-31T23:00:00Z 4"]);
}

#[test]
fn topics_of_one_period_in_several_zones_close_each_with_its_own_clocks() {
    let mut months = Months {
        publisher: Publisher::new(7),
        calendar: Berlin(series::Calendar::of("Europe/Berlin").unwrap()),
        sales: vec!["2026-03-10T12:00:00Z".parse().unwrap()],
    };
    for (connection, zone) in [
        ("own", None),
        ("kathmandu", Some("Asia/Kathmandu")),
        ("utc", Some("UTC")),
    ] {
        months.subscribe(connection, sales(Period::Month, zone), Mode::Live, 1, None);
    }
    let first = months.tick("2026-03-31T18:14:59Z", &[]);
    for (connection, start) in [
        ("own", "2026-02-28T23:00:00Z"),
        ("kathmandu", "2026-02-28T18:15:00Z"),
        ("utc", "2026-03-01T00:00:00Z"),
    ] {
        assert_eq!(shown(first.get(connection)), [format!("{start} 1")]);
    }
    let over = months.tick("2026-03-31T18:15:00Z", &["2026-03-31T18:15:00Z"]);
    assert_eq!(shown(over.get("own")), ["2026-02-28T23:00:00Z 2"]);
    assert_eq!(
        shown(over.get("kathmandu")),
        ["2026-02-28T18:15:00Z 1 closed", "2026-03-31T18:15:00Z 1"]
    );
    assert_eq!(shown(over.get("utc")), ["2026-03-01T00:00:00Z 2"]);
}

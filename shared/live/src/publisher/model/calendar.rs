//! Where buckets start in the model: hours and days are the client's own.

use catalog::Level;
use jiff::Timestamp;
use uuid::Uuid;

use crate::Topic;
use crate::publisher::Calendar;

/// Days start at half past five, and hours at half past: none of them may be taken for one of UTC.
const MIDNIGHT_SECONDS: i64 = 5 * 3_600 + 1_800;

pub(super) struct ClientsOwn;

pub(super) fn period_start(period: Level, second: i64) -> i64 {
    match period {
        Level::Minute => second.div_euclid(60) * 60,
        Level::Hour => (second - MIDNIGHT_SECONDS).div_euclid(3_600) * 3_600 + MIDNIGHT_SECONDS,
        Level::Day => (second - MIDNIGHT_SECONDS).div_euclid(86_400) * 86_400 + MIDNIGHT_SECONDS,
    }
}

pub(super) fn period_seconds(period: Level) -> i64 {
    match period {
        Level::Minute => 60,
        Level::Hour => 3_600,
        Level::Day => 86_400,
    }
}

pub(super) fn instant(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

impl Calendar for ClientsOwn {
    fn start(&self, _: Uuid, period: Level, at: Timestamp) -> Timestamp {
        instant(period_start(period, at.as_second()))
    }

    fn next(&self, _: Uuid, period: Level, start: Timestamp) -> Timestamp {
        instant(start.as_second() + period_seconds(period))
    }

    fn uses(&self, topic: &Topic, entity: &str) -> bool {
        topic.kpi == entity
    }
}

//! Where buckets start in the model: hours and days are the client's own.

use catalog::Period;
use jiff::Timestamp;

use crate::Topic;
use crate::publisher::{Calendar, Touches};

/// Days start at half past five, and hours at half past: none of them may be taken for one of UTC.
const MIDNIGHT_SECONDS: i64 = 5 * 3_600 + 1_800;

pub(super) struct ClientsOwn;

/// Two months, of which one is longer: buckets need not be of one length. Real ones are as long as nothing waits in the model.
const TWO_MONTHS_SECONDS: i64 = 12 * 3_600;

/// The longer of the two.
const LONG_MONTH_SECONDS: i64 = 7 * 3_600;

pub(super) fn period_start(period: Period, second: i64) -> i64 {
    let floor = |length: i64| (second - MIDNIGHT_SECONDS).div_euclid(length) * length + MIDNIGHT_SECONDS;
    match period {
        Period::Minute => second.div_euclid(60) * 60,
        Period::Hour => floor(3_600),
        Period::Month => {
            let (long, short) = (
                floor(TWO_MONTHS_SECONDS),
                floor(TWO_MONTHS_SECONDS) + LONG_MONTH_SECONDS,
            );
            if second < short { long } else { short }
        }
        _ => floor(86_400),
    }
}

/// The end of the bucket that starts there.
pub(super) fn period_end(period: Period, start: i64) -> i64 {
    start
        + match period {
            Period::Minute => 60,
            Period::Hour => 3_600,
            Period::Month if start == period_start(Period::Month, start + LONG_MONTH_SECONDS - 1) => LONG_MONTH_SECONDS,
            Period::Month => TWO_MONTHS_SECONDS - LONG_MONTH_SECONDS,
            _ => 86_400,
        }
}

/// The start of the bucket so many before the one that starts there.
pub(super) fn period_back(period: Period, start: i64, count: i64) -> i64 {
    (0..count).fold(start, |start, _| period_start(period, start - 1))
}

pub(super) fn instant(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

impl Calendar for ClientsOwn {
    fn start(&self, topic: &Topic, at: Timestamp) -> Timestamp {
        instant(period_start(topic.period, at.as_second()))
    }

    fn next(&self, topic: &Topic, start: Timestamp) -> Timestamp {
        instant(period_end(topic.period, start.as_second()))
    }

    fn touches(&self, topic: &Topic, entity: Option<&str>) -> Touches {
        match entity.is_none_or(|entity| topic.kpi == entity) {
            true => Touches::Own,
            false => Touches::Nothing,
        }
    }
}

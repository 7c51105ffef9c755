//! The newest buckets of one client, time zone and period, so that windows are counted without asking the calendar for each topic.

use catalog::{Period, Zone};
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::Calendar;
use crate::{MAX_BUCKETS, RETAIN_MS, Topic};

/// What topics with the same buckets have in common: client, time zone where it is not the client's, and period.
pub(super) type Clocks = (Uuid, Option<Zone>, Period);

/// The clocks that a topic's buckets begin by.
pub(super) fn clocks(topic: &Topic) -> Clocks {
    (topic.client, topic.time_zone.clone(), topic.period)
}

/// A half-open range of instants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
}

impl Span {
    /// The smallest range that holds both.
    pub(super) fn hull(self, other: Option<Span>) -> Span {
        other.map_or(self, |other| Span {
            from: self.from.min(other.from),
            to: self.to.max(other.to),
        })
    }

    pub(super) fn holds(self, other: Span) -> bool {
        self.from <= other.from && other.to <= self.to
    }

    /// What both have in common, if anything.
    pub(super) fn common(self, other: Span) -> Option<Span> {
        let common = Span {
            from: self.from.max(other.from),
            to: self.to.min(other.to),
        };
        (common.from < common.to).then_some(common)
    }
}

/// Starts of the newest buckets.
#[derive(Debug)]
pub(super) struct Grid {
    /// Ascending; the last is the open bucket. Never empty.
    starts: Vec<Timestamp>,
    /// End of the open bucket.
    end: Timestamp,
}

/// Starts that a grid holds at most: the longest window, and what is retained beyond it, doubled because it costs 16 bytes each.
const MAX_STARTS: usize = 2 * MAX_BUCKETS as usize;

impl Grid {
    pub(super) fn new(calendar: &dyn Calendar, topic: &Topic, now: Timestamp, buckets: u16) -> Grid {
        let head = calendar.start(topic, now);
        let far = later(now, -2 * RETAIN_MS);
        let (mut starts, mut oldest) = (vec![head], head);
        while (starts.len() < Grid::length(buckets) || oldest > far) && starts.len() < MAX_STARTS {
            let Ok(before) = oldest.checked_sub(SignedDuration::from_nanos(1)) else {
                break;
            };
            let start = calendar.start(topic, before);
            if start >= oldest {
                break;
            }
            starts.push(start);
            oldest = start;
        }
        starts.reverse();
        Grid {
            starts,
            end: calendar.next(topic, head),
        }
    }

    /// Whether it still tells the buckets of now, and enough of them.
    pub(super) fn serves(&self, now: Timestamp, buckets: u16) -> bool {
        self.head() <= now && now < self.end && self.starts.len() >= Grid::length(buckets)
    }

    /// The open bucket, those of the window, the one that just closed.
    fn length(buckets: u16) -> usize {
        usize::from(buckets) + 2
    }

    /// Start of the open bucket.
    pub(super) fn head(&self) -> Timestamp {
        self.back(0)
    }

    /// End of the open bucket.
    pub(super) fn end(&self) -> Timestamp {
        self.end
    }

    /// Start of the bucket `count` before the open one.
    pub(super) fn back(&self, count: u16) -> Timestamp {
        let index = self.starts.len().saturating_sub(1 + usize::from(count));
        self.starts.get(index).copied().unwrap_or(Timestamp::MIN)
    }

    /// Where the window of so many buckets starts for updates, as of some instant: besides the buckets of the snapshot it holds
    /// the one that closed last, and every bucket that was open within [`RETAIN_MS`], so that one that was open when a client left is
    /// finished when it comes back. The beginning of time when the grid does not reach back so far.
    pub(super) fn floor(&self, buckets: u16, at: Timestamp) -> Timestamp {
        let counted = self.index(at).and_then(|index| index.checked_sub(usize::from(buckets)));
        let retained = self.index(later(at, -RETAIN_MS));
        counted
            .zip(retained)
            .and_then(|(counted, retained)| self.starts.get(counted.min(retained)).copied())
            .unwrap_or(Timestamp::MIN)
    }

    /// Whole buckets from the one that holds the first instant to the one that holds the last.
    pub(super) fn buckets(&self, first: Timestamp, last: Timestamp) -> Span {
        let from = self.index(first).map_or(Timestamp::MIN, |index| self.starts[index]);
        let to = self
            .starts
            .get(self.starts.partition_point(|start| *start <= last))
            .copied()
            .unwrap_or(self.end);
        Span { from, to }
    }

    /// Index of the bucket that holds the instant.
    fn index(&self, at: Timestamp) -> Option<usize> {
        self.starts.partition_point(|start| *start <= at).checked_sub(1)
    }
}

/// An instant so many milliseconds later (or earlier), at most the end of time.
pub(super) fn later(at: Timestamp, milliseconds: i64) -> Timestamp {
    at.saturating_add(SignedDuration::from_millis(milliseconds))
        .unwrap_or(at)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

    use super::*;

    struct Minutes;

    impl Calendar for Minutes {
        fn start(&self, _: &Topic, at: Timestamp) -> Timestamp {
            second(at.as_second().div_euclid(60) * 60)
        }

        fn next(&self, _: &Topic, start: Timestamp) -> Timestamp {
            second(start.as_second() + 60)
        }
    }

    /// A calendar that is broken: it must not hang the publisher.
    struct Stuck;

    impl Calendar for Stuck {
        fn start(&self, _: &Topic, _: Timestamp) -> Timestamp {
            second(600)
        }

        fn next(&self, _: &Topic, _: Timestamp) -> Timestamp {
            second(600)
        }
    }

    fn topic() -> Topic {
        Topic {
            client: Uuid::nil(),
            kpi: "FLIGHTS".to_owned(),
            period: Period::Minute,
            time_zone: None,
            filter: std::collections::BTreeMap::new(),
        }
    }

    fn second(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn windows_are_counted_back() {
        let grid = Grid::new(&Minutes, &topic(), second(6_030), 5);
        assert_eq!(
            (grid.back(0), grid.back(4), grid.end()),
            (second(6_000), second(5_760), second(6_060))
        );
        let cases = [
            // (buckets, at, floor): five buckets and the one that closed last; never less than what is retained.
            (5, 6_030, 5_700),
            (1, 6_030, 5_880),
            (1, 6_059, 5_880),
            (1, 5_999, 5_820),
            (5, 5_700, i64::MIN),
        ];
        for (buckets, at, floor) in cases {
            let floor = if floor == i64::MIN {
                Timestamp::MIN
            } else {
                second(floor)
            };
            assert_eq!(grid.floor(buckets, second(at)), floor, "{buckets} at {at}");
        }
        assert_eq!(
            grid.buckets(second(5_970), second(6_000)),
            Span {
                from: second(5_940),
                to: second(6_060)
            }
        );
        assert_eq!(
            grid.buckets(second(5_940), second(5_999)),
            Span {
                from: second(5_940),
                to: second(6_000)
            }
        );
        assert!(grid.serves(second(6_059), 5) && !grid.serves(second(6_060), 5) && !grid.serves(second(6_059), 9));
    }

    #[test]
    fn a_broken_calendar_does_not_hang() {
        let grid = Grid::new(&Stuck, &topic(), second(6_030), 5);
        assert_eq!(grid.back(9), second(600));
    }
}

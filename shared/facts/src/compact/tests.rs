use catalog::Level;
use series::calendar::{DAY_US, HOUR_US, MINUTE_US};
use uuid::Uuid;

use super::MAX_MOVED;
use super::apache::{Waiting, sets};
use super::community::{StaleRange, WINDOW_US, is_covered, smaller, windows};
use super::slices::{Day, Minute, OfGrouping, Slice, of_days, of_minutes};
use crate::copy::timestamp;

const CLOSED_US: i64 = 100 * DAY_US;

fn entity(client: u128, id: i32, days_ago: i64, partials: i64) -> Waiting {
    Waiting {
        client_id: Uuid::from_u128(client),
        entity_id: id,
        oldest: timestamp(CLOSED_US - days_ago * DAY_US),
        partials,
        since: None,
        failures: None,
    }
}

#[test]
fn slices_are_of_whole_days_with_no_more_than_one_statement_moves() {
    for (name, days, expected) in [
        ("nothing", vec![], vec![]),
        ("few", vec![(1, 5), (2, 5), (31, 5)], vec![(1, 32)]),
        ("far apart", vec![(1, 5), (32, 5)], vec![(1, 2), (32, 33)]),
        ("many", vec![(1, 6_000), (2, 4_000), (3, 1)], vec![(1, 3), (3, 4)]),
        (
            "a day has too many",
            vec![(1, 1), (2, 90_000), (3, 1)],
            vec![(1, 2), (2, 3), (3, 4)],
        ),
        ("today is still open", vec![(100, 7)], vec![(100, 100)]),
    ] {
        let day = |(number, partials): (i64, i64)| Day {
            day: timestamp(number * DAY_US),
            partials,
        };
        let days: Vec<Day> = days.into_iter().map(day).collect();
        let slices = of_days(&days, CLOSED_US).into_iter();
        let slices: Vec<(i64, i64)> = slices
            .map(|days| (days.from_us / DAY_US, days.to_us / DAY_US))
            .collect();
        assert_eq!(slices, expected, "{name}");
    }
}

#[test]
fn many_are_moved_at_once_and_what_is_long_ago_by_itself() {
    for (name, waiting, expected) in [
        ("nobody", vec![], vec![]),
        (
            "all are recent",
            vec![entity(1, 1, 0, 40), entity(2, 2, 1, 40), entity(3, 3, 0, 40)],
            vec![3],
        ),
        (
            "too many partials",
            vec![entity(1, 1, 0, MAX_MOVED), entity(2, 2, 0, 1), entity(3, 3, 0, 1)],
            vec![1, 2],
        ),
        (
            "one has more than all may",
            vec![entity(1, 1, 0, 1), entity(2, 2, 0, 9 * MAX_MOVED), entity(3, 3, 0, 1)],
            vec![1, 1, 1],
        ),
        (
            "one is long ago",
            vec![entity(1, 1, 0, 1), entity(2, 2, 2, 1), entity(3, 3, 0, 1)],
            vec![1, 1, 1],
        ),
        (
            "one has failed before",
            vec![
                entity(1, 1, 0, 1),
                Waiting {
                    failures: Some(1),
                    ..entity(1, 2, 0, 1)
                },
                entity(1, 3, 0, 1),
                Waiting {
                    failures: Some(0),
                    ..entity(1, 4, 0, 1)
                },
            ],
            vec![1, 1, 2],
        ),
        (
            "two of one client are",
            vec![entity(1, 1, 9, 1), entity(1, 2, 2, 1), entity(3, 3, 0, 1)],
            vec![2, 1],
        ),
    ] {
        let ids: Vec<i32> = waiting.iter().map(|entity| entity.entity_id).collect();
        let sets = sets(waiting, CLOSED_US);
        assert_eq!(sets.iter().map(Vec::len).collect::<Vec<_>>(), expected, "{name}");
        let moved: Vec<i32> = sets.iter().flatten().map(|entity| entity.entity_id).collect();
        assert_eq!(moved, ids, "{name}: each once, in their order");
    }
}

#[test]
fn a_day_is_cut_by_groupings_and_minutes() {
    let minute = |(grouping_id, number, partials): (i16, i64, i64)| Minute {
        grouping_id,
        bucket: timestamp(number * MINUTE_US),
        partials,
    };
    for (name, minutes, expected) in [
        ("nothing", vec![], vec![]),
        ("few", vec![(0, 1, 5), (0, 9, 5)], vec![(0, 1, 10, 10)]),
        (
            "two groupings",
            vec![(0, 1, 5), (1, 1, 7)],
            vec![(0, 1, 2, 5), (1, 1, 2, 7)],
        ),
        (
            "many",
            vec![(2, 1, 6_000), (2, 2, 4_000), (2, 3, 1)],
            vec![(2, 1, 3, 10_000), (2, 3, 4, 1)],
        ),
        (
            "a minute has too many",
            vec![(2, 1, 1), (2, 2, 90_000), (2, 3, 1)],
            vec![(2, 1, 2, 1), (2, 2, 3, 90_000), (2, 3, 4, 1)],
        ),
    ] {
        let minutes: Vec<Minute> = minutes.into_iter().map(minute).collect();
        let expected: Vec<OfGrouping> = expected
            .into_iter()
            .map(|(grouping_id, from, to, partials)| OfGrouping {
                grouping_id,
                slice: Slice {
                    from_us: from * MINUTE_US,
                    to_us: to * MINUTE_US,
                    partials,
                },
            })
            .collect();
        assert_eq!(of_minutes(&minutes), expected, "{name}");
    }
}

#[test]
fn ranges_are_refreshed_in_windows_of_whole_days_and_of_bounded_length() {
    let window = WINDOW_US / DAY_US;
    for (name, ranges, expected) in [
        ("nothing", vec![], vec![]),
        ("a minute", vec![(24 * 60, 24 * 60 + 1)], vec![(1, 2)]),
        ("two of a day", vec![(0, 1), (24 * 60 - 1, 24 * 60)], vec![(0, 1)]),
        ("near", vec![(24 * 60 * 3, 24 * 60 * 3 + 1), (0, 1)], vec![(0, 4)]),
        (
            "far",
            vec![(0, 1), (24 * 60 * window, 24 * 60 * window + 1)],
            vec![(0, 1), (window, window + 1)],
        ),
        (
            "long, and another inside",
            vec![(0, 24 * 60 * (window + 2)), (24 * 60 * window, 24 * 60 * (window + 3))],
            vec![(0, window), (window, window + 3)],
        ),
    ] {
        let stale: Vec<StaleRange> = ranges
            .iter()
            .map(|(from, to)| StaleRange::between(1, (from * MINUTE_US, to * MINUTE_US)))
            .collect();
        let found = windows(&stale);
        let days: Vec<(i64, i64)> = found.iter().map(|(from, to)| (from / DAY_US, to / DAY_US)).collect();
        assert_eq!(days, expected, "{name}");
        for (from, to) in ranges {
            let range = (from * MINUTE_US, to * MINUTE_US);
            assert!(is_covered(range, &found), "{name}: {range:?}");
            for missing in 0..found.len() {
                let mut rest = found.clone();
                let (begin, end) = rest.remove(missing);
                let touches = range.0 < end && range.1 > begin;
                assert_eq!(
                    is_covered(range, &rest),
                    !touches,
                    "{name}: {range:?} without {missing}"
                );
            }
        }
    }
}

#[test]
fn a_window_that_takes_too_long_is_cut_down_to_buckets() {
    for (level, length, expected) in [
        (Level::Day, 100 * DAY_US, Some((4, 32 * DAY_US))),
        (Level::Minute, 3 * DAY_US, Some((3, DAY_US))),
        (Level::Hour, DAY_US, Some((24, HOUR_US))),
        (Level::Minute, HOUR_US, None),
        (Level::Day, 2 * DAY_US, Some((2, DAY_US))),
        (Level::QuarterDay, 2 * DAY_US, Some((2, DAY_US))),
        (Level::QuarterDay, DAY_US, None),
        (Level::QuarterHour, DAY_US, Some((24, HOUR_US))),
        (Level::Day, DAY_US, None),
    ] {
        let pieces = smaller(level, (0, length));
        for pieces in pieces.iter() {
            assert!(
                pieces.windows(2).all(|pair| pair[0].1 == pair[1].0),
                "{level:?} {length}"
            );
            assert_eq!((pieces[0].0, pieces[pieces.len() - 1].1), (0, length), "{level:?}");
        }
        let told = pieces.map(|pieces| (pieces.len(), pieces[0].1 - pieces[0].0));
        assert_eq!(told, expected, "{level:?} {length}");
    }
}

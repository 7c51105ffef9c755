use super::*;

const CLOSED_US: i64 = 100 * DAY_US;

fn entity(client: u128, id: i32, days_ago: i64, partials: i64) -> Waiting {
    Waiting {
        client_id: Uuid::from_u128(client),
        entity_id: id,
        oldest: timestamp(CLOSED_US - days_ago * DAY_US),
        partials,
        since: None,
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
        let slices = slices(&days, CLOSED_US).into_iter();
        let slices: Vec<(i64, i64)> = slices.map(|[from, to]| (from / DAY_US, to / DAY_US)).collect();
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

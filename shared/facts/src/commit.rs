//! What a commit of facts tells: readers that rollups lag behind, and the publisher that something changed.

use std::collections::BTreeSet;

use database::{Edition, Error, Session};
use serde::{Deserialize, Serialize};
use series::calendar::{HOUR_US, MINUTE_US};
use uuid::Uuid;

use crate::clock::Numbered;
use crate::copy::timestamp;
use crate::place::Placed;
use crate::sketches;

/// Most ranges in which a commit says that aggregates lag (Community edition): a day with its hours apart has twenty-four, and a flood of commits that each
/// touch a thousand times must not leave a thousand rows each for every question to look at.
pub(crate) const MAX_RANGES: usize = 16;

/// What `NOTIFY facts` tells of a commit.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Committed {
    /// Client whose facts changed.
    pub client: Uuid,
    /// Entity.
    pub entity: String,
    /// First minute that was touched, in microseconds since 1970.
    pub from_us: i64,
    /// End of the last minute that was touched.
    pub to_us: i64,
    /// Facts written.
    pub facts: usize,
}

/// Tells what the transaction touched, and whether it brings the sketches of it along: readers on the Community edition that the aggregates lag there, who moves the entity that it is to be copied again, and
/// the publisher by one NOTIFY, which takes effect at the commit.
pub(crate) async fn tell(
    session: &Session,
    client: Uuid,
    placed: &Placed,
    commit: &Numbered,
    facts: usize,
    minutes: &BTreeSet<i64>,
    are_sketched: bool,
) -> Result<(), Error> {
    let (Some(first), Some(last)) = (minutes.first().copied(), minutes.last().copied()) else {
        return Ok(());
    };
    let unzipped = |ranges: Vec<(i64, i64)>| -> (Vec<_>, Vec<_>) {
        let ranges = ranges.into_iter();
        ranges.map(|(from, to)| (timestamp(from), timestamp(to))).unzip()
    };
    if commit.is_moving {
        // Of a keyed entity, all that is in them is copied.
        let is_keyed = placed.entity.is_keyed();
        let (from, to) = unzipped(ranges(minutes, if is_keyed { 0 } else { HOUR_US }));
        let sql = "INSERT INTO core.moved_ranges (client_id, entity_id, batch_number, from_time, to_time, facts)
            SELECT $1, $2, $3, r.from_time, r.to_time, $6 FROM unnest($4::timestamptz[], $5::timestamptz[]) AS r (from_time, to_time)";
        let facts = i64::try_from(facts).unwrap_or(i64::MAX);
        session
            .execute(
                sql,
                &[&client, &placed.place.id, &commit.last_number, &from, &to, &facts],
            )
            .await?;
    }
    if session.edition().await? == Edition::Community {
        let (from, to) = unzipped(fewer(&ranges(minutes, HOUR_US), MAX_RANGES));
        session
            .execute(
                "INSERT INTO core.stale_ranges (volume, client_id, entity_id, from_time, to_time)
                 SELECT $1, $2, $3, r.from_time, r.to_time FROM unnest($4::timestamptz[], $5::timestamptz[]) AS r (from_time, to_time)",
                &[&placed.place.volume.name(), &client, &placed.place.id, &from, &to],
            )
            .await?;
    }
    sketches::note(session, client, placed, minutes, are_sketched).await?;
    let committed = Committed {
        client,
        entity: placed.entity.code().to_owned(),
        from_us: first,
        to_us: last + MINUTE_US,
        facts,
    };
    let payload = serde_json::to_string(&committed).map_err(|error| Error::Stored {
        place: "notification".to_owned(),
        cause: error.to_string(),
    })?;
    session.execute("SELECT pg_notify('facts', $1)", &[&payload]).await?;
    Ok(())
}

/// Minutes as few ranges. Gaps that are bridged, an hour as a rule, only make readers take a little more from partials.
pub(crate) fn ranges(minutes: &BTreeSet<i64>, bridged_us: i64) -> Vec<(i64, i64)> {
    let mut ranges: Vec<(i64, i64)> = Vec::new();
    for minute in minutes {
        match ranges.last_mut() {
            Some((_, to)) if minute - *to <= bridged_us => *to = minute + MINUTE_US,
            _ => ranges.push((*minute, minute + MINUTE_US)),
        }
    }
    ranges
}

/// At most so many ranges, at least one, that cover the same: the shortest gaps between them are bridged.
pub(crate) fn fewer(ranges: &[(i64, i64)], most: usize) -> Vec<(i64, i64)> {
    let gap = |at: usize| ranges[at].0 - ranges[at - 1].1;
    let mut cuts: Vec<usize> = (1..ranges.len()).collect();
    cuts.sort_by_key(|at| std::cmp::Reverse(gap(*at)));
    cuts.truncate(most.saturating_sub(1));
    cuts.sort_unstable();
    let begins = [0].into_iter().chain(cuts.iter().copied());
    let ends = cuts.iter().copied().chain([ranges.len()]);
    let bridged = begins
        .zip(ends)
        .filter_map(|(begin, end)| ranges.get(begin..end)?.first().zip(ranges[begin..end].last()));
    bridged.map(|(first, last)| (first.0, last.1)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shortest_gaps_are_bridged_until_ranges_are_few() {
        for (name, ranges, most, expected) in [
            ("none", vec![], 3, vec![]),
            ("few", vec![(0, 1), (5, 6), (9, 11)], 3, vec![(0, 1), (5, 6), (9, 11)]),
            ("one too many", vec![(0, 1), (5, 6), (9, 11)], 2, vec![(0, 1), (5, 11)]),
            ("one is all", vec![(0, 1), (5, 6), (9, 11)], 1, vec![(0, 11)]),
            (
                "gaps alike",
                vec![(0, 1), (2, 3), (4, 5), (9, 10)],
                2,
                vec![(0, 5), (9, 10)],
            ),
        ] {
            assert_eq!(fewer(&ranges, most), expected, "{name}");
        }
        let far: Vec<(i64, i64)> = (0..1_000)
            .map(|at| (at * 2 * HOUR_US, at * 2 * HOUR_US + MINUTE_US))
            .collect();
        let few = fewer(&far, MAX_RANGES);
        assert_eq!(few.len(), MAX_RANGES);
        assert!(
            far.iter()
                .all(|(from, to)| few.iter().any(|few| few.0 <= *from && *to <= few.1))
        );
    }

    #[test]
    fn near_minutes_become_one_range() {
        let minutes = |list: &[i64]| list.iter().map(|minute| minute * MINUTE_US).collect::<BTreeSet<_>>();
        assert_eq!(ranges(&minutes(&[0, 1, 30]), HOUR_US), [(0, 31 * MINUTE_US)]);
        assert_eq!(
            ranges(&minutes(&[0, 62]), HOUR_US),
            [(0, MINUTE_US), (62 * MINUTE_US, 63 * MINUTE_US)]
        );
        assert_eq!(
            ranges(&minutes(&[0, 1, 3]), 0),
            [(0, 2 * MINUTE_US), (3 * MINUTE_US, 4 * MINUTE_US)]
        );
    }
}

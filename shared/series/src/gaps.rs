//! Buckets in which no fact counts. They have the KPI's value without facts ([`crate::answer::empty`]) on every route: a count is 0, a rate has no value. A
//! series leaves them out, and lists them where that is asked for.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::answer::{Point, SeriesKey, empty};
use crate::calendar::Calendar;
use crate::plan::Request;

/// Adds a point for each bucket of the request's range that has none and has begun by `now`: one where the answer is not split, else one for each group that
/// has a point anywhere in the range. The buckets are the calendar's, so a day is the client's own.
///
/// # Errors
/// How many points that would be, where they are more than `most`. Nothing is added then.
pub fn fill(
    request: &Request<'_>,
    calendar: &Calendar,
    now: Timestamp,
    points: &mut BTreeMap<SeriesKey, Point>,
    most: usize,
) -> Result<(), usize> {
    let groups: BTreeSet<Vec<String>> = if request.by.is_empty() {
        BTreeSet::from([Vec::new()])
    } else {
        points.keys().map(|(_, group)| group.clone()).collect()
    };
    let begun = std::iter::successors(Some(request.range.from), |start| {
        Some(calendar.next(request.period, *start))
    });
    let begun: Vec<Timestamp> = begun
        .take_while(|start| *start < request.range.to && *start <= now)
        .collect();
    // Facts may be ahead of the clock by a day: their buckets are beside those that have begun.
    let ahead = points.keys().filter(|(start, _)| *start > now).count();
    let wanted = begun.len().saturating_mul(groups.len()).saturating_add(ahead);
    if wanted > most {
        return Err(wanted);
    }
    let gap = empty(request);
    for start in begun {
        for group in &groups {
            points.entry((start, group.clone())).or_insert_with(|| gap.clone());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use catalog::{Catalog, Period};

    use super::*;
    use crate::calendar::Range;
    use crate::plan::Filter;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    /// The starts and values of a filled series of a KPI, of which one hour of "x" and one of "y" are known.
    fn filled(formula: &str, by: &[String], now: &str, most: usize) -> Result<Vec<String>, usize> {
        let definitions = serde_json::json!([{ "code": "M", "domain": "m", "attributes": [
            { "name": "d", "type": "decimal" }, { "name": "kind", "type": "text", "dimension": true }] }]);
        let kpis = serde_json::json!([{ "code": "K", "name": "K", "formula": formula }]);
        let entities = serde_json::from_value(definitions).unwrap();
        let catalog = Catalog::new(entities, serde_json::from_value(kpis).unwrap()).unwrap();
        let filter = Filter::new();
        let request = Request {
            kpi: catalog.kpi("K").unwrap(),
            period: Period::Hour,
            range: Range {
                from: at("2026-11-20T00:00:00Z"),
                to: at("2026-11-20T04:00:00Z"),
            },
            filter: &filter,
            by,
            now: at(now),
        };
        let group = |name: &str| by.iter().map(|_| name.to_owned()).collect::<Vec<_>>();
        let mut points: BTreeMap<SeriesKey, Point> = [("x", "01"), ("y", "02")]
            .map(|(name, hour)| {
                let known = Point {
                    facts: 1,
                    ..empty(&request)
                };
                ((at(&format!("2026-11-20T{hour}:00:00Z")), group(name)), known)
            })
            .into();
        fill(&request, &Calendar::utc(), at(now), &mut points, most)?;
        let shown = points.into_iter().map(|((start, group), point)| {
            let hour = &start.to_string()[11..13];
            format!("{hour}{} {:?}/{}", group.concat(), point.value.is_some(), point.facts)
        });
        Ok(shown.collect())
    }

    #[test]
    fn gaps_have_the_value_without_facts() {
        let by = ["kind".to_owned()];
        let after = "2026-11-21T00:00:00Z";
        let all = ["00 true/0", "01 true/1", "02 true/1", "03 true/0"];
        assert_eq!(filled("COUNT(M)", &[], after, 4).unwrap(), all);
        assert_eq!(filled("COALESCE(SUM(M.d), 0)", &[], after, 4).unwrap(), all);
        assert_eq!(filled("AVG(M.d)", &[], after, 4).unwrap()[0], "00 false/0");
        let begun = filled("COUNT(M)", &[], "2026-11-20T02:30:00Z", 4).unwrap();
        assert_eq!(begun, all[..3], "an hour that has not begun is no gap");
        let split = filled("COUNT(M)", &by, after, 8).unwrap();
        assert_eq!(split.len(), 8);
        assert_eq!(split[..3], ["00x true/0", "00y true/0", "01x true/1"]);
        assert_eq!(filled("COUNT(M)", &by, after, 7), Err(8));
    }
}

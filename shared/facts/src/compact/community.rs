//! Refreshing, on the Community edition: the continuous aggregates over the ranges in which they lag, window by window.

use std::collections::BTreeMap;
use std::time::Instant;

use catalog::Level;
use database::{Error, Session};
use jiff::Timestamp;
use series::calendar::{DAY_US, HOUR_US, floor_us, length_us};
use uuid::Uuid;

use super::{Failures, MAX_RANGES, MAX_STATEMENT_TIME, Upkeep};
use crate::copy::timestamp;
use crate::groups::{Touched, stop_crowded};
use crate::volume::{Volume, levels};

/// Longest time that one call refreshes at first. TimescaleDB refreshes only what was invalidated inside the window, so an ordinary one costs little, and 27 years
/// are ten calls for each level: in windows of a month they were a thousand, which took two minutes.
pub(super) const WINDOW_US: i64 = 1_024 * DAY_US;

/// What a window that takes too long is cut into, then a piece of it, and so on.
const WIDTHS_US: [i64; 3] = [32 * DAY_US, DAY_US, HOUR_US];

database::row! {
    pub(super) struct StaleRange {
        id: i64,
        client_id: Uuid,
        entity_id: i32,
        from_time: Timestamp,
        to_time: Timestamp,
    }
}

impl StaleRange {
    fn edges(&self) -> Window {
        (self.from_time.as_microsecond(), self.to_time.as_microsecond())
    }

    fn touches(&self, (from_us, to_us): Window) -> bool {
        let (from, to) = self.edges();
        from < to_us && to > from_us
    }
}

/// From and to, in microseconds.
type Window = (i64, i64);

database::row! {
    struct Beginning {
        began_at: Timestamp,
        last: Option<i64>,
    }
}

database::row! {
    struct Next {
        volume: String,
    }
}

/// Refreshes the aggregates over the stale ranges that there are, those first that were not tried yet, and forgets each once all of it is refreshed. One that a
/// batch adds meanwhile stays: whether a refresh saw its rows is not known. What fails keeps no other.
pub(super) async fn refresh(session: &Session, until: Instant, failures: &mut Failures) -> Result<Upkeep, Error> {
    session.limit_statements(MAX_STATEMENT_TIME).await?;
    let sql = "SELECT clock_timestamp() AS began_at, max(id) AS last FROM core.stale_ranges";
    let beginning: Option<Beginning> = session.row(sql, &[]).await?;
    let mut done = Upkeep::default();
    let Some(Beginning {
        began_at,
        last: Some(last),
    }) = beginning
    else {
        return Ok(done);
    };
    let due = "id <= $1 AND (tried_at IS NULL OR tried_at < $2)";
    let order = "ORDER BY tried_at NULLS FIRST, id LIMIT";
    let next = format!("SELECT volume FROM core.stale_ranges WHERE {due} {order} 1");
    let page = format!(
        "SELECT id, client_id, entity_id, from_time, to_time FROM core.stale_ranges WHERE {due} AND volume = $3 {order} $4"
    );
    while let Some(Next { volume }) = session.row::<Next>(&next, &[&last, &began_at]).await? {
        let ranges = session.rows(&page, &[&last, &began_at, &volume, &MAX_RANGES]).await?;
        let mut page = Page {
            session,
            volume: Volume::named(volume),
            windows: windows(&ranges),
            ranges,
            done: Vec::new(),
            refreshed: 0,
        };
        let is_all = page.refresh(until, failures).await;
        done.refreshed += page.refreshed;
        if !is_all? {
            break;
        }
    }
    Ok(done)
}

/// Whole days of ranges as windows of at most [`WINDOW_US`], in the order of time. What lies between two ranges is in a window where it has room: nothing was
/// invalidated there. Whole days, because a grouping that is kept by hour or day only is in the levels below with the buckets of its finest.
pub(super) fn windows(ranges: &[StaleRange]) -> Vec<Window> {
    let whole_days = |range: &StaleRange| {
        let (from, to) = range.edges();
        (floor_us(Level::Day, from), floor_us(Level::Day, to + DAY_US - 1))
    };
    let mut days: Vec<Window> = ranges.iter().map(whole_days).collect();
    days.sort_unstable();
    let mut windows: Vec<Window> = Vec::new();
    for (mut from, to) in days {
        if let Some((begin, end)) = windows.last_mut() {
            if to.max(*end) - *begin <= WINDOW_US {
                *end = to.max(*end);
                continue;
            }
            from = from.max(*end);
        }
        while from < to {
            windows.push((from, to.min(from + WINDOW_US)));
            from += WINDOW_US;
        }
    }
    windows
}

/// Whether windows, in the order of time, cover all of another one.
pub(super) fn is_covered((from, to): Window, windows: &[Window]) -> bool {
    let covered = windows.iter().fold(from, |covered, (begin, end)| {
        if (*begin..*end).contains(&covered) {
            *end
        } else {
            covered
        }
    });
    covered >= to
}

/// Stale ranges of one volume that are worked on together.
struct Page<'a> {
    session: &'a Session,
    volume: Volume,
    windows: Vec<Window>,
    ranges: Vec<StaleRange>,
    /// Windows that are refreshed.
    done: Vec<Window>,
    refreshed: u64,
}

impl Page<'_> {
    /// Whether there was time for all; the first window has it in any case.
    async fn refresh(&mut self, until: Instant, failures: &mut Failures) -> Result<bool, Error> {
        for window in std::mem::take(&mut self.windows) {
            if !self.done.is_empty() && Instant::now() > until {
                return Ok(false);
            }
            let result = self.window(window, until).await;
            if let Err(error) = &result {
                let volume = self.volume.name();
                tracing::error!(volume, from = %timestamp(window.0), cause = %error, "aggregates can't be refreshed");
            }
            match failures.note(result)? {
                Some(true) => {
                    self.done.push(window);
                    self.forget().await?;
                }
                // It was not ended, or it failed: all others come first next time.
                _ => self.tried(window).await?,
            }
        }
        self.forget().await?;
        Ok(true)
    }

    /// Refreshes a window at every level. Whether there was time for it.
    async fn window(&self, window: Window, until: Instant) -> Result<bool, Error> {
        let touched = self.touched(window);
        for level in levels(Level::Minute) {
            match refresh_level(self.session, &self.volume, level, window, until).await {
                Ok(true) => {}
                // Groupings with too many groups are what takes so long, and they have too many in an hour too.
                Err(error) if level == Level::Day && error.is_out_of_time() => {
                    stop_crowded(self.session, &self.volume, Level::Hour, &touched).await?;
                    return Err(error);
                }
                result => return result,
            }
        }
        stop_crowded(self.session, &self.volume, Level::Day, &touched).await?;
        Ok(true)
    }

    /// What changed of each entity inside a window.
    fn touched(&self, window: Window) -> Vec<Touched> {
        let mut entities: BTreeMap<(Uuid, i32), Window> = BTreeMap::new();
        for range in self.ranges.iter().filter(|range| range.touches(window)) {
            let (from, to) = range.edges();
            let hull = entities
                .entry((range.client_id, range.entity_id))
                .or_insert((i64::MAX, i64::MIN));
            *hull = (hull.0.min(from.max(window.0)), hull.1.max(to.min(window.1)));
        }
        let touched = |((client, entity), (from, to))| Touched {
            client,
            entity,
            from: timestamp(from),
            to: timestamp(to),
        };
        entities.into_iter().map(touched).collect()
    }

    /// Forgets the ranges all of whose windows are refreshed.
    async fn forget(&mut self) -> Result<(), Error> {
        let (whole, rest): (Vec<_>, Vec<_>) = std::mem::take(&mut self.ranges)
            .into_iter()
            .partition(|range| is_covered(range.edges(), &self.done));
        self.ranges = rest;
        let ids: Vec<i64> = whole.iter().map(|range| range.id).collect();
        let sql = "DELETE FROM core.stale_ranges WHERE id = ANY ($1)";
        self.refreshed += self.session.execute(sql, &[&ids]).await?;
        Ok(())
    }

    async fn tried(&self, window: Window) -> Result<(), Error> {
        let touching = self.ranges.iter().filter(|range| range.touches(window));
        let ids: Vec<i64> = touching.map(|range| range.id).collect();
        let sql = "UPDATE core.stale_ranges SET tried_at = clock_timestamp() WHERE id = ANY ($1)";
        self.session.execute(sql, &[&ids]).await.map(drop)
    }
}

/// Refreshes a window at one level, in smaller pieces where it takes too long. Whether there was time for all of them.
async fn refresh_level(
    session: &Session,
    volume: &Volume,
    level: Level,
    window: Window,
    until: Instant,
) -> Result<bool, Error> {
    let mut pieces = vec![window];
    while let Some(piece) = pieces.pop() {
        match call(session, volume, level, piece).await {
            Err(error) if error.is_out_of_time() && !error.is_locked_out() => {
                let smaller = smaller(level, piece).ok_or(error)?;
                pieces.extend(smaller.into_iter().rev());
            }
            result => result?,
        }
        if !pieces.is_empty() && Instant::now() > until {
            return Ok(false);
        }
    }
    Ok(true)
}

/// A window that takes too long in months, one of these in days, a day in hours; a bucket is never cut.
pub(super) fn smaller(level: Level, (from, to): Window) -> Option<Vec<Window>> {
    let fits = |width: &&i64| **width < to - from && **width >= length_us(level);
    let width = *WIDTHS_US.iter().find(fits)?;
    let count = (to - from + width - 1) / width;
    let piece = |number| (from + number * width, to.min(from + (number + 1) * width));
    Some((0..count).map(piece).collect())
}

async fn call(session: &Session, volume: &Volume, level: Level, (from, to): Window) -> Result<(), Error> {
    let (from, to) = (timestamp(from), timestamp(to));
    let name = volume.rollup(level).replace('\'', "''");
    tracing::debug!(rollup = name, %level, "refresh");
    // A CALL that commits inside takes no bind parameters in a transaction of its own; timestamps have no quotes.
    session
        .batch(&format!(
            "CALL refresh_continuous_aggregate('{name}', '{from}'::timestamptz, '{to}'::timestamptz)"
        ))
        .await
}

#[cfg(test)]
impl StaleRange {
    pub(super) fn between(id: i64, (from, to): Window) -> Self {
        Self {
            id,
            client_id: Uuid::nil(),
            entity_id: 1,
            from_time: timestamp(from),
            to_time: timestamp(to),
        }
    }
}

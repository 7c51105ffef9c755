//! Points where nothing was read.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{Gathered, Point, empty};
use crate::calendar::Calendar;
use crate::plan::Request;
use crate::windows::windows;

/// The values of a request where nothing was read of a bucket and group.
#[derive(Clone, Debug)]
pub struct Absent {
    usual: Point,
    /// Those of the buckets in which something has no window, or that are made of shorter periods.
    lacking: BTreeMap<Timestamp, Point>,
}

impl Absent {
    /// Of a request that was planned, so that its windows have a meaning.
    #[must_use]
    pub fn of(request: &Request<'_>, calendar: &Calendar) -> Self {
        let mut gathered = Gathered::new(request, calendar);
        for reading in request
            .kpi
            .formula
            .readings()
            .iter()
            .filter(|reading| !reading.window.is_own())
        {
            let measures: Vec<usize> = reading.measures.iter().map(|(place, _)| *place).collect();
            if let Ok(windows) = windows(request, calendar, reading.window) {
                gathered.lacks(&measures, &windows);
            }
        }
        Self {
            usual: empty(request),
            lacking: gathered.absent(),
        }
    }

    /// The point of a bucket.
    #[must_use]
    pub fn point(&self, bucket: Timestamp) -> &Point {
        self.lacking.get(&bucket).unwrap_or(&self.usual)
    }
}

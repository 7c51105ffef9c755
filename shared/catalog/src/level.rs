//! How coarse rollups are.

use serde::{Deserialize, Serialize};
use std::fmt;
use utoipa::ToSchema;

/// How coarse a rollup is, finest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// One row a minute and group.
    #[default]
    Minute,
    /// One row a quarter of an hour and group: days and hours of zones that are not whole hours from UTC are put together from these.
    QuarterHour,
    /// One row an hour and group.
    Hour,
    /// One row a quarter of a day, which is six hours, and group: most of a day that does not begin with one of UTC is put together from these.
    QuarterDay,
    /// One row a day and group.
    Day,
}

impl Level {
    /// Every level, finest first.
    pub const ALL: [Level; 5] = [
        Level::Minute,
        Level::QuarterHour,
        Level::Hour,
        Level::QuarterDay,
        Level::Day,
    ];

    /// The name in JSON and in names of rollups.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Level::Minute => "minute",
            Level::QuarterHour => "quarter_hour",
            Level::Hour => "hour",
            Level::QuarterDay => "quarter_day",
            Level::Day => "day",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

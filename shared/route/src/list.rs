//! How much of a list one page has, and how long its filters are.

/// The most items of a page. A list is walked in as few requests as its answer's bytes allow: a KPI of the usual 500 bytes makes 500 KB of a page, and a page of
/// larger items ends earlier.
pub const MAX_LIMIT: i64 = 1_000;

/// The items of a page whose request names no limit: all entities that a client may have.
pub const DEFAULT_LIMIT: i64 = 200;

/// The most characters of a filter's text: a file's key has as many.
pub const MAX_FILTER_TEXT: usize = 1_024;

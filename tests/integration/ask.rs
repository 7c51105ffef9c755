//! Questions over HTTP: series and values.

mod questions;

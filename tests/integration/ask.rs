//! Questions over HTTP: series and values.

mod numbers;
mod questions;

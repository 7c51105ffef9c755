//! Questions over HTTP: series and values.

mod meaning;
mod numbers;
mod periods;
mod questions;

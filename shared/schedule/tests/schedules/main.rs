//! Plans as functions use them.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod example;
mod feasible;
mod golden;
mod plans;

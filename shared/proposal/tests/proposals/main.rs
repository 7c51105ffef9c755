//! Answers and quotes as functions use them.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod answers;
mod common;
mod feasible;
mod golden;
mod plans;
mod properties;
mod schedules;
mod statement;

//! Answers, quotes and the tasks of a quote as functions use them.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod answers;
mod common;
mod golden;
mod properties;
mod statement_of_work;

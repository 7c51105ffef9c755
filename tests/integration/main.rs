//! Flows, scenarios and faults, against real servers. One binary, so that everything links once.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::indexing_slicing,
    clippy::float_cmp,
    reason = "a test fails by panicking, and prints what it skips"
)]

mod access;
mod bus;
mod conformance;
mod documents;
mod facts;
mod flows;
mod live;
mod publisher;
mod tidy;
mod transactions;

//! What users do and what goes wrong, against real servers. One binary, so that everything links once.
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

mod alarms;
mod ask;
mod bus;
mod catalog;
mod cells;
mod conformance;
mod contract;
mod documents;
mod facts;
mod flights;
mod identity;
mod ingest;
mod kills;
mod licences;
mod lists;
mod live;
mod permissions;
mod proposals;
mod publisher;
mod removal;
mod reported;
mod silence;
mod standstill;
mod tidy;
mod tls;
mod transactions;

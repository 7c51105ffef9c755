//! What the integration tests and the benches share: servers to test against, the running product, and its users.

pub mod answers;
pub mod dashboard;
pub mod databases;
pub mod fake_service;
pub mod figures;
pub mod http;
pub mod json;
pub mod lone_function;
pub mod mailbox;
pub mod parts;
pub mod processes;
pub mod product;
pub mod prover;
pub mod waiting;

/// A variable that `make` sets, or a sentence that says so.
///
/// # Panics
/// When it is not set: a test that can't run must not look passed.
#[must_use]
pub fn required(name: &str) -> String {
    #[allow(clippy::panic, reason = "a test or bench without its means fails")]
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run this through make"))
}

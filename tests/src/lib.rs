//! What the integration tests and the benches share: servers to test against, fresh databases on them, and a client of
//! the running product.

pub mod databases;
pub mod mailbox;
pub mod product;
pub mod stand_in;

/// A variable that `make` sets, or a sentence that says so.
///
/// # Panics
/// When it is not set: a test that can't run must not look passed.
#[must_use]
pub fn required(name: &str) -> String {
    #[allow(clippy::panic, reason = "a test or bench without its means fails")]
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run this through make"))
}

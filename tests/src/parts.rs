//! The parts of a bench that its arguments name.

/// Whether a part is to be run: all are where none is named.
#[must_use]
pub fn wanted(name: &str) -> bool {
    let mut named = std::env::args()
        .skip(1)
        .filter(|name| !name.starts_with("--"))
        .peekable();
    named.peek().is_none() || named.any(|one| one == name)
}

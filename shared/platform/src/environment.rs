//! The environment of a function, read once at boot.

use anyhow::{Context as _, Result};

/// The value of a variable that the function can't run without.
///
/// # Errors
/// When the variable is unset or empty; the text names it.
pub fn required(name: &str) -> Result<String> {
    optional(name).with_context(|| {
        format!("environment variable {name} is not set: template.yaml should give it to this function")
    })
}

/// The value of a variable, or `None` when it is unset or empty.
#[must_use]
pub fn optional(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

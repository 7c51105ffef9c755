//! The documents as their readers get them: what is written in the files, not how.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod extract;
mod hostile;
mod numbers;
mod pages;
mod properties;
mod sample;
mod word_parts;

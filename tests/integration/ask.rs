//! Questions over HTTP: series and values.

mod durations;
mod meaning;
mod numbers;
mod periods;
mod questions;
mod states;
mod targets;
mod windows;

//! Questions over HTTP: series and values.

mod approximate;
mod asked_first;
mod calculate;
mod durations;
mod meaning;
mod numbers;
mod paths;
mod periods;
mod questions;
mod states;
mod targets;
mod windows;

//! One suite, identical answers on every edition: rollups equal the facts at every commit.
//!
//! Each scenario runs against every server of `TEST_DATABASE_URLS`. After every step all KPIs are asked for all periods,
//! with and without filters and groups, and compared with plain SQL over the facts.

mod bounds;
mod cells;
mod changes;
mod changes_crowded;
mod changes_meet;
mod changes_model;
mod changes_moves;
mod counts;
mod crowds;
mod definitions;
mod earlier;
mod files;
mod fillings;
mod formulas;
mod health;
mod keys;
mod listed;
mod lists;
mod market;
mod members;
mod numbers;
mod oracle;
mod paths;
mod placement;
mod places;
mod prover;
mod replays;
mod scenarios;
mod shop;
mod sketches;
mod sketches_asked;
mod sketches_kept;
mod statements;
mod states;
mod upkeep;
mod users;
mod windows;
mod zones;

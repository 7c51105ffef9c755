//! Definitions of entities and KPIs.

mod definitions;
mod instant;
mod mistakes;
mod names;
mod versions;

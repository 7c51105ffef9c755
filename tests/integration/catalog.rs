//! Definitions of entities and KPIs.

mod definitions;
mod mistakes;

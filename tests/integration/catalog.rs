//! Definitions of entities and KPIs, and of what stands beside them.

mod companions;
mod definitions;
mod graph;
mod mistakes;
mod names;

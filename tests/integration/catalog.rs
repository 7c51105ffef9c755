//! Definitions of entities and KPIs.

mod definitions;
mod mistakes;
mod names;
mod references;

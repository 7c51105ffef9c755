//! Definitions of entities and KPIs, and of what stands beside them.

mod advice;
mod companions;
mod definitions;
mod fillings;
mod formulas;
mod graph;
mod instant;
mod mistakes;
mod names;
mod references;
mod versions;

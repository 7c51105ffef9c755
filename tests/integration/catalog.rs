//! Definitions of entities and KPIs.

mod definitions;
mod fillings;
mod formulas;
mod instant;
mod mistakes;
mod names;
mod references;
mod versions;

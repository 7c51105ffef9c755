//! Definitions of entities and KPIs.

mod definitions;
mod formulas;
mod mistakes;
mod names;

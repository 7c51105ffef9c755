//! What is stored besides facts, one module for each aggregate, with every statement over it.
//!
//! These tables are isolated by row-level security: a statement runs in a transaction of one client, unless it says why not.
//!
//! - [`clients`] and their [`users`]; [`definitions`] of entities and KPIs; [`batches`], [`files`] and [`dead_letters`] of ingestion, and their [`undo`]; [`unplaced_files`]; [`usage`]
//! - [`proposals`] with their revisions, [`renderings`] of their documents, and [`branding`]
//! - [`licences`], [`licence_keys`], [`renewal_notices`]
//! - [`cells`]: clients move from one database to another
//! - [`lists`]: the statement that all pages are read by
//! - [`outbox`]: domain events on their way to the bus

pub mod batches;
pub mod branding;
pub mod cells;
pub mod client_removal;
pub mod clients;
pub mod dead_letters;
pub mod definitions;
pub mod files;
pub mod licence_keys;
pub mod licences;
pub mod lists;
pub mod outbox;
pub mod proposals;
pub mod renderings;
pub mod renewal_notices;
pub mod undo;
pub mod unplaced_files;
pub mod usage;
pub mod users;

//! The only crate with SQL.
//!
//! Ordinary tables (clients, definitions, batches, dead letters) are isolated by row-level security; facts and rollups
//! are reachable only through the functions here, none of which has a form without a client.
//!
//! - [`connect`]: pool, roles, TLS; [`migrate`]: schema; [`relation`], [`ddl`], [`tables`]: the tables that entities generate
//! - [`ingest`], [`correct`], [`copy`]: facts, partials, rejects and the batch's mark in one transaction
//! - [`read`]: states of buckets for [`series::Question`]s, many in one statement; [`compact`]: upkeep of rollups
//! - [`definitions`] with [`change`], [`clients`], [`letters`], [`licences`], [`notices`], [`proposals`], [`renderings`],
//!   [`branding`], [`outbox`], [`notify`], [`health`]: the rest, one table each

pub mod branding;
pub mod change;
pub mod clients;
pub mod compact;
pub mod connect;
pub mod copy;
pub mod correct;
pub mod ddl;
pub mod definitions;
pub mod health;
pub mod ingest;
pub mod letters;
pub mod licences;
pub mod migrate;
pub mod notices;
pub mod notify;
pub mod outbox;
pub mod proposals;
pub mod read;
pub mod relation;
pub mod renderings;
pub mod tables;

pub use connect::{Database, Edition, Error, Session, Timeouts};

//! DynamoDB and S3 inside this process, on loopback listeners.
//!
//! Tables live in memory: what is in them (connections, subscriptions, leases, spent tokens) belongs to one run. Objects live
//! in the state folder, so that a second run finds the files that were loaded.

mod keys;
mod notifications;
mod objects;
mod tables;
#[cfg(test)]
mod tests;

pub use notifications::notify;
pub use objects::{Created, ObjectStore};
pub use tables::Tables;

/// The credentials that every client of the cloud signs with. S3 checks signatures, so that presigned URLs are real.
pub const ACCESS_KEY: &str = "local";
/// The secret of [`ACCESS_KEY`]; there is nothing to protect on a loopback listener.
pub const SECRET_KEY: &str = "local";

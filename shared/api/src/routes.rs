//! Routes whose types are not beside them.

pub mod service_proposals;

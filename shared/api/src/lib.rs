//! The serialized types of the REST API and of the messages between functions; OpenAPI 3.1 and AsyncAPI 3 come from here.
//!
//! Definitions of the catalogue and frames of the live protocol are serialized types already: they are described here and
//! defined in `catalog` and `live`.

pub mod asyncapi;
pub mod domain_events;
pub mod events;
pub mod licences;
pub mod openapi;
pub mod proposals;
pub mod rest;
pub mod routes;

pub use events::{EventSource, QueuedEvents, QueuedWake};

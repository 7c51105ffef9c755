//! The local cloud: the whole product on a developer's machine, from its `template.yaml` and its unmodified binaries.
//!
//! What AWS does here is done by [`aws_stand_in`], which knows nothing of the product. This crate knows the product: which
//! database and secrets it needs, that the schema is migrated before anything else runs, and what its demo shows. It is a
//! development tool and binds loopback only.

pub mod cloud;
pub mod demo;
pub mod postgres;
pub mod progress;
pub mod secrets;
pub mod template;

pub use cloud::{Cloud, Options, Ports};

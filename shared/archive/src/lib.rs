//! The only crate with Parquet and archive objects.
//!
//! [`table`] reads Parquet, [`text`] CSV and NDJSON; [`files`] turns each into chunks of facts and refused rows, the same
//! way as events. [`store`] is the bucket.

pub mod files;
pub mod store;
pub mod table;
pub mod text;

pub use files::{Chunk, Chunks, FileError, Format, RefusedRow};

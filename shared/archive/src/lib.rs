//! Files of facts and the bucket that they lie in: the only crate that knows Parquet.
//!
//! [`table`] reads Parquet, [`text`] CSV and NDJSON, which [`packing`] unpacks; [`files`] turns each into chunks of facts and refused rows, in the same
//! way as events are. [`store`] is the bucket.

mod declared;
pub mod files;
pub mod packing;
pub mod store;
pub mod table;
pub mod text;
mod thrift;

pub use declared::Declared;
pub use files::{Chunk, Chunks, FileError, Format, RefusedRow};

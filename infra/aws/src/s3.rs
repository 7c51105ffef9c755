//! S3 in this process: objects as files of a folder, and notifications of what is created there.
//!
//! The library `s3s` speaks the protocol and `s3s-fs` keeps the files. Ours are the notifications, which neither has, and the
//! refusal of keys that a folder can't hold. Objects stay in the folder, so that a second run finds them. A file is written beside
//! its place and renamed, and queues are told of it before the request is answered: an object that was taken is notified, too.

mod keys;
mod notifications;
mod objects;
#[cfg(test)]
mod tests;

pub use notifications::Destinations;
pub use objects::{Created, ObjectStore};

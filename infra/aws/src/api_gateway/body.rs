//! Reads the body of a request, up to a limit.

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use futures::StreamExt;

/// How much of a body that is too large is still read, so that its sender gets to see the answer instead of a reset.
const DISCARDED_BYTES: usize = 64 * 1024 * 1024;

/// Why there is no body.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum BodyError {
    /// It is larger than the limit.
    TooLarge,
    /// The connection broke, or the encoding was wrong.
    Broken,
}

/// The whole body, if it has at most `limit` bytes.
pub(crate) async fn read_at_most(body: Body, limit: usize) -> Result<Bytes, BodyError> {
    let mut stream = body.into_data_stream();
    let mut read = BytesMut::new();
    let mut size = 0;
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|_| BodyError::Broken)?;
        size += chunk.len();
        if size <= limit {
            read.extend_from_slice(&chunk);
        } else if size > DISCARDED_BYTES {
            break;
        }
    }
    if size > limit {
        Err(BodyError::TooLarge)
    } else {
        Ok(read.freeze())
    }
}

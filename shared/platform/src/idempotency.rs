//! Requests that are sent again: what their `Idempotency-Key` stands for.

use http::HeaderMap;
use uuid::Uuid;

use crate::Problem;

/// Longest key.
const MAX_KEY_BYTES: usize = 256;

/// The identity of the sender's `Idempotency-Key`, if there is one. A key is of one client and one scope: the same word for
/// something else is another key.
///
/// # Errors
/// 400 when the key is empty or too long.
pub fn key(headers: &HeaderMap, client: Uuid, scope: &str) -> Result<Option<Uuid>, Problem> {
    let Some(key) = headers.get("idempotency-key") else {
        return Ok(None);
    };
    if key.is_empty() || key.len() > MAX_KEY_BYTES {
        return Err(Problem::malformed(format!(
            "the Idempotency-Key has {} bytes: it needs 1 to {MAX_KEY_BYTES}",
            key.len()
        )));
    }
    let name = [scope.as_bytes(), b"/", key.as_bytes()].concat();
    Ok(Some(Uuid::new_v5(&client, &name)))
}

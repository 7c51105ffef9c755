//! Whether the session of a token is open.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::time::Duration;

use identity::{Caller, Claims};
use jiff::Timestamp;
use registry::SessionId;
use uuid::Uuid;

use crate::Context;

/// How long the registry may take. Without an answer a token counts as it did before sessions could be ended: for the rest of its hour. A registry that does not
/// answer is an error in the log, of which an alarm tells.
const WITHIN: Duration = Duration::from_secs(1);

/// What API Gateway passes on: the caller, and which session it is, which whoever opens a WebSocket looks up again.
pub(crate) fn context(caller: &Caller, session: Uuid) -> BTreeMap<&'static str, String> {
    let mut context = caller.context();
    context.insert("session", session.to_string());
    context
}

/// Whether a token that was verified still counts.
pub(crate) async fn is_open(context: &Context, claims: &Claims, now: Timestamp) -> bool {
    let Some(registry) = &context.registry else {
        return true;
    };
    let id = SessionId {
        client: claims.client,
        user: claims.sub,
        session: claims.session,
    };
    // Its type ends here: what the SDK is made of is deeper than the compiler looks from `main`.
    let looking: Pin<Box<dyn Future<Output = _> + Send>> =
        Box::pin(registry.is_session_open(id, claims.role.name(), now));
    match tokio::time::timeout(WITHIN, looking).await {
        Ok(Ok(is_open)) => is_open,
        Ok(Err(cause)) => {
            tracing::error!(%cause, "could not look a session up: the token counts");
            true
        }
        Err(_) => {
            tracing::error!("could not look a session up within {WITHIN:?}: the token counts");
            true
        }
    }
}

//! Hearing of commits.

use facts::notifications::{Listener, Notification};

use crate::Context;

/// The next notification; never, where nobody listens.
pub(crate) async fn next_notification(listener: Option<&mut Listener>) -> Option<Notification> {
    match listener {
        Some(listener) => listener.next().await,
        None => std::future::pending().await,
    }
}

/// Begins to listen; `None` where that fails, which is logged.
pub(crate) async fn listen(context: &Context) -> Option<Listener> {
    match Listener::start(&context.database).await {
        Ok(listener) => Some(listener),
        Err(error) => {
            tracing::error!(cause = %error, "can't listen; every tick looks at everything until it can");
            None
        }
    }
}

//! Hearing of commits.

use facts::notifications::{Listener, Notification};
use uuid::Uuid;

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

/// Most notifications that are heard within a tick, as many as a listener holds; others wait.
const MAX_HEARD: usize = 4_096;

/// Clients of whose definitions a change is there to be heard. All that is heard is kept.
pub(crate) fn hear_changes(listener: Option<&mut Listener>, heard: &mut Vec<Notification>) -> Vec<Uuid> {
    let Some(listener) = listener else {
        return Vec::new();
    };
    let mut changed = Vec::new();
    while heard.len() < MAX_HEARD
        && let Some(notification) = listener.try_next()
    {
        if let Notification::Catalog(client) = &notification {
            changed.push(*client);
        }
        heard.push(notification);
    }
    changed
}

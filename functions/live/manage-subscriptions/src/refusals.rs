//! What went wrong with a message, as a refusal that tells the client what to do.

use identity::{Permission, Role};
use live::{Refusal, RefusalKind};
use registry::Quota;

/// A registry error as a refusal: those that the client caused say what to do, all others are internal.
pub(crate) fn registry(error: registry::Error) -> Refusal {
    match error {
        registry::Error::ConnectionGone { .. } => gone(),
        registry::Error::TooManyTopics { held, asked, limit } => {
            let detail =
                format!("the connection has {held} topics and asks for {asked} more: at most {limit} are allowed");
            Refusal::new(RefusalKind::LimitExceeded, detail)
                .at("/topics")
                .hint("unsubscribe from some, or open another connection")
        }
        registry::Error::QuotaExceeded {
            quota: Quota::UserRows,
            asked,
            limit,
        } => {
            let detail = format!(
                "the message asks for {asked} buckets: the topics of all connections of a user may have {limit} together"
            );
            Refusal::new(RefusalKind::LimitExceeded, detail)
                .at("/topics")
                .hint("ask for fewer buckets, or close dashboards that are not looked at")
        }
        registry::Error::QuotaExceeded { asked, limit, .. } => {
            let detail = format!(
                "the message asks for {asked} topics: all connections of an organisation may have {limit} together"
            );
            Refusal::new(RefusalKind::LimitExceeded, detail)
                .at("/topics")
                .hint("unsubscribe from some, or close dashboards that are not looked at")
        }
        registry::Error::TooManyChanges { limit, seconds } => {
            let detail = format!(
                "all connections of an organisation may subscribe to and unsubscribe from {limit} topics in a minute"
            );
            Refusal::new(RefusalKind::LimitExceeded, detail).hint(format!(
                "send it again in {seconds} s; keep what is looked at again soon"
            ))
        }
        registry::Error::Service { ref source, .. } if source.is_unavailable() => {
            tracing::error!(
                cause = format!("{:#}", anyhow::Error::from(error)),
                "the registry is unavailable"
            );
            let detail = "the registry does not answer, or refuses for now, so the message could not be served";
            Refusal::new(RefusalKind::Unavailable, detail).hint("send it again in a moment")
        }
        other => internal(&other.into()),
    }
}

/// The connection is not known any more, or its client is not.
pub(crate) fn gone() -> Refusal {
    Refusal::new(RefusalKind::Unavailable, "this connection was given up").hint("connect again")
}

pub(crate) fn forbidden(role: Role, permission: Permission) -> Refusal {
    Refusal::new(RefusalKind::Forbidden, format!("the role {role} may not {permission}"))
        .hint("ask an administrator of your organisation for another role")
}

/// Not the client's fault. The cause goes to the log, not to the client.
pub(crate) fn internal(cause: &anyhow::Error) -> Refusal {
    tracing::error!(cause = format!("{cause:#}"), "message failed");
    Refusal::new(
        RefusalKind::Unavailable,
        "internal error: the message could not be served",
    )
    .hint("send it again")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_that_is_not_the_clients_stays_in_the_log() {
        let error = registry::Error::Malformed {
            item: "SHARD#0".to_owned(),
            attribute: "body",
        };
        let refusal = registry(error);
        assert_eq!(refusal.kind, RefusalKind::Unavailable);
        assert!(!refusal.detail.contains("SHARD"), "{refusal}");
    }

    #[test]
    fn limits_name_the_place() {
        let refusal = registry(registry::Error::TooManyTopics {
            held: 490,
            asked: 20,
            limit: 500,
        });
        assert_eq!(
            (refusal.kind, refusal.pointer.as_deref()),
            (RefusalKind::LimitExceeded, Some("/topics"))
        );
    }
}

//! Domain events: what happened, told over the event bus to whoever wants to follow.
//!
//! An event is sent at least once, in no certain order, and its id is the same each time: who must not act twice remembers the id, or acts so that
//! a second time changes nothing.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// `source` of every event of ours on the bus.
pub const EVENT_SOURCE: &str = "analytics-engine";

/// An event: `detail` on the bus.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DomainEvent {
    /// Identity.
    pub id: Uuid,
    /// The client that it is about.
    pub client: Uuid,
    /// The request that caused it: `apigw-requestid` of its answer. Logs of all that follows carry it.
    pub correlation_id: String,
    /// When.
    pub occurred_at: Timestamp,
    /// What.
    #[serde(flatten)]
    pub what: EventPayload,
}

/// What happened; `type` in `detail`, and `detail-type` on the bus.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum EventPayload {
    /// A revision of a proposal was issued: an offer stands.
    ProposalIssued {
        /// The proposal.
        proposal: Uuid,
        /// The revision.
        revision: i32,
        /// The last day on which it can be accepted.
        valid_until: Date,
    },
    /// Somebody asks for the documents of an issued revision once more: they are not there.
    ProposalDocumentsRequested {
        /// The proposal.
        proposal: Uuid,
        /// The revision.
        revision: i32,
    },
    /// An offer was accepted: the work can begin.
    ProposalAccepted {
        /// The proposal.
        proposal: Uuid,
        /// The revision.
        revision: i32,
    },
    /// An offer was declined.
    ProposalDeclined {
        /// The proposal.
        proposal: Uuid,
        /// The revision.
        revision: i32,
    },
}

impl EventPayload {
    /// Its name: what rules of the bus select by.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::ProposalIssued { .. } => "ProposalIssued",
            Self::ProposalDocumentsRequested { .. } => "ProposalDocumentsRequested",
            Self::ProposalAccepted { .. } => "ProposalAccepted",
            Self::ProposalDeclined { .. } => "ProposalDeclined",
        }
    }
}

/// An event as the bus hands it on.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Delivered {
    /// The event.
    pub detail: DomainEvent,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use serde_json::json;

    use super::*;

    #[test]
    fn the_name_on_the_bus_is_the_type_in_the_detail() {
        let (proposal, revision) = (Uuid::from_u128(3), 2);
        for what in [
            EventPayload::ProposalIssued {
                proposal,
                revision,
                valid_until: "2026-12-21".parse().unwrap(),
            },
            EventPayload::ProposalDocumentsRequested { proposal, revision },
            EventPayload::ProposalAccepted { proposal, revision },
            EventPayload::ProposalDeclined { proposal, revision },
        ] {
            let name = what.name();
            let event = DomainEvent {
                id: Uuid::from_u128(1),
                client: Uuid::from_u128(2),
                correlation_id: "request".to_owned(),
                occurred_at: "2026-11-21T12:00:00Z".parse().unwrap(),
                what,
            };
            let detail = serde_json::to_value(&event).unwrap();
            assert_eq!((&detail["type"], &detail["revision"]), (&json!(name), &json!(2)));
            // The bus adds members of its own.
            let sent = json!({ "version": "0", "source": EVENT_SOURCE, "detail-type": name, "detail": detail });
            let back: Delivered = serde_json::from_value(sent).unwrap();
            assert_eq!(back.detail, event);
        }
    }
}

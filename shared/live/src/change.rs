//! What changes who receives what: the entries of the change sequence that a publisher follows.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{Resume, Subscription};

/// One change. Applying it twice, or again from an earlier point of the sequence, ends in the same state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "lowercase")]
pub enum Change {
    /// A connection was accepted. It is written no more, because nobody is concerned before it subscribes; what an earlier release wrote is still read.
    Connected {
        /// Its id.
        connection: String,
        /// Its tenant.
        client: Uuid,
    },
    /// A connection ended, or was found gone.
    Disconnected {
        /// Its id.
        connection: String,
    },
    /// A connection subscribed.
    Subscribed {
        /// Its id.
        connection: String,
        /// Its tenant.
        client: Uuid,
        /// The id of the client's message, to be repeated in the answer.
        request: Option<String>,
        /// What the client has from an earlier connection.
        resume: Option<Resume>,
        /// The topics with their channels.
        subscriptions: Vec<Subscription>,
    },
    /// A connection gave up some channels.
    Unsubscribed {
        /// Its id.
        connection: String,
        /// The channels.
        channels: Vec<u32>,
    },
    /// A topic was pinned, paused or left to itself again.
    Control {
        /// The topic's tenant.
        client: Uuid,
        /// Its [`Topic::id`](crate::Topic::id).
        topic: String,
        /// What holds from now; `None` is the ordinary: computed while somebody watches.
        control: Option<Control>,
    },
}

/// What an administrator says about a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Control {
    /// Computed even when nobody watches, so that a first subscriber resumes and sees no gap.
    Pinned,
    /// Not computed even when somebody watches.
    Paused,
}

impl Control {
    /// As it is answered, and asked for.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pinned => "pinned",
            Self::Paused => "paused",
        }
    }
}

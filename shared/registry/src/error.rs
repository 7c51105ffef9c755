//! Why a call to the registry failed.

use aws_sdk_dynamodb::error::{BuildError, ProvideErrorMetadata, SdkError};
use service::{Failure, Service};

use crate::Quota;

/// The registry's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a call to the registry failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The connection was never made, has ended, or is past its life.
    #[error("connection {connection:?} is gone")]
    ConnectionGone {
        /// Its id.
        connection: String,
    },
    /// The connection would hold more topics than it may.
    #[error("connection holds {held} topics and asks for {asked} more: at most {limit} are allowed")]
    TooManyTopics {
        /// How many it holds now.
        held: usize,
        /// How many it asked for.
        asked: usize,
        /// How many it may hold.
        limit: usize,
    },
    /// A client or a user would have more than it may.
    #[error("{asked} more would be more than {limit}")]
    QuotaExceeded {
        /// Of what.
        quota: Quota,
        /// How many it asked for.
        asked: usize,
        /// How many it may have.
        limit: usize,
    },
    /// The client would subscribe to and unsubscribe from more topics in a minute than it may.
    #[error("more than {limit} topics are subscribed to and unsubscribed from in a minute")]
    TooManyChanges {
        /// How many it may.
        limit: u64,
        /// Seconds until the next minute.
        seconds: u16,
    },
    /// The client would control more topics than it may.
    #[error("more than {limit} topics are pinned or paused")]
    TooManyControls {
        /// How many it may control.
        limit: usize,
    },
    /// What is to be stored is too large for an item.
    #[error("{what} of {bytes} bytes is larger than {limit} bytes")]
    TooLarge {
        /// What it is.
        what: &'static str,
        /// Its size.
        bytes: usize,
        /// The largest that is stored.
        limit: usize,
    },
    /// Others changed the same items each time that it was tried.
    #[error("gave up on {action} after {attempts} attempts: others keep changing the same items")]
    Contended {
        /// What was tried.
        action: &'static str,
        /// How often.
        attempts: u32,
    },
    /// An item is not what this version writes.
    #[error("item {item:?} has no valid {attribute}")]
    Malformed {
        /// Its sort key.
        item: String,
        /// The attribute that can't be read.
        attribute: &'static str,
    },
    /// A value has no JSON form.
    #[error("{what} can't be stored as json")]
    Unserializable {
        /// What it is.
        what: &'static str,
        /// What the serializer says.
        #[source]
        source: serde_json::Error,
    },
    /// DynamoDB failed, also after the SDK's own retries.
    #[error("dynamodb did not {action}")]
    Service {
        /// What it was asked to do.
        action: &'static str,
        /// What became of it.
        #[source]
        source: Failure,
    },
}

impl Error {
    /// Reads what the SDK says of a call.
    pub(crate) fn service<E>(action: &'static str) -> impl FnOnce(SdkError<E>) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        move |error| Self::Service {
            action,
            source: Failure::of(Service::Registry, error),
        }
    }

    /// A write that can't be sent, for what it is.
    pub(crate) fn incomplete(cause: BuildError) -> Self {
        Self::Service {
            action: "take an incomplete write",
            source: Failure::of_request(Service::Registry, cause),
        }
    }
}

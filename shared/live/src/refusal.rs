//! Why a client's message is not served.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The kinds of refusal, for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RefusalKind {
    /// Not JSON, or not an object.
    MalformedMessage,
    /// `action` is missing or unknown.
    UnknownAction,
    /// A field is missing, unknown, of the wrong type or out of its range.
    InvalidField,
    /// More than a limit allows.
    LimitExceeded,
    /// The client has no KPI of that code.
    UnknownKpi,
    /// A dimension of the filter is not one of the KPI's.
    UnknownDimension,
    /// The caller's role does not allow it.
    Forbidden,
    /// It could not be served now; sending it again may help.
    Unavailable,
}

impl RefusalKind {
    /// A short sentence for people, the same for every refusal of the kind.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            RefusalKind::MalformedMessage => "The message is not a JSON object",
            RefusalKind::UnknownAction => "The action is unknown",
            RefusalKind::InvalidField => "A field is invalid",
            RefusalKind::LimitExceeded => "A limit is exceeded",
            RefusalKind::UnknownKpi => "The KPI is unknown",
            RefusalKind::UnknownDimension => "The dimension is unknown",
            RefusalKind::Forbidden => "The role does not allow this",
            RefusalKind::Unavailable => "The service is not available",
        }
    }
}

/// A refusal on its way to the client as an `error` frame; the connection lives.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct Refusal {
    /// The id of the refused message, if it had a readable one.
    pub id: Option<String>,
    /// The kind.
    pub kind: RefusalKind,
    /// What exactly is wrong, naming the input.
    pub detail: String,
    /// What would be right.
    pub hint: Option<String>,
    /// Where in the message, as a JSON pointer.
    pub pointer: Option<String>,
}

impl Refusal {
    /// A refusal without hint or place.
    pub fn new(kind: RefusalKind, detail: impl Into<String>) -> Refusal {
        Refusal {
            id: None,
            kind,
            detail: detail.into(),
            hint: None,
            pointer: None,
        }
    }

    /// With the place in the message, a JSON pointer.
    #[must_use]
    pub fn at(self, pointer: impl Into<String>) -> Refusal {
        Refusal {
            pointer: Some(pointer.into()),
            ..self
        }
    }

    /// With what would be right.
    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Refusal {
        Refusal {
            hint: Some(hint.into()),
            ..self
        }
    }

    /// As the answer to the message with this id.
    #[must_use]
    pub fn answering(self, id: Option<String>) -> Refusal {
        Refusal {
            id: id.or(self.id),
            ..self
        }
    }
}

//! The states of a proposal, and what may be done in each.
//!
//! A draft becomes an issued revision, whose answers, terms and quote never change again. What is issued is accepted, declined,
//! or expires. A revision that was issued and not accepted can be followed by the next, which begins as a draft of
//! the same answers; when that is issued, the one before is superseded, so that one offer at most is open.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Days that an offer is valid for after the day of its issue (pricing model: the proposal document).
pub const VALID_DAYS: i8 = 30;

/// What became of an issued revision, as it is stored. That it expired follows from the day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Nothing yet.
    Open,
    /// The client accepted it.
    Accepted,
    /// The client declined it.
    Declined,
    /// Another revision was issued after it.
    Superseded,
}

/// Where a revision stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Answers and terms can be changed.
    Draft,
    /// It is an offer, and nothing in it changes any more.
    Issued,
    /// The offer was taken.
    Accepted,
    /// The offer was not wanted.
    Declined,
    /// The offer was open for longer than it is valid.
    Expired,
    /// The next revision was issued.
    Superseded,
}

/// What can be done with a proposal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Change answers or terms.
    Edit,
    /// Make an offer of the draft.
    Issue,
    /// Accept the offer.
    Accept,
    /// Decline the offer.
    Decline,
    /// Begin the next revision.
    Revise,
}

/// What is done, already there, or impossible.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Allowed {
    /// It may be done.
    Yes,
    /// It was done before: the same answer again, and no second effect.
    Already,
    /// It can't be done, for this reason and with this way out.
    No {
        /// Why not.
        reason: &'static str,
        /// The way out.
        hint: &'static str,
    },
}

impl Outcome {
    /// Its name in the database.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Accepted => "accepted",
            Self::Declined => "declined",
            Self::Superseded => "superseded",
        }
    }

    /// The outcome of a name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let all = [Self::Open, Self::Accepted, Self::Declined, Self::Superseded];
        all.into_iter().find(|outcome| outcome.name() == name)
    }

    /// The state on a day of the client's calendar.
    #[must_use]
    pub fn state(self, valid_until: Date, today: Date) -> State {
        match self {
            Self::Open if today > valid_until => State::Expired,
            Self::Open => State::Issued,
            Self::Accepted => State::Accepted,
            Self::Declined => State::Declined,
            Self::Superseded => State::Superseded,
        }
    }
}

/// The last day on which an offer issued on a day can be accepted.
#[must_use]
pub fn valid_until(issued: Date) -> Date {
    let days = jiff::Span::new().days(VALID_DAYS);
    issued.checked_add(days).unwrap_or(Date::MAX)
}

impl State {
    /// Its name, as it is serialized.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Issued => "issued",
            Self::Accepted => "accepted",
            Self::Declined => "declined",
            Self::Expired => "expired",
            Self::Superseded => "superseded",
        }
    }

    /// Whether an action is possible.
    #[must_use]
    pub fn allows(self, action: Action) -> Allowed {
        use Action::{Accept, Decline, Edit, Issue, Revise};
        use State::{Accepted, Declined, Draft, Expired, Issued, Superseded};
        match (self, action) {
            (Draft, Edit | Issue) | (Issued, Accept | Decline) | (Issued | Declined | Expired, Revise) => Allowed::Yes,
            (Draft, Revise) | (Issued, Issue) | (Accepted, Accept) | (Declined, Decline) => Allowed::Already,
            (Draft, Accept | Decline) => no("it is a draft", "issue it first"),
            (Issued, Edit) => no("it is issued, and an offer cannot change", "begin the next revision"),
            (Accepted, _) => no("it is accepted", "begin a new proposal for anything further"),
            (Declined, _) => no("it is declined", "begin the next revision"),
            (Expired, _) => no("it has expired", "begin the next revision and issue it"),
            (Superseded, _) => no(
                "a later revision was issued",
                "read the proposal for its latest revision",
            ),
        }
    }
}

fn no(reason: &'static str, hint: &'static str) -> Allowed {
    Allowed::No { reason, hint }
}

#[cfg(test)]
mod tests;

//! Licences: what a client may use, how many may, and from when to when.
//!
//! A licence travels as a key, a public PASETO of version 4: signed text that anyone can read and nobody can change.
//! [`key`] signs and opens keys; [`notice`] knows when a renewal is due; here is what a licence says and what is wrong with it.

pub mod key;
pub mod notice;

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan as _};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Feature, Features};

/// Most value chains of a licence.
pub const MAX_VALUE_CHAINS: usize = 20;

/// Most modules of a licence.
pub const MAX_MODULES: usize = 100;

/// Most characters of the name of a value chain or a module.
pub const MAX_NAME: usize = 60;

/// Most seats of a licence: more people than any client has.
pub const MAX_SEATS: u32 = 1_000_000;

/// Years in which a licence can begin: any other is a typing error.
const YEARS: RangeInclusive<i16> = 2000..=2200;

/// Longest term. The longest that is sold is five years; a development installation wants one that it can forget.
pub const MAX_TERM_YEARS: i32 = 10;

/// Days of the licence that a new client begins with.
pub const EVALUATION_DAYS: i32 = 30;

/// Seats of the licence that a new client begins with.
pub const EVALUATION_SEATS: u32 = 25;

/// What a licence grants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Terms {
    /// The value chains that it is for; every one when empty.
    #[serde(default)]
    pub value_chains: BTreeSet<String>,
    /// The modules that it is for; every one of its value chains when empty.
    #[serde(default)]
    pub modules: BTreeSet<String>,
    /// What it opens.
    pub features: BTreeSet<Feature>,
    /// How many people may use it.
    pub seats: u32,
    /// The first day, in the client's calendar.
    pub starts_on: Date,
    /// The last day, in the client's calendar.
    pub ends_on: Date,
}

/// Something that is wrong with terms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidTerm {
    /// JSON pointer to the input, such as `/modules`.
    pub pointer: &'static str,
    /// What is wrong, with what is possible.
    pub message: String,
}

impl Terms {
    /// What a new client may try: everything, for [`EVALUATION_DAYS`] from today on.
    #[must_use]
    pub fn evaluation(today: Date) -> Self {
        Self {
            value_chains: BTreeSet::new(),
            modules: BTreeSet::new(),
            features: Feature::ALL.into(),
            seats: EVALUATION_SEATS,
            starts_on: today,
            ends_on: today.saturating_add((EVALUATION_DAYS - 1).days()),
        }
    }

    /// The features, for a token.
    #[must_use]
    pub fn features(&self) -> Features {
        self.features.iter().copied().collect()
    }

    /// Everything that is wrong with the terms; nothing when they can be signed.
    #[must_use]
    pub fn problems(&self) -> Vec<InvalidTerm> {
        let mut found = Vec::new();
        let mut say = |pointer, message| found.push(InvalidTerm { pointer, message });
        for (pointer, names, most) in [
            ("/value_chains", &self.value_chains, MAX_VALUE_CHAINS),
            ("/modules", &self.modules, MAX_MODULES),
        ] {
            if names.len() > most {
                say(pointer, format!("{} are named, and {most} are possible", names.len()));
            }
            if let Some(name) = names.iter().find(|name| !is_name(name)) {
                let most =
                    format!("1 to {MAX_NAME} characters, without control characters and without blanks at either end");
                say(pointer, format!("{name:.80?} is not a name: {most}"));
            }
        }
        if self.features.is_empty() {
            let names = Feature::ALL.map(Feature::name).join(", ");
            say("/features", format!("no feature is named; there are {names}"));
        }
        if !(1..=MAX_SEATS).contains(&self.seats) {
            say(
                "/seats",
                format!("there are {} seats: 1 to {MAX_SEATS} are possible", self.seats),
            );
        }
        if !YEARS.contains(&self.starts_on.year()) {
            let message = format!(
                "{} is not a day of the years {} to {}",
                self.starts_on,
                YEARS.start(),
                YEARS.end()
            );
            say("/starts_on", message);
        }
        let last = self.starts_on.saturating_add(MAX_TERM_YEARS.years());
        if self.ends_on < self.starts_on {
            let (first, last) = (self.starts_on, self.ends_on);
            say("/ends_on", format!("the last day {last} is before the first, {first}"));
        } else if self.ends_on > last {
            let message = format!("the term is longer than {MAX_TERM_YEARS} years: it can end on {last} at the latest");
            say("/ends_on", message);
        }
        found
    }

    /// Whether these terms continue earlier ones: they leave no gap, end later, and cover at least as much.
    #[must_use]
    pub fn continue_from(&self, earlier: &Self) -> bool {
        let covers = |own: &BTreeSet<String>, other: &BTreeSet<String>| {
            own.is_empty() || (!other.is_empty() && own.is_superset(other))
        };
        self.ends_on > earlier.ends_on
            && self.starts_on <= earlier.ends_on.saturating_add(1.day())
            && self.features.is_superset(&earlier.features)
            && covers(&self.value_chains, &earlier.value_chains)
            && covers(&self.modules, &earlier.modules)
    }
}

fn is_name(name: &str) -> bool {
    let length = name.chars().count();
    (1..=MAX_NAME).contains(&length) && name.trim() == name && !name.chars().any(char::is_control)
}

/// A licence, as its key says it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Licence {
    /// Its identity.
    pub id: Uuid,
    /// The client that it is for.
    pub client: Uuid,
    /// When it was signed.
    pub issued_at: Timestamp,
    /// What it grants.
    pub terms: Terms,
}

/// Why a key is refused, or does not count today. Each text is a sentence for whoever sent the key, and never holds the key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LicenceError {
    /// Not a PASETO of this kind, without a key id, or longer than [`key::MAX_KEY_BYTES`].
    #[error("this is not a licence key: one begins with v4.public. and has four parts with dots between")]
    Malformed,
    /// It names a signing key that we don't know.
    #[error("the licence key is signed by {0:.80?}, which is not one of our signing keys")]
    UnknownKey(String),
    /// The signature belongs to another text.
    #[error("the licence key was changed after it was signed")]
    Tampered,
    /// Signed by us, but it says something that this version does not know.
    #[error("the licence key was made by a newer version of the product")]
    Unreadable,
    /// Signed by a key that was withdrawn.
    #[error("the licence key is signed by {0}, which was withdrawn")]
    WithdrawnKey(String),
    /// Signed by us, but not among the licences that were issued.
    #[error("the licence {0} is not on record")]
    Unrecorded(Uuid),
    /// It belongs to another client.
    #[error("the licence belongs to another client")]
    WrongClient,
    /// It was revoked.
    #[error("the licence was revoked at {0}")]
    Revoked(Timestamp),
    /// Its first day has not come.
    #[error("the licence begins on {0}")]
    NotYetValid(Date),
    /// Its last day is over.
    #[error("the licence ended on {0}")]
    Expired(Date),
}

impl LicenceError {
    /// Its stable name, for programs.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::UnknownKey(_) => "unknown-key",
            Self::Tampered => "tampered",
            Self::Unreadable => "unreadable",
            Self::WithdrawnKey(_) => "withdrawn-key",
            Self::Unrecorded(_) => "unrecorded",
            Self::WrongClient => "wrong-client",
            Self::Revoked(_) => "revoked",
            Self::NotYetValid(_) => "not-yet-valid",
            Self::Expired(_) => "expired",
        }
    }

    /// What the sender of the key can do about it.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Malformed | Self::Tampered => "send the key whole, as it was issued",
            Self::UnknownKey(_) | Self::Unrecorded(_) => "ask your provider whether the key is for this installation",
            Self::WithdrawnKey(_) | Self::Revoked(_) | Self::Expired(_) => "ask your provider for a new licence",
            Self::Unreadable => "update this installation",
            Self::WrongClient => "sign in as a user of the client that it belongs to",
            Self::NotYetValid(_) => "wait for its first day, or ask your provider for another",
        }
    }
}

impl Licence {
    /// Whether the licence counts on a day of its client's calendar.
    ///
    /// # Errors
    /// [`LicenceError::NotYetValid`] or [`LicenceError::Expired`].
    pub fn check_day(&self, today: Date) -> Result<(), LicenceError> {
        let Terms { starts_on, ends_on, .. } = self.terms;
        if today < starts_on {
            return Err(LicenceError::NotYetValid(starts_on));
        }
        if today > ends_on {
            return Err(LicenceError::Expired(ends_on));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;

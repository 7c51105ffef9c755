//! What may stand at a place of a formula, for editors.
//!
//! Nothing here knows the grammar. What can be offered comes from the tables that the parser and the checker read: aggregates, functions, keywords, symbols,
//! entities and their attributes (`candidates`). Each is tried behind what stands before its place (`trial`), and parser and checker say whether it may stand there. So a
//! new function or aggregate is offered without a line here, and what is offered is not refused.

mod candidates;
mod place;
mod trial;

use crate::MAX_LENGTH;
use crate::suggest::closest;
use crate::value::{Attribute, Entities};
use candidates::{Candidate, candidates};
use place::Place;
use serde::Serialize;
use std::ops::Range;
use trial::{Fit, Trial};

/// The most completions of one answer: all words of the language, some 90, and as many names beside. Who looks for others types a letter of them.
pub const MAX_COMPLETIONS: usize = 128;

/// The most mistakes of form behind which something is offered: a text with more of them is no formula, and each would be told anew for all that is tried.
pub const MAX_FORGIVEN: usize = 32;

/// What a text is the formula of, which decides what its names mean.
#[derive(Clone, Copy)]
pub enum Subject<'a> {
    /// A KPI, computed from the facts of entities.
    Kpi(&'a dyn Entities),
    /// An attribute that is derived from the others of a row.
    Row(&'a [Attribute]),
}

/// What may stand at a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completions {
    /// The bytes of the source that each of the items replaces: the word at the place, or nothing.
    pub replaces: Range<usize>,
    /// Best first.
    pub items: Vec<Completion>,
    /// Whether there are more than [`MAX_COMPLETIONS`].
    pub incomplete: bool,
}

/// One thing that may stand at a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completion {
    /// What it is called.
    pub label: String,
    /// What it is.
    pub kind: CompletionKind,
    /// What is written in the place of what it replaces: the label, of a function or aggregate with the parenthesis that follows it.
    pub insert: String,
    /// What it is or how it is written, in one line; empty where the label says it.
    pub detail: String,
}

/// What a completion is, in the order in which those that fit alike are offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CompletionKind {
    /// An attribute that facts can be filtered by.
    Dimension,
    /// Another attribute.
    Attribute,
    /// An entity.
    Entity,
    /// An aggregate over facts.
    Aggregate,
    /// A function over values.
    Function,
    /// Another KPI.
    Kpi,
    /// A word of the language.
    Keyword,
    /// `TRUE` or `FALSE`.
    Value,
    /// A symbol.
    Operator,
}

impl CompletionKind {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Dimension,
        Self::Attribute,
        Self::Entity,
        Self::Aggregate,
        Self::Function,
        Self::Kpi,
        Self::Keyword,
        Self::Value,
        Self::Operator,
    ];

    /// The name in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Dimension => "dimension",
            Self::Attribute => "attribute",
            Self::Entity => "entity",
            Self::Aggregate => "aggregate",
            Self::Function => "function",
            Self::Kpi => "kpi",
            Self::Keyword => "keyword",
            Self::Value => "value",
            Self::Operator => "operator",
        }
    }
}

/// What may stand at a place of a text, a number of bytes from its start, whatever the text. Inside of a text in quotes or of a number, and beyond what a formula may
/// be long, it is nothing.
#[must_use]
pub fn complete(source: &str, position: usize, subject: Subject<'_>) -> Completions {
    let position = source.floor_char_boundary(position);
    let nothing = Completions {
        replaces: position..position,
        items: Vec::new(),
        incomplete: false,
    };
    if source.len() > MAX_LENGTH {
        return nothing;
    }
    let Some(place) = Place::find(source, position, subject) else {
        return nothing;
    };
    let (items, incomplete) = offered(source, &place, subject);
    Completions {
        replaces: place.replaces,
        items,
        incomplete,
    }
}

/// How well a candidate goes with what was typed of it, better ones first; none where it does not.
fn likeness(typed: &str, label: &str, near: Option<&str>) -> Option<u8> {
    let (lower_typed, lower) = (typed.to_ascii_lowercase(), label.to_ascii_lowercase());
    if label.starts_with(typed) {
        Some(0)
    } else if lower.starts_with(&lower_typed) {
        Some(1)
    } else if lower.split('_').any(|part| part.starts_with(&lower_typed)) {
        Some(2)
    } else if typed.len() > 1 && lower.contains(&lower_typed) {
        Some(3)
    } else {
        (near == Some(label)).then_some(4)
    }
}

/// The candidates that may stand at a place and go with what was typed there, and whether there are more.
fn offered(source: &str, place: &Place<'_>, subject: Subject<'_>) -> (Vec<Completion>, bool) {
    let all = candidates(place, subject);
    let near = closest(place.typed, all.iter().map(|candidate| candidate.label.as_str()));
    let like = |candidate: &Candidate| likeness(place.typed, &candidate.label, near);
    let wanted: Vec<(u8, &Candidate)> = all
        .iter()
        .filter_map(|candidate| Some((like(candidate)?, candidate)))
        .collect();
    let mut trial = Trial::new(place, subject);
    let fitting = |trial: &mut Trial<'_>| -> Vec<(u8, Fit, &Candidate)> {
        let fits = wanted
            .iter()
            .filter_map(|(like, candidate)| Some((*like, trial.fit(candidate)?, *candidate)));
        fits.collect()
    };
    let mut found = fitting(&mut trial);
    if found.is_empty() && trial.forgive() {
        found = fitting(&mut trial);
    }
    found.sort_by_key(|(like, fit, candidate)| (*like, *fit, candidate.kind));
    let is_called = source.get(place.replaces.end..).is_some_and(is_call);
    let is_far = place.is_far_from_limits(source);
    let mut items: Vec<Completion> = found
        .into_iter()
        .filter(|(.., candidate)| is_far || place.keeps_limits(source, &candidate.tried))
        .take(MAX_COMPLETIONS + 1)
        .map(|(.., candidate)| candidate.completion(is_called))
        .collect();
    let incomplete = items.len() > MAX_COMPLETIONS;
    items.truncate(MAX_COMPLETIONS);
    (items, incomplete)
}

/// Whether a parenthesis is next.
fn is_call(rest: &str) -> bool {
    rest.trim_start().starts_with('(')
}

#[cfg(test)]
mod tests;

//! Whether something may stand at a place: it is put there, and what parser and checker say of it is looked at.
//!
//! A diagnostic that begins at the end of the text only asks for more. One that began before is fine if it says that something is not finished, or if it was there before in
//! what stands further back. All others are about what is tried.

use super::candidates::{Candidate, Class};
use super::place::{Place, Scope, is_limit, is_overfull};
use super::{CompletionKind, MAX_FORGIVEN, Subject};
use crate::diagnostic::Diagnostic;
use crate::parser::{Parsed, parse};
use crate::resolve::{RowScope, resolve_value};

/// A name that is nobody's.
const ANY_NAME: &str = "zz";

/// How something fits, better first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fit {
    /// As it is.
    Alone,
    /// If what makes it right follows.
    Followed,
}

/// A place at which candidates are tried.
pub(super) struct Trial<'a> {
    place: &'a Place<'a>,
    subject: Subject<'a>,
    /// What is wrong with the form of what stands before, and is no reason to refuse what comes after it.
    form: Vec<Diagnostic>,
    /// What is wrong with its meaning and is forgiven.
    forgiven: Vec<Diagnostic>,
    /// Whether nothing can come after what stands before.
    is_stopped: bool,
    /// Whether a name may stand there, as far as the form goes.
    takes_names: bool,
    /// What became of those of a class.
    known: Vec<(Class, Option<Fit>)>,
}

impl<'a> Trial<'a> {
    pub(super) fn new(place: &'a Place<'a>, subject: Subject<'a>) -> Self {
        let form = parse(place.before).diagnostics;
        let is_stopped = form.iter().any(|found| is_limit(found.code)) || form.len() > MAX_FORGIVEN;
        let mut trial = Self {
            place,
            subject,
            is_stopped: is_stopped || is_overfull(place.before),
            takes_names: false,
            form,
            forgiven: Vec::new(),
            known: Vec::new(),
        };
        // What is wrong with the last token may be put right by what comes after it.
        trial.form.retain(|found| found.span.end <= place.last);
        trial.takes_names = !trial.is_stopped && trial.is_name(ANY_NAME);
        trial
    }

    /// From now on what is wrong with what stands before is no reason to refuse what comes after it, even where that could put it right. Says whether anything is wrong.
    pub(super) fn forgive(&mut self) -> bool {
        let parsed = parse(self.place.before);
        self.forgiven = begun(self.meaning(&parsed), self.place.before);
        self.form = begun(parsed.diagnostics, self.place.before);
        self.takes_names = !self.is_stopped && self.is_name(ANY_NAME);
        self.known.clear();
        !(self.forgiven.is_empty() && self.form.is_empty())
    }

    /// How a candidate fits, if it may stand there.
    pub(super) fn fit(&mut self, candidate: &Candidate) -> Option<Fit> {
        if self.is_stopped || self.is_elsewhere(candidate) {
            return None;
        }
        let class = candidate.class;
        if matches!(class, Class::Own | Class::Word) {
            return self.tried(candidate);
        }
        if let Some((_, fit)) = self.known.iter().find(|(known, _)| *known == class) {
            return *fit;
        }
        let fit = self.tried(candidate);
        self.known.push((class, fit));
        fit
    }

    /// Whether a candidate can't stand there for the form alone: what names something stands where a name may, and nothing else does that can't begin a value. What
    /// stands between the parentheses of an aggregate has a form of its own.
    fn is_elsewhere(&self, candidate: &Candidate) -> bool {
        if matches!(self.place.scope, Scope::Facts(..)) {
            return false;
        }
        match candidate.kind {
            CompletionKind::Keyword | CompletionKind::Value | CompletionKind::Operator => {
                let text = candidate.tried.as_str();
                let begins_value = || {
                    parse(text)
                        .diagnostics
                        .iter()
                        .all(|found| found.code == "unclosed-parenthesis" || found.span.start >= text.len())
                };
                self.takes_names && !begins_value()
            }
            _ => !self.takes_names,
        }
    }

    fn tried(&self, candidate: &Candidate) -> Option<Fit> {
        if candidate.class == Class::Word && self.is_name(&candidate.tried) {
            return None;
        }
        if matches!(candidate.class, Class::Attribute(..)) && !self.is_known(&candidate.label) {
            return None;
        }
        let mut following = candidate.followed_by.iter();
        let fits = following.position(|following| self.allows(&format!("{}{following}", candidate.tried)))?;
        Some(if fits == 0 { Fit::Alone } else { Fit::Followed })
    }

    /// Whether a word would be read as a name, as any other would.
    fn is_name(&self, word: &str) -> bool {
        let (first, rest) = word.split_once(' ').unwrap_or((word, ""));
        if rest.is_empty() && first != ANY_NAME {
            return self.takes_names;
        }
        let text = format!("{}{ANY_NAME} {rest}", self.place.before);
        self.is_formed(&text, &parse(&text))
    }

    /// Whether an attribute may stand in the condition of an aggregate at all. What is not finished around a place hides what it means there.
    fn is_known(&self, name: &str) -> bool {
        match (self.subject, &self.place.scope) {
            (Subject::Kpi(entities), Scope::Row(Some((_, entity)), _)) => {
                let path: String = self
                    .place
                    .pointed
                    .iter()
                    .flatten()
                    .map(|name| format!("{name}."))
                    .collect();
                let name = format!("{path}{name}");
                crate::compile(&format!("COUNT({entity} WHERE {name} = {name})"), entities).is_ok()
            }
            _ => true,
        }
    }

    fn allows(&self, inserted: &str) -> bool {
        let text = format!("{}{inserted}", self.place.before);
        let parsed = parse(&text);
        self.is_formed(&text, &parsed) && self.meaning(&parsed).iter().all(|found| self.is_old(found, &text))
    }

    /// Whether the form is right as far as it goes.
    fn is_formed(&self, text: &str, parsed: &Parsed) -> bool {
        let found = &parsed.diagnostics;
        let is_open = |name: &Diagnostic| {
            found.iter().any(|open| {
                let between = text.get(name.span.end..open.span.start);
                open.code == "unclosed-parenthesis" && between.is_some_and(|between| between.trim().is_empty())
            })
        };
        found.iter().all(|diagnostic| match diagnostic.code {
            _ if diagnostic.span.start >= text.len() => true,
            "unclosed-parenthesis" => true,
            "wrong-arguments" if is_open(diagnostic) => !is_overfull(text),
            code => {
                let same = |old: &Diagnostic| old.code == code && old.span.start == diagnostic.span.start;
                self.form.iter().any(same) && !is_limit(code)
            }
        })
    }

    /// Whether what is wrong with the meaning is not about what is tried.
    fn is_old(&self, found: &Diagnostic, text: &str) -> bool {
        let same = |old: &Diagnostic| old.code == found.code && old.span.start == found.span.start;
        found.span.start >= text.len()
            || found.span.end <= self.place.last
            || found.code == "no-measure"
            || self.forgiven.iter().any(same)
    }

    /// What is wrong with the names and types.
    fn meaning(&self, parsed: &Parsed) -> Vec<Diagnostic> {
        match self.subject {
            Subject::Kpi(entities) => {
                let found = crate::check(parsed, entities).err().unwrap_or_default();
                found.into_iter().skip(parsed.diagnostics.len()).collect()
            }
            Subject::Row(attributes) => resolve_value(&parsed.tree, RowScope { attributes })
                .err()
                .unwrap_or_default(),
        }
    }
}

/// The diagnostics that begin within a text, and not at its end, where only something is missing.
fn begun(mut found: Vec<Diagnostic>, text: &str) -> Vec<Diagnostic> {
    found.retain(|found| found.span.start < text.len());
    found
}

//! Where something is to be completed: the word that is typed there, what stands before it, and whose names are known.

use super::Subject;
use crate::aggregate::Aggregate;
use crate::function::{Function, MAX_ARGUMENTS};
use crate::lexer::{Kind, Symbol, Token, lex};
use crate::parser::parse;
use crate::value::{Attribute, Entities};
use std::collections::BTreeSet;
use std::ops::Range;

/// Longer than any name of a client's is, in bytes.
const LONG_NAME: usize = 64;

/// A place in a text.
pub(super) struct Place<'a> {
    /// The word at the place, or nothing.
    pub(super) replaces: Range<usize>,
    /// What of the word stands before the place.
    pub(super) typed: &'a str,
    /// What stands before the word, from the aggregate on if that is not closed yet: it is checked by itself, whatever is wrong outside of it.
    pub(super) before: &'a str,
    /// Where in that its last token begins.
    pub(super) last: usize,
    /// What is known there.
    pub(super) scope: Scope<'a>,
    /// The names before the last token if that is a point, after which names are those of what it names; none where none is before it.
    pub(super) pointed: Option<Vec<&'a str>>,
    /// The names with points between them that the last tokens are.
    named: Vec<&'a str>,
    /// The names in the expressions of a function of several values, where a period or a dimension stands behind them.
    pub(super) folded: Option<BTreeSet<&'a str>>,
}

/// What is known at a place.
pub(super) enum Scope<'a> {
    /// Outside of aggregates.
    Measures,
    /// Inside of an aggregate: entities, and the one that is named.
    Facts(&'a dyn Entities, Option<&'a str>),
    /// In a condition of an aggregate, or in a row: attributes, and the entity where it has a name.
    Row(Option<(&'a dyn Entities, &'a str)>, &'a [Attribute]),
}

/// A parenthesis that is not closed.
struct Open {
    /// The token before it.
    name: usize,
    called: Called,
    commas: usize,
    /// Whether `WHERE` came.
    is_filtered: bool,
}

/// What a parenthesis belongs to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Called {
    Nothing,
    Aggregate,
    Function(Function),
}

impl<'a> Place<'a> {
    /// The entity that is known there, which attributes are of and paths begin at, with the names before a point at the place.
    pub(super) fn path(&self) -> Option<(&'a dyn Entities, &'a str, &[&'a str])> {
        self.path_of(self.pointed.as_deref().unwrap_or_default())
    }

    /// The same if a point was put there.
    pub(super) fn path_on(&self) -> Option<(&'a dyn Entities, &'a str, &[&'a str])> {
        self.path_of(&self.named).filter(|_| !self.named.is_empty())
    }

    fn path_of<'n>(&self, names: &'n [&'a str]) -> Option<(&'a dyn Entities, &'a str, &'n [&'a str])> {
        match (&self.scope, names) {
            (Scope::Facts(entities, _), [first, rest @ ..]) if entities.attributes(first).is_some() => {
                Some((*entities, first, rest))
            }
            (Scope::Facts(entities, Some(entity)) | Scope::Row(Some((entities, entity)), _), names) => {
                Some((*entities, entity, names))
            }
            _ => None,
        }
    }

    /// The place at a position; none inside of a text, a number or a symbol.
    pub(super) fn find(source: &'a str, position: usize, subject: Subject<'a>) -> Option<Self> {
        let (tokens, diagnostics) = lex(source);
        let unclosed = diagnostics.iter().filter(|found| found.code == "unclosed-text");
        if unclosed
            .into_iter()
            .any(|text| (text.span.start + 1..=text.span.end).contains(&position))
        {
            return None;
        }
        let touched = |token: &&Token<'_>| token.span.start < position && position <= token.span.end;
        let is_word = |token: &&Token<'_>| {
            let text = source.get(token.span.clone()).unwrap_or_default();
            text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        };
        let touching = tokens.iter().find(touched);
        if touching.is_some_and(|token| position < token.span.end && !is_word(&token)) {
            return None;
        }
        let replaces = touching
            .filter(is_word)
            .map_or(position..position, |token| token.span.clone());
        let before: Vec<Token<'_>> = tokens
            .into_iter()
            .take_while(|token| token.span.end <= replaces.start && token.kind != Kind::End)
            .collect();
        let opens = opens(&before);
        let (scope, start) = scope(&before, &opens, subject);
        let last = before.last().map_or(start, |token| token.span.start);
        Some(Self {
            typed: source.get(replaces.start..position)?,
            before: source.get(start..replaces.start)?,
            last: last.saturating_sub(start),
            scope,
            pointed: pointed(&before),
            named: named(&before),
            folded: folded(&before, &opens),
            replaces,
        })
    }

    /// Whether the whole text is within the limits with this at the place: what is tried is only a part of it.
    pub(super) fn keeps_limits(&self, source: &str, inserted: &str) -> bool {
        let before = source.get(..self.replaces.start).unwrap_or_default();
        let text = format!("{before}{inserted}");
        !parse(&text).diagnostics.iter().any(|found| is_limit(found.code))
    }

    /// Whether whatever is put at the place keeps them: either what is tried is the whole text, or there is room for a level, an operator, a power and a long name.
    pub(super) fn is_far_from_limits(&self, source: &str) -> bool {
        let is_whole = self.before.len() == self.replaces.start;
        is_whole || self.keeps_limits(source, &format!("LN(1 + {}", "a".repeat(LONG_NAME)))
    }
}

/// Whether a diagnostic ends the parse, so that nothing after it counts.
pub(super) fn is_limit(code: &str) -> bool {
    code.starts_with("too-")
}

/// Whether a text has a function that is not closed yet and has more arguments already than it takes.
pub(super) fn is_overfull(text: &str) -> bool {
    let (tokens, _) = lex(text);
    let overfull = |open: &Open| match open.called {
        Called::Function(function) => !(open.commas + 1..=MAX_ARGUMENTS).any(|arguments| function.takes(arguments)),
        Called::Nothing | Called::Aggregate => false,
    };
    opens(&tokens).iter().any(overfull)
}

/// The names in the expressions of a function of several values, behind which a place is.
fn folded<'a>(tokens: &[Token<'a>], opens: &[Open]) -> Option<BTreeSet<&'a str>> {
    let open = opens.last()?;
    let Called::Function(Function::Fold(function)) = open.called else {
        return None;
    };
    let inside = tokens.get(open.name..).unwrap_or_default().iter();
    let names = inside.filter_map(|token| match token.kind {
        Kind::Name(name) => Some(name),
        _ => None,
    });
    (open.commas == function.operands()).then(|| names.collect())
}

/// The parentheses that are not closed, the outermost first.
fn opens(tokens: &[Token<'_>]) -> Vec<Open> {
    let mut opens: Vec<Open> = Vec::new();
    let mut previous: Option<(usize, &Kind<'_>)> = None;
    for (index, token) in tokens.iter().enumerate() {
        match &token.kind {
            Kind::Symbol(Symbol::Open) => opens.push(Open {
                name: previous.map_or(index, |(name, _)| name),
                called: previous.map_or(Called::Nothing, |(_, kind)| called(kind)),
                commas: 0,
                is_filtered: false,
            }),
            Kind::Symbol(Symbol::Close) => drop(opens.pop()),
            Kind::Symbol(Symbol::Comma) => opens
                .iter_mut()
                .next_back()
                .into_iter()
                .for_each(|open| open.commas += 1),
            Kind::Symbol(Symbol::Where) => {
                let aggregate = opens.iter_mut().rfind(|open| open.called == Called::Aggregate);
                aggregate.into_iter().for_each(|open| open.is_filtered = true);
            }
            _ => {}
        }
        previous = Some((index, &token.kind));
    }
    opens
}

/// The names with points between them before a point that ends some tokens.
fn pointed<'a>(tokens: &[Token<'a>]) -> Option<Vec<&'a str>> {
    let (last, before) = tokens.split_last()?;
    (last.kind == Kind::Symbol(Symbol::Dot)).then(|| named(before))
}

/// The names with points between them that end some tokens.
fn named<'a>(tokens: &[Token<'a>]) -> Vec<&'a str> {
    let mut names = Vec::new();
    let mut tokens = tokens.iter().rev().map(|token| &token.kind);
    while let Some(Kind::Name(name)) = tokens.next() {
        names.push(*name);
        if tokens.next() != Some(&Kind::Symbol(Symbol::Dot)) {
            break;
        }
    }
    names.reverse();
    names
}

fn called(kind: &Kind<'_>) -> Called {
    let Kind::Name(name) = kind else {
        return Called::Nothing;
    };
    if Aggregate::named(name).is_some() {
        return Called::Aggregate;
    }
    Function::named(name).map_or(Called::Nothing, Called::Function)
}

/// What is known behind tokens, and where the text begins that decides it.
fn scope<'a>(tokens: &[Token<'a>], opens: &[Open], subject: Subject<'a>) -> (Scope<'a>, usize) {
    let entities = match subject {
        Subject::Row(attributes) => return (Scope::Row(None, attributes), 0),
        Subject::Kpi(entities) => entities,
    };
    let Some(aggregate) = opens.iter().rfind(|open| open.called == Called::Aggregate) else {
        return (Scope::Measures, 0);
    };
    let inside = tokens.get(aggregate.name..).unwrap_or_default();
    let start = inside.first().map_or(0, |token| token.span.start);
    let named = inside.iter().skip(1).find_map(|token| match token.kind {
        Kind::Name(name) => Some((name, entities.attributes(name)?)),
        _ => None,
    });
    let scope = match named {
        Some((entity, attributes)) if aggregate.is_filtered => Scope::Row(Some((entities, entity)), attributes),
        Some((entity, _)) => Scope::Facts(entities, Some(entity)),
        None if aggregate.is_filtered => Scope::Row(None, &[]),
        None => Scope::Facts(entities, None),
    };
    (scope, start)
}

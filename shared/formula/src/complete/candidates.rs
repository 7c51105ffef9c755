//! What could stand somewhere: the tables of the language, and the names that are known at a place.

use super::place::{Place, Scope};
use super::{Completion, CompletionKind, Subject};
use crate::MAX_PATH_STEPS;
use crate::aggregate::Aggregate;
use crate::case;
use crate::check::members::shared_by;
use crate::function::Function;
use crate::lexer::{keywords, symbols};
use crate::period::Period;
use crate::reference::Referred;
use crate::value::{Attribute, Entities};
use crate::window::Open;
use std::collections::BTreeSet;

/// Something that could stand at a place.
pub(super) struct Candidate {
    pub(super) label: String,
    pub(super) kind: CompletionKind,
    /// What is written where it is tried.
    pub(super) tried: String,
    detail: String,
    /// What candidates have in common of which all may stand at a place, or none.
    pub(super) class: Class,
    /// What may follow it so that it is right: what is wrong with it alone may be put right by what comes after it.
    pub(super) followed_by: Vec<String>,
}

/// What decides where a candidate may stand.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Class {
    /// Itself alone.
    Own,
    /// A word that is a name where names may stand.
    Word,
    /// The type of an attribute, and whether it is a dimension.
    Attribute(crate::AttributeType, bool),
    /// Whether a function is one of those of durations, and how many of its kind a formula may have.
    Function { of_durations: bool, is_power: bool },
}

impl Candidate {
    fn new(kind: CompletionKind, label: impl Into<String>, detail: impl Into<String>) -> Self {
        let label = label.into();
        Self {
            kind,
            tried: label.clone(),
            label,
            detail: detail.into(),
            class: Class::Own,
            followed_by: vec![String::new()],
        }
    }

    fn called(kind: CompletionKind, name: &str, detail: impl Into<String>) -> Self {
        Self {
            tried: format!("{name}("),
            ..Self::new(kind, name, detail)
        }
    }

    /// An attribute, and behind it what its path leads to; `before` is the path to it.
    fn attribute(attribute: &Attribute, before: &str, onward: &[String]) -> Self {
        let name = &attribute.name;
        let kind = if attribute.dimension {
            CompletionKind::Dimension
        } else {
            CompletionKind::Attribute
        };
        let mut followed_by = followers("", &format!("{before}{name}"));
        for onward in onward {
            followed_by.extend(followers(onward, &format!("{before}{name}{onward}")));
        }
        Self {
            class: match onward {
                [] => Class::Attribute(attribute.kind, attribute.dimension),
                _ => Class::Own,
            },
            followed_by,
            ..Self::new(kind, name, attribute.kind.name())
        }
    }

    fn function(function: Function) -> Self {
        Self {
            class: Class::Function {
                of_durations: function.unit_s().is_some(),
                is_power: matches!(function, Function::Numeric(numeric) if numeric.is_power()),
            },
            ..Self::called(CompletionKind::Function, function.name(), function.usage())
        }
    }

    /// An entity, followed by an attribute of each type where it needs one.
    fn entity(name: &str, attributes: &[Attribute]) -> Self {
        let mut followed_by = vec![String::new()];
        let mut told = Vec::new();
        for attribute in attributes {
            if !told.contains(&attribute.kind) {
                told.push(attribute.kind);
                let attribute = &attribute.name;
                followed_by.extend([
                    format!(".{attribute}"),
                    format!(".{attribute} - {attribute}"),
                    format!(".{attribute}, 90"),
                    format!(".{attribute}, {attribute}"),
                    format!(".{attribute}), 90"),
                    format!(".{attribute}), {attribute}"),
                ]);
            }
        }
        Self {
            followed_by,
            ..Self::new(CompletionKind::Entity, name, format!("{} attributes", attributes.len()))
        }
    }

    /// As it is offered, without the parenthesis if there is one already.
    pub(super) fn completion(&self, is_called: bool) -> Completion {
        Completion {
            label: self.label.clone(),
            kind: self.kind,
            insert: if is_called {
                self.tried.trim_end_matches('(').to_owned()
            } else {
                self.tried.clone()
            },
            detail: self.detail.clone(),
        }
    }
}

/// Everything that could stand at a place, whether or not it may.
pub(super) fn candidates(place: &Place<'_>, subject: Subject<'_>) -> Vec<Candidate> {
    let mut found = Vec::new();
    let (attributes, before) = known(place);
    let onward = |attribute: &Attribute| match &before {
        Some((entities, entity, _)) => onward(*entities, entity, &attribute.name, 1),
        None => Vec::new(),
    };
    let path = before.as_ref().map_or("", |(_, _, path)| path.as_str());
    found.extend(
        attributes
            .iter()
            .map(|attribute| Candidate::attribute(attribute, path, &onward(attribute))),
    );
    if place.pointed.is_some() {
        return found;
    }
    match place.scope {
        Scope::Measures => {
            found.extend(Aggregate::ALL.into_iter().map(|aggregate| {
                let detail = format!("{aggregate}(Entity.attribute WHERE condition)");
                Candidate::called(CompletionKind::Aggregate, aggregate.name(), detail)
            }));
            if let Subject::Kpi(entities) = subject {
                let kpis = entities.kpi_codes().into_iter();
                found.extend(kpis.map(|code| Candidate::new(CompletionKind::Kpi, code, "a KPI")));
            }
            found.extend(words_of_windows());
            found.extend(members(place, subject));
        }
        Scope::Facts(entities, ..) => {
            found.extend(entities.names().into_iter().map(|name| {
                let attributes = entities.attributes(name).unwrap_or_default();
                Candidate::entity(name, attributes)
            }));
            found.extend(distinct(entities));
        }
        Scope::Row(..) => {}
    }
    // One of other periods is never seen to be wrong before its last argument.
    let has_periods = matches!(place.scope, Scope::Measures);
    let functions = Function::ALL
        .into_iter()
        .filter(|function| has_periods || !function.is_of_periods());
    found.extend(functions.map(Candidate::function));
    found.extend(words());
    let commas = found.iter_mut().filter(|candidate| candidate.label == ",");
    commas.for_each(|comma| comma.followed_by = after_comma(attributes));
    if !matches!(place.scope, Scope::Measures) {
        let onward = place
            .path_on()
            .and_then(at_end)
            .map_or(&[][..], |(attributes, ..)| attributes);
        follow_with(&mut found, ".", onward, "");
    }
    if matches!(place.scope, Scope::Facts(..)) {
        follow_with(&mut found, "*", attributes, " ");
        let minuses = found.iter_mut().filter(|candidate| candidate.label == "-");
        minuses
            .for_each(|minus| minus.followed_by = attributes.iter().map(|time| format!(" {})", time.name)).collect());
    }
    found
}

/// Has a symbol be followed by attributes alone: with nothing behind it, it is never seen to be wrong.
fn follow_with(found: &mut [Candidate], symbol: &str, attributes: &[Attribute], space: &str) {
    for candidate in found.iter_mut().filter(|candidate| candidate.label == symbol) {
        let names = attributes.iter().map(|attribute| &attribute.name);
        let alone = names.clone().map(|name| format!("{space}{name}"));
        let compared = names.map(|name| format!("{space}{name} = 1"));
        // A point is fine wherever a path goes on: what comes after it may be looked for later.
        let itself = (symbol == "." && !attributes.is_empty()).then(String::new);
        candidate.followed_by = itself.into_iter().chain(alone).chain(compared).collect();
    }
}

/// What may follow a name so that it is right: what is compared is a condition, the difference of two times is a number, and some aggregates take something more.
fn followers(onward: &str, name: &str) -> Vec<String> {
    vec![
        onward.to_owned(),
        format!("{onward} = {name}"),
        format!("{onward} - {name}"),
        format!("{onward} - {name}) = 1"),
        format!("{onward}) = 1"),
        format!("{onward}, 90"),
        format!("{onward}, {name}"),
        format!("{onward}), 90"),
        format!("{onward}), {name}"),
    ]
}

/// Entities, the one whose attributes stand at a place, and the path to it with a point behind it.
type Before<'a> = (&'a dyn Entities, String, String);

/// The attributes that may be named at a place, and where they are.
fn known<'a>(place: &Place<'a>) -> (&'a [Attribute], Option<Before<'a>>) {
    let attributes = match (&place.scope, &place.pointed) {
        (Scope::Row(None, attributes), None) => *attributes,
        _ => &[],
    };
    match place.path().and_then(at_end) {
        Some((attributes, entities, entity, path)) => (attributes, Some((entities, entity, path))),
        None => (attributes, None),
    }
}

/// The attributes at the end of a path, of which entity they are, and the path with a point behind it.
fn at_end<'a>(
    (entities, entity, names): (&'a dyn Entities, &'a str, &[&'a str]),
) -> Option<(&'a [Attribute], &'a dyn Entities, String, String)> {
    let mut at = entity;
    for name in names {
        at = entities.leads(at, name).filter(|leads| leads.is_to_one)?.to;
    }
    let path: String = names.iter().map(|name| format!("{name}.")).collect();
    Some((entities.attributes(at)?, entities, at.to_owned(), path))
}

/// Most ends of paths that are tried behind an attribute: one of each type of some entities.
const MAX_ONWARD: usize = 18;

/// Where the paths from an attribute end: at an attribute of each type of each entity that they lead to. `steps` is how many there are with this one.
fn onward(entities: &dyn Entities, entity: &str, attribute: &str, steps: usize) -> Vec<String> {
    let Some(leads) = entities
        .leads(entity, attribute)
        .filter(|leads| leads.is_to_one && steps <= MAX_PATH_STEPS)
    else {
        return Vec::new();
    };
    let (mut told, mut found) = (Vec::new(), Vec::new());
    for attribute in entities.attributes(leads.to).unwrap_or_default() {
        if !told.contains(&attribute.kind) {
            told.push(attribute.kind);
            found.push(format!(".{}", attribute.name));
        }
        let further = onward(entities, leads.to, &attribute.name, steps + 1);
        found.extend(
            further
                .into_iter()
                .map(|further| format!(".{}{further}", attribute.name)),
        );
        found.truncate(MAX_ONWARD);
    }
    found
}

/// What may follow a comma: alone it is never seen to be wrong. Aggregates take a number or an attribute behind one, and nothing more.
fn after_comma(attributes: &[Attribute]) -> Vec<String> {
    let names = attributes.iter().map(|attribute| format!(" {})", attribute.name));
    let values = [" 1", " 0", " 90)", " 'a'", " TRUE", " YEAR"].map(str::to_owned);
    values.into_iter().chain(names).collect()
}

/// The words that functions of other periods take.
fn words_of_windows() -> impl Iterator<Item = Candidate> {
    let periods = Period::ALL.into_iter().map(|period| period.name().to_ascii_uppercase());
    let words = periods.chain([Open::LIKE_FOR_LIKE.to_owned()]);
    words.map(|word| Candidate::new(CompletionKind::Keyword, word, "of a function of other periods"))
}

/// The dimensions that all entities have whose facts are read before a place, where one may stand of which something is taken for each value.
fn members(place: &Place<'_>, subject: Subject<'_>) -> Vec<Candidate> {
    let (Some(names), Subject::Kpi(entities)) = (&place.folded, subject) else {
        return Vec::new();
    };
    let mut read: BTreeSet<&str> = names.iter().copied().collect();
    for name in names {
        if let Some(Referred::Formula(formula)) = entities.kpi(name) {
            read.extend(formula.entities());
        }
    }
    read.retain(|name| entities.attributes(name).is_some());
    let dimensions = shared_by(entities, &read).into_iter();
    dimensions
        .map(|name| Candidate::new(CompletionKind::Dimension, name, "for each of its values"))
        .collect()
}

/// `DISTINCT`, which is a word only where the name of an entity follows.
fn distinct(entities: &dyn Entities) -> Option<Candidate> {
    let names = entities.names().into_iter();
    let followed_by = names.filter_map(|name| {
        let first = entities.attributes(name)?.first()?;
        Some(format!(" {name}.{}", first.name))
    });
    Some(Candidate {
        followed_by: followed_by.take(1).collect(),
        ..Candidate::new(CompletionKind::Keyword, "DISTINCT", "COUNT(DISTINCT Entity.attribute)")
    })
}

/// An instant, as it is written.
const INSTANT: &str = "'2026-01-01T00:00:00Z'";

/// Lists of values of each type that has literals.
const LISTS: &[&str] = &[" (TRUE)", " (1)", " ('')"];

/// The words and symbols of the language.
fn words() -> impl Iterator<Item = Candidate> {
    // Some are only seen to be wrong, and others only to be right, once something follows them.
    let followed = |candidate: Candidate, followed_by: &[&str]| Candidate {
        followed_by: followed_by.iter().map(ToString::to_string).collect(),
        ..candidate
    };
    let keyword = |word: &str| Candidate::new(CompletionKind::Keyword, word, "");
    let words = keywords().map(move |word| match word {
        "TRUE" | "FALSE" => followed(Candidate::new(CompletionKind::Value, word, ""), &["", " = TRUE"]),
        "IN" => followed(keyword(word), LISTS),
        word => keyword(word),
    });
    let not_in = followed(keyword("NOT IN"), LISTS);
    let range_of_times = format!(" TIME {INSTANT} AND TIME {INSTANT}");
    let ranges = [" 1 AND 2", " 'a' AND 'b'", &range_of_times];
    let ranges = ["BETWEEN", "NOT BETWEEN"].map(|word| followed(keyword(word), &ranges));
    // Alone it would be a name.
    let instant = Candidate {
        tried: format!("TIME {INSTANT}"),
        ..followed(keyword("TIME"), &["", &format!(" = TIME {INSTANT}")])
    };
    let of_cases = case::WORDS.into_iter().map(|word| {
        // Alone it would be a name.
        let tried = if word == "CASE" { "CASE WHEN" } else { word };
        Candidate {
            class: Class::Word,
            tried: tried.to_owned(),
            ..Candidate::new(CompletionKind::Keyword, word, case::USAGE)
        }
    });
    let symbols = symbols().map(move |symbol| {
        let candidate = Candidate::new(CompletionKind::Operator, symbol, "");
        let followed_by: &[&str] = if symbol == ")" {
            &["", " = 0", " = ''"]
        } else {
            &["", " 1"]
        };
        followed(candidate, followed_by)
    });
    words
        .chain([not_in, instant])
        .chain(ranges)
        .chain(of_cases)
        .chain(symbols)
}

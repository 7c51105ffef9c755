#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]
use super::*;
use crate::fixtures::{attributes, entities, token_soup};
use crate::value::AttributeType;
use crate::{MAX_DEPTH, compile, compile_row};
use proptest::prelude::*;
use std::time::{Duration, Instant};

/// The attributes of the fixtures, and times and a duration.
fn tickets() -> Vec<Attribute> {
    let more = [
        ("closed", AttributeType::Time),
        ("opened", AttributeType::Time),
        ("resolution", AttributeType::Duration),
    ];
    let more = more.into_iter().map(|(name, kind)| Attribute {
        name: name.to_owned(),
        kind,
        dimension: false,
        required: false,
        difference: None,
    });
    attributes().into_iter().chain(more).collect()
}

struct Tickets(Vec<Attribute>);

impl Entities for Tickets {
    fn attributes(&self, entity: &str) -> Option<&[Attribute]> {
        match entity {
            "Ticket" => Some(&self.0),
            "Note" => Some(&[]),
            _ => None,
        }
    }

    fn is_state(&self, _: &str) -> bool {
        false
    }

    fn names(&self) -> Vec<&str> {
        vec!["Note", "Ticket"]
    }
}

/// What is offered at the `|` of a text.
fn offered_at(marked: &str, subject: Subject<'_>) -> Completions {
    let position = marked.find('|').unwrap();
    complete(&marked.replacen('|', "", 1), position, subject)
}

fn labels(found: &Completions, kinds: &[CompletionKind]) -> String {
    let wanted = found.items.iter().filter(|item| kinds.contains(&item.kind));
    wanted.map(|item| item.label.as_str()).collect::<Vec<_>>().join(" ")
}

const NAMES: &[CompletionKind] = &[
    CompletionKind::Dimension,
    CompletionKind::Attribute,
    CompletionKind::Entity,
];
const WORDS: &[CompletionKind] = &[CompletionKind::Keyword, CompletionKind::Value];
const SYMBOLS: &[CompletionKind] = &[CompletionKind::Operator];

#[test]
fn what_may_stand_in_a_kpi_is_offered_and_nothing_else() {
    let known = Tickets(tickets());
    for (marked, kinds, expected) in [
        // Without an attribute a sum is none.
        ("COUNT(|", NAMES, "Note Ticket"),
        ("SUM(|", NAMES, "Ticket"),
        ("COUNT(Tick|", NAMES, "Ticket"),
        ("COUNT(ticekt|", NAMES, "Ticket"),
        ("SUM(Ticket.|", NAMES, "stops delay distance resolution closed opened"),
        ("COUNT(Note.|", NAMES, ""),
        ("SUM(Ticket.d|", NAMES, "delay distance"),
        ("SUM(Ticket.closed - |", NAMES, "closed opened Ticket"),
        ("SUM(Ticket.closed - Ticket.|", NAMES, "closed opened"),
        (
            "COUNT(Ticket WHERE |",
            NAMES,
            "on_time diverted origin stops delay distance remark closed opened resolution",
        ),
        ("COUNT(Ticket WHERE origin = |", NAMES, "origin remark"),
        (
            "COUNT(Ticket WHERE on_time AND |) / 2",
            NAMES,
            "on_time diverted origin stops delay distance remark closed opened resolution",
        ),
        (
            "COUNT(Ticket WHERE CASE WHEN |",
            NAMES,
            "origin on_time stops delay distance remark diverted closed opened resolution",
        ),
        ("|", NAMES, ""),
        ("COUNT(Ticket |", WORDS, "WHERE"),
        ("COUNT(Ticket.delay |", WORDS, "WHERE"),
        ("SUM(Ticket |", SYMBOLS, "."),
        // A time is no number, and its difference with another one is.
        ("AVG(Ticket.closed |", WORDS, ""),
        ("AVG(Ticket.closed |", SYMBOLS, "-"),
        ("COUNT(Ticket WHERE on_time |", WORDS, "AND OR IN NOT IN"),
        // A text is no condition before it is compared.
        ("COUNT(Ticket WHERE origin |", WORDS, "IN NOT IN BETWEEN NOT BETWEEN"),
        ("COUNT(Ticket WHERE origin IN |", SYMBOLS, "("),
        ("COUNT(Ticket) |", WORDS, ""),
        ("COUNT(Ticket) |", SYMBOLS, "+ - * /"),
        ("CASE WHEN COUNT(Ticket) > 1 |", WORDS, "AND OR THEN"),
        (
            "CASE WHEN COUNT(Ticket) > 1 THEN 2 |",
            WORDS,
            "AND OR IN NOT IN BETWEEN NOT BETWEEN WHEN ELSE END",
        ),
        ("IF(COUNT(Ticket) > 1 |", WORDS, "AND OR"),
        ("IF(COUNT(Ticket) > 1, 2, 3, |", &CompletionKind::ALL, ""),
        // Inside of what is no word.
        ("COUNT(Ticket WHERE origin = 'on|", &CompletionKind::ALL, ""),
        (
            "COUNT(Ticket WHERE origin = 'on|' AND on_time)",
            &CompletionKind::ALL,
            "",
        ),
        ("1|5", &CompletionKind::ALL, ""),
        // For each value of a dimension.
        ("MAX_PER(COUNT(Ticket), |", NAMES, "origin on_time stops"),
        ("1 + SLOPE_PER(COUNT(Ticket), AVG(Ticket.delay), or|", NAMES, "origin"),
        ("MAX_PER(COUNT(Ticket) + |", NAMES, ""),
        ("LAST_PER(COUNT(Ticket), |", NAMES, ""),
        ("MAX_PER(COUNT(Ticket) + COUNT(Note), |", NAMES, ""),
        // What is wrong elsewhere is no reason to be silent.
        (
            "TOTAL(1 ; 2)) + COUNT(Ticket WHERE nobody = 3) + COUNT(Tick|",
            NAMES,
            "Ticket",
        ),
        (
            "COUNT(Ticket) > |",
            &[CompletionKind::Aggregate],
            "COUNT SUM AVG MIN MAX FIRST LAST MEDIAN PERCENTILE MODE VARIANCE VARIANCE_POP STDDEV STDDEV_POP WEIGHTED_AVG CORRELATION SLOPE ANY ALL ENTERED LEFT STAYED",
        ),
    ] {
        let found = offered_at(marked, Subject::Kpi(&known));
        assert_eq!(labels(&found, kinds), expected, "{marked}");
    }
}

#[test]
fn what_may_stand_in_a_row_is_offered_and_nothing_else() {
    let tickets = tickets();
    for (marked, kinds, expected) in [
        ("o|", NAMES, "origin on_time opened"),
        ("on_time = |", NAMES, "on_time diverted"),
        ("HOURS(|", NAMES, "resolution closed opened"),
        ("HOURS(closed - |", NAMES, "closed opened"),
        ("delay + |", NAMES, "stops delay distance"),
        (
            "NOT |",
            NAMES,
            "on_time diverted origin stops delay distance remark closed opened resolution",
        ),
        ("|", &[CompletionKind::Aggregate, CompletionKind::Entity], ""),
        ("co|", &[CompletionKind::Function], "COALESCE CONTAINS SECONDS"),
        ("CASE WHEN on_time THEN 1 e|", WORDS, "ELSE END"),
        ("c|", WORDS, "CASE"),
    ] {
        let found = offered_at(marked, Subject::Row(&tickets));
        assert_eq!(labels(&found, kinds), expected, "{marked}");
    }
}

#[test]
fn a_completion_says_what_it_replaces_and_what_is_written() {
    let known = Tickets(tickets());
    for (marked, replaces, label, insert, detail) in [
        (
            "1 + cou|",
            4..7,
            "COUNT",
            "COUNT(",
            "COUNT(Entity.attribute WHERE condition)",
        ),
        // The whole word is replaced, and its parenthesis is there.
        (
            "1 + c|ou (Ticket)",
            4..7,
            "COUNT",
            "COUNT",
            "COUNT(Entity.attribute WHERE condition)",
        ),
        ("'🛫' + |", 9..9, "ROUND", "ROUND(", "ROUND(x, places)"),
        ("COUNT(|", 6..6, "Ticket", "Ticket", "10 attributes"),
        ("COUNT(Ticket WHERE |", 19..19, "origin", "origin", "text"),
        (
            "cas|",
            0..3,
            "CASE",
            "CASE WHEN",
            "write CASE WHEN condition THEN value ELSE value END",
        ),
    ] {
        let found = offered_at(marked, Subject::Kpi(&known));
        assert_eq!(found.replaces, replaces, "{marked}");
        let item = found.items.iter().find(|item| item.label == label);
        let item = item.unwrap_or_else(|| unreachable!("{label} at {marked}: {found:?}"));
        assert_eq!(
            (item.insert.as_str(), item.detail.as_str()),
            (insert, detail),
            "{marked}"
        );
    }
}

#[test]
fn kinds_are_called_alike_in_json_and_in_its_schema() {
    for kind in CompletionKind::ALL {
        assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
    }
}

#[test]
fn there_are_no_more_than_fit_in_a_list() {
    let many: Vec<Attribute> = (0..MAX_COMPLETIONS)
        .map(|index| Attribute {
            name: format!("a{index}"),
            ..attributes()[0].clone()
        })
        .collect();
    let found = complete("", 0, Subject::Row(&many));
    assert_eq!((found.items.len(), found.incomplete), (MAX_COMPLETIONS, true));
    let found = complete("a6", 2, Subject::Row(&many));
    assert_eq!((found.items.len(), found.incomplete), (11, false));
    assert_eq!(found.items[0].label, "a6");
}

#[test]
fn a_difference_begins_with_a_time() {
    let known = Tickets(tickets());
    let offers = |text: &str| {
        let found = complete(text, text.len(), Subject::Kpi(&known));
        found.items.iter().any(|item| item.label == "-")
    };
    assert!(offers("SLOPE(Ticket.closed - Ticket.opened, Ticket.closed "));
    assert!(!offers("SLOPE(Ticket.stops, Ticket "), "which is no attribute");
}

#[test]
fn nothing_is_offered_beyond_the_limits() {
    let known = entities();
    let deep = |levels: usize| format!("{}COUNT(", "(".repeat(levels));
    let text = deep(MAX_DEPTH - 1);
    assert_ne!(complete(&text, text.len(), Subject::Kpi(&known)).items, []);
    for text in [deep(MAX_DEPTH), " ".repeat(MAX_LENGTH + 1)] {
        assert_eq!(complete(&text, text.len(), Subject::Kpi(&known)).items, []);
    }
}

/// Mistakes of form that are none as long as the text goes on.
const UNFINISHED: [&str; 2] = ["unclosed-parenthesis", "wrong-arguments"];

/// Mistakes of meaning that nothing puts right that comes after them.
const FOR_GOOD: [&str; 8] = [
    "unknown-entity",
    "unknown-attribute",
    "not-a-dimension",
    "not-aggregated",
    "aggregate-in-row",
    "path-in-row",
    "condition-outside",
    "different-entities",
];

/// Mistakes that begin before the end of a text and can't be put right.
fn mistakes(text: &str, subject: Subject<'_>) -> Vec<(usize, &'static str)> {
    let parsed = crate::parse(text);
    let form = parsed
        .diagnostics
        .iter()
        .filter(|found| !UNFINISHED.contains(&found.code));
    let meaning = match subject {
        Subject::Kpi(entities) => compile(text, entities).err(),
        Subject::Row(attributes) => compile_row(text, attributes).err(),
    };
    let meaning = meaning.unwrap_or_default();
    let meaning = meaning.iter().filter(|found| FOR_GOOD.contains(&found.code));
    let all = form.chain(meaning).filter(|found| found.span.start < text.len());
    all.map(|found| (found.span.start, found.code)).collect()
}

/// Steps from nothing to a formula, each of them a completion, or a number or a text where one may stand.
fn walk(subject: Subject<'_>, steps: &[u16]) -> Result<String, TestCaseError> {
    let mut text = String::new();
    for step in steps {
        let found = complete(&text, text.len(), subject);
        let literal = ["1 ", "'x' "][usize::from(*step % 2)];
        let taken = format!("{text}{literal}");
        let is_free = *step % 7 == 0 || found.items.is_empty();
        if is_free && mistakes(&taken, subject).is_empty() {
            text = taken;
        } else if !found.items.is_empty() {
            let item = &found.items[usize::from(*step) % found.items.len()];
            prop_assert_eq!(&found.replaces, &(text.len()..text.len()));
            text.push_str(&item.insert);
            // After the name of an entity may come the point that it needs.
            let pointed = format!("{text}.");
            let goes_on = item.kind == CompletionKind::Entity && mistakes(&pointed, subject).is_empty();
            let found = if goes_on { Vec::new() } else { mistakes(&text, subject) };
            prop_assert_eq!(found, vec![], "{} of {}", item.label, text);
            text.push(' ');
        }
    }
    Ok(text)
}

proptest! {
    #[test]
    fn what_is_offered_leads_to_no_mistake_in_a_kpi(steps in proptest::collection::vec(any::<u16>(), 1..24)) {
        walk(Subject::Kpi(&Tickets(tickets())), &steps)?;
    }

    #[test]
    fn what_is_offered_leads_to_no_mistake_in_a_row(steps in proptest::collection::vec(any::<u16>(), 1..24)) {
        walk(Subject::Row(&tickets()), &steps)?;
    }

    #[test]
    fn any_place_of_any_text_has_an_answer(text in prop_oneof![any::<String>(), token_soup()], position in 0_usize..200) {
        for subject in [Subject::Kpi(&entities()), Subject::Row(&tickets())] {
            let found = complete(&text, position, subject);
            prop_assert!(text.get(found.replaces.clone()).is_some(), "{:?}", found.replaces);
            prop_assert!(found.items.len() <= MAX_COMPLETIONS);
        }
    }
}

#[test]
fn it_takes_no_longer_than_a_person_notices() {
    let known = Tickets(tickets());
    let row = tickets();
    let kpi = |text: String| (text, Subject::Kpi(&known));
    let of_row = |text: String| (text, Subject::Row(&row));
    for (name, (text, subject)) in [
        ("a sum", kpi("1 + ".repeat(500))),
        (
            "a condition",
            kpi(format!("COUNT(Ticket WHERE {}", "on_time OR ".repeat(350))),
        ),
        (
            "a list",
            kpi(format!("COUNT(Ticket WHERE stops IN ({}", "1,".repeat(2_000))),
        ),
        ("a row", of_row("delay < 1 AND ".repeat(250))),
        ("mistakes", kpi("; ".repeat(2_000))),
        ("more mistakes", of_row("1 ".repeat(2_000))),
        ("aggregates", kpi("COUNT(Ticket WHERE on_time) + ".repeat(130))),
        ("names", of_row("a.b ".repeat(1_000))),
    ] {
        let took = |_| {
            let begin = Instant::now();
            let _found = complete(&text, text.len(), subject);
            begin.elapsed()
        };
        let least: Duration = (0..10).map(took).min().unwrap_or_default();
        // What it takes is printed. What fails here is what takes ever longer with the text, however slow the machine is.
        println!("{name}: {least:?} for {} bytes", text.len());
        assert!(least < Duration::from_millis(500), "{name}: {least:?}");
    }
}

//! Draws questions, each with a KPI of its own.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result};
use catalog::{Direction, Expression, Limit, Mode, Period};
use formula::AttributeType;
use jiff::{SignedDuration, Timestamp};

use super::draw::Draw;
use super::events;
use super::generator::{CLIENTS, Draft, rows};
use super::kpis::{KPIS, Kpis};
use super::rows::{Place, ROWS};
use super::shape::{Attribute, TEXTS};
use super::world::{Goal, Question};

/// Constructs of a formula that have their turn together.
const OF_A_TURN: usize = 5;

/// The section of formulas that sketches answer, and how many of them have their turn.
const FOURTH: usize = 4;
const FOR_SKETCHES: usize = 40;

/// What is neither split nor filtered by paths: other KPIs may compute in conditions, and states look nothing up.
const OTHERS_AND_STATES: [&str; 6] = ["OTHER_", "AT_START", "AT_END", "ENTERED", "LEFT", "STAYED"];

/// What a KPI is held against, now and then: numbers, and what is computed of other KPIs, of itself and of other periods.
fn goal(draw: &mut Draw, code: &str, others: &[String]) -> Option<Goal> {
    if !draw.one_in(5) {
        return None;
    }
    let direction = draw.pick(&[Direction::HigherIsBetter, Direction::LowerIsBetter, Direction::Between]);
    let mut limit = || {
        let other = draw.pick(others);
        let formulas = [
            "0".to_owned(),
            "1".to_owned(),
            "2.5".to_owned(),
            format!("{other} * 1.05"),
            format!("PREVIOUS({other})"),
            format!("0.9 * {code}"),
            code.to_owned(),
        ];
        let mut formula = || Expression(draw.pick(&formulas));
        let one = match direction {
            Direction::Between => Limit::Band {
                from: formula(),
                to: formula(),
            },
            _ => Limit::One(formula()),
        };
        draw.one_in(2).then_some(one)
    };
    let (target, warning, critical) = (limit(), limit(), limit());
    let is_any = target.is_some() || warning.is_some() || critical.is_some();
    is_any.then_some(Goal {
        direction,
        target,
        warning,
        critical,
    })
}

/// Those of a table whose turn it is: far from each other, so that they are together with others in another turn.
fn turn_of<T: Copy>(table: &[T], place: usize) -> [T; OF_A_TURN] {
    std::array::from_fn(|part| table[(place + part * table.len() / OF_A_TURN) % table.len()])
}

/// A formula, whether it reads facts and compares, so that it may be split by paths, and whether it is for sketches.
struct Written {
    formula: String,
    is_of_facts: bool,
    is_for_sketches: bool,
}

/// A formula around the constructs whose turn it is.
fn formula(draw: &mut Draw, draft: &Draft, period: Period, turn: usize) -> Written {
    let mut kpis = Kpis::new(draw, &draft.shapes, period, &draft.others);
    let table: Vec<_> = KPIS.iter().collect();
    let (of_dimensions, of_facts) = (rows(Place::OfDimensions), rows(Place::OfFacts));
    // Those of whole formulas have more ways to be without a value, and those of derived attributes are in filters and splits too.
    let lengths = [
        table.len() * 5 / 4,
        of_dimensions.len(),
        of_facts.len(),
        ROWS.len() / 4,
        FOR_SKETCHES,
    ];
    let mut place = turn % lengths.iter().sum::<usize>();
    let section = lengths.iter().position(|length| {
        let is_within = place < *length;
        place -= if is_within { 0 } else { *length };
        is_within
    });
    let formula = match section {
        Some(0) => kpis.around(turn_of(&table, place)),
        Some(1) => kpis.filtered_by(turn_of(&of_dimensions, place), Place::OfDimensions),
        Some(2) => kpis.filtered_by(turn_of(&of_facts, place), Place::OfFacts),
        Some(3) => kpis.over(turn),
        _ => kpis.approximate(),
    };
    Written {
        formula,
        is_of_facts: kpis.is_of_facts,
        is_for_sketches: section == Some(FOURTH),
    }
}

/// A question, and the KPI that it asks.
///
/// # Errors
/// When no formula is accepted.
pub(super) fn question(
    draw: &mut Draw,
    drafts: &mut [Draft],
    client: usize,
    turn: usize,
    begin: Timestamp,
    refused: &mut usize,
) -> Result<Question> {
    let draft = &mut drafts[client];
    let code = format!("K{}", draft.client.kpis.len());
    let mut period = draw.pick(&Period::ALL);
    let (mut reads_facts, mut is_for_sketches) = (false, false);
    // One after the other by this turn, and not by that of the client: each client has every construct.
    let compiled = draft.add(&code, refused, |draft| {
        let written = formula(draw, draft, period, turn / CLIENTS + client * 7);
        (reads_facts, is_for_sketches) = (written.is_of_facts, written.is_for_sketches);
        if is_for_sketches || draw.one_in(10) {
            return (written.formula, Mode::Approximate, None);
        }
        let goal = goal(draw, &code, &draft.others);
        (written.formula, Mode::Exact, goal)
    })?;
    if is_for_sketches && period == Period::Minute {
        // None is kept by minute, and no formula for them names a period.
        period = Period::Hour;
    }
    let limits = compiled.goal.iter().flat_map(catalog::Goal::all);
    let formulas = limits.map(|limit| &limit.formula).chain([&compiled.formula]);
    let entities: BTreeSet<&str> = formulas.flat_map(formula::Formula::entities).collect();
    let mut shapes = draft
        .shapes
        .iter()
        .filter(|shape| entities.contains(shape.code.as_str()));
    let shape = shapes.next().context("a formula has an entity")?;
    let is_of_both = shapes.next().is_some();
    let own = shape.dimensions().into_iter();
    let mut dimensions: Vec<&Attribute> = own
        .filter(|dimension| !is_of_both || dimension.formula.is_none())
        .collect();
    let text = compiled.definition.formula.to_uppercase();
    let names_others = OTHERS_AND_STATES.iter().any(|word| text.contains(word));
    if reads_facts && !is_of_both && !names_others && compiled.goal.is_none() && draw.one_in(2) {
        // As often as the entity's own.
        let paths: Vec<&Attribute> = shape.paths.iter().filter(|path| path.dimension).collect();
        let some = (0..dimensions.len()).filter(|_| !paths.is_empty());
        let some: Vec<&Attribute> = some.map(|_| draw.pick(&paths)).collect();
        dimensions.extend(some);
    }
    let at = events::time(draw, begin);
    let (from, to) = range(draw, period, at);
    let zones = [
        "UTC",
        "Asia/Tokyo",
        "Asia/Kathmandu",
        "America/New_York",
        "Australia/Lord_Howe",
        "Europe/Berlin",
    ];
    let is_made_of_many = period.rank() <= Period::Hour.rank() && text.contains("_PER(");
    let mut by = split(draw, &dimensions);
    // An answer is made of so many values at most, and has groups enough by one dimension.
    by.truncate(if is_made_of_many || is_for_sketches {
        1
    } else {
        by.len()
    });
    let filter = filter(draw, &dimensions);
    Ok(Question {
        client,
        kpi: code,
        period,
        zone: draw.one_in(3).then(|| draw.pick(&zones).to_owned()),
        from: from.to_string(),
        to: to.to_string(),
        at: at.to_string(),
        now: now(draw, begin, to).to_string(),
        filter: if is_for_sketches && by.len() == 1 {
            BTreeMap::new()
        } else {
            filter
        },
        by,
    })
}

/// When a question is asked: mostly when all of its buckets have ended.
fn now(draw: &mut Draw, begin: Timestamp, to: Timestamp) -> Timestamp {
    if draw.one_in(3) {
        return events::time(draw, begin);
    }
    to + SignedDuration::from_hours(24 * 400)
}

/// A range around an instant, about as long as a question with such a period has.
fn range(draw: &mut Draw, period: Period, at: Timestamp) -> (Timestamp, Timestamp) {
    let most_s = match period {
        Period::Minute => 4 * 3_600,
        Period::Hour => 3 * 86_400,
        Period::Day => 12 * 86_400,
        _ => 100 * 86_400,
    };
    let before = draw.between(0, most_s);
    let after = draw.between(1, most_s);
    (
        at - SignedDuration::from_secs(before),
        at + SignedDuration::from_secs(after),
    )
}

fn filter(draw: &mut Draw, dimensions: &[&Attribute]) -> BTreeMap<String, BTreeSet<String>> {
    let mut filter = BTreeMap::new();
    for _ in 0..draw.pick(&[0, 0, 1, 1, 2]) {
        let dimension = draw.pick(dimensions);
        let values: BTreeSet<String> = (0..1 + draw.below(4)).map(|_| value(draw, dimension.kind)).collect();
        filter.insert(dimension.name.clone(), values);
    }
    filter
}

/// A value as filters write it: the empty one is that of what is missing.
fn value(draw: &mut Draw, kind: AttributeType) -> String {
    if draw.one_in(3) {
        return String::new();
    }
    match kind {
        AttributeType::Boolean => draw.pick(&["true", "false"]).to_owned(),
        AttributeType::Integer => draw.pick(&["0", "1", "2", "-3"]).to_owned(),
        _ => draw.pick(&TEXTS).to_owned(),
    }
}

fn split(draw: &mut Draw, dimensions: &[&Attribute]) -> Vec<String> {
    let mut by: Vec<String> = Vec::new();
    for _ in 0..draw.pick(&[0, 0, 1, 1, 2, 3]) {
        let name = &draw.pick(dimensions).name;
        if !by.contains(name) {
            by.push(name.clone());
        }
    }
    by
}

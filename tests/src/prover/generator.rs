//! Draws worlds.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result};
use catalog::{Catalog, Direction, Expression, Limit, Mode, Period};
use formula::AttributeType;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use series::calendar::Rules;

use super::draw::Draw;
use super::events::{self, Events, SCENES};
use super::kpis::{KPIS, Kind, Kpis};
use super::paths;
use super::rows::{Place, ROWS, Row};
use super::shape::{self, Attribute, ENTITIES, Shape, TEXTS};
use super::world::{Client, Goal, Kpi, Question, Step, World};

/// What clocks show when the events of a world come: the prover gives the same answers on any day.
const NOW: &str = "2026-11-15T12:00:00Z";

/// Clients of a world, who use the same codes for what they define differently.
const CLIENTS: usize = 2;

/// Events of each entity, half of them late.
const EVENTS: usize = 70;

/// KPIs of a client that others name.
const OTHERS: usize = 4;

/// Constructs of a formula that have their turn together.
const OF_A_TURN: usize = 5;

/// The section of formulas that sketches answer, and how many of them have their turn.
const FOURTH: usize = 4;
const FOR_SKETCHES: usize = 16;

/// What is neither split nor filtered by paths: other KPIs may compute in conditions, and states look nothing up.
const OTHERS_AND_STATES: [&str; 6] = ["OTHER_", "AT_START", "AT_END", "ENTERED", "LEFT", "STAYED"];

/// How often a formula is drawn anew when it is refused.
const TRIES: usize = 50;

/// A world, and how many formulas of those that were drawn for it were refused.
pub(super) struct Drawn {
    pub(super) world: World,
    pub(super) refused: usize,
}

/// The world of a seed with a number, with so many questions.
///
/// # Errors
/// When what is drawn is refused, however often it is drawn.
pub(super) fn world(seed: u64, number: usize, questions: usize) -> Result<Drawn> {
    let mut draw = Draw::of_seed(seed.wrapping_mul(1_000_003).wrapping_add(number as u64));
    let scene = SCENES[number % SCENES.len()];
    let begin: Timestamp = scene.0.parse()?;
    let mut refused = 0;
    let mut drafts = Vec::new();
    for place in 0..CLIENTS {
        // Two worlds of the same number of clients and entities have different constructs first.
        drafts.push(Draft::drawn(
            &mut draw,
            scene.1,
            (number * CLIENTS + place) * ENTITIES.len(),
            begin,
            &mut refused,
        )?);
    }
    let mut asked = Vec::new();
    for place in 0..questions {
        let client = place % CLIENTS;
        asked.push(question(
            &mut draw,
            &mut drafts,
            client,
            number * questions + place,
            begin,
            &mut refused,
        )?);
    }
    let steps = steps(&mut draw, &drafts, begin)?;
    let world = World {
        name: format!("world {number} of seed {seed}"),
        now: NOW.to_owned(),
        clients: drafts.into_iter().map(|draft| draft.client).collect(),
        steps,
        questions: asked,
    };
    Ok(Drawn { world, refused })
}

/// A client that is being drawn.
struct Draft {
    client: Client,
    shapes: Vec<Shape>,
    catalog: Catalog,
    /// Codes of KPIs that others name.
    others: Vec<String>,
}

impl Draft {
    fn drawn(draw: &mut Draw, zones: &[&str], turn: usize, begin: Timestamp, refused: &mut usize) -> Result<Self> {
        for _ in 0..TRIES {
            let dimensions = shape::dimensions(draw);
            let mut shapes: Vec<Shape> = ENTITIES
                .iter()
                .enumerate()
                .map(|(place, code)| Shape::drawn(draw, code, &dimensions, (turn + place) * 8, begin))
                .collect();
            let entities: Result<Vec<_>, _> = shapes
                .iter()
                .map(|shape| serde_json::from_value(shape.definition()))
                .collect();
            let client = Client {
                zone: draw.pick(zones).to_owned(),
                calendar: calendar(draw)?,
                entities: entities.context("an entity is drawn that can't be read")?,
                relationships: paths::relate(draw, &mut shapes),
                kpis: Vec::new(),
            };
            let Ok(catalog) = client.catalog() else {
                *refused += 1;
                continue;
            };
            let mut draft = Self {
                client,
                shapes,
                catalog,
                others: Vec::new(),
            };
            for place in 0..OTHERS {
                draft.add_other(draw, place, refused)?;
            }
            return Ok(draft);
        }
        anyhow::bail!("no entities are accepted")
    }

    /// A KPI that others name, of the bucket's own facts: those who name it move it to other periods. It may name those before it.
    fn add_other(&mut self, draw: &mut Draw, place: usize, refused: &mut usize) -> Result<()> {
        let code = format!("OTHER_{place}");
        let constructs: Vec<_> = KPIS.iter().filter(|construct| construct.kind == Kind::Number).collect();
        self.add(&code, refused, |draft| {
            let mut kpis = Kpis::new(draw, &draft.shapes, Period::Minute, &[]);
            kpis.is_inside = true;
            let some = [0; 3].map(|_| kpis.draw.pick(&constructs));
            let written = kpis.around(some);
            let formula = match draft.others.last() {
                Some(other) if place % 2 == 1 => format!("({written}) - {other}"),
                _ => written,
            };
            (formula, Mode::Exact, None)
        })?;
        self.catalog = self.client.catalog()?;
        self.others.push(code);
        Ok(())
    }

    /// Adds a KPI with the first formula, and the first goal, that are accepted.
    fn add(
        &mut self,
        code: &str,
        refused: &mut usize,
        mut drawn: impl FnMut(&Self) -> (String, Mode, Option<Goal>),
    ) -> Result<catalog::Kpi> {
        let accepted = (0..TRIES).find_map(|_| {
            let (formula, mode, goal) = drawn(self);
            let kpi = Kpi {
                code: code.to_owned(),
                formula,
                mode,
                goal,
            };
            let compiled = kpi.definition().validate(&self.catalog);
            *refused += usize::from(compiled.is_err());
            compiled.ok().map(|compiled| (kpi, compiled))
        });
        let (kpi, compiled) = accepted.with_context(|| format!("no formula of {code} is accepted"))?;
        self.client.kpis.push(kpi);
        Ok(compiled)
    }
}

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

/// A calendar: half of all clients declare nothing.
fn calendar(draw: &mut Draw) -> Result<Rules> {
    let first_month = draw.between(1, 12);
    let weeks = json!({
        "of": "weeks", "pattern": draw.pick(&["4-4-5", "4-5-4", "5-4-4"]), "last_day": draw.pick(&["saturday", "friday", "sunday"]),
        "last_month": draw.between(1, 12), "ends": draw.pick(&["last", "nearest"])
    });
    let declared = match draw.below(3) {
        0 => json!({}),
        1 => json!({ "week_starts": "sunday", "fiscal_year": { "of": "months", "first_month": first_month } }),
        _ => json!({ "week_starts": draw.pick(&["saturday", "monday", "wednesday"]), "fiscal_year": weeks }),
    };
    Ok(serde_json::from_value(declared)?)
}

/// Constructs of one fact that can be written in a place.
fn rows(place: Place) -> Vec<&'static Row> {
    let all = ROWS.iter();
    all.filter(|row| !row.given(place).is_empty()).collect()
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

fn question(
    draw: &mut Draw,
    drafts: &mut [Draft],
    client: usize,
    turn: usize,
    begin: Timestamp,
    refused: &mut usize,
) -> Result<Question> {
    let draft = &mut drafts[client];
    let code = format!("K{}", draft.client.kpis.len());
    let period = draw.pick(&Period::ALL);
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

/// What happens: half of the facts come, the upkeep moves some of them, the others come late, with a batch that was there before, and the upkeep moves all. After each
/// of them everything is asked.
fn steps(draw: &mut Draw, drafts: &[Draft], begin: Timestamp) -> Result<Vec<Step>> {
    let mut batches: Vec<Vec<Step>> = vec![Vec::new(), Vec::new()];
    for (client, draft) in drafts.iter().enumerate() {
        let zone = jiff::tz::TimeZone::get(&draft.client.zone)?;
        for shape in &draft.shapes {
            for half in &mut batches {
                let mut events = Events {
                    draw,
                    shape,
                    zone: &zone,
                    begin,
                };
                let mut events = events.many(EVENTS / 2);
                if half.is_empty() && client == 0 {
                    events.push("[1]".to_owned());
                }
                let batch = uuid::Builder::from_random_bytes(random(draw)).into_uuid();
                let entity = shape.code.clone();
                half.push(Step::Ingest {
                    client,
                    entity,
                    batch,
                    events,
                });
            }
        }
    }
    let [first, late] = <[Vec<Step>; 2]>::try_from(batches).unwrap_or_default();
    let again = first.iter().filter(|_| draw.one_in(2)).cloned().collect::<Vec<_>>();
    let middle = events::time(draw, begin).to_string();
    let steps = [
        first,
        vec![Step::Ask, Step::Compact { at: middle }, Step::Ask],
        late,
        again,
    ];
    let mut steps = steps.concat();
    steps.extend([
        Step::Ask,
        Step::Compact { at: NOW.to_owned() },
        Step::Ask,
        Step::EmptyTexts,
        Step::Ask,
    ]);
    Ok(steps)
}

fn random(draw: &mut Draw) -> uuid::Bytes {
    std::array::from_fn(|_| u8::try_from(draw.below(256)).unwrap_or_default())
}

/// Every construct that the generator writes, under the names that the oracle has.
pub(super) fn constructs() -> BTreeSet<String> {
    let named =
        |word: &'static str, names: Vec<&'static str>| names.into_iter().map(move |name| format!("{word} {name}"));
    let names_in = |place: Place| {
        let rows = rows(place).into_iter();
        rows.map(|row| row.name).collect()
    };
    let kpis = super::kpis::names().map(str::to_owned);
    let all = kpis
        .chain(named("WHERE", names_in(Place::OfDimensions)))
        .chain(named("WHERE of facts", names_in(Place::OfFacts)))
        .chain(named("derived", names_in(Place::Derived)))
        .chain(named("by", Period::NAMES.to_vec()));
    all.chain(CIRCUMSTANCES.map(str::to_owned)).collect()
}

/// What is not written in a formula.
const CIRCUMSTANCES: [&str; 25] = [
    "week from another day",
    "fiscal months",
    "fiscal weeks",
    "zone of the question",
    "clocks change",
    "filter",
    "filter of what is missing",
    "split",
    "split by several",
    "late",
    "sent twice",
    "corrected",
    "open bucket",
    "target",
    "warning",
    "critical",
    "target of a band",
    "split by a path",
    "filter by a path",
    "path as of the fact",
    "path as of now",
    "path to a key",
    "path of several steps",
    "approximate percentile",
    "approximate distinct",
];

//! Draws worlds.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};
use catalog::{Catalog, Mode, Period};
use jiff::Timestamp;
use serde_json::json;
use series::calendar::Rules;

use super::draw::Draw;
use super::events::{self, Events, SCENES};
use super::kpis::{KPIS, Kind, Kpis};
use super::rows::{Place, ROWS, Row};
use super::shape::{self, ENTITIES, Shape};
use super::world::{Client, Goal, Kpi, Step, World};
use super::{paths, questions};

/// What clocks show when the events of a world come: the prover gives the same answers on any day.
const NOW: &str = "2026-11-15T12:00:00Z";

/// Clients of a world, who use the same codes for what they define differently.
pub(super) const CLIENTS: usize = 2;

/// Events of each entity, half of them late.
const EVENTS: usize = 70;

/// KPIs of a client that others name.
const OTHERS: usize = 4;

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
        asked.push(questions::question(
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
pub(super) struct Draft {
    pub(super) client: Client,
    pub(super) shapes: Vec<Shape>,
    catalog: Catalog,
    /// Codes of KPIs that others name.
    pub(super) others: Vec<String>,
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
    pub(super) fn add(
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
pub(super) fn rows(place: Place) -> Vec<&'static Row> {
    let all = ROWS.iter();
    all.filter(|row| !row.given(place).is_empty()).collect()
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

//! The differential prover: random definitions, facts and questions, each question answered by every route there is and by an oracle that shares no code with the product.
//!
//! A *world* is drawn from a seed ([`world::World`]), played against a server ([`Prover::prove`]), and judged by the oracle, a program in Python (`tests/prover/oracle`). What is wrong is made
//! as small as it gets and told, with a file that plays it again. `tests/prover/README.md` says how to add a construct.

mod aggregates;
mod draw;
mod events;
mod folds;
mod generator;
mod kpis;
mod library;
pub mod oracle;
mod paths;
mod questions;
mod rows;
mod shape;
mod shrink;
mod windows;
pub mod world;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use futures::StreamExt as _;
use serde::Serialize;

use self::oracle::{Mismatch, Verdict};
use self::world::{Case, World};

/// Kinds of wrong answers whose examples are made as small as they get, which takes a minute each.
const MAX_SMALL: usize = 1;

/// Worlds that are played at once, each in a database of its own.
const AT_ONCE: usize = 3;

/// What is played, and where.
pub struct Prover {
    /// What worlds are drawn from.
    pub seed: u64,
    /// The numbers of the worlds.
    pub worlds: std::ops::Range<usize>,
    /// Questions of each.
    pub questions: usize,
    /// The folder in which worlds that are wrong are left. Without one the first of them ends the run: nobody is to look for causes.
    pub folder: Option<PathBuf>,
}

/// What came out.
#[derive(Default)]
pub struct Report {
    /// The verdicts about all worlds, summed up.
    pub verdict: Verdict,
    /// Formulas that were drawn and refused.
    pub refused: usize,
    /// What is wrong, each kind as a text, and the first of them as small as they get.
    pub wrong: Vec<String>,
    kinds: BTreeMap<String, Kind>,
}

/// Wrong answers to questions that have a construct in common.
struct Kind {
    questions: usize,
    answers: usize,
    world: Arc<World>,
    example: Mismatch,
}

impl Prover {
    /// Plays worlds against a server: all, or until one is wrong where none is left in a folder.
    ///
    /// # Errors
    /// When the server or the oracle fails.
    pub async fn prove(&self, server: &str) -> Result<Report> {
        let mut report = Report::default();
        // While one waits for the server or for the oracle others go on.
        let worlds = self
            .worlds
            .clone()
            .map(|number| one(server, self.seed, number, self.questions));
        let mut worlds = futures::stream::iter(worlds).buffered(AT_ONCE);
        while let Some(played) = worlds.next().await {
            let (case, verdict, refused) = played?;
            report.refused += refused;
            self.take(case, verdict, &mut report)?;
            if self.folder.is_none() && !report.kinds.is_empty() {
                break;
            }
        }
        self.tell(server, &mut report).await?;
        Ok(report)
    }

    /// Plays one world that was left in a file.
    ///
    /// # Errors
    /// When it can't be read, or the server or the oracle fails.
    pub async fn replay(&self, server: &str, file: &Path) -> Result<Report> {
        let world: World = serde_json::from_slice(&std::fs::read(file)?).context("the file is no world")?;
        let case = library::play(server, &world).await?;
        let mut report = Report::default();
        let verdict = oracle::judge(&case).await?;
        self.take(case, verdict, &mut report)?;
        self.tell(server, &mut report).await?;
        Ok(report)
    }

    fn take(&self, case: Case, verdict: Verdict, report: &mut Report) -> Result<()> {
        let sum = &mut report.verdict;
        sum.questions += verdict.questions;
        sum.answered += verdict.answered;
        sum.compared += verdict.compared;
        sum.mismatches += verdict.mismatches;
        sum.distinct += verdict.distinct;
        sum.within += verdict.within;
        for (construct, count) in verdict.constructs {
            *sum.constructs.entry(construct).or_default() += count;
        }
        if let Some(folder) = &self.folder {
            // A long run tells meanwhile how far it is.
            write(folder, "verdict", &report.verdict)?;
        }
        if verdict.told.is_empty() {
            return Ok(());
        }
        if let Some(folder) = &self.folder {
            // What the oracle was given: whoever mends the oracle asks it again without playing.
            write(folder, &format!("{}.case", case.world.name), &case)?;
        }
        let world = Arc::new(case.world);
        for mismatch in verdict.told {
            let kind = report.kinds.entry(mismatch.suspect.clone()).or_insert_with(|| Kind {
                questions: 0,
                answers: 0,
                world: Arc::clone(&world),
                example: mismatch.clone(),
            });
            kind.questions += 1;
            kind.answers += mismatch.answers;
        }
        Ok(())
    }

    /// Tells of each kind of wrong answers, and makes the first ones small.
    async fn tell(&self, server: &str, report: &mut Report) -> Result<()> {
        for (place, (suspect, kind)) in std::mem::take(&mut report.kinds).into_iter().enumerate() {
            let (answers, questions) = (kind.answers, kind.questions);
            let what = describe(&kind.world, &kind.example);
            report.wrong.push(format!(
                "{suspect}: {answers} wrong answers to {questions} questions, as in\n{what}"
            ));
            let Some(folder) = self.folder.as_ref().filter(|_| place < MAX_SMALL) else {
                continue;
            };
            let smallest = shrink::shrink(server, &kind.world, kind.example).await?;
            let file = write(folder, &kind.world.name, &smallest.world)?;
            let what = describe(&smallest.world, &smallest.mismatch);
            report
                .wrong
                .push(format!("as small as it gets, in {}:\n{what}", file.display()));
        }
        Ok(())
    }
}

/// Plays a world and has it judged: how many formulas were refused is told beside.
async fn one(server: &str, seed: u64, number: usize, questions: usize) -> Result<(Case, Verdict, usize)> {
    let drawn = generator::world(seed, number, questions)?;
    let case = library::play(server, &drawn.world).await?;
    let verdict = oracle::judge(&case).await?;
    Ok((case, verdict, drawn.refused))
}

fn write(folder: &Path, name: &str, what: &impl Serialize) -> Result<PathBuf> {
    std::fs::create_dir_all(folder)?;
    let file = folder.join(format!("{}.json", name.replace(' ', "-")));
    std::fs::write(&file, serde_json::to_vec_pretty(what)?)?;
    Ok(file)
}

/// What is wrong, in words.
fn describe(world: &World, mismatch: &Mismatch) -> String {
    let question = mismatch.question.and_then(|place| world.questions.get(place));
    let formula = question.and_then(|question| {
        let client = world.clients.get(question.client)?;
        client.kpis.iter().find(|kpi| kpi.code == question.kpi)
    });
    format!(
        "{}, step {}, by {}: {}\n{}\n  {}",
        world.name,
        mismatch.step,
        mismatch.route,
        formula.map_or("events", |kpi| kpi.formula.as_str()),
        question.map(|question| format!("{question:?}")).unwrap_or_default(),
        mismatch.told.join("\n  "),
    )
}

impl Report {
    /// For each construct how many answered questions have it, those without any too.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<String, usize> {
        let counted = &self.verdict.constructs;
        let all = constructs().into_iter();
        all.map(|name| (counted.get(&name).copied().unwrap_or(0), name))
            .map(|(count, name)| (name, count))
            .collect()
    }
}

/// Every construct that the generator writes, under the names that the oracle has.
#[must_use]
pub fn constructs() -> BTreeSet<String> {
    generator::constructs()
}

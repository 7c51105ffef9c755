//! The differential prover: random definitions, facts and questions, each question answered by every route there is and by an oracle that shares no code with the product.
//!
//! A *world* is drawn from a seed ([`world::World`]), played against a server ([`Prover::prove`]), and judged by the oracle, a program in Python (`tests/prover/oracle`). What is wrong is made
//! as small as it gets and told, with a file that plays it again. `tests/prover/README.md` says how to add a construct.

mod draw;
mod events;
mod generator;
mod kpis;
mod library;
pub mod oracle;
mod rows;
mod shape;
mod shrink;
pub mod world;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use self::oracle::{Mismatch, Verdict};
use self::world::{Case, World};

/// What is played, and where.
pub struct Prover {
    /// What worlds are drawn from.
    pub seed: u64,
    /// The numbers of the worlds.
    pub worlds: std::ops::Range<usize>,
    /// Questions of each.
    pub questions: usize,
    /// The folder in which a world that is wrong is left, if one is to be.
    pub folder: Option<PathBuf>,
}

/// What came out.
#[derive(Default)]
pub struct Report {
    /// The verdicts about all worlds, summed up.
    pub verdict: Verdict,
    /// Formulas that were drawn and refused.
    pub refused: usize,
    /// What is wrong, as small as it gets, each as a text.
    pub wrong: Vec<String>,
}

impl Prover {
    /// Plays worlds against a server until one is wrong, or all are played.
    ///
    /// # Errors
    /// When the server or the oracle fails.
    pub async fn prove(&self, server: &str) -> Result<Report> {
        let mut report = Report::default();
        let mut judged = None;
        for number in self.worlds.start..=self.worlds.end {
            // The oracle judges a world while the next one is played.
            let judging = judged
                .take()
                .map(|case: Case| tokio::spawn(async move { (oracle::judge(&case).await, case.world) }));
            if number < self.worlds.end {
                let drawn = generator::world(self.seed, number, self.questions)?;
                report.refused += drawn.refused;
                judged = Some(library::play(server, &drawn.world).await?);
            }
            if let Some(judging) = judging {
                let (verdict, world) = judging.await?;
                self.take(server, &world, verdict?, &mut report).await?;
            }
            if !report.wrong.is_empty() {
                break;
            }
        }
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
        self.take(server, &world, verdict, &mut report).await?;
        Ok(report)
    }

    async fn take(&self, server: &str, world: &World, verdict: Verdict, report: &mut Report) -> Result<()> {
        let sum = &mut report.verdict;
        sum.questions += verdict.questions;
        sum.answered += verdict.answered;
        sum.compared += verdict.compared;
        sum.mismatches += verdict.mismatches;
        for (construct, count) in verdict.constructs {
            *sum.constructs.entry(construct).or_default() += count;
        }
        if let Some(mismatch) = verdict.told.into_iter().next() {
            report.wrong.push(describe(world, &mismatch));
            if let Some(folder) = &self.folder {
                let smallest = shrink::shrink(server, world, mismatch).await?;
                std::fs::create_dir_all(folder)?;
                let file = folder.join(format!("{}.json", world.name.replace(' ', "-")));
                std::fs::write(&file, serde_json::to_vec_pretty(&smallest.world)?)?;
                let what = describe(&smallest.world, &smallest.mismatch);
                report
                    .wrong
                    .push(format!("as small as it gets, in {}:\n{what}", file.display()));
            }
        }
        Ok(())
    }
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

//! `make prove`: the differential prover at full size. Random definitions, facts and questions; each question is answered by every route and by an oracle that shares no code
//! with the product (`tests/prover`), and every construct of the language is counted.
#![allow(
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "it prints figures, none of which is near 2^52"
)]

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context as _, Result, bail, ensure};
use tests::databases::servers;
use tests::figures::{self, Target};
use tests::prover::{Prover, Report};

/// Questions of a full run.
const QUESTIONS: usize = 10_000;

/// Questions of a world.
const OF_A_WORLD: usize = 200;

/// Questions with answers that each construct shall be in, of a full run.
const OF_A_CONSTRUCT: usize = 200;

const USAGE: &str = "usage: prove [--seed N] [--questions N] [--first WORLD] [--replay FILE] [--folder DIR|none]";

struct Settings {
    prover: Prover,
    replay: Option<PathBuf>,
}

impl Settings {
    fn read() -> Result<Self> {
        let (mut seed, mut questions, mut first, mut replay) = (1, QUESTIONS, 0, None);
        let mut folder = Some(std::env::temp_dir().join("analytics-engine-prover"));
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            // Cargo's own.
            if argument == "--bench" {
                continue;
            }
            let value = arguments.next().context(USAGE)?;
            match argument.as_str() {
                "--seed" => seed = value.parse().context(USAGE)?,
                "--questions" => questions = value.parse().context(USAGE)?,
                "--first" => first = value.parse().context(USAGE)?,
                "--replay" => replay = Some(value.into()),
                "--folder" if value == "none" => folder = None,
                "--folder" => folder = Some(value.into()),
                _ => bail!(USAGE),
            }
        }
        let prover = Prover {
            seed,
            worlds: first..first + questions.div_ceil(OF_A_WORLD),
            questions: questions.min(OF_A_WORLD),
            folder,
        };
        Ok(Self { prover, replay })
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let settings = Settings::read()?;
    let mut wrong = 0;
    for server in servers() {
        let began = Instant::now();
        let report = match &settings.replay {
            Some(file) => settings.prover.replay(&server, file).await?,
            None => settings.prover.prove(&server).await?,
        };
        tell(&report, settings.replay.is_some());
        figures::print("prover-seconds", began.elapsed().as_secs_f64());
        wrong += report.verdict.mismatches;
    }
    ensure!(wrong == 0, "{wrong} answers are wrong");
    Ok(())
}

fn tell(report: &Report, is_replay: bool) {
    for wrong in &report.wrong {
        println!("{wrong}\n");
    }
    let verdict = &report.verdict;
    if !is_replay {
        let counts = report.counts();
        for (construct, count) in &counts {
            println!("  {count:>6}  {construct}");
        }
        let least = counts.iter().min_by_key(|(_, count)| **count);
        if let Some((construct, count)) = least {
            println!("least asked: {construct}");
            figures::print_with_target(
                "prover-questions-of-the-least-asked-construct",
                *count as f64,
                Target::AtLeast(OF_A_CONSTRUCT as f64),
            );
        }
        let rare = counts.values().filter(|count| **count < OF_A_CONSTRUCT).count();
        figures::print_with_target(
            "prover-questions",
            verdict.questions as f64,
            Target::AtLeast(QUESTIONS as f64),
        );
        figures::print("prover-answered-questions", verdict.answered as f64);
        figures::print("prover-constructs", counts.len() as f64);
        figures::print_with_target(
            "prover-constructs-in-too-few-questions",
            rare as f64,
            Target::AtMost(0.0),
        );
        let percent = 100.0 * verdict.within as f64 / verdict.distinct.max(1) as f64;
        figures::print("prover-distinct-from-sketches", verdict.distinct as f64);
        figures::print_with_target(
            "prover-distinct-within-two-errors-percent",
            percent,
            Target::AtLeast(95.0),
        );
        figures::print("prover-refused-formulas", report.refused as f64);
    }
    figures::print("prover-answers", verdict.compared as f64);
    figures::print_with_target("prover-mismatches", verdict.mismatches as f64, Target::AtMost(0.0));
}

//! The oracle: a program in Python that shares no code with the product (`tests/prover/oracle`).

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use super::world::Case;

/// What the oracle says of a case.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Verdict {
    /// Questions that were asked.
    pub questions: usize,
    /// Of these, those that have a value over facts at least once.
    pub answered: usize,
    /// Answers that were compared.
    pub compared: usize,
    /// Answers, and refusals of events, that are wrong.
    pub mismatches: usize,
    /// The first of them of each question.
    pub told: Vec<Mismatch>,
    /// For each construct the answered questions that have it.
    pub constructs: BTreeMap<String, usize>,
    /// Numbers of different values that were told from sketches.
    pub distinct: usize,
    /// Those of them that are within two standard errors.
    pub within: usize,
}

/// An answer that is wrong.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Mismatch {
    /// The place of the step.
    pub step: usize,
    /// The route by which it was asked.
    pub route: String,
    /// The place of the question; none where events were refused wrongly.
    pub question: Option<usize>,
    /// How it differs.
    pub told: Vec<String>,
    /// Wrong answers to this question.
    pub answers: usize,
    /// The construct of the question that is wrong most often.
    pub suspect: String,
}

/// Judges a case.
///
/// # Errors
/// When the oracle fails.
pub async fn judge(case: &Case) -> Result<Verdict> {
    let input = serde_json::to_vec(case)?;
    let output = run("main.py", &[], &input).await?;
    serde_json::from_slice(&output).context("the oracle's verdict can't be read")
}

/// The constructs that it counts.
///
/// # Errors
/// When the oracle fails.
pub async fn constructs() -> Result<Vec<String>> {
    let output = run("main.py", &["--constructs"], b"").await?;
    Ok(String::from_utf8(output)?.lines().map(str::to_owned).collect())
}

/// Holds it against the examples of `docs/formulas.md`.
///
/// # Errors
/// When it computes one otherwise.
pub async fn check_manual() -> Result<()> {
    let manual = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/formulas.md");
    run("manual.py", &[&manual.to_string_lossy()], b"").await?;
    Ok(())
}

async fn run(program: &str, arguments: &[&str], input: &[u8]) -> Result<Vec<u8>> {
    let program = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("prover/oracle")
        .join(program);
    let mut oracle = Command::new("python3")
        // No compiled files are left in the checkout.
        .arg("-B")
        .arg(&program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .context("python3 does not start")?;
    let mut stdin = oracle.stdin.take().context("the oracle reads")?;
    stdin.write_all(input).await?;
    drop(stdin);
    let output = oracle.wait_with_output().await?;
    let told = String::from_utf8_lossy(&output.stdout);
    anyhow::ensure!(output.status.success(), "the oracle failed: {}\n{told}", output.status);
    Ok(output.stdout)
}

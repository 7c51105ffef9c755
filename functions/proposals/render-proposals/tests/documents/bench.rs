//! `make bench-proposals`: how long the documents of a proposal take, and how much memory. It prints and asserts nothing.
//!
//! With `WEASYPRINT_PYTHON` set to a Python that has WeasyPrint, the same documents are printed by that, too.
#![allow(clippy::print_stdout, reason = "a bench prints figures")]
#![allow(clippy::unwrap_used, reason = "the sample is that of the tests")]

mod sample;

use std::error::Error;
use std::ffi::OsString;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::Instant;

use document::Document;
use render_proposals::{pdf, preview, word};
use sample::Sample;

const ROUNDS: usize = 20;

/// Pictures take longer, and are no part of a comparison.
const PICTURE_ROUNDS: usize = 3;

fn main() -> Result<(), Box<dyn Error>> {
    let begun = Instant::now();
    let first = pdf::render(&Sample::new(40).document())?;
    let first_ms = ms(begun);
    println!("the first PDF of the process has {} bytes", first.len());
    println!("figure: documents.first_pdf_ms {first_ms:.0}");
    for kpis in [40, 160, 500] {
        let mut sample = Sample::new(kpis).on_terms("EUR", "0.923451");
        let pages = preview::pages(&sample.document(), 0.2)?.len();
        let mut times = [Vec::new(), Vec::new(), Vec::new()];
        for round in 0..ROUNDS {
            // Another document each time: what Typst remembers of the last one must not help.
            sample.client = format!("Client {round} of {ROUNDS}");
            sample.bars.rotate_left(1);
            let document = sample.document();
            let begun = Instant::now();
            pdf::render(&document)?;
            times[0].push(ms(begun));
            let begun = Instant::now();
            word::render(&document)?;
            times[1].push(ms(begun));
            if round < PICTURE_ROUNDS {
                let begun = Instant::now();
                preview::pages(&document, 1.5)?;
                times[2].push(ms(begun));
            }
        }
        let [pdf, word, preview] = times.map(median);
        println!("{kpis} KPIs, {pages} pages, warm; peak memory so far {}", peak());
        for (name, time) in [("pdf", pdf), ("word", word), ("png_pages", preview)] {
            println!("figure: documents.{name}_of_{kpis}_kpis_ms {time:.1}");
        }
        if let Some(python) = std::env::var_os("WEASYPRINT_PYTHON") {
            let other = weasyprint(&python, &sample.document())?;
            let [pages, time, memory] = other.split_whitespace().collect::<Vec<_>>()[..] else {
                return Err(format!("WeasyPrint said {other:?}").into());
            };
            let ratio = time.parse::<f64>()? / pdf;
            println!("WeasyPrint: {pages} pages, warm: {time} ms; peak memory {memory} kB");
            println!("figure: documents.weasyprint_of_{kpis}_kpis_times_as_long {ratio:.1}");
        }
    }
    Ok(())
}

/// Pages, milliseconds and kB of the same document by WeasyPrint.
fn weasyprint(python: &OsString, document: &Document) -> Result<String, Box<dyn Error>> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/documents/by_weasyprint.py");
    let mut child = Command::new(python)
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut input = child.stdin.take().ok_or("no standard input")?;
    input.write_all(&serde_json::to_vec(document)?)?;
    drop(input);
    let said = child.wait_with_output()?;
    if !said.status.success() {
        return Err(format!("WeasyPrint ended with {}", said.status).into());
    }
    Ok(String::from_utf8(said.stdout)?)
}

fn ms(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1_000.0
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or_default()
}

/// The most memory that the process had, as Linux tells.
fn peak() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.map_or_else(|| "unknown".to_owned(), |line| line.trim().to_owned())
}

//! Writes a sample proposal into a folder, to be looked at: `cargo run -p render-proposals --example sample -- FOLDER`.
#![allow(clippy::unwrap_used, reason = "the sample is that of the tests")]

#[path = "../tests/documents/sample.rs"]
mod sample;

use std::error::Error;
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn Error>> {
    let folder: PathBuf = std::env::args_os().nth(1).ok_or("name a folder")?.into();
    let document = sample::Sample::new(40).document();
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join("proposal.pdf"), render_proposals::pdf::render(&document)?)?;
    std::fs::write(folder.join("proposal.docx"), render_proposals::word::render(&document)?)?;
    for (index, page) in render_proposals::preview::pages(&document, 1.5)?.iter().enumerate() {
        std::fs::write(folder.join(format!("page-{:02}.png", index + 1)), &page.png)?;
    }
    Ok(())
}

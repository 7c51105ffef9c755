//! Writes a sample proposal, at list prices and on agreed terms, into a folder, to be looked at: `cargo run -p render-proposals --example sample -- FOLDER`.
#![allow(clippy::unwrap_used, reason = "the sample is that of the tests")]

mod sample;

use std::error::Error;
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn Error>> {
    let folder: PathBuf = std::env::args_os().nth(1).ok_or("name a folder")?.into();
    let sample = sample::Sample::new(40);
    for (name, sample) in [("list", sample.clone()), ("agreed", sample.on_terms("EUR", "0.923451"))] {
        let files = sample.stored(|issued| issued.render())?;
        let folder = folder.join(name);
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join("proposal.pdf"), files.pdf)?;
        std::fs::write(folder.join("proposal.docx"), files.docx)?;
        for (index, page) in files.pages.iter().enumerate() {
            std::fs::write(folder.join(format!("page-{:02}.png", index + 1)), &page.png)?;
        }
    }
    Ok(())
}

//! The product's `template.yaml`, with the addresses and secrets of this machine in it.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context as _;
use aws_stand_in::template::{Addresses, Template};

use crate::secrets::Secrets;

/// Reads the file; its parameters have their defaults, but for the one that says whether there are cells.
///
/// # Errors
/// When it cannot be read, or the stand-in for AWS cannot run what it says.
pub fn read(path: &Path, addresses: &Addresses, secrets: &Secrets, has_cells: bool) -> anyhow::Result<Template> {
    let place = path.display();
    let text = std::fs::read_to_string(path).with_context(|| format!("{place} cannot be read"))?;
    let secret = |name: &str, key: &str| secrets.get(name, key).map(str::to_owned);
    let use_cells = if has_cells { "yes" } else { "no" };
    let parameters = BTreeMap::from([("UseCells".to_owned(), use_cells.to_owned())]);
    Template::parse(&text, addresses, &parameters, &secret).with_context(|| place.to_string())
}

//! House rules that are worth keeping, each with its reason. They only read files.

mod bugs;
mod crates;
mod deployment;
mod documents;
mod features;
mod modules;
mod rebuilds;
mod repository;
mod routes;
mod sources;
mod stand_in;
pub(crate) mod template;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The top of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

pub(crate) fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Names of a folder's entries, sorted.
pub(crate) fn names(folder: &str) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(root().join(folder))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// The folder of each function: `functions/AREA/NAME`.
pub(crate) fn function_folders() -> BTreeMap<String, String> {
    let areas = names("functions").into_iter().map(|area| format!("functions/{area}"));
    let in_areas = areas.flat_map(|area| {
        let functions = names(&area).into_iter();
        functions.map(move |name| (name.clone(), format!("{area}/{name}")))
    });
    in_areas.collect()
}

/// The path of each sample event by its file's name: `events/AREA/NAME.json` or `events/AREA/NAME.CASE.json`.
pub(crate) fn sample_events() -> BTreeMap<String, PathBuf> {
    let named = files("events").into_iter().map(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        (name, path)
    });
    named.collect()
}

/// All files below a folder, what was fetched left out.
pub(crate) fn files(folder: &str) -> Vec<PathBuf> {
    let (mut found, mut folders) = (Vec::new(), vec![root().join(folder)]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let fetched = path
                .file_name()
                .is_some_and(|name| name == "node_modules" || name == "target");
            match (path.is_dir(), fetched) {
                (_, true) => {}
                (true, false) => folders.push(path),
                (false, false) => found.push(path),
            }
        }
    }
    found.sort();
    found
}

pub(crate) fn rust_files(folders: &[&str]) -> Vec<PathBuf> {
    folders
        .iter()
        .flat_map(|folder| files(folder))
        .filter(|path| path.extension().is_some_and(|ending| ending == "rs"))
        .collect()
}

/// A path as it is written in the repository.
pub(crate) fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

/// Fails with the rule, its reason, and what breaks it.
pub(crate) fn require_none(rule: &str, reason: &str, found: Vec<String>) {
    assert!(
        found.is_empty(),
        "rule: {rule}\nreason: {reason}\nbroken by:\n  {}",
        found.join("\n  ")
    );
}

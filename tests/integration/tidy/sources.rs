//! What Rust sources say, outside of tests.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::{read, require_none, rust_files, shown};

/// Beginnings of statements, as they stand in literals. In capitals: prose does not match.
const SQL: [&str; 9] = [
    "SELECT ",
    "INSERT INTO ",
    "UPDATE ",
    "DELETE FROM ",
    "CREATE TABLE ",
    "ALTER TABLE ",
    "DROP TABLE ",
    "COPY ",
    "TRUNCATE ",
];

/// Where SQL is.
const WITH_SQL: [&str; 3] = ["shared/database/", "shared/facts/", "shared/records/"];

/// How code panics, but for indexing.
fn panics() -> [String; 5] {
    // Written in parts, because no file may hold the word.
    [
        ".unwrap()",
        ".expect(",
        "panic!(",
        concat!("to", "do!("),
        "unimplemented!(",
    ]
    .map(str::to_owned)
}

/// What only an effectful crate touches.
const EFFECTS: [&str; 8] = [
    "SystemTime::now",
    "Instant::now",
    "Timestamp::now",
    "Zoned::now",
    "std::fs",
    "std::net",
    "std::env",
    "std::process",
];

/// A line of a source outside of its tests.
struct Line {
    path: PathBuf,
    number: usize,
    text: String,
}

#[test]
fn sql_lives_in_three_crates() {
    let elsewhere = product_lines(&["functions", "shared"]).into_iter().filter(|line| {
        let literal =
            |start: &str| line.text.contains(&format!("\"{start}")) || line.text.trim_start().starts_with(start);
        !WITH_SQL.iter().any(|folder| shown(&line.path).starts_with(folder)) && SQL.iter().any(|start| literal(start))
    });
    require_none(
        "SQL is in shared/database, shared/facts and shared/records only",
        "every query over facts names a client; that can be seen only where all queries are together",
        elsewhere.map(|line| line.to_string()).collect(),
    );
}

#[test]
fn nothing_panics_on_input() {
    let panicking = product_lines(&["functions", "shared"]);
    let panicking = panicking
        .into_iter()
        .filter(|line| panics().iter().any(|way| line.text.contains(way)));
    require_none(
        "no unwrap, expect or panic outside of tests",
        "a panic takes a process and its warm caches with it, and tells the sender nothing: return an error that names the input",
        panicking.map(|line| line.to_string()).collect(),
    );
}

#[test]
fn pure_crates_do_no_input_or_output() {
    let folders = super::crates::PURE.map(|name| format!("shared/{name}"));
    let lines = product_lines(&folders.each_ref().map(String::as_str));
    let effects = lines
        .into_iter()
        .filter(|line| EFFECTS.iter().any(|effect| line.text.contains(effect)));
    require_none(
        "pure crates do no I/O and know no clock",
        "they are tested with any input at any time, and every route to a number shares them",
        effects.map(|line| line.to_string()).collect(),
    );
}

impl std::fmt::Display for Line {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}:{}: {}", shown(&self.path), self.number, self.text.trim())
    }
}

/// Lines of code: no comments, no items under `#[cfg(test)]`, no files that such an item names.
fn product_lines(folders: &[&str]) -> Vec<Line> {
    let files: Vec<PathBuf> = rust_files(folders)
        .into_iter()
        .filter(|path| shown(path).contains("/src/"))
        .collect();
    let mut tests = BTreeSet::new();
    let mut lines = Vec::new();
    for path in files {
        let text = read(&path);
        let mut rest = text.lines().enumerate();
        while let Some((number, line)) = rest.next() {
            if line.trim() == "#[cfg(test)]" {
                let indent = line.len() - line.trim_start().len();
                tests.extend(skip_item(indent, &mut rest, &path));
            } else if !line.trim_start().starts_with("//") {
                lines.push(Line {
                    path: path.clone(),
                    number: number + 1,
                    text: line.to_owned(),
                });
            }
        }
    }
    lines.retain(|line| {
        !tests
            .iter()
            .any(|module: &PathBuf| line.path.starts_with(module) || line.path == module.with_extension("rs"))
    });
    lines
}

/// Skips the item of a `#[cfg(test)]`; gives the file or folder of a module that it names, as a path without extension.
fn skip_item<'a>(indent: usize, rest: &mut impl Iterator<Item = (usize, &'a str)>, path: &Path) -> Option<PathBuf> {
    let mut lines = rest.map(|(_, line)| line);
    let item = loop {
        let line = lines.next()?.trim();
        if !line.starts_with("#[") {
            break line;
        }
    };
    if let Some(declared) = item.strip_suffix(';') {
        let name = declared.rsplit(' ').next()?;
        let is_root = ["lib", "main"]
            .iter()
            .any(|root| path.file_stem().is_some_and(|stem| stem == *root));
        return Some(if is_root {
            path.parent()?.join(name)
        } else {
            path.with_extension("").join(name)
        });
    }
    // Formatted code ends an item at its own indentation.
    if !item.ends_with('}') {
        lines.find(|line| line.len() - line.trim_start().len() == indent && ["}", "};"].contains(&line.trim()));
    }
    None
}

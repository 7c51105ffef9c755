//! What `make run` and `make test` build has equal features: else each package with others, and all that depend on it, would be compiled twice.

use std::collections::BTreeMap;
use std::process::Command;

use super::{require_none, root};

/// Packages with the features that the given selection builds them with, as cargo resolves it.
fn packages(selection: &[&str]) -> BTreeMap<String, String> {
    let arguments = ["tree", "--locked", "--prefix", "none", "--format", "{p}|{f}"];
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .args(selection)
        .current_dir(root())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = text
        .lines()
        .filter_map(|line| line.trim_end_matches(" (*)").split_once('|'));
    lines
        .map(|(package, features)| (package.to_owned(), features.to_owned()))
        .collect()
}

#[test]
fn run_and_tests_build_packages_with_equal_features() {
    let run = packages(&["--edges", "normal,no-proc-macro"]);
    let tests = packages(&["--workspace", "--edges", "normal,dev,no-proc-macro"]);
    let differ = run.iter().filter_map(|(package, features)| {
        let tested = tests.get(package)?;
        (tested != features).then(|| format!("{package}: {features} in `make run`, {tested} in `make test`"))
    });
    require_none(
        "what the default members build has the features that the whole workspace with its tests builds",
        "a package that is built twice has everything above it built twice: ask for its features in infra/local/Cargo.toml",
        differ.collect(),
    );
}

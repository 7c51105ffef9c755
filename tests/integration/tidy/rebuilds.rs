//! How far a change of a crate reaches.

use std::process::Command;

use super::{require_none, root};

/// Most functions that a change of a document's words may rebuild.
const MAX_FUNCTIONS_OF_DOCUMENT: usize = 4;

/// Names of the functions that are rebuilt when a crate changes.
fn rebuilt_by(name: &str) -> Vec<String> {
    let output = Command::new(root().join("infra/setup/rebuilds"))
        .arg(name)
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "infra/setup/rebuilds {name}: {said}");
    let functions = String::from_utf8(output.stdout).unwrap();
    functions.lines().map(str::to_owned).collect()
}

#[test]
fn a_word_of_a_document_rebuilds_few_functions() {
    let functions = rebuilt_by("document");
    let too_many = functions.len() > MAX_FUNCTIONS_OF_DOCUMENT;
    require_none(
        &format!("at most {MAX_FUNCTIONS_OF_DOCUMENT} functions depend on shared/document"),
        "documents are words, which change often: what ingests and answers has nothing to do with them",
        if too_many { functions } else { Vec::new() },
    );
}

#[test]
fn the_reach_of_a_crate_is_seen() {
    let by_formula = rebuilt_by("formula");
    for function in ["ingest-events", "push-updates", "read-series"] {
        assert!(
            by_formula.iter().any(|name| name == function),
            "{function} of {by_formula:?}"
        );
    }
    assert_eq!(rebuilt_by("read-series"), ["read-series"]);
}

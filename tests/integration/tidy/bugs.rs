//! The seeded bugs of the prover.

use std::process::Command;

use super::{files, read, require_none, root, shown};

/// As many as there are.
const BUGS: usize = 56;

#[test]
fn every_seeded_bug_still_applies_and_says_what_it_breaks() {
    let patches = files("tests/prover/bugs");
    assert!(patches.len() >= BUGS, "{} bugs", patches.len());
    let wrong = patches.into_iter().filter_map(|path| {
        let says = read(&path).lines().next().unwrap_or_default().to_owned();
        let applies = Command::new("git")
            .args(["apply", "--check"])
            .arg(&path)
            .current_dir(root())
            .output()
            .unwrap();
        if applies.status.success() && says.ends_with('.') {
            return None;
        }
        Some(format!(
            "{}: {says} {}",
            shown(&path),
            String::from_utf8_lossy(&applies.stderr)
        ))
    });
    require_none(
        "each file of tests/prover/bugs is a patch of the sources as they are, whose first line says what it breaks",
        "write it anew where the code has changed: a bug that can't be put in is one that nobody knows to be caught",
        wrong.collect(),
    );
}

//! What one of `make run`, the build behind it and `make test` has compiled, the next takes as it is: else each package with other features, and
//! all that depend on it, would be compiled twice.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde::Deserialize;

use super::{require_none, root};

#[derive(Deserialize)]
struct UnitGraph {
    units: Vec<Unit>,
}

/// A call of the compiler.
#[derive(Deserialize)]
struct Unit {
    pkg_id: String,
    mode: String,
    features: Vec<String>,
    profile: Profile,
}

#[derive(Deserialize)]
struct Profile {
    /// Differs between what is built for the product and what is built for the compiler, such as a macro.
    opt_level: String,
}

/// Packages with each set of features that the selection builds them with.
fn packages(selection: &[&str]) -> BTreeMap<String, BTreeSet<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["build", "--locked", "--unit-graph", "-Zunstable-options"])
        .args(selection)
        .current_dir(root())
        // `cargo tree` leaves out what macros depend on where it has told of the same package already, and that is what differs.
        .env("RUSTC_BOOTSTRAP", "1")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let graph: UnitGraph = serde_json::from_slice(&output.stdout).unwrap();
    let mut packages = BTreeMap::<String, BTreeSet<String>>::new();
    for unit in graph.units {
        let features = format!("{} {} -O{}", unit.mode, unit.features.join(","), unit.profile.opt_level);
        packages.entry(unit.pkg_id).or_default().insert(features);
    }
    packages
}

#[test]
fn run_and_tests_build_packages_with_equal_features() {
    let first = packages(&["--bins"]);
    let rest = packages(&["--workspace", "--bins"]);
    let tests = packages(&["--workspace", "--all-targets"]);
    assert!(
        first.len() > 300 && rest.len() > first.len(),
        "{} {}",
        first.len(),
        rest.len()
    );
    let mut differ = Vec::new();
    for (name, before, after) in [
        ("first", &first, &rest),
        ("first", &first, &tests),
        ("rest", &rest, &tests),
    ] {
        for (package, features) in before {
            let missing = features.difference(&after[package]);
            differ
                .extend(missing.map(|features| format!("{package}: only `infra/setup/build {name}` has: {features}")));
        }
    }
    require_none(
        "what `make run` builds has the features that the whole workspace with its tests builds",
        "a package that is built twice has everything above it built twice: ask for its features in infra/local/Cargo.toml",
        differ,
    );
}

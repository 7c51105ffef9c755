//! Who depends on whom.

use std::collections::BTreeMap;

use super::{function_folders, names, read, require_none, root};

/// `shared/`, from pure to effectful: a crate depends only on those before it.
const ORDER: [&str; 20] = [
    "formula",
    "catalog",
    "series",
    "live",
    "schedule",
    "proposal",
    "document",
    "identity",
    "route",
    "api",
    "api-proposals",
    "database",
    "facts",
    "records",
    "service",
    "registry",
    "archive",
    "answer",
    "platform",
    "outbox",
];

/// Crates that do no I/O and know no clock.
pub(super) const PURE: [&str; 9] = [
    "formula", "catalog", "series", "live", "schedule", "proposal", "document", "identity", "route",
];

/// What brings I/O with it, by the beginning of its name. `aws-lc-rs` is cryptography, and no part of this.
const EFFECTFUL: [&str; 12] = [
    "aws-config",
    "aws-sdk-",
    "aws-smithy",
    "aws_lambda",
    "axum",
    "deadpool",
    "hyper",
    "lambda_",
    "refinery",
    "reqwest",
    "tokio",
    "tracing-subscriber",
];

/// Libraries that one crate keeps to itself, tests and the local cloud aside.
const KEPT: [(&str, &[&str], &str); 6] = [
    (
        "aws-sdk-dynamodb",
        &["registry"],
        "keys and conditions of items hold together only where all of them are seen",
    ),
    ("arrow", &["archive"], "it is half of the build, and only files need it"),
    (
        "parquet",
        &["archive"],
        "it is half of the build, and only files need it",
    ),
    (
        "tokio-postgres",
        &["database", "facts", "records"],
        "every query over facts names a client; that can be seen only where all queries are together",
    ),
    (
        "deadpool-postgres",
        &["database"],
        "a session sets its role and client when it leaves the pool",
    ),
    (
        "refinery-core",
        &["database"],
        "one place knows the order of migrations",
    ),
];

#[test]
fn no_function_depends_on_another() {
    let functions = function_folders();
    let mut found = Vec::new();
    for (folder, name) in crates(&["functions", "shared", "infra"]) {
        let dependencies = dependencies(&folder, &name, true);
        found.extend(
            dependencies
                .into_iter()
                .filter(|used| functions.contains_key(used))
                .map(|used| format!("{folder}/{name} uses {used}")),
        );
    }
    require_none(
        "no crate but tests depends on a function",
        "functions are deployed alone; what two of them need belongs into shared/",
        found,
    );
}

#[test]
fn shared_crates_depend_only_upwards() {
    let mut found = Vec::new();
    let place = |name: &str| ORDER.iter().position(|known| *known == name);
    for name in names("shared") {
        let Some(own) = place(&name) else {
            found.push(format!("shared/{name} is not in the list of this test"));
            continue;
        };
        let used = dependencies("shared", &name, false)
            .into_iter()
            .filter(|used| place(used).is_some_and(|used| used >= own));
        found.extend(used.map(|used| format!("shared/{name} uses {used}")));
    }
    require_none(
        &format!(
            "a crate of shared/ depends only on those before it: {}",
            ORDER.join(", ")
        ),
        "effects stay at the end of the list, and what decides can be tested without them",
        found,
    );
}

#[test]
fn pure_crates_have_no_effectful_dependency() {
    let mut found = Vec::new();
    for name in PURE {
        let dependencies = dependencies("shared", name, false);
        let effectful = dependencies
            .into_iter()
            .filter(|used| EFFECTFUL.iter().any(|start| used.starts_with(start)));
        found.extend(effectful.map(|used| format!("shared/{name} uses {used}")));
    }
    require_none(
        "a pure crate depends on nothing that does I/O",
        "what it can't reach it can't call; tests of it need no server and no clock",
        found,
    );
}

#[test]
fn each_store_has_one_crate() {
    for (library, keepers, reason) in KEPT {
        let users = crates(&["functions", "shared"]).into_iter().filter(|(folder, name)| {
            !(folder == "shared" && keepers.contains(&name.as_str()))
                && dependencies(folder, name, true).iter().any(|used| used == library)
        });
        let users = users.map(|(folder, name)| format!("{folder}/{name}")).collect();
        require_none(
            &format!("only {} of shared/ depend on {library}", keepers.join(", ")),
            reason,
            users,
        );
    }
}

#[test]
fn crates_are_named_after_their_folders() {
    let mut found = Vec::new();
    let mut seen: BTreeMap<String, String> = BTreeMap::new();
    for (folder, name) in crates(&["functions", "shared"]) {
        let manifest = read(&root().join(&folder).join(&name).join("Cargo.toml"));
        if !manifest.lines().any(|line| line == format!("name = \"{name}\"")) {
            found.push(format!("{folder}/{name}"));
        }
        if let Some(other) = seen.insert(name.clone(), folder.clone()) {
            found.push(format!("{name} is in {other} and in {folder}"));
        }
    }
    require_none(
        "a package has the name of its folder, and no other has it",
        "the binary, CodeUri in template.yaml and `--only` find a function by that one name",
        found,
    );
}

/// Folder and name of each crate in some folders; functions are in folders by area.
fn crates(folders: &[&str]) -> Vec<(String, String)> {
    let areas = || names("functions").into_iter().map(|area| format!("functions/{area}"));
    let folders = folders.iter().flat_map(|folder| match *folder {
        "functions" => areas().collect(),
        other => vec![other.to_owned()],
    });
    let all = folders.flat_map(|folder| {
        let names = names(&folder).into_iter();
        names.map(move |name| (folder.clone(), name))
    });
    all.filter(|(folder, name)| root().join(folder).join(name).join("Cargo.toml").exists())
        .collect()
}

/// Names of a crate's dependencies, those of its tests when asked.
fn dependencies(folder: &str, name: &str, with_tests: bool) -> Vec<String> {
    let manifest = read(&root().join(folder).join(name).join("Cargo.toml"));
    let mut section = String::new();
    let mut found = Vec::new();
    for line in manifest.lines().map(str::trim) {
        if let Some(header) = line.strip_prefix('[') {
            section = header.trim_end_matches(']').to_owned();
            continue;
        }
        let wanted = section.ends_with("dependencies") && (with_tests || section != "dev-dependencies");
        let name = line.split(['.', ' ', '=']).next().unwrap_or_default();
        if wanted && !name.is_empty() && !name.starts_with('#') {
            found.push(name.to_owned());
        }
    }
    found
}

//! The stand-in for AWS knows nothing of the product.

use super::{files, read, require_none, root, shown};

/// Beginnings of words that only the product says. `flight` is SQS's word too, for a message that somebody has received.
const PRODUCT_WORDS: [&str; 18] = [
    "airline",
    "analytic",
    "catalog",
    "demo",
    "flights",
    "formula",
    "hypertable",
    "ingest",
    "kpi",
    "licence",
    "migrat",
    "postgres",
    "proposal",
    "provision",
    "quotation",
    "renewal",
    "rollup",
    "timescale",
];

#[test]
fn the_stand_in_has_no_word_of_the_product() {
    let functions = packages(&["functions"]);
    let product_word = |line: &str| {
        let words = line.split(|character: char| !character.is_alphanumeric());
        let mut stems = words.flat_map(|word| PRODUCT_WORDS.into_iter().filter(|stem| word.starts_with(*stem)));
        let function = functions.iter().find(|function| line.contains(*function));
        stems.next().or(function.map(String::as_str)).map(str::to_owned)
    };
    let mut found = Vec::new();
    for path in files("infra/aws") {
        for (number, line) in read(&path).lines().enumerate() {
            if let Some(word) = product_word(&line.to_lowercase()) {
                found.push(format!("{}:{}: {word}: {}", shown(&path), number + 1, line.trim()));
            }
        }
    }
    require_none(
        "infra/aws has no word of the product",
        "what AWS does can be read, tested and mended without the product; what is the product's is a parameter",
        found,
    );
}

#[test]
fn the_stand_in_depends_on_no_crate_of_the_product() {
    let manifest = read(&root().join("infra/aws/Cargo.toml"));
    let product = packages(&["functions", "shared", "infra/local", "tests"]);
    let named = |line: &str| line.trim().split(['.', ' ', '=']).next().unwrap_or_default().to_owned();
    let found = manifest.lines().map(named).filter(|name| product.contains(name));
    require_none(
        "infra/aws depends on no crate of shared/, functions/, infra/local or tests",
        "it would be built again with the product's changes, and take over the product's mistakes",
        found.collect(),
    );
}

/// Names of all packages below these folders.
fn packages(folders: &[&str]) -> Vec<String> {
    let manifests = folders.iter().flat_map(|folder| files(folder));
    let manifests = manifests.filter(|path| path.file_name().is_some_and(|name| name == "Cargo.toml"));
    let names: Vec<String> = manifests
        .filter_map(|path| {
            let text = read(&path);
            let name = text.lines().find_map(|line| line.strip_prefix("name = "))?;
            Some(name.trim_matches('"').to_owned())
        })
        .collect();
    assert!(!names.is_empty(), "no package below {}", folders.join(", "));
    names
}

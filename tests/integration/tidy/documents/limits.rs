//! Constants as the sources write them, and their values.

use crate::tidy::{read, root, rust_files, shown};

/// How many constants may refer to each other.
const MAX_DEPTH: usize = 5;

/// The value of a constant of a file: a number, or a time in the unit in which it is written.
pub(super) fn constant(file: &str, name: &str) -> Result<i128, String> {
    let path = root().join(file);
    if !path.exists() {
        return Err("there is no such file".to_owned());
    }
    value_of(&read(&path), name, MAX_DEPTH)
}

/// File and name of each public limit of the product.
pub(super) fn public() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for path in rust_files(&["functions", "shared"]) {
        let text = read(&path);
        let names = text.lines().filter_map(|line| {
            let (name, _) = line.strip_prefix("pub const ")?.split_once(':')?;
            name.starts_with("MAX_").then(|| name.to_owned())
        });
        found.extend(names.map(|name| (shown(&path), name)));
    }
    found
}

fn value_of(source: &str, name: &str, depth: usize) -> Result<i128, String> {
    let expression = expression(source, name).ok_or("there is no such constant")?;
    sum(source, &expression, depth)
}

/// What stands right of the `=` of a constant.
fn expression(source: &str, name: &str) -> Option<String> {
    let mut lines = source.lines().map(str::trim).filter(|line| {
        let declared = line.split("const ").nth(1).unwrap_or_default();
        declared.strip_prefix(name).is_some_and(|rest| rest.starts_with(':'))
    });
    let (_, expression) = lines.next()?.split_once(" = ")?;
    Some(expression.trim_end_matches(';').to_owned())
}

/// The value of an expression of whole numbers, `+`, `-`, `*`, other constants, and times.
fn sum(source: &str, text: &str, depth: usize) -> Result<i128, String> {
    if let Some((_, time)) = text.split_once("::from_").and_then(|(_, call)| call.split_once('(')) {
        return sum(source, time.trim_end_matches(')'), depth);
    }
    let text = text.replace(" - ", " + -");
    let terms = text.split(" + ").map(|term| match term.strip_prefix('-') {
        Some(term) => product(source, term, depth).map(|value| -value),
        None => product(source, term, depth),
    });
    terms.sum()
}

fn product(source: &str, text: &str, depth: usize) -> Result<i128, String> {
    let factors = text.split(" * ").map(|factor| factor_of(source, factor.trim(), depth));
    factors.product()
}

fn factor_of(source: &str, text: &str, depth: usize) -> Result<i128, String> {
    if let Ok(number) = text.replace('_', "").parse() {
        return Ok(number);
    }
    if depth == 0 {
        return Err(format!("{text} is too far away"));
    }
    let name = text.rsplit("::").next().unwrap_or_default();
    value_of(source, name, depth - 1).or_else(|_| elsewhere(name, depth - 1))
}

/// A constant that another file has.
fn elsewhere(name: &str, depth: usize) -> Result<i128, String> {
    let sources = rust_files(&["shared"]);
    let mut values = sources
        .iter()
        .filter_map(|path| value_of(&read(path), name, depth).ok());
    values.next().ok_or_else(|| format!("{name} is no constant of shared/"))
}

//! What lies where.

use std::os::unix::fs::PermissionsExt as _;

use super::{files, names, read, require_none, rust_files, shown};

/// Everything at the top. A new entry is a decision about the layout, which the README and docs/architecture.md describe.
const TOP: [&str; 22] = [
    "CHANGELOG.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "Makefile",
    "README.md",
    "THIRD-PARTY-NOTICES.txt",
    "clippy.toml",
    "console",
    "deny.toml",
    "docs",
    "events",
    "findings",
    "functions",
    "infra",
    "migrations",
    "rustfmt.toml",
    "samconfig.toml",
    "shared",
    "target",
    "template.yaml",
    "tests",
];

/// The same number for every file, tests included.
const MAX_LINES: usize = 500;

#[test]
fn the_top_of_the_repository_is_known() {
    let unknown = names(".")
        .into_iter()
        .filter(|name| !name.starts_with('.') && !TOP.contains(&name.as_str()));
    require_none(
        "the top of the repository holds only what is listed in this test",
        "a newcomer finds the way by the top folder; what has no place there has one below",
        unknown.collect(),
    );
}

#[test]
fn files_fit_a_reader() {
    let long = rust_files(&["functions", "shared", "infra", "tests"])
        .into_iter()
        .filter_map(|path| {
            let lines = read(&path).lines().count();
            (lines > MAX_LINES).then(|| format!("{}: {lines} lines", shown(&path)))
        });
    require_none(
        &format!("a Rust file has at most {MAX_LINES} lines"),
        "a longer one does more than one thing, and nobody reads it whole before changing it",
        long.collect(),
    );
}

#[test]
fn what_can_be_run_has_its_run_bit() {
    let scripts = ["infra", "findings", ".ci"].into_iter().flat_map(files);
    let is_script = |path: &std::path::PathBuf| std::fs::read(path).unwrap().starts_with(b"#!/");
    let is_closed = |path: &std::path::PathBuf| std::fs::metadata(path).unwrap().permissions().mode() & 0o111 == 0;
    let found: Vec<String> = scripts
        .filter(is_script)
        .filter(is_closed)
        .map(|path| shown(&path))
        .collect();
    require_none(
        "a file that begins with #!/ can be run",
        "chmod +x, and commit it",
        found,
    );
}

#[test]
fn nothing_is_left_for_later() {
    // Written in parts, so that this file does not break its own rule.
    let words = [["to", "do"].concat(), ["fix", "me"].concat()];
    let mut found = Vec::new();
    let folders = [
        "functions",
        "shared",
        "infra",
        "migrations",
        "events",
        "tests",
        "docs",
        "findings",
        ".ci",
    ];
    let tops = [
        "Makefile",
        "README.md",
        "CHANGELOG.md",
        "template.yaml",
        "samconfig.toml",
    ]
    .map(|name| super::root().join(name));
    for path in folders.into_iter().flat_map(files).chain(tops) {
        let Ok(text) = std::fs::read_to_string(&path) else {
            continue;
        };
        for (number, line) in text.lines().enumerate() {
            let mut parts = line.split(|character: char| !character.is_alphanumeric());
            if parts.any(|part| words.iter().any(|word| part.eq_ignore_ascii_case(word))) {
                found.push(format!("{}:{}: {}", shown(&path), number + 1, line.trim()));
            }
        }
    }
    require_none(
        "no note says that something is still to be done",
        "such notes are never read again: do it, or open an issue",
        found,
    );
}

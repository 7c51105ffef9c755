//! The documentation tells the truth as far as a test can see: links, commands, paths, routes, functions and limits exist.

mod limits;
mod markdown;

use std::collections::BTreeSet;

use super::template::{functions, http_routes, template};
use super::{names, read, require_none, root};
use markdown::{Document, cells, spans};

/// Where paths of the repository begin.
const FOLDERS: [&str; 8] = [
    "docs/",
    "events/",
    "findings/",
    "functions/",
    "infra/",
    "migrations/",
    "shared/",
    "tests/",
];

/// Parts of paths that stand for others: `functions/AREA/NAME`.
const PLACEHOLDERS: [&str; 5] = ["AREA", "NAME", "VERB", "VN__", "CLIENT"];

/// Lines of a README that a newcomer reads to the end.
const MAX_README_LINES: usize = 129;

/// Rooms, which are crates, that a reader can keep in mind on the way through.
const MAX_ROOMS: usize = 9;

const DRIFT: &str = "a document that is wrong once is not believed again";

#[test]
fn links_lead_somewhere() {
    let mut found = Vec::new();
    for document in documents() {
        for link in document.links() {
            let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
            if ["http://", "https://"].iter().any(|start| link.starts_with(start)) {
                continue;
            }
            let folder = root().join(&document.path);
            let target = if path.is_empty() {
                folder
            } else {
                folder.with_file_name("").join(path)
            };
            if !target.exists() {
                found.push(format!("{}: {link}: there is no such file", document.path));
            } else if !anchor.is_empty() && !Document::of(&target).anchors().contains(anchor) {
                found.push(format!("{}: {link}: there is no such heading", document.path));
            }
        }
    }
    require_none("every link of the documentation leads somewhere", DRIFT, found);
}

#[test]
fn commands_exist() {
    let makefile = read(&root().join("Makefile"));
    let targets: BTreeSet<&str> = makefile
        .lines()
        .filter_map(|line| line.split_once(':'))
        .map(|(target, _)| target)
        .collect();
    let mut found = Vec::new();
    for document in documents() {
        for code in document.code() {
            let command = code.split(" #").next().unwrap_or_default();
            let words: Vec<&str> = command.split_whitespace().collect();
            let asked = words.windows(2).filter(|pair| pair[0] == "make").map(|pair| pair[1]);
            let missing = asked.filter(|target| is_target(target) && !targets.contains(target));
            found.extend(missing.map(|target| format!("{}: make {target}", document.path)));
        }
    }
    require_none(
        "every `make` command of the documentation is in the Makefile",
        DRIFT,
        found,
    );
}

fn is_target(word: &str) -> bool {
    word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')
}

#[test]
fn paths_exist() {
    let mut found = Vec::new();
    for document in documents() {
        for path in document.spans().into_iter().filter(|span| is_path(span)) {
            if !root().join(path.trim_end_matches('/')).exists() {
                found.push(format!("{}: {path}", document.path));
            }
        }
    }
    require_none("every path of the repository in the documentation exists", DRIFT, found);
}

fn is_path(text: &str) -> bool {
    let plain = |character: char| character.is_ascii_alphanumeric() || "/_-.".contains(character);
    FOLDERS.iter().any(|folder| text.starts_with(folder))
        && text.chars().all(plain)
        && !text
            .split('/')
            .any(|part| PLACEHOLDERS.iter().any(|name| part.starts_with(name)))
}

#[test]
fn routes_exist() {
    let template = template();
    let real: BTreeSet<String> = functions(&template)
        .values()
        .flat_map(|(_, function)| http_routes(function))
        .map(|(_, path, _)| path)
        .collect();
    let mut found = Vec::new();
    for document in documents() {
        for code in document.code() {
            // The shell variable of the document on proposals.
            let code = code.replace("$proposal/", "/v1/proposals/ID/");
            for (at, _) in code.match_indices("/v1/") {
                let asked = code[at..]
                    .split(|character| !is_of_route(character))
                    .next()
                    .unwrap_or_default();
                if !real.iter().any(|route| fits(route, asked)) {
                    found.push(format!("{}: {asked}", document.path));
                }
            }
        }
    }
    require_none("every route of the documentation is in template.yaml", DRIFT, found);
}

fn is_of_route(character: char) -> bool {
    character.is_ascii_alphanumeric() || "/_-{}$…".contains(character)
}

/// Whether a path is one of a route, whose `{parameters}` take anything.
fn fits(route: &str, asked: &str) -> bool {
    let (route, asked): (Vec<&str>, Vec<&str>) = (route.split('/').collect(), asked.split('/').collect());
    route.len() == asked.len()
        && route
            .iter()
            .zip(&asked)
            .all(|(wanted, given)| wanted == given || (wanted.starts_with('{') && !given.is_empty()))
}

#[test]
fn the_readme_is_short() {
    let lines = read(&root().join("README.md")).lines().count();
    assert!(
        lines <= MAX_README_LINES,
        "README.md has {lines} lines, more than {MAX_README_LINES}: what is not for everybody's first hour belongs into docs/"
    );
}

#[test]
fn every_crate_is_on_the_map() {
    let map = read(&root().join("docs/architecture.md"));
    let missing = crates()
        .into_iter()
        .filter(|name| !map.contains(&format!("`{name}`")) && !map.contains(&format!("/{name}`")));
    require_none(
        "docs/architecture.md names every crate of the workspace",
        "what is not on the map is not found, and is written again",
        missing.collect(),
    );
}

/// Names of the workspace's packages.
fn crates() -> Vec<String> {
    let areas = names("functions").into_iter().map(|area| format!("functions/{area}"));
    let folders = ["shared", "infra", "."].map(str::to_owned).into_iter().chain(areas);
    let manifests = folders.flat_map(|folder| {
        let inside = names(&folder).into_iter();
        inside.map(move |name| root().join(&folder).join(name).join("Cargo.toml"))
    });
    let packages = manifests.filter(|manifest| manifest.exists()).filter_map(|manifest| {
        let manifest = read(&manifest);
        let name = manifest.lines().find_map(|line| line.strip_prefix("name = \""))?;
        Some(name.trim_end_matches('"').to_owned())
    });
    packages.collect()
}

#[test]
fn walkthroughs_can_be_walked() {
    let map = Document::of(&root().join("docs/architecture.md"));
    let walks = map.tables(&["step", "file", "function", "what happens"]);
    assert!(!walks.is_empty(), "docs/architecture.md has no walkthrough");
    let mut found = Vec::new();
    for (number, walk) in walks.iter().enumerate() {
        let mut rooms = BTreeSet::new();
        for row in walk {
            let (file, function) = (spans(&row[1]).concat(), spans(&row[2]).concat());
            rooms.insert(room(&file).to_owned());
            found.extend(absent(&file, &function));
        }
        if rooms.len() > MAX_ROOMS {
            let rooms: Vec<String> = rooms.into_iter().collect();
            found.push(format!("walkthrough {} enters {}", number + 1, rooms.join(", ")));
        }
    }
    require_none(
        &format!("the walkthroughs name functions that exist, and enter at most {MAX_ROOMS} crates"),
        DRIFT,
        found,
    );
}

#[test]
fn invariants_have_their_tests() {
    let map = Document::of(&root().join("docs/architecture.md"));
    let invariants = map.tables(&["invariant", "test"]).concat();
    assert!(!invariants.is_empty(), "docs/architecture.md has no invariants");
    let mut found = Vec::new();
    for row in invariants {
        match spans(&row[1]).as_slice() {
            [file, test] => found.extend(absent(file, test)),
            _ => found.push(format!("{:?} names no file and test", row[0])),
        }
    }
    require_none("each invariant names the test that holds it", DRIFT, found);
}

/// The crate of a source file.
fn room(file: &str) -> &str {
    file.split_once("/src/").map_or(file, |(room, _)| room)
}

/// Why a function is not to be found; `Type::name` is looked for as `name`.
fn absent(file: &str, function: &str) -> Option<String> {
    let path = root().join(file);
    let name = function.rsplit("::").next().unwrap_or_default();
    let defined = |text: &str| ["(", "<"].iter().any(|end| text.contains(&format!("fn {name}{end}")));
    if !path.exists() {
        return Some(format!("{file}: there is no such file"));
    }
    (!defined(&read(&path))).then(|| format!("{file}: there is no function {function}"))
}

#[test]
fn limits_have_the_values_of_their_constants() {
    let mut section = String::new();
    let mut found = Vec::new();
    let mut known = BTreeSet::new();
    for line in read(&root().join("docs/limits.md")).lines() {
        if let Some(path) = line.strip_prefix("In `").and_then(|line| line.strip_suffix("`:")) {
            section = path.to_owned();
        }
        let cells = cells(line);
        let Some(name) = cells
            .first()
            .map(|cell| spans(cell).concat())
            .filter(|name| !name.is_empty())
        else {
            continue;
        };
        let stated = cells[1].replace(',', "");
        known.insert((section.clone(), name.clone()));
        match limits::constant(&section, &name) {
            Ok(value) if value.to_string() == stated => {}
            Ok(value) => found.push(format!("{section}: {name} is {value}, not {stated}")),
            Err(why) => found.push(format!("{section}: {name}: {why}")),
        }
    }
    let untold = limits::public().into_iter().filter(|limit| !known.contains(limit));
    found.extend(untold.map(|(file, name)| format!("{file}: {name} is not there")));
    require_none(
        "docs/limits.md has every `pub const MAX_…` of the product, and the value that the code has",
        DRIFT,
        found,
    );
}

/// All documents for readers.
fn documents() -> Vec<Document> {
    let docs = names("docs").into_iter().map(|name| format!("docs/{name}"));
    let others = ["README.md", "CHANGELOG.md", "findings/README.md"].map(str::to_owned);
    let all = others.into_iter().chain(docs.filter(|path| path.ends_with(".md")));
    all.map(|path| Document::of(&root().join(path))).collect()
}

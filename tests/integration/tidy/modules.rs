//! One style of modules: `NAME.rs` with its parts in `NAME/`, and the tests of a module in it or in `NAME/tests.rs`.

use std::path::Path;

use super::{read, require_none, rust_files, shown};

const SOURCES: [&str; 4] = ["functions", "shared", "infra", "tests"];

#[test]
fn a_module_lies_where_its_name_says() {
    // Written in parts, so that this file does not break its own rule.
    let attribute = ["#[", "path"].concat();
    let mut found = Vec::new();
    for path in rust_files(&SOURCES) {
        if is_called(&path, "mod.rs") {
            found.push(format!("{}: call it after its folder, beside it", shown(&path)));
        }
        let text = read(&path);
        let lines = (1..).zip(text.lines());
        let elsewhere = lines.filter(|(_, line)| line.trim_start().starts_with(&attribute));
        found.extend(elsewhere.map(|(number, line)| format!("{}:{number}: {}", shown(&path), line.trim())));
    }
    require_none(
        "no file is called mod.rs, and no module says where it lies",
        "from `mod a` one finds a.rs without looking, and in an editor each file has a name of its own",
        found,
    );
}

#[test]
fn tests_of_a_module_lie_in_its_folder() {
    let elsewhere = rust_files(&SOURCES).into_iter().filter(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.ends_with("_tests.rs") || name.ends_with("_test.rs")
    });
    require_none(
        "the tests of a module are in it, or in the file tests.rs of its folder",
        "who reads a module finds its tests at once, and who adds one knows where",
        elsewhere.map(|path| shown(&path)).collect(),
    );
}

fn is_called(path: &Path, name: &str) -> bool {
    path.file_name().is_some_and(|own| own == name)
}

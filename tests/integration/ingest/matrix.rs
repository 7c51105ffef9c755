//! Files as pandas, pyarrow, Polars and DuckDB write them, and as Spark's and Athena's are documented: every codec, and every type that an attribute can be
//! read from. The table in `docs/files.md` says the same.

use std::collections::HashMap;
use std::process::Command;
use std::sync::Arc;

use archive::{Chunk, Chunks, Declared, FileError, Format};
use catalog::EntityDefinition;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;
use series::{Calendar, Mapper};

/// What writes them, in the environment of the test tools.
const WRITERS: &str = include_str!("matrix.py");

const TIMES: [&str; 3] = ["2026-11-20T10:00:00Z", "2026-11-20T11:00:00Z", "2026-11-20T12:00:00Z"];
/// Midnights of Berlin.
const DAYS: [&str; 3] = ["2026-11-17T23:00:00Z", "2026-11-18T23:00:00Z", "2026-11-19T23:00:00Z"];

/// What is in each column of every file.
const VALUES: [(&str, [&str; 3]); 4] = [
    ("i", ["Integer(1)", "Null", "Integer(3)"]),
    ("d", ["Decimal(1.5)", "Decimal(100000000000.5)", "Null"]),
    ("kind", ["Text(\"north\")", "Text(\"süd\")", "Null"]),
    ("b", ["Boolean(true)", "Boolean(false)", "Null"]),
];

/// A file that was written.
#[derive(Debug, Deserialize)]
struct Written {
    file: String,
    /// Of its columns those that have values.
    columns: Vec<String>,
    /// Whether its times are days.
    #[serde(default)]
    days: bool,
    #[serde(default)]
    metadata: HashMap<String, String>,
    /// Why it is refused as a whole.
    refused: Option<String>,
    /// Why each of its rows is.
    rows_refused: Option<String>,
}

impl Written {
    fn expected(&self) -> Vec<String> {
        let times = if self.days { DAYS } else { TIMES };
        let row = |row: usize| {
            let value = |(name, values): &(&str, [&str; 3])| {
                let is_there = self.columns.iter().any(|column| column == name);
                if is_there { values[row] } else { "Null" }.to_owned()
            };
            let values: Vec<String> = VALUES.iter().map(value).chain(["Null".to_owned()]).collect();
            format!("{} {}", times[row], values.join(" "))
        };
        (0..3).map(row).collect()
    }

    fn check(&self, read: Result<Chunk, FileError>) -> Result<(), String> {
        let chunk = match (read, &self.refused) {
            (Ok(chunk), None) => chunk,
            (Ok(chunk), Some(_)) => return Err(format!("it is read: {chunk:?}")),
            (Err(error), Some(reason)) if error.to_string().contains(reason) => return Ok(()),
            (Err(error), _) => return Err(error.to_string()),
        };
        if let Some(reason) = &self.rows_refused {
            let told = chunk.refused.iter().filter(|row| row.rejection.reason.contains(reason));
            return if (told.count(), chunk.facts.len()) == (3, 0) {
                Ok(())
            } else {
                Err(format!("{chunk:?}"))
            };
        }
        let facts = chunk.facts.iter().map(|fact| {
            let values: Vec<String> = fact.values.iter().map(|value| format!("{value:?}")).collect();
            format!(
                "{} {}",
                Timestamp::from_microsecond(fact.time_us).unwrap(),
                values.join(" ")
            )
        });
        let facts: Vec<String> = facts.collect();
        if facts == self.expected() && chunk.refused.is_empty() {
            return Ok(());
        }
        Err(format!("{facts:?}, refused {:?}", chunk.refused))
    }
}

fn mapper() -> Mapper {
    let definition = json!({
        "code": "Row", "domain": "lab", "time": "at",
        "attributes": [
            { "name": "i", "type": "integer" }, { "name": "d", "type": "decimal" }, { "name": "kind", "type": "text", "dimension": true },
            { "name": "b", "type": "boolean", "dimension": true }, { "name": "note", "type": "text" }
        ]
    });
    let definition: EntityDefinition = serde_json::from_value(definition).unwrap();
    Mapper::new(Arc::new(definition.validate().unwrap())).of_client(&Calendar::of("Europe/Berlin").unwrap())
}

/// The one chunk of a file, as `load-files` reads it.
fn read(written: &Written, bytes: Vec<u8>) -> Result<Chunk, FileError> {
    let declared = Declared::of(&written.file, &written.metadata)?;
    let mapper = declared.mapper(mapper());
    let now = "2026-11-21T00:00:00Z".parse().unwrap();
    let format = Format::of(&written.file)?;
    let mut chunks = Chunks::open_as(format, bytes.into(), &mapper, now, declared.dialect(&mapper))?;
    chunks.next().unwrap()
}

#[test]
fn files_of_every_writer_are_read_to_the_same_facts() {
    let folder = std::env::temp_dir().join(format!("analytics-engine-matrix.{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let mut writers = Command::new(tests::required("TEST_PYTHON"));
    let output = writers.arg("-c").arg(WRITERS).arg(&folder).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let list: Vec<Written> = serde_json::from_slice(&output.stdout).unwrap();
    assert!(list.len() > 100, "{} files", list.len());
    let wrong: Vec<String> = list
        .iter()
        .filter_map(|written| {
            let bytes = std::fs::read(folder.join(&written.file)).unwrap();
            let told = written.check(read(written, bytes));
            told.err().map(|told| format!("{}: {told}", written.file))
        })
        .collect();
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        list.len(),
        wrong.join("\n")
    );
}

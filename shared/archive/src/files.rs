//! Files of facts: chunks of rows, mapped and validated like events.

use bytes::Bytes;
use catalog::CsvDialect;
use jiff::Timestamp;
use series::{Fact, Mapper, Rejection};

use crate::{packing, table, text};

/// The most bytes of a file. It is held in memory while it is read, and takes a quarter of the 1,024 MB of `load-files`.
pub const MAX_FILE_BYTES: u64 = 256 * 1024 * 1024;

/// Rows of one chunk, which is one piece of the file's batch: enough that COPY takes most of the time, few enough to be held in memory twice.
pub const CHUNK_ROWS: usize = 50_000;

/// Bytes of what becomes of the rows of one chunk: it ends there, where its rows are wide. Twice as many are held while it is written.
pub const CHUNK_BYTES: usize = 64 * 1024 * 1024;

/// The most rows of a file: a hundred chunks. At 10,000 rows a second, which builds that are not optimised reach, they take 500 s of the 900 s that
/// `load-files` has.
pub const MAX_FILE_ROWS: usize = 5_000_000;

/// The most bytes of a row: 64 texts as long as an event. In a text file it is read no further, and is a dead letter.
pub const MAX_ROW_BYTES: usize = 1024 * 1024;

/// The most bytes of a row of a text file that a dead letter keeps.
pub const MAX_ORIGINAL_BYTES: usize = 16 * 1024;

/// Why a file, or the rest of it, can't be read.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The name ends in none of the formats that are read.
    #[error(
        "{0:?} does not end in .parquet, .csv, .tsv, .ndjson or .jsonl, nor in one of those of text with .gz or .zst"
    )]
    UnknownFormat(String),
    /// What its object declares of it is not one of what can be declared.
    #[error("the file's metadata {name:?} is {value:?}, and not {allowed}: put it on the bucket again with another")]
    Declared {
        /// Of the metadata.
        name: &'static str,
        /// What it says.
        value: String,
        /// What it may say.
        allowed: &'static str,
    },
    /// Larger than [`MAX_FILE_BYTES`].
    #[error("the file has {bytes} bytes, more than {MAX_FILE_BYTES}: split it")]
    TooLarge {
        /// Its size.
        bytes: u64,
        /// Its `ETag`: another file under the same key is another refusal.
        etag: String,
    },
    /// Not what its name says, or cut off.
    #[error("the file can't be read as {format}: {cause}")]
    Unreadable {
        /// Format by its name.
        format: &'static str,
        /// Why.
        cause: String,
    },
    /// To read it takes more than a limit allows; the text names the limit and the way out.
    #[error("{0}")]
    Limit(String),
    /// Its reader panicked, which is a fault of the reader.
    #[error(
        "the file can't be read: its reader failed on it, which no file should bring about; another writer's file may be read"
    )]
    ReaderFailed,
    /// A column that the entity does not have, or one that it needs is missing.
    #[error("column {0}")]
    Column(Rejection),
    /// The bucket did not give it.
    #[error("object {key:?} can't be read")]
    Storage {
        /// Key.
        key: String,
        /// Why.
        #[source]
        cause: service::Failure,
    },
}

/// Format of a file, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Apache Parquet.
    Parquet,
    /// Comma-separated values with a header.
    Csv,
    /// One JSON object a line.
    Ndjson,
}

impl Format {
    /// Format of a file name.
    ///
    /// # Errors
    /// When it ends in none of the formats that are read.
    pub fn of(name: &str) -> Result<Self, FileError> {
        let small = name.to_ascii_lowercase();
        let plain = packing::without_ending(&small);
        match plain.rsplit_once('.').map(|(_, ending)| ending) {
            // It packs its own pages, and is read from its end.
            Some("parquet") if plain == small => Ok(Self::Parquet),
            Some("csv" | "tsv") => Ok(Self::Csv),
            Some("ndjson" | "jsonl") => Ok(Self::Ndjson),
            _ => Err(FileError::UnknownFormat(name.to_owned())),
        }
    }
}

/// A row that was refused.
#[derive(Clone, Debug)]
pub struct RefusedRow {
    /// Position in the file, from 0, a header not counted.
    pub position: usize,
    /// Why.
    pub rejection: Rejection,
    /// The row as JSON or as its line.
    pub original: String,
}

/// Rows of a file.
#[derive(Clone, Debug, Default)]
pub struct Chunk {
    /// Rows that became facts.
    pub facts: Vec<Fact>,
    /// Positions in the file of [`Self::facts`], from 0, a header not counted.
    pub positions: Vec<usize>,
    /// Rows that did not.
    pub refused: Vec<RefusedRow>,
    /// About as many bytes as these take.
    bytes: usize,
}

impl Chunk {
    /// Adds a row's result.
    pub(crate) fn add(&mut self, position: usize, result: Result<Fact, Rejection>, original: impl FnOnce() -> String) {
        match result {
            Ok(fact) => {
                self.bytes += fact_bytes(&fact);
                self.facts.push(fact);
                self.positions.push(position);
            }
            Err(rejection) => {
                let mut original = original();
                if original.len() > MAX_ORIGINAL_BYTES {
                    let end = (0..=MAX_ORIGINAL_BYTES)
                        .rev()
                        .find(|end| original.is_char_boundary(*end))
                        .unwrap_or(0);
                    original.truncate(end);
                    // Or it would go on taking what the whole row took.
                    original.shrink_to_fit();
                }
                self.bytes += size_of::<RefusedRow>() + original.len() + rejection.reason.len();
                self.refused.push(RefusedRow {
                    position,
                    rejection,
                    original,
                });
            }
        }
    }

    /// Drops the rows before a position in the file.
    pub fn begin_at(&mut self, position: usize) {
        let facts_before = self.positions.partition_point(|at| *at < position);
        self.positions.drain(..facts_before);
        self.facts.drain(..facts_before);
        self.refused.retain(|row| row.position >= position);
    }

    /// Drops what comes after so many refused rows; whether it has that many.
    pub fn end_after_refused(&mut self, most: usize) -> bool {
        if self.refused.len() < most {
            return false;
        }
        self.refused.truncate(most);
        let end = self.refused.last().map_or(0, |row| row.position);
        let facts = self.positions.partition_point(|at| *at < end);
        self.positions.truncate(facts);
        self.facts.truncate(facts);
        true
    }

    /// The position in the file after its last row.
    #[must_use]
    pub fn end(&self) -> usize {
        let last = self.positions.last().copied();
        last.max(self.refused.last().map(|row| row.position))
            .map_or(0, |last| last + 1)
    }

    /// Whether it has no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows() == 0
    }

    pub(crate) fn rows(&self) -> usize {
        self.facts.len() + self.refused.len()
    }

    /// Whether it has as many rows, or bytes, as a chunk may have.
    pub(crate) fn is_full(&self) -> bool {
        self.rows() >= CHUNK_ROWS || self.bytes >= CHUNK_BYTES
    }
}

fn fact_bytes(fact: &Fact) -> usize {
    let texts = fact.values.iter().map(|value| match value {
        formula::Value::Text(text) => text.len(),
        _ => 0,
    });
    size_of::<Fact>() + fact.values.len() * size_of::<formula::Value>() + texts.sum::<usize>()
}

/// The chunks of a file. After an error there is no further chunk; the chunks before it are good.
pub enum Chunks<'a> {
    /// Of a Parquet file.
    Parquet(Box<table::Rows<'a>>),
    /// Of a CSV file.
    Csv(Box<text::CsvRows<'a>>),
    /// Of an NDJSON file.
    Ndjson(text::NdjsonRows<'a>),
}

impl<'a> Chunks<'a> {
    /// Opens a file.
    ///
    /// # Errors
    /// When it is not of its format, or its columns are not the entity's.
    pub fn open(format: Format, bytes: Bytes, mapper: &'a Mapper, now: Timestamp) -> Result<Self, FileError> {
        let dialect = mapper.entity().definition().csv;
        Self::open_as(format, bytes, mapper, now, dialect)
    }

    /// Opens a file that declares how it is written, if it is CSV.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_as(
        format: Format,
        bytes: Bytes,
        mapper: &'a Mapper,
        now: Timestamp,
        dialect: CsvDialect,
    ) -> Result<Self, FileError> {
        Ok(match format {
            Format::Parquet => Self::Parquet(Box::new(table::Rows::open(bytes, mapper, now)?)),
            Format::Csv => {
                let text = packing::unpacked(bytes)?;
                Self::Csv(Box::new(text::CsvRows::open(text, mapper, now, dialect)?))
            }
            Format::Ndjson => Self::Ndjson(text::NdjsonRows::open(packing::unpacked(bytes)?, mapper, now)),
        })
    }
}

impl Iterator for Chunks<'_> {
    type Item = Result<Chunk, FileError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Parquet(rows) => rows.next(),
            Self::Csv(rows) => rows.next(),
            Self::Ndjson(rows) => rows.next(),
        }
    }
}

/// The column of each field, by the field's place in the mapper. Every column is a field of the entity, and what every fact
/// needs is among them.
pub(crate) fn columns_of(mapper: &Mapper, columns: &[String]) -> Result<Vec<Option<usize>>, FileError> {
    let mut places: Vec<Option<usize>> = mapper.fields().map(|_| None).collect();
    for (column, name) in columns.iter().enumerate() {
        let place = mapper.place(name).map_err(FileError::Column)?;
        if places[place].replace(column).is_some() {
            return Err(FileError::Column(Rejection {
                field: name.clone(),
                reason: "appears twice".to_owned(),
            }));
        }
    }
    let definition = mapper.entity().definition();
    let required = definition
        .attributes
        .iter()
        .filter(|attribute| attribute.required && attribute.formula.is_none())
        .map(|attribute| attribute.name.as_str());
    for name in std::iter::once(definition.time.as_str()).chain(required) {
        if !columns.iter().any(|column| column == name) {
            return Err(FileError::Column(Rejection {
                field: name.to_owned(),
                reason: format!("is required by {} and the file has none", definition.code),
            }));
        }
    }
    Ok(places)
}

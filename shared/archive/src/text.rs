//! CSV and NDJSON files as rows.

use std::io::BufRead as _;

use bytes::{Buf as _, Bytes};
use jiff::Timestamp;
use series::{Field, Mapper, Rejection};

use crate::files::{CHUNK_ROWS, Chunk, FileError, columns_of};

/// A CSV file's rows as facts.
pub struct CsvRows<'a> {
    bytes: Bytes,
    reader: csv::Reader<bytes::buf::Reader<Bytes>>,
    width: usize,
    /// The column of each field, by the field's place in the mapper.
    columns: Vec<Option<usize>>,
    mapper: &'a Mapper,
    now: Timestamp,
    position: usize,
}

impl<'a> CsvRows<'a> {
    pub(crate) fn open(bytes: Bytes, mapper: &'a Mapper, now: Timestamp) -> Result<Self, FileError> {
        let mut reader = csv::ReaderBuilder::new()
            .flexible(true)
            .from_reader(bytes.clone().reader());
        let header = reader.headers().map_err(|error| FileError::Unreadable {
            format: "CSV",
            cause: error.to_string(),
        })?;
        let names: Vec<String> = header
            .iter()
            .map(|name| name.trim().trim_start_matches('\u{feff}').to_owned())
            .collect();
        Ok(Self {
            bytes,
            reader,
            width: names.len(),
            columns: columns_of(mapper, &names)?,
            mapper,
            now,
            position: 0,
        })
    }

    pub(crate) fn next(&mut self) -> Option<Result<Chunk, FileError>> {
        let mut chunk = Chunk::default();
        let mut record = csv::ByteRecord::new();
        while chunk.rows() < CHUNK_ROWS {
            match self.reader.read_byte_record(&mut record) {
                Ok(false) => break,
                Ok(true) if self.is_unclosed(&record) => {
                    let reason = "a quote that opens here is never closed, so the rest of the file is part of it";
                    chunk.add(self.position, Err(whole(reason.to_owned())), || line(&record));
                }
                Ok(true) => chunk.add(self.position, self.fact(&record), || line(&record)),
                Err(error) => {
                    return Some(Err(FileError::Unreadable {
                        format: "CSV",
                        cause: error.to_string(),
                    }));
                }
            }
            self.position += 1;
        }
        (chunk.rows() > 0).then_some(Ok(chunk))
    }

    /// Whether the file ends within quotes of this record. If so, the library takes all that follows as one field.
    fn is_unclosed(&self, record: &csv::ByteRecord) -> bool {
        let start = record.position().and_then(|start| usize::try_from(start.byte()).ok());
        let rest = start.and_then(|start| self.bytes.get(start..));
        self.reader.position().byte() == self.bytes.len() as u64 && rest.is_some_and(ends_in_quotes)
    }

    fn fact(&self, record: &csv::ByteRecord) -> Result<series::Fact, Rejection> {
        if record.len() != self.width {
            return Err(whole(format!(
                "the line has {} fields, the header has {}",
                record.len(),
                self.width
            )));
        }
        let text = csv::StringRecord::from_byte_record(record.clone())
            .map_err(|_| whole("the line is not UTF-8".to_owned()))?;
        self.mapper.fact(self.now, |place| {
            self.columns[place]
                .and_then(|column| text.get(column))
                .map_or(Field::Missing, |text| Field::Text {
                    text: text.into(),
                    typed: false,
                })
        })
    }
}

/// Whether a text of CSV ends within quotes. A quote means something only where a field begins.
fn ends_in_quotes(text: &[u8]) -> bool {
    let (mut begins, mut quoted) = (true, false);
    let mut bytes = text.iter().peekable();
    while let Some(byte) = bytes.next() {
        if quoted {
            // Two are one quote of the text.
            quoted = *byte != b'"' || bytes.next_if_eq(&&b'"').is_some();
        } else {
            quoted = begins && *byte == b'"';
        }
        begins = !quoted && matches!(byte, b',' | b'\n' | b'\r');
    }
    quoted
}

/// A record as a line, quoted where it needs to be, so that it can be corrected and loaded again.
fn line(record: &csv::ByteRecord) -> String {
    let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(Vec::new());
    // Writing to memory does not fail.
    let _ = writer.write_byte_record(record);
    let bytes = writer.into_inner().unwrap_or_default();
    String::from_utf8_lossy(bytes.trim_ascii_end()).into_owned()
}

/// A rejection of a whole line.
fn whole(reason: String) -> Rejection {
    Rejection {
        field: String::new(),
        reason,
    }
}

/// A text without the byte order mark that some programs put before it.
fn without_mark(bytes: Bytes) -> Bytes {
    if bytes.starts_with("\u{feff}".as_bytes()) {
        bytes.slice(3..)
    } else {
        bytes
    }
}

/// An NDJSON file's rows as facts.
pub struct NdjsonRows<'a> {
    reader: bytes::buf::Reader<Bytes>,
    mapper: &'a Mapper,
    now: Timestamp,
    position: usize,
}

impl<'a> NdjsonRows<'a> {
    pub(crate) fn open(bytes: Bytes, mapper: &'a Mapper, now: Timestamp) -> Self {
        Self {
            reader: without_mark(bytes).reader(),
            mapper,
            now,
            position: 0,
        }
    }

    pub(crate) fn next(&mut self) -> Option<Result<Chunk, FileError>> {
        let mut chunk = Chunk::default();
        let mut line = Vec::new();
        while chunk.rows() < CHUNK_ROWS {
            line.clear();
            match self.reader.read_until(b'\n', &mut line) {
                Ok(0) => break,
                Ok(_) if line.trim_ascii().is_empty() => continue,
                Ok(_) => chunk.add(self.position, self.fact(&line), || {
                    String::from_utf8_lossy(line.trim_ascii()).into_owned()
                }),
                Err(error) => {
                    return Some(Err(FileError::Unreadable {
                        format: "NDJSON",
                        cause: error.to_string(),
                    }));
                }
            }
            self.position += 1;
        }
        (chunk.rows() > 0).then_some(Ok(chunk))
    }

    fn fact(&self, line: &[u8]) -> Result<series::Fact, Rejection> {
        let text = std::str::from_utf8(line).map_err(|_| whole("the line is not UTF-8".to_owned()))?;
        self.mapper.json(self.now, text)
    }
}

#[cfg(test)]
mod tests;

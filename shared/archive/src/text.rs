//! CSV and NDJSON files as rows.

use std::io::BufRead as _;

use bytes::Bytes;
use catalog::{CsvDialect, DecimalMark, Delimiter};
use csv_core::ReadRecordResult;
use jiff::Timestamp;
use series::{Field, Mapper, Rejection};

use crate::files::{Chunk, FileError, MAX_FILE_ROWS, MAX_ORIGINAL_BYTES, MAX_ROW_BYTES, columns_of};

/// The rows behind the last that is read of a file.
fn too_many() -> FileError {
    FileError::Limit(format!(
        "the file has more than {MAX_FILE_ROWS} rows: those up to there count; split it, and put what follows on the bucket"
    ))
}

/// A CSV file's rows as facts.
pub struct CsvRows<'a> {
    records: Records,
    dialect: CsvDialect,
    width: usize,
    /// The column of each field, by the field's place in the mapper.
    columns: Vec<Option<usize>>,
    mapper: &'a Mapper,
    now: Timestamp,
    position: usize,
    /// Whether no more rows are read.
    is_over: bool,
    /// Why, until that was told.
    error: Option<FileError>,
}

impl<'a> CsvRows<'a> {
    pub(crate) fn open(
        bytes: Bytes,
        mapper: &'a Mapper,
        now: Timestamp,
        dialect: CsvDialect,
    ) -> Result<Self, FileError> {
        if dialect.delimiter == Delimiter::Comma && dialect.decimal == DecimalMark::Comma {
            return Err(unreadable(
                "numbers with decimal commas can't be told from fields between commas: declare the delimiter too",
            ));
        }
        let bytes = without_mark(bytes);
        let mut records = Records::new(bytes.clone(), dialect.delimiter);
        let names = header(&mut records)?;
        let columns = columns_of(mapper, &names).map_err(|error| {
            let mut others = Delimiter::ALL.into_iter().filter(|other| *other != dialect.delimiter);
            let other = others.find(|other| is_header(&bytes, *other, mapper));
            other.map_or(error, |other| unreadable(&lies_between(other, dialect.delimiter)))
        })?;
        Ok(Self {
            records,
            dialect,
            width: names.len(),
            columns,
            mapper,
            now,
            position: 0,
            is_over: false,
            error: None,
        })
    }

    pub(crate) fn next(&mut self) -> Option<Result<Chunk, FileError>> {
        let mut chunk = Chunk::default();
        let mut record = csv::ByteRecord::new();
        while !chunk.is_full() && !self.is_over {
            let read = self.records.read(&mut record);
            if read == Read::End {
                break;
            }
            if self.position == MAX_FILE_ROWS {
                self.is_over = true;
                self.error = Some(too_many());
                break;
            }
            let (fact, records) = (self.fact(&read, &record), &self.records);
            let original = || {
                if read == Read::Row {
                    line(&record, self.dialect.delimiter)
                } else {
                    records.beginning()
                }
            };
            chunk.add(self.position, fact, original);
            self.position += 1;
        }
        if chunk.rows() > 0 {
            return Some(Ok(chunk));
        }
        self.error.take().map(Err)
    }

    fn fact(&self, read: &Read, record: &csv::ByteRecord) -> Result<series::Fact, Rejection> {
        if *read == Read::TooLong {
            return Err(whole(format!("the row has more than {MAX_ROW_BYTES} bytes")));
        }
        if *read == Read::Unclosed {
            let reason = "a quote that opens here is never closed, so the rest of the file is part of it";
            return Err(whole(reason.to_owned()));
        }
        if record.len() != self.width {
            return Err(whole(format!(
                "the line has {} fields, the header has {}",
                record.len(),
                self.width
            )));
        }
        let text = csv::StringRecord::from_byte_record(record.clone())
            .map_err(|_| whole("the line is not UTF-8".to_owned()))?;
        let has_commas = self.dialect.decimal == DecimalMark::Comma;
        self.mapper.fact(self.now, |place| {
            let text = self.columns[place].and_then(|column| text.get(column));
            match text {
                Some(text) if has_commas && self.mapper.is_number(place) => with_point(text),
                Some(text) => Field::Text {
                    text: text.into(),
                    typed: false,
                },
                None => Field::Missing,
            }
        })
    }
}

/// A number with a decimal comma, with a point. One that has a point already has separators of thousands, or is of another file.
fn with_point(text: &str) -> Field<'_> {
    if text.contains('.') {
        return Field::Other("a number with a point where the file declares decimal commas");
    }
    Field::Text {
        text: text.replace(',', ".").into(),
        typed: false,
    }
}

fn unreadable(cause: &str) -> FileError {
    FileError::Unreadable {
        format: "CSV",
        cause: cause.to_owned(),
    }
}

/// The names in a file's first row.
fn header(records: &mut Records) -> Result<Vec<String>, FileError> {
    let mut header = csv::ByteRecord::new();
    if records.read(&mut header) == Read::TooLong {
        return Err(FileError::Limit(format!(
            "the header has more than {MAX_ROW_BYTES} bytes: it names no more than the attributes of the entity"
        )));
    }
    let header = csv::StringRecord::from_byte_record(header).map_err(|_| unreadable("the header is not UTF-8"))?;
    Ok(header.iter().map(|name| name.trim().to_owned()).collect())
}

/// Whether a file has a header of the entity when it is read with another delimiter.
fn is_header(bytes: &Bytes, delimiter: Delimiter, mapper: &Mapper) -> bool {
    let names = header(&mut Records::new(bytes.clone(), delimiter)).unwrap_or_default();
    names.len() > 1 && names.iter().any(|name| mapper.place(name).is_ok())
}

fn lies_between(found: Delimiter, expected: Delimiter) -> String {
    let (found, expected) = (found.name(), expected.name());
    format!(
        "its fields lie between {found}s, and it was read with {expected}s: declare \"csv\": {{\"delimiter\": \"{found}\"}} with the entity, or put the \
         file on the bucket again with the metadata delimiter={found}"
    )
}

/// What was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Read {
    Row,
    /// A row that has more than [`MAX_ROW_BYTES`]; nothing of it is kept.
    TooLong,
    /// A row within whose quotes the file ends: all that follows is one field.
    Unclosed,
    End,
}

/// The records of a text, none of which is read further than [`MAX_ROW_BYTES`].
struct Records {
    bytes: Bytes,
    /// Where the record that was read last begins and ends.
    start: usize,
    at: usize,
    core: csv_core::Reader,
    delimiter: u8,
    fields: Vec<u8>,
    ends: Vec<usize>,
}

impl Records {
    fn new(bytes: Bytes, delimiter: Delimiter) -> Self {
        let delimiter = delimiter.byte();
        Self {
            bytes,
            start: 0,
            at: 0,
            core: csv_core::ReaderBuilder::new().delimiter(delimiter).build(),
            delimiter,
            fields: vec![0; 4096],
            ends: vec![0; 128],
        }
    }

    /// Reads a record, leaving out empty lines.
    fn read(&mut self, record: &mut csv::ByteRecord) -> Read {
        self.start = self.at;
        record.clear();
        let (mut written, mut ended, mut too_long) = (0, 0, false);
        loop {
            // An empty text tells the library of the end.
            let rest = &self.bytes[self.at..];
            let (fields, ends) = (&mut self.fields[written..], &mut self.ends[ended..]);
            let (result, read, bytes, count) = self.core.read_record(rest, fields, ends);
            self.at += read;
            written += bytes;
            ended += count;
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull if self.fields.len() < MAX_ROW_BYTES => {
                    self.fields.resize(self.fields.len() * 2, 0);
                }
                ReadRecordResult::OutputEndsFull if self.ends.len() < MAX_ROW_BYTES => {
                    self.ends.resize(self.ends.len() * 2, 0);
                }
                // The rest is passed over.
                ReadRecordResult::OutputFull | ReadRecordResult::OutputEndsFull => {
                    (written, ended, too_long) = (0, 0, true);
                }
                ReadRecordResult::Record => break,
                ReadRecordResult::End => return Read::End,
            }
        }
        if self.at == self.bytes.len() && ends_in_quotes(&self.bytes[self.start..], self.delimiter) {
            return Read::Unclosed;
        }
        if too_long {
            return Read::TooLong;
        }
        let mut from = 0;
        for end in &self.ends[..ended] {
            record.push_field(&self.fields[from..*end]);
            from = *end;
        }
        Read::Row
    }

    /// The beginning of the record that was read last.
    fn beginning(&self) -> String {
        let end = self.at.min(self.start + MAX_ORIGINAL_BYTES);
        String::from_utf8_lossy(self.bytes[self.start..end].trim_ascii()).into_owned()
    }
}

/// Whether a text of CSV ends within quotes. A quote means something only where a field begins.
fn ends_in_quotes(text: &[u8], delimiter: u8) -> bool {
    let (mut begins, mut quoted) = (true, false);
    let mut bytes = text.iter().peekable();
    while let Some(byte) = bytes.next() {
        if quoted {
            // Two are one quote of the text.
            quoted = *byte != b'"' || bytes.next_if_eq(&&b'"').is_some();
        } else {
            quoted = begins && *byte == b'"';
        }
        begins = !quoted && (*byte == delimiter || matches!(byte, b'\n' | b'\r'));
    }
    quoted
}

/// A record as a line, quoted where it needs to be, so that it can be corrected and loaded again.
fn line(record: &csv::ByteRecord, delimiter: Delimiter) -> String {
    let mut writer = csv::WriterBuilder::new();
    let mut writer = writer
        .delimiter(delimiter.byte())
        .flexible(true)
        .from_writer(Vec::new());
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
    bytes: Bytes,
    mapper: &'a Mapper,
    now: Timestamp,
    position: usize,
    /// Whether no more rows are read.
    is_over: bool,
    /// Why, until that was told.
    error: Option<FileError>,
}

impl<'a> NdjsonRows<'a> {
    pub(crate) fn open(bytes: Bytes, mapper: &'a Mapper, now: Timestamp) -> Self {
        Self {
            bytes: without_mark(bytes),
            mapper,
            now,
            position: 0,
            is_over: false,
            error: None,
        }
    }

    pub(crate) fn next(&mut self) -> Option<Result<Chunk, FileError>> {
        let mut chunk = Chunk::default();
        while !chunk.is_full() && !self.is_over {
            let Some(line) = self.line() else {
                break;
            };
            if self.position == MAX_FILE_ROWS {
                self.is_over = true;
                self.error = Some(too_many());
                break;
            }
            let shown = &line[..line.len().min(MAX_ORIGINAL_BYTES)];
            chunk.add(self.position, self.fact(&line), || {
                String::from_utf8_lossy(shown).into_owned()
            });
            self.position += 1;
        }
        if chunk.rows() > 0 {
            return Some(Ok(chunk));
        }
        self.error.take().map(Err)
    }

    /// The next line that has anything in it, a part of the file and no copy.
    fn line(&mut self) -> Option<Bytes> {
        while !self.bytes.is_empty() {
            // A slice never fails.
            let length = self.bytes.as_ref().skip_until(b'\n').unwrap_or(self.bytes.len());
            let line = self.bytes.split_to(length);
            let trimmed = line.trim_ascii();
            if !trimmed.is_empty() {
                return Some(line.slice_ref(trimmed));
            }
        }
        None
    }

    fn fact(&self, line: &[u8]) -> Result<series::Fact, Rejection> {
        if line.len() > MAX_ROW_BYTES {
            return Err(whole(format!("the row has more than {MAX_ROW_BYTES} bytes")));
        }
        let text = std::str::from_utf8(line).map_err(|_| whole("the line is not UTF-8".to_owned()))?;
        self.mapper.json(self.now, text)
    }
}

#[cfg(test)]
mod tests;

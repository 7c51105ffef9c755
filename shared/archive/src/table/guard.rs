//! What it takes to read a Parquet file, checked before anything of it is decoded: a page of ten bytes may stand for a billion values.
//!
//! The library trusts what a file says of itself. So the footer is bounded before it is parsed, the header of every page before the first one is
//! unpacked, and the longest value of a row group before its rows are read, of which only as many are read at once as fit.

use std::io::Read;
use std::sync::Arc;

use bytes::Bytes;
use parquet::basic::{Compression, Encoding, Type};
use parquet::column::page::Page;
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData, RowGroupMetaData};
use parquet::file::serialized_reader::SerializedPageReader;

use super::lengths;
use crate::files::{FileError, MAX_FILE_ROWS, MAX_ROW_BYTES};
use crate::thrift::{Kind, PageHeader, page_header};

/// The most bytes of the footer of a Parquet file. Parsed it takes some twenty times as much; one of 64 columns with statistics in 400 row groups has
/// as many.
pub const MAX_FOOTER_BYTES: usize = 8 * 1024 * 1024;

/// The most bytes of a page of a Parquet file as it is unpacked. Writers make pages of 1 MiB, some of a column of a row group: of 2,000,000 numbers.
pub const MAX_PAGE_BYTES: usize = 16 * 1024 * 1024;

/// The most bytes of what is held at once of a row group: of every column its dictionary, twice, as it is unpacked and decoded, and a page. As much as
/// 64 columns with dictionaries and pages of 1 MiB.
pub const MAX_HELD_BYTES: usize = 192 * 1024 * 1024;

/// The most bytes of a whole Parquet file as it is unpacked: 32 times the largest file. At 500 MB a second it takes 17 s.
pub const MAX_UNPACKED_BYTES: usize = 8 * 1024 * 1024 * 1024;

/// The most bytes of rows that are decoded at once. They are held twice while columns are brought to the types of attributes.
pub const MAX_DECODED_BYTES: usize = 32 * 1024 * 1024;

/// A number takes as much as a decimal once columns are brought to the types of attributes.
const NUMBER_BYTES: usize = 16;

/// Lengths of values that are encoded as differences are unpacked before the values.
const LENGTH_BYTES: usize = 8;

fn unreadable(cause: impl Into<String>) -> FileError {
    FileError::Unreadable {
        format: "Parquet",
        cause: cause.into(),
    }
}

fn limit(text: String) -> FileError {
    FileError::Limit(text)
}

/// Checks the size of the footer, which the last eight bytes of a file tell.
///
/// # Errors
/// When there is none, or it is too large.
pub(super) fn check_footer(bytes: &[u8]) -> Result<(), FileError> {
    let end = bytes.last_chunk::<8>().filter(|end| end.ends_with(b"PAR1"));
    let end =
        end.ok_or_else(|| unreadable("it does not end as a Parquet file does: it is another file, or cut off"))?;
    let size = u32::from_le_bytes([end[0], end[1], end[2], end[3]]) as usize;
    if size > MAX_FOOTER_BYTES {
        return Err(limit(format!(
            "the footer has {size} bytes, more than {MAX_FOOTER_BYTES}: write fewer and larger row groups, or split the file"
        )));
    }
    Ok(())
}

/// Checks the header of every page of a file.
///
/// # Errors
/// When the file would take more than may be taken, or is not what it says of itself.
pub(super) fn check_pages(bytes: &[u8], metadata: &ParquetMetaData) -> Result<(), FileError> {
    check_columns(metadata)?;
    let (mut rows, mut unpacked) = (0_usize, 0_usize);
    for (number, group) in metadata.row_groups().iter().enumerate() {
        let group_rows = rows_of(group)?;
        rows = rows.saturating_add(group_rows);
        let mut held = 0_usize;
        for column in group.columns() {
            let walked = walk(bytes, column, group_rows)?;
            held = held.saturating_add(walked.held);
            unpacked = unpacked.saturating_add(walked.unpacked);
        }
        if held > MAX_HELD_BYTES {
            return Err(limit(format!(
                "to read row group {number} takes {held} bytes of dictionaries and pages at once, more than {MAX_HELD_BYTES}: \
                 write smaller pages and smaller row groups"
            )));
        }
    }
    if rows > MAX_FILE_ROWS {
        return Err(limit(format!(
            "the file has {rows} rows, more than {MAX_FILE_ROWS}: split it"
        )));
    }
    if unpacked > MAX_UNPACKED_BYTES {
        return Err(limit(format!(
            "the file has {unpacked} bytes once it is unpacked, more than {MAX_UNPACKED_BYTES}: split it"
        )));
    }
    Ok(())
}

/// No attribute is a list or a structure, and a list has as many values as it likes.
fn check_columns(metadata: &ParquetMetaData) -> Result<(), FileError> {
    let schema = metadata.file_metadata().schema_descr();
    for column in schema.columns() {
        if column.path().parts().len() > 1 || column.max_rep_level() > 0 {
            return Err(limit(format!(
                "column {:?} is a list or a structure, which no attribute is: leave it out, or write each part as a column of its own",
                column.path().string()
            )));
        }
    }
    let columns = schema.num_columns();
    if metadata.row_groups().iter().any(|group| group.num_columns() != columns) {
        return Err(unreadable("a row group has not the columns of the file"));
    }
    Ok(())
}

fn rows_of(group: &RowGroupMetaData) -> Result<usize, FileError> {
    usize::try_from(group.num_rows()).map_err(|_| unreadable("a row group has a negative number of rows"))
}

/// What the headers of a column's pages in a row group say.
#[derive(Default)]
struct Walked {
    /// Of its largest dictionary and its largest page.
    held: usize,
    unpacked: usize,
}

fn walk(bytes: &[u8], column: &ColumnChunkMetaData, rows: usize) -> Result<Walked, FileError> {
    let name = column.column_descr().name();
    let mut rest =
        chunk(bytes, column).ok_or_else(|| unreadable(format!("column {name:?} lies outside of the file")))?;
    let (mut dictionary, mut page, mut unpacked, mut values) = (0, 0, 0_usize, 0_usize);
    while !rest.is_empty() {
        let header =
            page_header(rest).ok_or_else(|| unreadable(format!("a page of column {name:?} has no readable header")))?;
        check_page(name, column, &header)?;
        rest = rest
            .get(header.length + header.packed..)
            .ok_or_else(|| unreadable(format!("a page of column {name:?} is cut off")))?;
        unpacked = unpacked.saturating_add(header.unpacked);
        if header.kind == Kind::Dictionary {
            dictionary = dictionary.max(2 * header.unpacked);
            continue;
        }
        values = values.saturating_add(header.values);
        let lengths = if lengths::are_differences(header.encoding) {
            header.values.saturating_mul(LENGTH_BYTES)
        } else {
            0
        };
        page = page.max(header.unpacked.saturating_add(lengths));
    }
    if values > rows {
        return Err(unreadable(format!(
            "column {name:?} has {values} values in {rows} rows"
        )));
    }
    Ok(Walked {
        held: dictionary + page,
        unpacked,
    })
}

/// The bytes of a column in a row group, in which the library too looks for its pages.
fn chunk<'a>(bytes: &'a [u8], column: &ColumnChunkMetaData) -> Option<&'a [u8]> {
    let start = column.dictionary_page_offset().unwrap_or(column.data_page_offset());
    let start = usize::try_from(start).ok()?;
    let length = usize::try_from(column.compressed_size()).ok()?;
    bytes.get(start..start.checked_add(length)?)
}

fn check_page(name: &str, column: &ColumnChunkMetaData, header: &PageHeader) -> Result<(), FileError> {
    if header.unpacked > MAX_PAGE_BYTES {
        return Err(limit(format!(
            "a page of column {name:?} has {} bytes, more than {MAX_PAGE_BYTES}: write smaller pages",
            header.unpacked
        )));
    }
    // Without a codec a page is as large as it lies in the file.
    if column.compression() == Compression::UNCOMPRESSED && header.packed > MAX_PAGE_BYTES {
        return Err(limit(format!(
            "a page of column {name:?} has {} bytes, more than {MAX_PAGE_BYTES}: write smaller pages",
            header.packed
        )));
    }
    if header.kind == Kind::Dictionary && header.values.saturating_mul(least_bytes(column)) > header.unpacked {
        return Err(unreadable(format!(
            "the dictionary of column {name:?} says that it has {} values in {} bytes",
            header.values, header.unpacked
        )));
    }
    Ok(())
}

/// The fewest bytes that a value takes in a dictionary.
fn least_bytes(column: &ColumnChunkMetaData) -> usize {
    match column.column_type() {
        Type::BOOLEAN => 1,
        // The length of a text stands before it.
        Type::INT32 | Type::FLOAT | Type::BYTE_ARRAY => 4,
        Type::INT64 | Type::DOUBLE => 8,
        Type::INT96 => 12,
        Type::FIXED_LEN_BYTE_ARRAY => fixed_bytes(column),
    }
}

fn fixed_bytes(column: &ColumnChunkMetaData) -> usize {
    usize::try_from(column.column_descr().type_length()).unwrap_or(0).max(1)
}

/// How many rows of a row group are decoded at once, by its longest values. Its pages are those that [`check_pages`] has passed; they are unpacked one
/// after the other.
///
/// # Errors
/// When a row is too long, or a page is not what its header says.
pub(super) fn rows_at_once(bytes: &Bytes, group: &RowGroupMetaData, most: usize) -> Result<usize, FileError> {
    let rows = rows_of(group)?;
    let mut row_bytes = 1_usize;
    for column in group.columns() {
        check_packing(bytes, column)?;
        let widest = match column.column_type() {
            Type::BYTE_ARRAY => longest(bytes, column, rows)?,
            // Its pages are looked at for their lengths, of which there may be more than there are values.
            Type::FIXED_LEN_BYTE_ARRAY => longest(bytes, column, rows)?.max(fixed_bytes(column)),
            _ => 0,
        };
        row_bytes = row_bytes.saturating_add(widest.max(NUMBER_BYTES));
    }
    if row_bytes > MAX_ROW_BYTES {
        return Err(limit(format!(
            "a row may have {row_bytes} bytes by its longest values, more than {MAX_ROW_BYTES}: shorten them, or leave a column out"
        )));
    }
    Ok((MAX_DECODED_BYTES / row_bytes).clamp(1, most))
}

/// The library stops unpacking at the size that a header says, but for gzip and Brotli, where it goes on to the end, and for frames of LZ4, which it looks for
/// in pages of the codec that Hadoop's programs and old versions of Arrow call LZ4.
fn check_packing(bytes: &[u8], column: &ColumnChunkMetaData) -> Result<(), FileError> {
    let name = column.column_descr().name();
    let mut rest = chunk(bytes, column).unwrap_or_default();
    let codec = column.compression();
    match codec {
        Compression::UNCOMPRESSED | Compression::SNAPPY | Compression::ZSTD(_) | Compression::LZ4_RAW => return Ok(()),
        Compression::GZIP(_) | Compression::BROTLI(_) | Compression::LZ4 => {}
        other @ Compression::LZO => {
            return Err(limit(format!(
                "column {name:?} is packed by {other}, which is not read: write it with snappy, zstd, lz4_raw, gzip or brotli"
            )));
        }
    }
    while let Some(header) = page_header(rest) {
        let page = header.length.saturating_add(header.levels)..header.length + header.packed;
        let page = rest.get(page).unwrap_or_default();
        let expected = header.unpacked.saturating_sub(header.levels) as u64;
        let is_larger = match codec {
            Compression::GZIP(_) => is_larger(flate2::read::MultiGzDecoder::new(page), expected),
            Compression::BROTLI(_) => is_larger(brotli::Decompressor::new(page, BROTLI_BUFFER_BYTES), expected),
            _ => page.get(1..4).is_some_and(|magic| FRAMES_OF_LZ4.contains(&magic)),
        };
        if is_larger && codec == Compression::LZ4 {
            return Err(limit(format!(
                "a page of column {name:?} is a frame of LZ4, as old versions of Arrow wrote it, which is not read: write it with lz4_raw, snappy or zstd"
            )));
        }
        if is_larger {
            return Err(unreadable(format!(
                "a page of column {name:?} is larger than its header says"
            )));
        }
        rest = rest.get(header.length + header.packed..).unwrap_or_default();
    }
    Ok(())
}

const BROTLI_BUFFER_BYTES: usize = 4096;

/// What frames of LZ4 begin with, after a byte that differs: today's, those that are passed over, and the first ones. Sizes of pages, which Hadoop's programs
/// write there, are not so large.
const FRAMES_OF_LZ4: [&[u8]; 3] = [&[0x22, 0x4d, 0x18], &[0x2a, 0x4d, 0x18], &[0x21, 0x4c, 0x18]];

/// Whether a page is larger than expected once it is unpacked. What is not packed as it should be, as values that were not worth it, the library tells.
fn is_larger(unpacked: impl Read, expected: u64) -> bool {
    std::io::copy(&mut unpacked.take(expected + 1), &mut std::io::sink()).is_ok_and(|unpacked| unpacked > expected)
}

/// Bytes of the longest text of a column in a row group.
fn longest(bytes: &Bytes, column: &ColumnChunkMetaData, rows: usize) -> Result<usize, FileError> {
    let pages = SerializedPageReader::new(Arc::new(bytes.clone()), column, rows, None);
    let pages = pages.map_err(|error| unreadable(error.to_string()))?;
    let has_nulls = column.column_descr().max_def_level() > 0;
    let is_fixed = column.column_type() == Type::FIXED_LEN_BYTE_ARRAY;
    let mut longest = 0;
    for page in pages {
        let page = page.map_err(|error| unreadable(error.to_string()))?;
        let values = values_of(&page, has_nulls);
        let values = values.ok_or_else(|| unreadable("a page has fewer bytes than its levels take"))?;
        let found = match page.encoding() {
            // A page of nothing but nulls.
            _ if values.is_empty() => Some(0),
            Encoding::DELTA_LENGTH_BYTE_ARRAY => lengths::longest_by_length(values, page.num_values() as usize),
            Encoding::DELTA_BYTE_ARRAY => lengths::longest_by_prefix(values, page.num_values() as usize),
            _ if is_fixed => Some(0),
            Encoding::PLAIN => lengths::longest_plain(values),
            Encoding::PLAIN_DICTIONARY if matches!(page, Page::DictionaryPage { .. }) => lengths::longest_plain(values),
            Encoding::PLAIN_DICTIONARY | Encoding::RLE_DICTIONARY => Some(0),
            other => return Err(unreadable(format!("texts can't be encoded as {other}"))),
        };
        let found = found.ok_or_else(|| unreadable("the lengths of a page's texts can't be read"))?;
        longest = longest.max(found);
    }
    Ok(longest)
}

/// The values of a page, behind the levels that say which of them are null.
fn values_of(page: &Page, has_nulls: bool) -> Option<&[u8]> {
    match page {
        Page::DictionaryPage { buf, .. } => Some(buf),
        Page::DataPageV2 {
            buf,
            def_levels_byte_len,
            rep_levels_byte_len,
            ..
        } => buf.get(*def_levels_byte_len as usize + *rep_levels_byte_len as usize..),
        Page::DataPage { buf, .. } if !has_nulls => Some(buf),
        Page::DataPage {
            buf,
            def_level_encoding: Encoding::RLE,
            ..
        } => {
            let length = u32::from_le_bytes(*buf.first_chunk()?) as usize;
            buf.get(4 + length..)
        }
        // A bit for each value.
        Page::DataPage { buf, num_values, .. } => buf.get((*num_values as usize).div_ceil(8)..),
    }
}

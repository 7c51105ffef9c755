//! Text files that are packed as a whole, by gzip or Zstandard. They are known by their first bytes, as their names may say nothing of it.

use std::io::Read;

use bytes::Bytes;

use crate::files::{FileError, MAX_FILE_BYTES};

/// The most bytes that a packed text file has once it is unpacked: as many as one that was not packed. It is unpacked at once, and read no further.
pub const MAX_UNPACKED_TEXT_BYTES: u64 = MAX_FILE_BYTES;

/// The largest window of a file that is packed by Zstandard, as a power of two: 32 MiB, what its levels up to 19 take four times over.
const MAX_WINDOW_LOG: u32 = 25;

/// So many bytes more are made room for at once, so that none of a gigabyte is for nothing.
const STEP_BYTES: usize = 16 * 1024 * 1024;

const GZIP: [u8; 2] = [0x1f, 0x8b];
const ZSTANDARD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// What names of packed files end in.
const ENDINGS: [&str; 4] = [".gz", ".gzip", ".zst", ".zstd"];

/// A name in small letters without the ending that says how the file is packed.
pub(crate) fn without_ending(name: &str) -> &str {
    ENDINGS
        .iter()
        .find_map(|ending| name.strip_suffix(ending))
        .unwrap_or(name)
}

/// The text of a file, unpacked where it is packed.
///
/// # Errors
/// When it is cut off, or larger than [`MAX_UNPACKED_TEXT_BYTES`].
pub(crate) fn unpacked(bytes: Bytes) -> Result<Bytes, FileError> {
    unpacked_to(MAX_UNPACKED_TEXT_BYTES, bytes)
}

fn unpacked_to(most: u64, bytes: Bytes) -> Result<Bytes, FileError> {
    if bytes.starts_with(&GZIP) {
        return read("gzip", flate2::read::MultiGzDecoder::new(bytes.as_ref()), most);
    }
    if bytes.starts_with(&ZSTANDARD) {
        let unreadable = |error: std::io::Error| unreadable("Zstandard", &error);
        let mut decoder = zstd::stream::read::Decoder::with_buffer(bytes.as_ref()).map_err(unreadable)?;
        decoder.window_log_max(MAX_WINDOW_LOG).map_err(unreadable)?;
        return read("Zstandard", decoder, most);
    }
    Ok(bytes)
}

fn unreadable(format: &'static str, error: &std::io::Error) -> FileError {
    FileError::Unreadable {
        format,
        cause: error.to_string(),
    }
}

fn read(format: &'static str, packed: impl Read, most: u64) -> Result<Bytes, FileError> {
    let mut packed = packed.take(most + 1);
    let mut text = Vec::new();
    loop {
        let length = text.len();
        text.reserve_exact(STEP_BYTES);
        let step = packed.by_ref().take(STEP_BYTES as u64).read_to_end(&mut text);
        step.map_err(|error| unreadable(format, &error))?;
        if text.len() == length {
            break;
        }
    }
    if text.len() as u64 > most {
        return Err(FileError::Limit(format!(
            "the file has more than {most} bytes once it is unpacked: split it"
        )));
    }
    Ok(text.into())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::io::Write as _;

    use super::*;

    const TEXT: &[u8] = b"at,amount\n2026-11-20T10:00:00Z,1\n";

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn packed_texts_are_unpacked_by_their_first_bytes() {
        let zstandard = zstd::encode_all(TEXT, 3).unwrap();
        let twice = [gzip(&TEXT[..10]), gzip(&TEXT[10..])].concat();
        for packed in [TEXT.to_vec(), gzip(TEXT), twice, zstandard] {
            assert_eq!(unpacked(packed.into()).unwrap(), TEXT);
        }
    }

    #[test]
    fn what_is_cut_off_is_no_text() {
        for packed in [gzip(TEXT), zstd::encode_all(TEXT, 3).unwrap()] {
            let cut = Bytes::copy_from_slice(&packed[..packed.len() - 5]);
            let refused = unpacked(cut).unwrap_err();
            assert!(matches!(refused, FileError::Unreadable { .. }), "{refused}");
        }
    }

    /// Some hundred kilobytes that stand for a gigabyte are read as far as a file may be large: here a megabyte.
    #[test]
    fn a_bomb_is_read_no_further_than_the_limit() {
        let most = 1 << 20;
        let mut bombs = vec![zstd::encode_all(std::io::repeat(0).take(1 << 30), 3).unwrap()];
        bombs.push(gzip(&vec![0; 16 << 20]));
        for bomb in bombs {
            assert!(bomb.len() < 200_000, "{}", bomb.len());
            let refused = unpacked_to(most, bomb.into()).unwrap_err().to_string();
            assert!(
                refused.contains("1048576 bytes once it is unpacked: split it"),
                "{refused}"
            );
        }
        assert_eq!(
            unpacked_to(most, gzip(&vec![0; 1 << 20]).into()).unwrap().len(),
            1 << 20
        );
    }
}

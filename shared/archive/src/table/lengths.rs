//! How long the texts of a page are, by each of Parquet's encodings of texts.

use crate::thrift::Reader;

/// Parquet's numbers of `DELTA_LENGTH_BYTE_ARRAY` and `DELTA_BYTE_ARRAY`.
const BY_DIFFERENCES: [usize; 2] = [6, 7];

/// The widest difference between two lengths, in bits.
const MAX_BITS: usize = 32;

/// Whether an encoding has the lengths of its texts as differences, which may be far more than bytes.
pub(super) fn are_differences(encoding: usize) -> bool {
    BY_DIFFERENCES.contains(&encoding)
}

/// The longest of texts of which each stands behind its length. What is cut off, its reader tells.
#[allow(clippy::unnecessary_wraps, reason = "the others may not be readable")]
pub(super) fn longest_plain(mut values: &[u8]) -> Option<usize> {
    let mut longest = 0;
    while let Some((length, rest)) = values.split_first_chunk() {
        let length = u32::from_le_bytes(*length) as usize;
        let Some(rest) = rest.get(length..) else {
            break;
        };
        longest = longest.max(length);
        values = rest;
    }
    Some(longest)
}

/// The longest of texts that stand behind all their lengths, of which there are at most so many.
pub(super) fn longest_by_length(values: &[u8], most: usize) -> Option<usize> {
    let lengths = differences(&mut Reader::new(values), most)?;
    sizes(&lengths)?.max().or(Some(0))
}

/// The longest of texts that repeat the beginning of the one before.
pub(super) fn longest_by_prefix(values: &[u8], most: usize) -> Option<usize> {
    let mut reader = Reader::new(values);
    let prefixes = differences(&mut reader, most)?;
    let suffixes = differences(&mut reader, most)?;
    let whole = sizes(&prefixes)?.zip(sizes(&suffixes)?);
    whole.map(|(prefix, suffix)| prefix + suffix).max().or(Some(0))
}

/// Lengths, none of which is negative.
fn sizes(lengths: &[i32]) -> Option<impl Iterator<Item = usize>> {
    let all = lengths.iter().all(|length| *length >= 0);
    all.then(|| lengths.iter().map(|length| length.unsigned_abs() as usize))
}

/// Whole numbers as `DELTA_BINARY_PACKED` has them: blocks of differences, in each of which every part has a width of its own. There may be fewer than
/// `most`, as nulls have no length.
fn differences(reader: &mut Reader<'_>, most: usize) -> Option<Vec<i32>> {
    let block = usize::try_from(reader.varint()?).ok()?;
    let parts = usize::try_from(reader.varint()?).ok()?;
    let count = usize::try_from(reader.varint()?).ok()?;
    let mut last = i32::try_from(reader.zigzag()?).ok()?;
    if count > most || parts == 0 || block == 0 || block % parts != 0 {
        return None;
    }
    let part = block / parts;
    let mut numbers = Vec::with_capacity(count);
    numbers.extend((count > 0).then_some(last));
    while numbers.len() < count {
        let least = i32::try_from(reader.zigzag()?).ok()?;
        for bits in reader.take(parts)? {
            // The widths of parts that nothing is left for mean nothing.
            let wanted = part.min(count - numbers.len());
            if wanted == 0 {
                break;
            }
            let bits = usize::from(*bits);
            let packed = reader.take(part.checked_mul(bits)?.div_ceil(8))?;
            for place in 0..wanted {
                last = last
                    .wrapping_add(least)
                    .wrapping_add(unpacked(packed, place * bits, bits)?);
                numbers.push(last);
            }
        }
    }
    Some(numbers)
}

/// A number of so many bits from a bit on, the lowest first.
fn unpacked(packed: &[u8], from: usize, bits: usize) -> Option<i32> {
    if bits > MAX_BITS {
        return None;
    }
    let mut window = [0; 8];
    let bytes = packed.get(from / 8..).unwrap_or_default();
    let count = bytes.len().min(window.len());
    window[..count].copy_from_slice(&bytes[..count]);
    let mask = (1_u64 << bits) - 1;
    let number = u32::try_from((u64::from_le_bytes(window) >> (from % 8)) & mask).ok()?;
    Some(number.cast_signed())
}

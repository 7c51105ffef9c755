//! As much of Thrift's compact protocol as it takes to look at a Parquet page before it is decoded: its header.
//!
//! The library reads these headers too, and shows neither the sizes nor the kind. What is written here is stricter than the library: whatever it could
//! read in another way, such as a size that is no `i32`, is no header here.

/// How deep a structure may lie in another: a header has statistics at depth 2.
const MAX_DEPTH: usize = 8;

const TRUE: u8 = 1;
const FALSE: u8 = 2;
const I8: u8 = 3;
const I16: u8 = 4;
const I32: u8 = 5;
const I64: u8 = 6;
const DOUBLE: u8 = 7;
const BINARY: u8 = 8;
const STRUCT: u8 = 12;

/// What a page is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Values, or their places in the dictionary.
    Data,
    /// Values that pages of data refer to.
    Dictionary,
}

/// What the header of a page says of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PageHeader {
    pub(crate) kind: Kind,
    /// Bytes of the header itself.
    pub(crate) length: usize,
    /// Bytes of the page as it lies in the file.
    pub(crate) packed: usize,
    /// Bytes of the page as it is decoded from.
    pub(crate) unpacked: usize,
    /// Values, nulls among them.
    pub(crate) values: usize,
    /// Parquet's number of how values are encoded.
    pub(crate) encoding: usize,
    /// Bytes of levels that stand before what is packed: in version 2 only.
    pub(crate) levels: usize,
}

/// The header that a text begins with; `None` when it begins with none.
pub(crate) fn page_header(bytes: &[u8]) -> Option<PageHeader> {
    let mut reader = Reader { bytes, at: 0 };
    let (mut kind, mut unpacked, mut packed) = (None, None, None);
    // By field: what the header of a page of data, of a dictionary, of data in version 2 says.
    let (mut data, mut dictionary, mut second) = (None, None, None);
    let mut last = 0;
    while let Some((field, kind_of_field)) = reader.field(last)? {
        match (field, kind_of_field) {
            (1, I32) => kind = Some(reader.size()?),
            (2, I32) => unpacked = Some(reader.size()?),
            (3, I32) => packed = Some(reader.size()?),
            (5, STRUCT) => data = Some(reader.values(2, [None; 2])?),
            (7, STRUCT) => dictionary = Some(reader.values(2, [None; 2])?),
            (8, STRUCT) => second = Some(reader.values(4, [Some(5), Some(6)])?),
            // A checksum.
            (4, I32) => reader.skip(I32, 0)?,
            _ => return None,
        }
        last = field;
    }
    let (
        kind,
        Values {
            count,
            encoding,
            levels,
        },
    ) = match kind? {
        0 => (Kind::Data, data?),
        2 => (Kind::Dictionary, dictionary?),
        3 => (Kind::Data, second?),
        _ => return None,
    };
    Some(PageHeader {
        kind,
        length: reader.at,
        packed: packed?,
        unpacked: unpacked?,
        values: count,
        encoding,
        levels,
    })
}

/// What a page's own header says of its values.
#[derive(Clone, Copy)]
struct Values {
    count: usize,
    encoding: usize,
    levels: usize,
}

/// Bytes of the compact protocol, from the first on.
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub(crate) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let taken = self.bytes.get(self.at..self.at.checked_add(count)?)?;
        self.at += count;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        Some(self.take(1)?[0])
    }

    /// A whole number of at most 64 bits, seven to a byte.
    pub(crate) fn varint(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..63).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        let last = self.byte()?;
        (last <= 1).then(|| number | u64::from(last) << 63)
    }

    /// A number whose sign is its last bit.
    pub(crate) fn zigzag(&mut self) -> Option<i64> {
        let number = self.varint()?;
        Some((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
    }

    /// A count or size: what is negative or beyond 31 bits is none.
    fn size(&mut self) -> Option<usize> {
        let size = i32::try_from(self.zigzag()?).ok()?;
        usize::try_from(size).ok()
    }

    /// The number and kind of the next field, or that the structure ends.
    fn field(&mut self, last: i64) -> Option<Option<(i64, u8)>> {
        let byte = self.byte()?;
        if byte == 0 {
            return Some(None);
        }
        let number = match byte >> 4 {
            0 => self.zigzag()?,
            step => last + i64::from(step),
        };
        Some(Some((number, byte & 0x0f)))
    }

    /// The number of values, the encoding, which is the field of that number, and the bytes of levels, which are in those fields.
    fn values(&mut self, encoding: i64, levels: [Option<i64>; 2]) -> Option<Values> {
        let (mut values, mut encoded, mut level_bytes) = (None, None, 0_usize);
        let mut last = 0;
        while let Some((field, kind)) = self.field(last)? {
            match (field, kind) {
                (1, I32) => values = Some(self.size()?),
                (field, I32) if field == encoding => encoded = Some(self.size()?),
                (field, I32) if levels.contains(&Some(field)) => level_bytes = level_bytes.checked_add(self.size()?)?,
                (1, _) => return None,
                (field, _) if field == encoding || levels.contains(&Some(field)) => return None,
                (_, kind) => self.skip(kind, 1)?,
            }
            last = field;
        }
        Some(Values {
            count: values?,
            encoding: encoded?,
            levels: level_bytes,
        })
    }

    fn skip(&mut self, kind: u8, depth: usize) -> Option<()> {
        match kind {
            TRUE | FALSE => {}
            I8 => drop(self.byte()?),
            I16 | I32 | I64 => drop(self.varint()?),
            DOUBLE => drop(self.take(8)?),
            BINARY => {
                let length = usize::try_from(self.varint()?).ok()?;
                self.take(length)?;
            }
            STRUCT if depth < MAX_DEPTH => {
                let mut last = 0;
                while let Some((field, kind)) = self.field(last)? {
                    self.skip(kind, depth + 1)?;
                    last = field;
                }
            }
            // Headers of pages have no lists, sets or maps.
            _ => return None,
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A header of a page of data: kind 0, 300 bytes unpacked, 20 packed, 7 values in encoding 8, levels, a checksum before it.
    const DATA: [u8; 19] = [
        0x15, 0x00, 0x15, 0xd8, 0x04, 0x15, 0x28, 0x15, 0x02, 0x1c, 0x15, 0x0e, 0x15, 0x10, 0x15, 0x06, 0x15, 0x06,
        0x00,
    ];

    #[test]
    fn a_header_says_what_its_page_takes() {
        let bytes = [DATA.as_slice(), &[0x00, 0xff]].concat();
        let expected = PageHeader {
            kind: Kind::Data,
            length: 20,
            packed: 20,
            unpacked: 300,
            values: 7,
            encoding: 8,
            levels: 0,
        };
        assert_eq!(page_header(&bytes), Some(expected));
        for end in 0..20 {
            assert_eq!(page_header(&bytes[..end]), None, "{end} bytes");
        }
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_no_header() {
        let with = |at: usize, byte: u8| {
            let mut bytes = [DATA.as_slice(), &[0x00]].concat();
            bytes[at] = byte;
            bytes
        };
        for (case, bytes) in [
            ("an index", with(1, 0x02)),
            ("a size that is 64 bits wide", with(2, 0x16)),
            ("a negative size", with(6, 0x29)),
            ("a number of values that is none", with(10, 0x18)),
            ("a field that no header has", with(7, 0xf5)),
        ] {
            assert_eq!(page_header(&bytes), None, "{case}");
        }
    }

    #[test]
    fn numbers_end() {
        for (bytes, expected) in [
            (vec![0x00], Some(0)),
            (vec![0x7f], Some(127)),
            (vec![0x80, 0x01], Some(128)),
            ([[0xff; 9].as_slice(), &[0x01]].concat(), Some(u64::MAX)),
            ([[0xff; 9].as_slice(), &[0x02]].concat(), None),
            (vec![0xff; 9], None),
        ] {
            assert_eq!(Reader::new(&bytes).varint(), expected, "{bytes:?}");
        }
        assert_eq!(Reader::new(&[0x03]).zigzag(), Some(-2));
    }
}

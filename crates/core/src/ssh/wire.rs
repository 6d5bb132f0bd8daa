//! The SSH wire encoding (RFC 4251 section 5): `byte`, `uint32`, `string`, positive `mpint`.
//!
//! Every read is bounded and [`Reader::finish`] refuses what is left over, so one value has one encoding.
//! It must never guess: a field that is too short, too long or not minimal is an error.

/// Why bytes are not the SSH structure they should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// The bytes end inside a field.
    #[error("the SSH data ends inside a field; send it whole")]
    Truncated,
    /// A field is longer than this place allows.
    #[error(
        "an SSH field has {length} bytes where at most {limit} are allowed; send a shorter one"
    )]
    TooLong {
        /// Bytes announced.
        length: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// Bytes follow the last field.
    #[error("{extra} bytes follow the end of the SSH data; remove them")]
    Trailing {
        /// How many bytes are left over.
        extra: usize,
    },
    /// A field that must be text is not UTF-8.
    #[error("an SSH text field is not UTF-8; encode it as UTF-8")]
    NotText,
    /// An integer is negative, zero, too large or has superfluous leading zeros.
    #[error("an SSH integer is not a positive number in its shortest form; encode it by RFC 4251")]
    BadInteger,
}

/// Reads fields from the front of a byte slice.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Reads from the start of `bytes`.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// The next `length` bytes, as they are.
    pub fn take(&mut self, length: usize) -> Result<&'a [u8], WireError> {
        let (head, rest) = self
            .rest
            .split_at_checked(length)
            .ok_or(WireError::Truncated)?;
        self.rest = rest;
        Ok(head)
    }

    /// The next `N` bytes, as an array.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        let (head, rest) = self
            .rest
            .split_first_chunk::<N>()
            .ok_or(WireError::Truncated)?;
        self.rest = rest;
        Ok(*head)
    }

    /// One `byte`.
    pub fn byte(&mut self) -> Result<u8, WireError> {
        self.array::<1>().map(|[b]| b)
    }

    /// One `uint32`, big endian.
    pub fn u32(&mut self) -> Result<u32, WireError> {
        self.array().map(u32::from_be_bytes)
    }

    /// One `string` of at most `limit` bytes.
    pub fn string(&mut self, limit: usize) -> Result<&'a [u8], WireError> {
        let length = usize::try_from(self.u32()?).unwrap_or(usize::MAX);
        if length > limit {
            return Err(WireError::TooLong { length, limit });
        }
        self.take(length)
    }

    /// One `string` of at most `limit` bytes that is UTF-8.
    pub fn text(&mut self, limit: usize) -> Result<&'a str, WireError> {
        std::str::from_utf8(self.string(limit)?).map_err(|_| WireError::NotText)
    }

    /// One positive `mpint` of at most 256 bits, left-padded to 32 bytes. Only the shortest encoding is read.
    pub fn positive_mpint_256(&mut self) -> Result<[u8; 32], WireError> {
        let encoded = self.string(33)?;
        let magnitude = match encoded {
            [] => return Err(WireError::BadInteger),
            [0, rest @ ..] if rest.first().is_some_and(|b| b & 0x80 != 0) => rest,
            [first, ..] if *first == 0 || first & 0x80 != 0 => return Err(WireError::BadInteger),
            whole => whole,
        };
        let mut number = [0; 32];
        let start = number
            .len()
            .checked_sub(magnitude.len())
            .ok_or(WireError::BadInteger)?;
        number
            .get_mut(start..)
            .ok_or(WireError::BadInteger)?
            .copy_from_slice(magnitude);
        Ok(number)
    }

    /// Ends the reading; anything left over is an error.
    pub const fn finish(self) -> Result<(), WireError> {
        match self.rest.len() {
            0 => Ok(()),
            extra => Err(WireError::Trailing { extra }),
        }
    }
}

/// Appends fields to a buffer.
#[derive(Debug, Clone, Default)]
pub struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    /// An empty buffer.
    #[must_use]
    pub const fn new() -> Self {
        Self { bytes: Vec::new() }
    }

    /// Bytes without a length before them.
    pub fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.bytes.extend_from_slice(bytes);
        self
    }

    /// One `byte`.
    pub fn byte(&mut self, byte: u8) -> &mut Self {
        self.raw(&[byte])
    }

    /// One `uint32`, big endian.
    pub fn u32(&mut self, number: u32) -> &mut Self {
        self.raw(&number.to_be_bytes())
    }

    /// One `string`. Beyond 4 GiB, which no caller's limit allows, the length written is one that every reader
    /// refuses as truncated or too long, never a wrapped one.
    pub fn string(&mut self, bytes: &[u8]) -> &mut Self {
        self.u32(u32::try_from(bytes.len()).unwrap_or(u32::MAX))
            .raw(bytes)
    }

    /// One non-negative `mpint` from big-endian bytes, in its shortest form.
    pub fn positive_mpint(&mut self, magnitude: &[u8]) -> &mut Self {
        let zeros = magnitude.iter().take_while(|b| **b == 0).count();
        let shortest = magnitude.get(zeros..).unwrap_or_default();
        let mut encoded = Vec::with_capacity(shortest.len() + 1);
        if shortest.first().is_some_and(|b| b & 0x80 != 0) {
            encoded.push(0);
        }
        encoded.extend_from_slice(shortest);
        self.string(&encoded)
    }

    /// What was written.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn integers_have_one_encoding() {
        let table: &[(&[u8], Option<u8>)] = &[
            (&[1], Some(1)),
            (&[0x7f], Some(0x7f)),
            (&[0, 0x80], Some(0x80)),
            (&[], None),
            (&[0], None),
            (&[0x80], None),
            (&[0, 1], None),
            (&[0, 0, 0x80], None),
            (&[1; 33], None),
        ];
        for (encoded, expected) in table {
            let mut writer = Writer::new();
            writer.string(encoded);
            let bytes = writer.into_bytes();
            let read = Reader::new(&bytes).positive_mpint_256();
            assert_eq!(read.ok().map(|number| number[31]), *expected, "{encoded:?}");
        }
    }

    #[test]
    fn strings_are_bounded_and_nothing_may_follow() {
        let mut reader = Reader::new(&[0, 0, 0, 2, b'a', b'b', 9]);
        assert_eq!(
            reader.clone().string(1),
            Err(WireError::TooLong {
                length: 2,
                limit: 1
            })
        );
        assert_eq!(reader.string(2), Ok(&b"ab"[..]));
        assert_eq!(reader.finish(), Err(WireError::Trailing { extra: 1 }));
        assert_eq!(
            Reader::new(&[0, 0, 0, 3, 1]).string(9),
            Err(WireError::Truncated)
        );
        assert_eq!(
            Reader::new(&[0xff; 4]).string(9),
            Err(WireError::TooLong {
                length: 0xffff_ffff,
                limit: 9
            })
        );
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(number: u32, text in "\\PC{0,40}", magnitude: [u8; 32]) {
            prop_assume!(magnitude != [0; 32]);
            let mut writer = Writer::new();
            writer.u32(number).string(text.as_bytes()).positive_mpint(&magnitude);
            let bytes = writer.into_bytes();
            let mut reader = Reader::new(&bytes);
            prop_assert_eq!(reader.u32(), Ok(number));
            prop_assert_eq!(reader.text(400), Ok(text.as_str()));
            prop_assert_eq!(reader.positive_mpint_256(), Ok(magnitude));
            prop_assert_eq!(reader.finish(), Ok(()));
        }

        #[test]
        fn an_integer_that_is_read_is_written_the_same(encoded in prop::collection::vec(any::<u8>(), 0..35)) {
            let mut writer = Writer::new();
            writer.string(&encoded);
            let bytes = writer.into_bytes();
            if let Ok(number) = Reader::new(&bytes).positive_mpint_256() {
                let mut again = Writer::new();
                again.positive_mpint(&number);
                prop_assert_eq!(again.into_bytes(), bytes);
            }
        }
    }
}

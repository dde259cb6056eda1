//! Reading and writing bytes in order, with bounds checked at every step.
//!
//! [`Reader`] never copies and never allocates but for text, which it makes from bytes that are there; a length in the
//! input therefore cannot reserve memory by itself. [`Put`] appends to a `Vec<u8>`.

use super::DecodeError;

/// Reads from the front of a byte slice.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Starts at the front of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// What was not read yet.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// How many bytes were not read yet.
    pub fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// Whether all was read.
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next byte, left where it is.
    pub fn peek(&self) -> Result<u8, DecodeError> {
        self.rest.first().copied().ok_or(DecodeError::Incomplete)
    }

    /// The next `count` bytes.
    pub fn bytes(&mut self, count: usize) -> Result<&'a [u8], DecodeError> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(DecodeError::Incomplete)?;
        self.rest = rest;
        Ok(taken)
    }

    /// The next `N` bytes as an array.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(DecodeError::Incomplete)?;
        self.rest = rest;
        Ok(*taken)
    }

    /// A reader over the next `count` bytes alone.
    pub fn part(&mut self, count: usize) -> Result<Self, DecodeError> {
        self.bytes(count).map(Self::new)
    }

    /// An unsigned byte.
    pub fn u8(&mut self) -> Result<u8, DecodeError> {
        self.array().map(u8::from_le_bytes)
    }

    /// A little-endian number of two bytes.
    pub fn u16(&mut self) -> Result<u16, DecodeError> {
        self.array().map(u16::from_le_bytes)
    }

    /// A little-endian number of four bytes.
    pub fn u32(&mut self) -> Result<u32, DecodeError> {
        self.array().map(u32::from_le_bytes)
    }

    /// A little-endian number of eight bytes.
    pub fn u64(&mut self) -> Result<u64, DecodeError> {
        self.array().map(u64::from_le_bytes)
    }

    /// A big-endian number of two bytes.
    pub fn u16_be(&mut self) -> Result<u16, DecodeError> {
        self.array().map(u16::from_be_bytes)
    }

    /// A big-endian number of four bytes.
    pub fn u32_be(&mut self) -> Result<u32, DecodeError> {
        self.array().map(u32::from_be_bytes)
    }

    /// Bytes after their count in one byte (B_VARBYTE).
    pub fn b_bytes(&mut self) -> Result<&'a [u8], DecodeError> {
        let count = self.u8()?;
        self.bytes(count.into())
    }

    /// Bytes after their count in two bytes (US_VARBYTE).
    pub fn us_bytes(&mut self) -> Result<&'a [u8], DecodeError> {
        let count = self.u16()?;
        self.bytes(count.into())
    }

    /// Bytes after their count in four bytes (L_VARBYTE).
    pub fn l_bytes(&mut self) -> Result<&'a [u8], DecodeError> {
        let count = self.u32()?;
        self.bytes(usize::try_from(count).map_err(|_| DecodeError::Incomplete)?)
    }

    /// Text after its count of UTF-16 units in one byte (B_VARCHAR).
    pub fn b_text(&mut self) -> Result<String, DecodeError> {
        let units = self.u8()?;
        self.text(units.into())
    }

    /// Text after its count of UTF-16 units in two bytes (US_VARCHAR).
    pub fn us_text(&mut self) -> Result<String, DecodeError> {
        let units = self.u16()?;
        self.text(units.into())
    }

    /// Text of so many UTF-16 units; what is not valid UTF-16 in it becomes U+FFFD.
    pub fn text(&mut self, units: usize) -> Result<String, DecodeError> {
        let bytes = self.bytes(units.checked_mul(2).ok_or(DecodeError::Incomplete)?)?;
        Ok(utf16_lossy(bytes))
    }
}

/// The text of little-endian UTF-16 bytes, or nothing if they are not valid (an odd byte, a surrogate on its own).
pub fn utf16_strict(bytes: &[u8]) -> Option<String> {
    let (units, []) = bytes.as_chunks::<2>() else { return None };
    char::decode_utf16(units.iter().map(|unit| u16::from_le_bytes(*unit))).collect::<Result<_, _>>().ok()
}

/// The text of little-endian UTF-16 bytes, with U+FFFD for what is not valid; an odd last byte is left out.
pub fn utf16_lossy(bytes: &[u8]) -> String {
    let (units, _) = bytes.as_chunks::<2>();
    char::decode_utf16(units.iter().map(|unit| u16::from_le_bytes(*unit)))
        .map(|decoded| decoded.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect()
}

/// How many UTF-16 units `text` takes.
pub fn utf16_len(text: &str) -> usize {
    text.encode_utf16().count()
}

/// The longest part of `text`, from its start and at a character's end, that takes at most `units` UTF-16 units.
pub fn cut(text: &str, units: usize) -> &str {
    let mut used = 0;
    for (at, character) in text.char_indices() {
        used += character.len_utf16();
        if used > units {
            return text.get(..at).unwrap_or_default();
        }
    }
    text
}

/// Appends to a buffer in the forms that TDS uses. Numbers are little-endian unless the name says otherwise.
pub trait Put {
    /// Bytes as they are.
    fn put(&mut self, bytes: &[u8]);

    /// One byte.
    fn put_u8(&mut self, value: u8) {
        self.put(&[value]);
    }

    /// Two bytes.
    fn put_u16(&mut self, value: u16) {
        self.put(&value.to_le_bytes());
    }

    /// Four bytes.
    fn put_u32(&mut self, value: u32) {
        self.put(&value.to_le_bytes());
    }

    /// Eight bytes.
    fn put_u64(&mut self, value: u64) {
        self.put(&value.to_le_bytes());
    }

    /// Two bytes, the high one first.
    fn put_u16_be(&mut self, value: u16) {
        self.put(&value.to_be_bytes());
    }

    /// Four bytes, the highest first.
    fn put_u32_be(&mut self, value: u32) {
        self.put(&value.to_be_bytes());
    }

    /// Text as UTF-16, without a count.
    fn put_text(&mut self, text: &str) {
        for unit in text.encode_utf16() {
            self.put_u16(unit);
        }
    }

    /// Text after its count in one byte; cut at 255 units (names in TDS have at most 128).
    fn put_b_text(&mut self, text: &str) {
        let text = cut(text, u8::MAX.into());
        self.put_u8(u8::try_from(utf16_len(text)).unwrap_or(u8::MAX));
        self.put_text(text);
    }

    /// Text after its count in two bytes; cut at 65,535 units.
    fn put_us_text(&mut self, text: &str) {
        let text = cut(text, u16::MAX.into());
        self.put_u16(u16::try_from(utf16_len(text)).unwrap_or(u16::MAX));
        self.put_text(text);
    }

    /// Bytes after their count in one byte; cut at 255.
    fn put_b_bytes(&mut self, bytes: &[u8]) {
        let count = u8::try_from(bytes.len()).unwrap_or(u8::MAX);
        self.put_u8(count);
        self.put(bytes.get(..count.into()).unwrap_or(bytes));
    }

    /// Bytes after their count in two bytes; cut at 65,535.
    fn put_us_bytes(&mut self, bytes: &[u8]) {
        let count = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
        self.put_u16(count);
        self.put(bytes.get(..count.into()).unwrap_or(bytes));
    }

    /// Bytes after their count in four bytes.
    fn put_l_bytes(&mut self, bytes: &[u8]) {
        self.put_u32(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
        self.put(bytes);
    }
}

impl Put for Vec<u8> {
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reading_past_the_end_is_incomplete_and_moves_nothing() {
        let mut reader = Reader::new(&[1, 2, 3]);
        assert_eq!(reader.u32(), Err(DecodeError::Incomplete));
        assert_eq!(reader.u16(), Ok(0x0201));
        assert_eq!(reader.us_bytes(), Err(DecodeError::Incomplete));
    }

    #[test]
    fn a_count_of_text_never_splits_a_character() {
        assert_eq!(cut("a\u{1F600}b", 2), "a");
        assert_eq!(cut("a\u{1F600}b", 3), "a\u{1F600}");
    }

    #[test]
    fn a_surrogate_on_its_own_is_refused_or_replaced() {
        assert_eq!(utf16_strict(&[0x00, 0xD8]), None);
        assert_eq!(utf16_strict(&[0x41]), None);
        assert_eq!(utf16_lossy(&[0x00, 0xD8]), "\u{FFFD}");
    }

    proptest! {
        #[test]
        fn counted_text_comes_back(text in ".{0,100}") {
            let mut bytes = Vec::new();
            bytes.put_b_text(&text);
            bytes.put_us_text(&text);
            let mut reader = Reader::new(&bytes);
            prop_assert_eq!(reader.b_text().unwrap(), text.clone());
            prop_assert_eq!(reader.us_text().unwrap(), text);
            prop_assert!(reader.is_empty());
        }

        #[test]
        fn counted_bytes_come_back(data in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut bytes = Vec::new();
            bytes.put_b_bytes(&data);
            bytes.put_us_bytes(&data);
            bytes.put_l_bytes(&data);
            let mut reader = Reader::new(&bytes);
            prop_assert_eq!(reader.b_bytes().unwrap(), &data[..]);
            prop_assert_eq!(reader.us_bytes().unwrap(), &data[..]);
            prop_assert_eq!(reader.l_bytes().unwrap(), &data[..]);
        }
    }
}

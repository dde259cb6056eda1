//! The five bytes that say how text is compared and, for the 8-bit types, encoded.

/// A collation: locale and comparison flags in four bytes, and a sort order in the fifth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Collation(pub [u8; 5]);

impl Collation {
    /// `SQL_Latin1_General_CP1_CI_AS`, the default of an English installation; code page 1252.
    pub const LATIN1: Self = Self([0x09, 0x04, 0xD0, 0x00, 0x34]);

    /// The locale: which language's rules.
    pub fn locale(self) -> u32 {
        let [a, b, c, ..] = self.0;
        u32::from_le_bytes([a, b, c & 0x0F, 0])
    }

    /// Whether the 8-bit types hold UTF-8.
    pub fn is_utf8(self) -> bool {
        let [_, _, _, flags, _] = self.0;
        flags & 0x04 != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latin1_is_english_and_not_utf8() {
        assert_eq!((Collation::LATIN1.locale(), Collation::LATIN1.is_utf8()), (0x0409, false));
        assert!(Collation([0x09, 0x04, 0xD0, 0x24, 0x00]).is_utf8());
    }
}

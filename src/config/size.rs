//! Sizes as text: `"512B"`, `"128KiB"`, `"4MiB"`.

use super::setting::{Raw, Setting, quoted};

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(usize);

/// Units from the largest to the smallest.
const UNITS: [(&str, usize); 4] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

impl Size {
    /// So many bytes.
    pub const fn from_bytes(bytes: usize) -> Self {
        Self(bytes)
    }

    /// So many kibibytes.
    pub const fn from_kib(kib: usize) -> Self {
        Self(kib.saturating_mul(1024))
    }

    /// In bytes.
    pub const fn bytes(self) -> usize {
        self.0
    }
}

impl std::fmt::Display for Size {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let fitting = UNITS.into_iter().find(|(_, factor)| self.0 != 0 && self.0.is_multiple_of(*factor));
        let (unit, factor) = fitting.unwrap_or(("B", 1));
        write!(f, "{}{unit}", self.0 / factor)
    }
}

impl Setting for Size {
    fn expected() -> String {
        "a size such as \"512B\", \"128KiB\" or \"4MiB\"".to_owned()
    }

    fn read(raw: &Raw) -> Option<Self> {
        let (Raw::Loose(text) | Raw::Text(text)) = raw else { return None };
        let text = text.trim();
        let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit())?);
        let (_, factor) = UNITS.into_iter().find(|(name, _)| *name == unit)?;
        number.parse::<usize>().ok()?.checked_mul(factor).map(Self)
    }

    fn toml(&self) -> String {
        quoted(&self.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Option<Size> {
        Size::read(&Raw::Loose(text.to_owned()))
    }

    #[test]
    fn sizes_read_as_people_write_them() {
        assert_eq!(read("128KiB"), Some(Size::from_kib(128)));
        for wrong in ["", "128", "128 KiB", "128kb", "KiB", "99999999999999999999B"] {
            assert_eq!(read(wrong), None, "{wrong:?}");
        }
    }

    proptest! {
        #[test]
        fn a_shown_size_reads_back(bytes in 0..usize::MAX / 2) {
            prop_assert_eq!(read(&Size(bytes).to_string()), Some(Size(bytes)));
        }
    }
}

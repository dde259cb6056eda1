//! Versions of the protocol, and what differs between them (MS-TDS 2.2.6.4, 2.2.7.14).

/// A version of TDS, as the number that LOGIN7 carries (little-endian there, big-endian in LOGINACK).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TdsVersion(pub u32);

impl TdsVersion {
    /// SQL Server 7.0.
    pub const V7_0: Self = Self(0x7000_0000);
    /// SQL Server 2000 SP1.
    pub const V7_1: Self = Self(0x7100_0001);
    /// SQL Server 2005.
    pub const V7_2: Self = Self(0x7209_0002);
    /// SQL Server 2008.
    pub const V7_3A: Self = Self(0x730A_0003);
    /// SQL Server 2008 R2.
    pub const V7_3B: Self = Self(0x730B_0003);
    /// SQL Server 2012 and later.
    pub const V7_4: Self = Self(0x7400_0004);
    /// SQL Server 2022 and later, where TLS comes first.
    pub const V8_0: Self = Self(0x0800_0000);

    /// Whether this is `other` or came after it.
    pub fn is_at_least(self, other: Self) -> bool {
        self.age() >= other.age()
    }

    /// Whether requests begin with ALL_HEADERS.
    pub fn has_all_headers(self) -> bool {
        self.is_at_least(Self::V7_2)
    }

    /// How many bytes the row count of DONE takes.
    pub fn done_row_count_width(self) -> usize {
        if self.is_at_least(Self::V7_2) { 8 } else { 4 }
    }

    /// How many bytes the line number of ERROR and INFO takes.
    pub fn line_number_width(self) -> usize {
        if self.is_at_least(Self::V7_2) { 4 } else { 2 }
    }

    /// How many bytes the user type of a column or a returned value takes.
    pub fn user_type_width(self) -> usize {
        if self.is_at_least(Self::V7_2) { 4 } else { 2 }
    }

    /// How many bytes LOGIN7 takes before its texts.
    pub fn login_fixed_len(self) -> usize {
        if self.is_at_least(Self::V7_2) { 94 } else { 86 }
    }

    /// 7.x counts in its highest byte; 8.0 starts anew, below all of them.
    fn age(self) -> u64 {
        if self.0 >> 24 < 0x70 { u64::from(self.0) + (1 << 32) } else { self.0.into() }
    }
}

impl std::fmt::Debug for TdsVersion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:#010x}", self.0)
    }
}

impl std::fmt::Display for TdsVersion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 >> 24 {
            0x08 => f.write_str("8.0"),
            high if high >> 4 == 7 => write!(f, "7.{}", high & 0x0F),
            _ => write!(f, "{:#010x}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_ordered_by_age_although_their_numbers_are_not() {
        let by_age = [
            TdsVersion::V7_0,
            TdsVersion::V7_1,
            TdsVersion::V7_2,
            TdsVersion::V7_3A,
            TdsVersion::V7_3B,
            TdsVersion::V7_4,
            TdsVersion::V8_0,
        ];
        for pair in by_age.windows(2) {
            assert!(pair[1].is_at_least(pair[0]) && !pair[0].is_at_least(pair[1]), "{pair:?}");
        }
    }

    #[test]
    fn sql_server_2000_has_narrow_counts_and_no_headers() {
        let old = TdsVersion::V7_1;
        assert!(!old.has_all_headers());
        assert_eq!((old.done_row_count_width(), old.line_number_width(), old.login_fixed_len()), (4, 2, 86));
        let new = TdsVersion::V8_0;
        assert!(new.has_all_headers());
        assert_eq!((new.done_row_count_width(), new.line_number_width(), new.login_fixed_len()), (8, 4, 94));
    }

    #[test]
    fn versions_print_as_people_say_them() {
        assert_eq!(TdsVersion::V7_4.to_string(), "7.4");
        assert_eq!(TdsVersion::V8_0.to_string(), "8.0");
    }
}

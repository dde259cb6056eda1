//! The option bytes of LOGIN7. Bits without a name here keep their value.

/// Makes a type for a byte of flags, with a constant for each named bit.
macro_rules! flags {
    ($(#[$meta:meta])* $name:ident { $($(#[$bit_meta:meta])* $bit:ident = $value:literal,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
        pub struct $name(pub u8);

        impl $name {
            $($(#[$bit_meta])* pub const $bit: Self = Self($value);)*

            /// Whether all bits of `other` are set.
            pub fn contains(self, other: Self) -> bool {
                self.0 & other.0 == other.0
            }

            /// Sets the bits of `other`, or clears them.
            pub fn set(&mut self, other: Self, on: bool) {
                self.0 = if on { self.0 | other.0 } else { self.0 & !other.0 };
            }
        }

        impl std::ops::BitOr for $name {
            type Output = Self;

            fn bitor(self, other: Self) -> Self {
                Self(self.0 | other.0)
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "{:#04x}", self.0)
            }
        }
    };
}

flags! {
    /// OptionFlags1.
    OptionFlags1 {
        /// Numbers are big-endian. No driver of today sets it.
        BIG_ENDIAN = 0x01,
        /// Text of the 8-bit kind is EBCDIC.
        EBCDIC = 0x02,
        /// A dump or load (bulk copy) is wanted.
        DUMP_LOAD_OFF = 0x10,
        /// Warn when a USE statement changes the database.
        USE_DB = 0x20,
        /// Fail when the database named cannot be used.
        INIT_DB_FATAL = 0x40,
        /// Warn when the language changes.
        SET_LANG = 0x80,
    }
}

flags! {
    /// OptionFlags2.
    OptionFlags2 {
        /// Fail when the language named cannot be used.
        INIT_LANG_FATAL = 0x01,
        /// The client is an ODBC driver, and wants its session settings.
        ODBC = 0x02,
        /// The connection is one of a replication.
        USER_SERVER = 0x10,
        /// Windows authentication: SSPI data instead of a password.
        INTEGRATED = 0x80,
    }
}

flags! {
    /// TypeFlags.
    TypeFlags {
        /// Transact-SQL.
        TSQL = 0x01,
        /// An OLE DB client.
        OLE_DB = 0x10,
        /// The application only reads, and may be sent to a replica.
        READ_ONLY_INTENT = 0x20,
    }
}

flags! {
    /// OptionFlags3.
    OptionFlags3 {
        /// The password is to be changed to the one in `change_password`.
        CHANGE_PASSWORD = 0x01,
        /// XML comes in binary form.
        BINARY_XML = 0x02,
        /// A user instance is wanted.
        USER_INSTANCE = 0x04,
        /// The client copes with collations that it does not know.
        UNKNOWN_COLLATION = 0x08,
        /// A feature extension block follows. Set and cleared by the encoder.
        EXTENSION = 0x10,
    }
}

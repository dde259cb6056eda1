//! SQL Server's types: names, precedence, and which of two wins.

/// The length of `varchar(max)` and its like.
pub const MAX: u16 = u16::MAX;

/// A type with its facets. Lengths of character types count characters as SQL Server does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names are SQL Server's own")]
pub enum SqlType {
    Bit,
    TinyInt,
    SmallInt,
    Int,
    BigInt,
    Real,
    Float,
    Decimal { precision: u8, scale: u8 },
    Money,
    SmallMoney,
    Date,
    Time(u8),
    SmallDateTime,
    DateTime,
    DateTime2(u8),
    DateTimeOffset(u8),
    Guid,
    Char(u16),
    VarChar(u16),
    NChar(u16),
    NVarChar(u16),
    Binary(u16),
    VarBinary(u16),
    Text,
    NText,
    Image,
    Xml,
}

/// How values of a type behave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// Whole numbers, bit among them.
    Integer,
    /// real and float.
    Float,
    /// decimal and money.
    Decimal,
    /// Characters.
    Text,
    /// Bytes.
    Binary,
    /// uniqueidentifier.
    Guid,
    /// date.
    Date,
    /// time.
    Time,
    /// datetime, smalldatetime, datetime2.
    DateTime,
    /// datetimeoffset.
    Offset,
}

impl SqlType {
    /// How its values behave.
    pub fn family(self) -> Family {
        use SqlType as T;
        match self {
            T::Bit | T::TinyInt | T::SmallInt | T::Int | T::BigInt => Family::Integer,
            T::Real | T::Float => Family::Float,
            T::Decimal { .. } | T::Money | T::SmallMoney => Family::Decimal,
            T::Date => Family::Date,
            T::Time(_) => Family::Time,
            T::SmallDateTime | T::DateTime | T::DateTime2(_) => Family::DateTime,
            T::DateTimeOffset(_) => Family::Offset,
            T::Guid => Family::Guid,
            T::Char(_) | T::VarChar(_) | T::NChar(_) | T::NVarChar(_) | T::Text | T::NText | T::Xml => Family::Text,
            T::Binary(_) | T::VarBinary(_) | T::Image => Family::Binary,
        }
    }

    /// Its name, without facets.
    pub fn name(self) -> &'static str {
        use SqlType as T;
        match self {
            T::Bit => "bit",
            T::TinyInt => "tinyint",
            T::SmallInt => "smallint",
            T::Int => "int",
            T::BigInt => "bigint",
            T::Real => "real",
            T::Float => "float",
            T::Decimal { .. } => "decimal",
            T::Money => "money",
            T::SmallMoney => "smallmoney",
            T::Date => "date",
            T::Time(_) => "time",
            T::SmallDateTime => "smalldatetime",
            T::DateTime => "datetime",
            T::DateTime2(_) => "datetime2",
            T::DateTimeOffset(_) => "datetimeoffset",
            T::Guid => "uniqueidentifier",
            T::Char(_) => "char",
            T::VarChar(_) => "varchar",
            T::NChar(_) => "nchar",
            T::NVarChar(_) => "nvarchar",
            T::Binary(_) => "binary",
            T::VarBinary(_) => "varbinary",
            T::Text => "text",
            T::NText => "ntext",
            T::Image => "image",
            T::Xml => "xml",
        }
    }

    /// Its name with facets, as a declaration would have it.
    pub fn declaration(self) -> String {
        use SqlType as T;
        let name = self.name();
        match self {
            T::Decimal { precision, scale } => format!("{name}({precision},{scale})"),
            T::Time(scale) | T::DateTime2(scale) | T::DateTimeOffset(scale) => format!("{name}({scale})"),
            T::Char(MAX) | T::VarChar(MAX) | T::NVarChar(MAX) | T::VarBinary(MAX) => format!("{name}(max)"),
            T::Char(n) | T::VarChar(n) | T::NChar(n) | T::NVarChar(n) | T::Binary(n) | T::VarBinary(n) => {
                format!("{name}({n})")
            }
            _ => name.to_owned(),
        }
    }

    /// The type of this name and these facets (`None` for max), or nothing.
    pub fn named(name: &str, facets: &[Option<u32>]) -> Option<Self> {
        use SqlType as T;
        let first = facets.first().copied();
        let chars = |limit: u32, default: u16| match first {
            None => Some(default),
            Some(None) => Some(MAX),
            Some(Some(n)) if (1..=limit).contains(&n) => u16::try_from(n).ok(),
            Some(Some(_)) => None,
        };
        let fixed = |limit: u32| chars(limit, 1).filter(|n| *n != MAX);
        let scale = || match first {
            None => Some(7),
            Some(Some(n)) if n <= 7 => u8::try_from(n).ok(),
            Some(_) => None,
        };
        let plain = |ty: SqlType| facets.is_empty().then_some(ty);
        match name.to_ascii_lowercase().as_str() {
            "bit" => plain(T::Bit),
            "tinyint" => plain(T::TinyInt),
            "smallint" => plain(T::SmallInt),
            "int" | "integer" => plain(T::Int),
            "bigint" => plain(T::BigInt),
            "real" => plain(T::Real),
            "float" => match first {
                None => Some(T::Float),
                Some(Some(n)) if (1..=24).contains(&n) => Some(T::Real),
                Some(Some(n)) if n <= 53 => Some(T::Float),
                Some(_) => None,
            },
            "decimal" | "numeric" | "dec" => {
                let precision = u8::try_from(first.unwrap_or(Some(18))?).ok().filter(|p| (1..=38).contains(p))?;
                let scale =
                    u8::try_from(facets.get(1).copied().unwrap_or(Some(0))?).ok().filter(|s| *s <= precision)?;
                Some(T::Decimal { precision, scale })
            }
            "money" => plain(T::Money),
            "smallmoney" => plain(T::SmallMoney),
            "date" => plain(T::Date),
            "time" => scale().map(T::Time),
            "smalldatetime" => plain(T::SmallDateTime),
            "datetime" => plain(T::DateTime),
            "datetime2" => scale().map(T::DateTime2),
            "datetimeoffset" => scale().map(T::DateTimeOffset),
            "uniqueidentifier" => plain(T::Guid),
            "char" | "character" => fixed(8000).map(T::Char),
            "varchar" => chars(8000, 1).map(T::VarChar),
            "nchar" => fixed(4000).map(T::NChar),
            "nvarchar" => chars(4000, 1).map(T::NVarChar),
            "sysname" => Some(T::NVarChar(128)),
            "binary" => fixed(8000).map(T::Binary),
            "varbinary" => chars(8000, 1).map(T::VarBinary),
            "text" => plain(T::Text),
            "ntext" => plain(T::NText),
            "image" => plain(T::Image),
            "xml" => plain(T::Xml),
            _ => None,
        }
    }

    /// Its place in SQL Server's order of precedence: the higher type wins.
    pub fn precedence(self) -> u8 {
        use SqlType as T;
        match self {
            T::Xml => 30,
            T::DateTimeOffset(_) => 29,
            T::DateTime2(_) => 28,
            T::DateTime => 27,
            T::SmallDateTime => 26,
            T::Date => 25,
            T::Time(_) => 24,
            T::Float => 23,
            T::Real => 22,
            T::Decimal { .. } => 21,
            T::Money => 20,
            T::SmallMoney => 19,
            T::BigInt => 18,
            T::Int => 17,
            T::SmallInt => 16,
            T::TinyInt => 15,
            T::Bit => 14,
            T::NText => 13,
            T::Text => 12,
            T::Image => 11,
            T::Guid => 9,
            T::NVarChar(_) => 8,
            T::NChar(_) => 7,
            T::VarChar(_) => 6,
            T::Char(_) => 5,
            T::VarBinary(_) => 4,
            T::Binary(_) => 3,
        }
    }

    /// The type that holds values of both.
    pub fn common(self, other: Self) -> Self {
        use SqlType as T;
        let (high, low) = if self.precedence() >= other.precedence() { (self, other) } else { (other, self) };
        match (high, low) {
            (T::Decimal { .. }, T::Decimal { .. })
            | (T::Decimal { .. }, T::BigInt | T::Int | T::SmallInt | T::TinyInt | T::Bit | T::Money | T::SmallMoney) => {
                let ((p1, s1), (p2, s2)) = (high.decimal_facets(), low.decimal_facets());
                let scale = s1.max(s2);
                let whole = (p1 - s1).max(p2 - s2);
                let precision = (whole + scale).min(38);
                T::Decimal { precision, scale: scale.min(38u8.saturating_sub(whole)) }
            }
            (T::Time(a), T::Time(b)) => T::Time(a.max(b)),
            (T::DateTime2(a), T::DateTime2(b)) => T::DateTime2(a.max(b)),
            (T::DateTimeOffset(a), T::DateTimeOffset(b)) => T::DateTimeOffset(a.max(b)),
            (high, low) if high.family() == Family::Text && low.family() == Family::Text => {
                let length = high.length().max(low.length());
                match high {
                    T::NVarChar(_) => T::NVarChar(if length > 4000 { MAX } else { length }),
                    T::NChar(_) if matches!(low, T::NChar(_) | T::Char(_)) => T::NChar(length.min(4000)),
                    T::NChar(_) => T::NVarChar(if length > 4000 { MAX } else { length }),
                    T::VarChar(_) => T::VarChar(length),
                    T::Char(_) => T::Char(length),
                    other => other,
                }
            }
            (T::VarBinary(_), T::Binary(_) | T::VarBinary(_)) => T::VarBinary(high.length().max(low.length())),
            (T::Binary(a), T::Binary(b)) => T::Binary(a.max(b)),
            (high, _) => high,
        }
    }

    /// Characters or bytes that it holds at most; `MAX` for the large types.
    pub fn length(self) -> u16 {
        use SqlType as T;
        match self {
            T::Char(n) | T::VarChar(n) | T::NChar(n) | T::NVarChar(n) | T::Binary(n) | T::VarBinary(n) => n,
            T::Text | T::NText | T::Image | T::Xml => MAX,
            _ => 0,
        }
    }

    /// Whether it is one of the types with two bytes a character.
    pub fn is_unicode(self) -> bool {
        matches!(self, Self::NChar(_) | Self::NVarChar(_) | Self::NText | Self::Xml)
    }

    /// Precision and scale as an exact number.
    pub fn decimal_facets(self) -> (u8, u8) {
        match self {
            Self::Decimal { precision, scale } => (precision, scale),
            Self::Money => (19, 4),
            Self::SmallMoney => (10, 4),
            Self::BigInt => (19, 0),
            Self::SmallInt => (5, 0),
            Self::TinyInt => (3, 0),
            Self::Bit => (1, 0),
            _ => (10, 0),
        }
    }

    /// `max_length` as `sys.columns` has it: bytes, -1 for max.
    pub fn byte_length(self) -> i16 {
        use SqlType as T;
        let bytes =
            |n: u16, each: u16| if n == MAX { -1 } else { i16::try_from(n.saturating_mul(each)).unwrap_or(8000) };
        match self {
            T::Bit | T::TinyInt => 1,
            T::SmallInt => 2,
            T::Int | T::Real | T::SmallMoney | T::SmallDateTime => 4,
            T::BigInt | T::Float | T::Money | T::DateTime => 8,
            T::Decimal { precision, .. } => match precision {
                0..=9 => 5,
                10..=19 => 9,
                20..=28 => 13,
                _ => 17,
            },
            T::Date => 3,
            T::Time(scale) => scaled(scale, 3),
            T::DateTime2(scale) => scaled(scale, 6),
            T::DateTimeOffset(scale) => scaled(scale, 8),
            T::Guid | T::Text | T::NText | T::Image => 16,
            T::Xml => -1,
            T::Char(n) | T::VarChar(n) | T::Binary(n) | T::VarBinary(n) => bytes(n, 1),
            T::NChar(n) | T::NVarChar(n) => bytes(n, 2),
        }
    }
}

fn scaled(scale: u8, base: i16) -> i16 {
    match scale {
        0..=2 => base,
        3..=4 => base + 1,
        _ => base + 2,
    }
}

impl std::fmt::Display for SqlType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

//! Values of the sample server: one variant a family; the exact type stands in the column.

use std::cmp::Ordering;
use std::sync::Arc;

/// An exact number: `units` of 10 to the power of minus `scale`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decimal {
    /// The digits.
    pub units: i128,
    /// How many of them stand behind the point.
    pub scale: u8,
}

/// A value, or NULL.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// No value.
    Null,
    /// bit, tinyint, smallint, int, bigint.
    Int(i64),
    /// real, float.
    Float(f64),
    /// decimal, money, smallmoney.
    Decimal(Decimal),
    /// Characters of any kind.
    Text(Arc<str>),
    /// Bytes of any kind.
    Bytes(Arc<[u8]>),
    /// uniqueidentifier, in the order of the wire.
    Guid([u8; 16]),
    /// Days since 0001-01-01.
    Date(i32),
    /// Hundreds of nanoseconds since midnight.
    Time(i64),
    /// Hundreds of nanoseconds since 0001-01-01.
    DateTime(i64),
    /// The same in UTC, and the minutes that its clock is ahead of UTC.
    Offset(i64, i16),
}

/// A row: shared, never changed in place.
pub type Row = Arc<[Value]>;

impl Value {
    /// A text.
    pub fn text(text: impl AsRef<str>) -> Self {
        Self::Text(Arc::from(text.as_ref()))
    }

    /// A truth value.
    pub fn truth(truth: bool) -> Self {
        Self::Int(i64::from(truth))
    }

    /// Whether it is NULL.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// Whether a condition holds: known, and true.
    pub fn is_true(&self) -> bool {
        matches!(self, Self::Int(n) if *n != 0)
    }

    /// Its integer, if it is one.
    pub fn as_int(&self) -> Option<i64> {
        match self {
            Self::Int(n) => Some(*n),
            _ => None,
        }
    }

    /// Its text, if it is one.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// About how many bytes of memory it takes.
    pub fn weight(&self) -> usize {
        std::mem::size_of::<Self>()
            + match self {
                Self::Text(text) => text.len(),
                Self::Bytes(bytes) => bytes.len(),
                _ => 0,
            }
    }
}

/// About how many bytes of memory a row takes.
pub fn weight(row: &[Value]) -> usize {
    16 + row.iter().map(Value::weight).sum::<usize>()
}

/// Compares two values of one family; `None` when one is NULL or the families differ.
pub fn compare(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::Int(a), Value::Int(b)) => Some(a.cmp(b)),
        (Value::Float(a), Value::Float(b)) => a.partial_cmp(b),
        (Value::Decimal(a), Value::Decimal(b)) => Some(compare_decimals(*a, *b)),
        (Value::Text(a), Value::Text(b)) => Some(compare_texts(a, b)),
        (Value::Bytes(a), Value::Bytes(b)) => Some(a.cmp(b)),
        (Value::Guid(a), Value::Guid(b)) => Some(guid_order(a).cmp(&guid_order(b))),
        (Value::Date(a), Value::Date(b)) => Some(a.cmp(b)),
        (Value::Time(a), Value::Time(b)) | (Value::DateTime(a), Value::DateTime(b)) => Some(a.cmp(b)),
        (Value::Offset(a, _), Value::Offset(b, _)) => Some(a.cmp(b)),
        _ => None,
    }
}

/// The order of ORDER BY: NULL first.
pub fn order(left: &Value, right: &Value) -> Ordering {
    match (left.is_null(), right.is_null()) {
        (true, true) => Ordering::Equal,
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
        (false, false) => compare(left, right).unwrap_or(Ordering::Equal),
    }
}

/// Texts as the default collation compares them: without regard to case and to blanks at the end.
pub fn compare_texts(left: &str, right: &str) -> Ordering {
    let fold = |text: &str| text.trim_end_matches(' ').chars().flat_map(char::to_lowercase).collect::<Vec<char>>();
    if left.is_ascii() && right.is_ascii() {
        let (a, b) = (left.trim_end_matches(' ').bytes(), right.trim_end_matches(' ').bytes());
        return a.map(|c| c.to_ascii_lowercase()).cmp(b.map(|c| c.to_ascii_lowercase()));
    }
    fold(left).cmp(&fold(right))
}

fn compare_decimals(left: Decimal, right: Decimal) -> Ordering {
    match left.scale.cmp(&right.scale) {
        Ordering::Equal => left.units.cmp(&right.units),
        Ordering::Less => match rescale(left.units, left.scale, right.scale) {
            Some(units) => units.cmp(&right.units),
            None => left.units.cmp(&0),
        },
        Ordering::Greater => compare_decimals(right, left).reverse(),
    }
}

/// `units` at another scale, rounded half away from zero; `None` beyond what fits.
pub fn rescale(units: i128, from: u8, to: u8) -> Option<i128> {
    if to >= from {
        units.checked_mul(10i128.checked_pow(u32::from(to - from))?)
    } else {
        let divisor = 10i128.checked_pow(u32::from(from - to))?;
        let (quotient, remainder) = (units / divisor, units % divisor);
        Some(if remainder.abs() * 2 >= divisor { quotient + units.signum() } else { quotient })
    }
}

/// SQL Server orders uniqueidentifiers by their last six bytes first.
fn guid_order(guid: &[u8; 16]) -> [u8; 16] {
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = *guid;
    [k, l, m, n, o, p, i, j, g, h, e, f, a, b, c, d]
}

/// A form of a value that is equal exactly when the values are: for keys, groups and DISTINCT.
pub fn key(values: &[Value]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(values.len() * 10);
    for value in values {
        match value {
            Value::Null => bytes.push(0),
            Value::Int(n) => tagged(&mut bytes, 1, &n.to_le_bytes()),
            Value::Float(n) => tagged(&mut bytes, 2, &(if *n == 0.0 { 0.0 } else { *n }).to_le_bytes()),
            Value::Decimal(n) => {
                let (mut units, mut scale) = (n.units, n.scale);
                while scale > 0 && units % 10 == 0 {
                    (units, scale) = (units / 10, scale - 1);
                }
                tagged(&mut bytes, 3, &units.to_le_bytes());
                bytes.push(scale);
            }
            Value::Text(text) => {
                let folded = text.trim_end_matches(' ').to_lowercase();
                tagged(&mut bytes, 4, &folded.len().to_le_bytes());
                bytes.extend_from_slice(folded.as_bytes());
            }
            Value::Bytes(raw) => {
                tagged(&mut bytes, 5, &raw.len().to_le_bytes());
                bytes.extend_from_slice(raw);
            }
            Value::Guid(guid) => tagged(&mut bytes, 6, guid),
            Value::Date(days) => tagged(&mut bytes, 7, &days.to_le_bytes()),
            Value::Time(ticks) => tagged(&mut bytes, 8, &ticks.to_le_bytes()),
            Value::DateTime(ticks) => tagged(&mut bytes, 9, &ticks.to_le_bytes()),
            Value::Offset(ticks, _) => tagged(&mut bytes, 10, &ticks.to_le_bytes()),
        }
    }
    bytes
}

fn tagged(bytes: &mut Vec<u8>, tag: u8, content: &[u8]) {
    bytes.push(tag);
    bytes.extend_from_slice(content);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_the_same_whatever_their_case_and_trailing_blanks() {
        assert_eq!(compare_texts("Müller ", "MÜLLER"), Ordering::Equal);
        assert_eq!(key(&[Value::text("a ")]), key(&[Value::text("A")]));
    }

    #[test]
    fn a_decimal_is_the_same_at_any_scale() {
        let (a, b) = (Decimal { units: 150, scale: 2 }, Decimal { units: 15, scale: 1 });
        assert_eq!(compare(&Value::Decimal(a), &Value::Decimal(b)), Some(Ordering::Equal));
        assert_eq!(key(&[Value::Decimal(a)]), key(&[Value::Decimal(b)]));
    }

    #[test]
    fn rounding_goes_away_from_zero() {
        assert_eq!(rescale(-25, 1, 0), Some(-3));
        assert_eq!(rescale(25, 1, 0), Some(3));
        assert_eq!(rescale(24, 1, 0), Some(2));
    }
}

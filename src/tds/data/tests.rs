//! Types and values there and back, and bytes from nowhere.

use super::*;
use crate::tds::{
    DecodeError, EncodeError, TdsVersion, Token,
    cursor::Reader,
    token::{Done, DoneStatus},
};
use proptest::prelude::*;

/// A type with a value that belongs to it, or NULL where it may.
pub fn any_typed() -> impl Strategy<Value = (TypeInfo, Value)> {
    let latin = Collation::LATIN1;
    let text = ".{0,40}";
    let bytes = || proptest::collection::vec(any::<u8>(), 0..80);
    let numbers = prop_oneof![
        any::<bool>().prop_map(|value| (TypeInfo::Bit, Value::Bit(value))),
        any::<bool>().prop_map(|value| (TypeInfo::BitN, Value::Bit(value))),
        any::<u8>().prop_map(|value| (TypeInfo::IntN(1), Value::TinyInt(value))),
        any::<i16>().prop_map(|value| (TypeInfo::SmallInt, Value::SmallInt(value))),
        any::<i32>().prop_map(|value| (TypeInfo::IntN(4), Value::Int(value))),
        any::<i64>().prop_map(|value| (TypeInfo::BigInt, Value::BigInt(value))),
        (-1e30f32..1e30).prop_map(|value| (TypeInfo::FloatN(4), Value::Real(value))),
        (-1e300f64..1e300).prop_map(|value| (TypeInfo::Float, Value::Float(value))),
        any::<i32>().prop_map(|value| (TypeInfo::MoneyN(4), Value::SmallMoney(value))),
        any::<i64>().prop_map(|value| (TypeInfo::Money, Value::Money(value))),
        (any::<bool>(), 0..10u128.pow(38)).prop_map(|(positive, digits)| {
            (TypeInfo::Numeric { precision: 38, scale: 4 }, Value::Decimal { positive, digits })
        }),
        (any::<bool>(), 0..10u128.pow(9)).prop_map(|(positive, digits)| {
            (TypeInfo::Decimal { precision: 9, scale: 2 }, Value::Decimal { positive, digits })
        }),
    ];
    let times = prop_oneof![
        any::<(u16, u16)>()
            .prop_map(|(days, minutes)| (TypeInfo::DateTimeN(4), Value::SmallDateTime { days, minutes })),
        any::<(i32, u32)>().prop_map(|(days, ticks)| (TypeInfo::DateTime, Value::DateTime { days, ticks })),
        (0u32..3_652_059).prop_map(|days| (TypeInfo::Date, Value::Date(days))),
        (0u64..864_000_000_000).prop_map(|time| (TypeInfo::Time(7), Value::Time(time))),
        (0u32..3_652_059, 0u64..86_400)
            .prop_map(|(days, time)| (TypeInfo::DateTime2(0), Value::DateTime2 { days, time })),
        (0u32..3_652_059, 0u64..86_400_000, -840i16..=840).prop_map(|(days, time, offset)| (
            TypeInfo::DateTimeOffset(3),
            Value::DateTimeOffset { days, time, offset }
        )),
    ];
    let strings = prop_oneof![
        any::<[u8; 16]>().prop_map(|guid| (TypeInfo::Guid, Value::Guid(guid))),
        bytes().prop_map(move |value| (TypeInfo::VarChar(100, latin), Value::Bytes(value))),
        bytes().prop_map(|value| (TypeInfo::Binary(80), Value::Bytes(value))),
        bytes().prop_map(|value| (TypeInfo::VarBinary(UNLIMITED), Value::Bytes(value))),
        bytes().prop_map(move |value| (TypeInfo::Text(1 << 30, latin), Value::Bytes(value))),
        bytes().prop_map(|value| (TypeInfo::Image(1 << 30), Value::Bytes(value))),
        text.prop_map(|value| (TypeInfo::nvarchar(200), Value::Text(value))),
        text.prop_map(|value| (TypeInfo::nvarchar(5000), Value::Text(value))),
        text.prop_map(move |value| (TypeInfo::NChar(200, latin), Value::Text(value))),
        text.prop_map(move |value| (TypeInfo::NText(1 << 30, latin), Value::Text(value))),
        text.prop_map(|value| (TypeInfo::Xml(None), Value::Text(value))),
        Just((TypeInfo::IntN(4), Value::Null)),
        Just((TypeInfo::nvarchar(5000), Value::Null)),
        Just((TypeInfo::Char(10, latin), Value::Null)),
        Just((TypeInfo::Image(100), Value::Null)),
        Just((TypeInfo::Variant(8009), Value::Null)),
    ];
    let plain = prop_oneof![numbers, times, strings].boxed();
    let variant = plain.clone().prop_filter_map("not in a variant", |(kind, value)| {
        let variant = Variant { kind, value };
        variant.encode().ok().map(|_| (TypeInfo::Variant(8009), Value::Variant(Box::new(variant))))
    });
    prop_oneof![9 => plain, 1 => variant]
}

/// As above, and what only parameters have.
pub fn any_parameter() -> impl Strategy<Value = (TypeInfo, Value)> {
    let columns = proptest::collection::vec(any_typed(), 1..4);
    let table = columns.prop_map(|typed| {
        let (kinds, row): (Vec<_>, Vec<_>) = typed.into_iter().unzip();
        let columns = kinds.into_iter().map(|kind| (ColumnFlags::NULLABLE, kind)).collect();
        let name = TableType { schema: "dbo".into(), name: "list".into(), ..TableType::default() };
        (TypeInfo::Table(Box::new(name)), Value::Table(Table { columns, rows: vec![row.clone(), row] }))
    });
    let udt =
        UdtName { max_len: 0, database: "d".into(), schema: "s".into(), name: "n".into(), assembly: String::new() };
    prop_oneof![
        8 => any_typed(),
        1 => table,
        1 => Just((TypeInfo::Udt(udt), Value::Bytes(vec![1, 2, 3]))),
        1 => Just((TypeInfo::Null, Value::Null)),
    ]
}

fn round_trip(kind: &TypeInfo, value: &Value, place: Place) -> Result<(TypeInfo, Value), TestCaseError> {
    let mut bytes = Vec::new();
    kind.encode(place, &mut bytes);
    value.encode(kind, place, &mut bytes).map_err(|error| TestCaseError::fail(error.to_string()))?;
    let mut reader = Reader::new(&bytes);
    let kind = TypeInfo::decode(&mut reader, place).map_err(|error| TestCaseError::fail(error.to_string()))?;
    let value = Value::decode(&mut reader, &kind, place).map_err(|error| TestCaseError::fail(error.to_string()))?;
    prop_assert!(reader.is_empty());
    Ok((kind, value))
}

#[test]
fn money_has_its_high_half_first() {
    let mut bytes = Vec::new();
    Value::Money(1).encode(&TypeInfo::Money, Place::Row, &mut bytes).unwrap();
    assert_eq!(bytes, [0, 0, 0, 0, 1, 0, 0, 0]);
}

#[test]
fn a_value_that_does_not_belong_to_its_column_is_refused() {
    let columns = Columns(vec![Column::new("a", TypeInfo::IntN(4))]);
    let mut out = Vec::new();
    assert!(matches!(columns.encode_row(&[Value::Text("1".into())], &mut out), Err(EncodeError::WrongType(_))));
    assert!(columns.encode_row(&[], &mut out).is_err());
    assert!(Value::Null.encode(&TypeInfo::Int, Place::Row, &mut out).is_err());
    assert!(Value::Date(1 << 24).encode(&TypeInfo::Date, Place::Row, &mut out).is_err());
}

#[test]
fn a_length_that_a_type_cannot_have_is_refused() {
    let read = |kind: TypeInfo, bytes: &[u8]| Value::decode(&mut Reader::new(bytes), &kind, Place::Row);
    assert!(matches!(read(TypeInfo::IntN(4), &[3, 0, 0, 0]), Err(DecodeError::Malformed(_))));
    assert!(matches!(read(TypeInfo::Time(7), &[3, 0, 0, 0]), Err(DecodeError::Malformed(_))));
    assert_eq!(read(TypeInfo::IntN(4), &[4, 0]), Err(DecodeError::Incomplete));
}

#[test]
fn a_table_of_columns_without_bytes_is_refused() {
    // One column of the type that has no data, then rows of one byte each.
    let mut bytes = vec![0xF3, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0x1F, 0, 0];
    bytes.extend([1; 1000]);
    let mut reader = Reader::new(&bytes);
    let kind = TypeInfo::decode(&mut reader, Place::Parameter).unwrap();
    assert_eq!(Value::decode(&mut reader, &kind, Place::Parameter), Err(DecodeError::Malformed("column of a table")));
}

proptest! {
    #[test]
    fn a_value_comes_back_with_its_type((kind, value) in any_typed()) {
        prop_assert_eq!(round_trip(&kind, &value, Place::Row)?, (kind, value));
    }

    #[test]
    fn a_parameter_comes_back_with_its_type((kind, value) in any_parameter()) {
        prop_assert_eq!(round_trip(&kind, &value, Place::Parameter)?, (kind, value));
    }

    #[test]
    fn a_result_comes_back_row_by_row(
        typed in proptest::collection::vec((any_typed(), ".{0,10}"), 1..12), old in any::<bool>(), nbc in any::<bool>(),
    ) {
        let version = if old { TdsVersion::V7_1 } else { TdsVersion::V7_4 };
        let (columns, row): (Vec<Column>, Vec<Value>) = typed.into_iter().map(|((kind, value), name)| {
            let table = if kind.is_large_object() { vec!["t".to_owned()] } else { vec![] };
            (Column { table, ..Column::new(name, kind) }, value)
        }).unzip();
        let columns = Columns(columns);
        let done = Token::Done(Done::new(DoneStatus::COUNT, 0xC1, 1));
        let returned = ReturnValue::output(1, "@x", TypeInfo::IntN(4), Value::Int(7));
        let mut bytes = Vec::new();
        columns.encode(version, &mut bytes).unwrap();
        if nbc { columns.encode_nbc_row(&row, &mut bytes).unwrap() } else { columns.encode_row(&row, &mut bytes).unwrap() }
        returned.encode(version, &mut bytes).unwrap();
        done.encode(version, &mut bytes);
        let items: Vec<RowItem> = Rows::new(&bytes, version).collect::<Result<_, _>>().unwrap();
        let expected = [RowItem::Columns(columns), RowItem::Row(row), RowItem::Returned(returned), RowItem::Token(done)];
        prop_assert_eq!(items, expected);
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), parameter in any::<bool>()) {
        let place = if parameter { Place::Parameter } else { Place::Row };
        let mut reader = Reader::new(&bytes);
        while let Ok(kind) = TypeInfo::decode(&mut reader, place) {
            if Value::decode(&mut reader, &kind, place).is_err() { break }
        }
        let _ = Rows::new(&bytes, TdsVersion::V7_4).count();
    }

    #[test]
    fn arbitrary_values_never_panic((kind, _) in any_parameter(), bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
        let _ = Value::decode(&mut Reader::new(&bytes), &kind, Place::Parameter);
        let _ = Value::decode(&mut Reader::new(&bytes), &kind, Place::Row);
    }
}

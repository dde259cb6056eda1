//! Tests of CAST and CONVERT.

use super::convert::{assign, cast, code_page_byte, decimal_text, from_code_page, parse_decimal};
use super::types::{MAX, SqlType as T};
use super::value::Value;

fn text(value: &str, to: T) -> Result<Value, i32> {
    cast(&Value::text(value), T::NVarChar(MAX), to, 0).map_err(|e| e.number)
}

fn back(value: &Value, from: T) -> String {
    cast(value, from, T::NVarChar(MAX), 0).unwrap().as_text().unwrap().to_owned()
}

#[test]
fn what_cannot_be_read_is_refused_with_sql_servers_numbers() {
    assert_eq!(text("abc", T::Int), Err(245));
    assert_eq!(text("99999999999", T::Int), Err(8115));
    assert_eq!(cast(&Value::Int(256), T::Int, T::TinyInt, 0).map_err(|e| e.number), Err(220));
    assert_eq!(text("x", T::DateTime2(7)), Err(241));
    assert_eq!(text("x", T::Guid), Err(8169));
    assert_eq!(text("x", T::Decimal { precision: 5, scale: 2 }), Err(8114));
    assert_eq!(text("12345", T::Decimal { precision: 5, scale: 2 }), Err(8115));
    assert_eq!(text("1752-12-31", T::DateTime), Err(242));
}

#[test]
fn values_survive_a_way_through_their_text() {
    for (value, ty) in [
        ("-123.45", T::Decimal { precision: 10, scale: 2 }),
        ("2026-11-21 13:45:07.1234567", T::DateTime2(7)),
        ("2026-11-21 13:45:07.1234567 +02:00", T::DateTimeOffset(7)),
        ("2026-11-21", T::Date),
        ("23:59:59.999", T::Time(3)),
        ("6F9619FF-8B86-D011-B42D-00C04FC964FF", T::Guid),
        ("-9223372036854775808", T::BigInt),
    ] {
        assert_eq!(back(&text(value, ty).unwrap(), ty), value);
    }
}

#[test]
fn a_text_longer_than_its_column_is_refused_and_a_cast_cuts_it() {
    let value = Value::text("abcdef");
    assert_eq!(assign(&value, T::VarChar(6), T::VarChar(3), "t", "c").map_err(|e| e.number), Err(2628));
    assert_eq!(cast(&value, T::VarChar(6), T::VarChar(3), 0), Ok(Value::text("abc")));
    assert_eq!(cast(&Value::text("a"), T::VarChar(1), T::Char(3), 0), Ok(Value::text("a  ")));
}

#[test]
fn the_code_page_goes_there_and_back() {
    for byte in 0..=255u8 {
        let text = from_code_page(&[byte]);
        assert_eq!(code_page_byte(text.chars().next().unwrap()), Some(byte));
    }
    assert_eq!(cast(&Value::text("日本"), T::NVarChar(9), T::VarChar(9), 0), Ok(Value::text("??")));
}

#[test]
fn decimals_are_read_and_written() {
    for text in ["0", "-0.5", "12.50", "99999999999999999999999999999999999999"] {
        assert_eq!(decimal_text(parse_decimal(text).unwrap()), text);
    }
    assert_eq!(decimal_text(parse_decimal("1.5e3").unwrap()), "1500");
    for text in ["", ".", "1.2.3", "e5", "--1"] {
        assert_eq!(parse_decimal(text), None, "{text}");
    }
}

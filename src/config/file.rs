//! The settings file: TOML, with the line of each key kept for the error texts.

use std::path::Path;

use toml_edit::{Item, TableLike, Value};

use super::complaint::{Complaints, no_such};
use super::section::Raw;

/// One key of the file.
#[derive(Debug, PartialEq)]
pub(super) struct Entry {
    pub(super) section: String,
    pub(super) key: String,
    pub(super) raw: Raw,
    pub(super) line: usize,
}

/// Reads every key of every known section, and complains about whatever else is there.
pub(super) fn entries(path: &Path, text: &str, sections: &[&str], complaints: &mut Complaints) -> Vec<Entry> {
    let document = match toml_edit::Document::parse(text) {
        Ok(document) => document,
        Err(error) => {
            let line = line_of(text, error.span());
            complaints.add(format_args!("{}:{line}", path.display()), format!("not TOML: {}", error.message()));
            return Vec::new();
        }
    };
    let mut found = Vec::new();
    let root = document.as_table();
    for (section, item) in root.iter() {
        let line = key_line(text, root, section);
        if !sections.contains(&section) {
            let known = sections.iter().map(|name| (*name).to_owned());
            complaints.add(format_args!("{}:{line}", path.display()), no_such("section", section, known));
            continue;
        }
        let Some(table) = item.as_table_like() else {
            complaints.add(
                format_args!("{}:{line}", path.display()),
                format!("`{section}` has to be a section: `[{section}]`"),
            );
            continue;
        };
        for (key, item) in table.iter() {
            let line = key_line(text, table, key);
            found.push(Entry { section: section.to_owned(), key: key.to_owned(), raw: raw_item(item), line });
        }
    }
    found.sort_by_key(|entry| entry.line);
    found
}

pub(super) fn raw_item(item: &Item) -> Raw {
    item.as_value().map_or(Raw::Other, raw_value)
}

fn raw_value(value: &Value) -> Raw {
    match value {
        Value::String(text) => Raw::Text(text.value().clone()),
        Value::Integer(number) => Raw::Integer(*number.value()),
        Value::Boolean(value) => Raw::Boolean(*value.value()),
        Value::Array(items) => Raw::List(items.iter().map(raw_value).collect()),
        _ => Raw::Other,
    }
}

fn key_line(text: &str, table: &dyn TableLike, key: &str) -> usize {
    let of_key = table.key(key).and_then(toml_edit::Key::span);
    line_of(text, of_key.or_else(|| table.get(key).and_then(Item::span)))
}

/// The line of the start of `span`, counted from 1.
fn line_of(text: &str, span: Option<std::ops::Range<usize>>) -> usize {
    let start = span.map_or(0, |span| span.start);
    text.bytes().take(start).filter(|byte| *byte == b'\n').count().saturating_add(1)
}

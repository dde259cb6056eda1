//! Exports: the whole store as JSON lines that can be read, and checked, without the database engine.
//!
//! The first line says what it is and carries the wrapped data key, the last counts the entries and has the SHA-256 of
//! every byte before it; between them is a line for each entry. Secrets stay sealed. An export is written aside, read
//! back, synced, and only then put in place.

use std::fs::File;
use std::io::{BufRead as _, BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{Context, SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};

use super::engine::{Engine, Writes};
use super::error::StoreError;
use super::files::{aside, create, file_error, make_folder, put_in_place};
use super::seal::Sealed;
use super::table::split_place;
use crate::domain::Timestamp;

#[derive(Serialize, Deserialize)]
struct Head {
    gatehouse_export: u32,
    at: String,
    data_key: Sealed,
}

#[derive(Serialize, Deserialize)]
struct Line {
    table: String,
    key: String,
    value: serde_json::Value,
}

#[derive(Serialize, Deserialize)]
struct Tail {
    entries: u64,
    sha256: String,
}

/// What a verified export says about itself.
pub(super) struct About {
    pub(super) path: PathBuf,
    pub(super) at: String,
    pub(super) data_key: Sealed,
}

/// Writes a verified export into `folder`, and lets the oldest beyond [`KEPT`] go.
pub(super) fn write(folder: &Path, engine: &Engine, data_key: &Sealed, at: Timestamp) -> Result<PathBuf, StoreError> {
    make_folder(folder)?;
    let path = free_name(folder, at);
    let partial = aside(&path);
    write_to(&partial, engine, data_key, at)?;
    put_in_place(&partial, &path)?;
    for old in list(folder)?.into_iter().skip(KEPT) {
        std::fs::remove_file(&old).map_err(file_error("remove", &old))?;
    }
    Ok(path)
}

/// The newest export that verifies; the ones that do not are told to the log and left alone.
pub(super) fn newest(folder: &Path) -> Result<Option<About>, StoreError> {
    for path in list(folder)? {
        match read(&path, |_, _| Ok(())) {
            Ok(about) => return Ok(Some(about)),
            Err(error) => tracing::error!(error = %error, "an export cannot be used"),
        }
    }
    Ok(None)
}

/// Puts an export's entries into an empty database.
pub(super) fn restore(path: &Path, engine: &Engine) -> Result<(), StoreError> {
    let mut writes = Writes::new();
    read(path, |place, value| {
        writes.insert(place, Some(value));
        if writes.len() < BATCH { Ok(()) } else { engine.apply(std::mem::take(&mut writes)) }
    })?;
    engine.apply(writes)?;
    engine.sync()
}

/// Writes a verified export to this path, for the owner alone.
pub(super) fn write_to(path: &Path, engine: &Engine, data_key: &Sealed, at: Timestamp) -> Result<(), StoreError> {
    write_lines(path, engine, data_key, at)?;
    read(path, |_, _| Ok(())).map(drop)
}

fn write_lines(path: &Path, engine: &Engine, data_key: &Sealed, at: Timestamp) -> Result<(), StoreError> {
    let failed = |source: std::io::Error| file_error("write", path)(source);
    let mut output = BufWriter::new(create(path)?);
    let mut sum = Context::new(&SHA256);
    let mut entries = 0;
    let mut put = |line: Vec<u8>| {
        sum.update(&line);
        output.write_all(&line).map_err(failed)
    };
    put(json_line(&Head { gatehouse_export: FORM, at: at.to_string(), data_key: data_key.clone() })?)?;
    engine.for_each(|place, value| {
        let strange = || StoreError::StrangeKey { table: "?".to_owned() };
        let (table, key) = split_place(place).ok_or_else(strange)?;
        let value =
            serde_json::from_slice(value).map_err(|source| StoreError::Record { table: table.to_owned(), source })?;
        entries += 1;
        put(json_line(&Line { table: table.to_owned(), key: BASE64.encode(key), value })?)
    })?;
    let tail = json_line(&Tail { entries, sha256: hex(sum.finish().as_ref()) })?;
    output.write_all(&tail).map_err(failed)?;
    let file = output.into_inner().map_err(|error| failed(error.into_error()))?;
    file.sync_all().map_err(failed)
}

/// Reads an export, showing each entry as a place and a value, and verifies it. An entry that was shown counts only
/// when this returns `Ok`.
fn read(path: &Path, mut show: impl FnMut(Vec<u8>, Vec<u8>) -> Result<(), StoreError>) -> Result<About, StoreError> {
    let bad = |reason: &str| StoreError::Export { path: path.to_owned(), reason: reason.to_owned() };
    let mut input = BufReader::new(File::open(path).map_err(file_error("open", path))?);
    let mut next = || {
        let mut line = Vec::new();
        input.read_until(b'\n', &mut line).map_err(file_error("read", path)).map(|_| line)
    };
    let mut sum = Context::new(&SHA256);
    let mut entries = 0_u64;

    let mut line = next()?;
    let head: Head = serde_json::from_slice(&line).map_err(|_| bad("its first line is not an export's"))?;
    if head.gatehouse_export != FORM {
        return Err(bad("it has a form that this version does not know"));
    }
    loop {
        sum.update(&line);
        line = next()?;
        if let Ok(Line { table, key, value }) = serde_json::from_slice(&line) {
            let key = BASE64.decode(key).map_err(|_| bad("a key is not base64"))?;
            let value = serde_json::to_vec(&value).map_err(|_| bad("a value is not JSON"))?;
            show(super::table::place(&table, &key), value)?;
            entries += 1;
        } else if let Ok(tail) = serde_json::from_slice::<Tail>(&line) {
            let whole = tail.entries == entries && tail.sha256 == hex(sum.finish().as_ref()) && next()?.is_empty();
            let about = About { path: path.to_owned(), at: head.at, data_key: head.data_key };
            return if whole { Ok(about) } else { Err(bad("its content is not what its checksum says")) };
        } else {
            return Err(bad(if line.is_empty() { "it is cut short" } else { "a line is not an entry" }));
        }
    }
}

/// Exports, the newest first.
fn list(folder: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(file_error("read the folder", folder)(error)),
    };
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.map_err(file_error("read the folder", folder))?.path();
        if path.extension().is_some_and(|extension| extension == "jsonl") {
            paths.push(path);
        }
    }
    paths.sort_by(|a, b| b.cmp(a));
    Ok(paths)
}

/// A name that sorts by time, and is not taken.
fn free_name(folder: &Path, at: Timestamp) -> PathBuf {
    let mut millis = at.as_millis();
    loop {
        let path = folder.join(format!("export-{millis:015}.jsonl"));
        if !path.exists() {
            return path;
        }
        millis += 1;
    }
}

pub(super) fn json_line<T: Serialize>(value: &T) -> Result<Vec<u8>, StoreError> {
    let mut line =
        serde_json::to_vec(value).map_err(|source| StoreError::Record { table: "export".to_owned(), source })?;
    line.push(b'\n');
    Ok(line)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The version of an export's form.
const FORM: u32 = 1;
/// How many exports are kept.
const KEPT: usize = 10;
/// How many entries are restored at a time.
const BATCH: usize = 1000;

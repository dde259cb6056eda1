//! State files: everything that a store holds, to be carried to another machine. Encrypted under a passphrase, since there it
//! lies outside of all that protects the store.
//!
//! Lines of JSON. The first says what it is and how the key is made of the passphrase (argon2id), and carries the data key,
//! sealed. Each further line is a part, sealed under that key for its place, so that none can be left out, repeated or moved:
//! first the text that goes with the state, then an export, cut into pieces.

use std::fs::File;
use std::io::{BufRead as _, BufReader, BufWriter, Read as _, Write as _};
use std::path::{Path, PathBuf};

use argon2::{Algorithm, Argon2, Params, Version};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::data_key::{DataKey, write_wrapped};
use super::engine::Engine;
use super::error::StoreError;
use super::export;
use super::files::{aside, create, file_error, make_folder, put_in_place, sync_folder};
use super::master_key::MasterKey;
use super::open::Place;
use super::seal::{self, KeyBytes, Sealed};
use super::{Inner, Store};
use crate::domain::Secret;

/// Why a state file was not written or taken.
#[derive(Debug, thiserror::Error)]
pub enum StateFileError {
    /// It is no state file, or of a form that this version does not know. The operator's side.
    #[error("this is no state file, or one of a newer version")]
    Form,
    /// The passphrase does not open it. The operator's side.
    #[error("this passphrase does not open the state file")]
    Passphrase,
    /// It was cut short or altered. The operator's side.
    #[error("the state file was cut short or altered")]
    Damaged,
    /// The store or a file failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

#[derive(Serialize, Deserialize)]
struct Head {
    gatehouse_state: u32,
    argon2id: Cost,
    data_key: Sealed,
}

/// How the key is made of the passphrase (RFC 9106).
#[derive(Serialize, Deserialize)]
struct Cost {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
    /// In hexadecimal.
    salt: String,
}

impl Store {
    /// Writes everything that the store holds, and `beside`, which goes with it, into a state file. Changes wait for it.
    pub async fn write_state_file(
        &self,
        path: PathBuf,
        passphrase: Secret,
        beside: String,
    ) -> Result<(), StateFileError> {
        let inner = std::sync::Arc::clone(&self.inner);
        self.inner.committer.write(move || write(&inner, &path, &passphrase, &beside)).await?
    }
}

fn write(inner: &Inner, path: &Path, passphrase: &Secret, beside: &str) -> Result<(), StateFileError> {
    let plain = path.with_extension("plain");
    let _cleared = Cleared(plain.clone());
    let engine = inner.committer.engine();
    export::write_to(&plain, engine, &inner.data_key.wrapped(), inner.clock.now())?;
    let mut salt = [0; 16];
    getrandom::fill(&mut salt).map_err(|_| StoreError::Crypto)?;
    let (memory_kib, passes, lanes) = COST;
    let cost = Cost { memory_kib, passes, lanes, salt: salt.iter().map(|byte| format!("{byte:02x}")).collect() };
    let key = cost.key(passphrase)?;
    let master = MasterKey::read(&inner.master_key_file)?;
    let data_key = seal::seal(&key, DATA_KEY, DataKey::raw(&inner.data_key.wrapped(), &master)?.as_slice())?;

    let partial = aside(path);
    let failed = |source| file_error("write", &partial)(source);
    let mut output = BufWriter::new(create(&partial)?);
    let mut put = |line: Vec<u8>| output.write_all(&line).map_err(failed);
    put(export::json_line(&Head { gatehouse_state: FORM, argon2id: cost, data_key })?)?;
    put(export::json_line(&seal::seal(&key, &purpose(0, false), beside.as_bytes())?)?)?;
    let mut input = File::open(&plain).map_err(file_error("open", &plain))?;
    let mut number = 1;
    let mut piece = read_piece(&mut input, &plain)?;
    loop {
        let next = read_piece(&mut input, &plain)?;
        put(export::json_line(&seal::seal(&key, &purpose(number, next.is_empty()), &piece)?)?)?;
        if next.is_empty() {
            break;
        }
        (piece, number) = (next, number + 1);
    }
    let file = output.into_inner().map_err(|error| failed(error.into_error()))?;
    file.sync_all().map_err(failed)?;
    Ok(put_in_place(&partial, path)?)
}

fn read_piece(input: &mut File, path: &Path) -> Result<Zeroizing<Vec<u8>>, StoreError> {
    let mut piece = Zeroizing::new(Vec::with_capacity(PIECE));
    let limit = u64::try_from(PIECE).unwrap_or(u64::MAX);
    input.take(limit).read_to_end(&mut piece).map_err(file_error("read", path))?;
    Ok(piece)
}

/// Makes a store in `folder`, which is not there yet, out of a state file; its data key is wrapped by this machine's master key.
/// Gives what went with the state. Blocks. What an unfinished try left is removed by the next.
pub fn restore_state_file(
    folder: &Path,
    master_key_file: &Path,
    state_file: &Path,
    passphrase: &Secret,
) -> Result<String, StateFileError> {
    let mut input = BufReader::new(File::open(state_file).map_err(file_error("open", state_file))?);
    let mut next = || -> Result<Vec<u8>, StateFileError> {
        let mut line = Vec::new();
        let limited = &mut (&mut input).take(LONGEST_LINE);
        limited.read_until(b'\n', &mut line).map_err(file_error("read", state_file))?;
        Ok(line)
    };
    let head: Head = serde_json::from_slice(&next()?).map_err(|_| StateFileError::Form)?;
    if head.gatehouse_state != FORM {
        return Err(StateFileError::Form);
    }
    let key = head.argon2id.key(passphrase)?;
    let data_key = seal::unseal(&key, DATA_KEY, &head.data_key).map_err(|_| StateFileError::Passphrase)?;
    let mut raw = KeyBytes::default();
    if data_key.len() != raw.len() {
        return Err(StateFileError::Damaged);
    }
    raw.copy_from_slice(&data_key);

    let place = Place { folder: folder.to_owned() };
    if folder.exists() {
        std::fs::remove_dir_all(folder).map_err(file_error("remove", folder))?;
    }
    make_folder(folder)?;
    let plain = folder.join("incoming.jsonl");
    let _cleared = Cleared(plain.clone());
    let mut output = create(&plain)?;
    let part = |number, line: &[u8]| -> Result<(Zeroizing<Vec<u8>>, bool), StateFileError> {
        let sealed: Sealed = serde_json::from_slice(line).map_err(|_| StateFileError::Damaged)?;
        let last = seal::unseal(&key, &purpose(number, true), &sealed).map(|plain| (plain, true));
        last.or_else(|_| Ok((seal::unseal(&key, &purpose(number, false), &sealed)?, false)))
            .map_err(|_: StoreError| StateFileError::Damaged)
    };
    let (beside, _) = part(0, &next()?)?;
    let beside = String::from_utf8(beside.to_vec()).map_err(|_| StateFileError::Damaged)?;
    let mut number = 1;
    loop {
        let (plain_part, last) = part(number, &next()?)?;
        output.write_all(&plain_part).map_err(file_error("write", &plain))?;
        if last {
            break;
        }
        number += 1;
    }
    if !next()?.is_empty() {
        return Err(StateFileError::Damaged);
    }
    output.sync_all().map_err(file_error("write", &plain))?;
    export::restore(&plain, &Engine::open(&place.database())?)?;
    let master = MasterKey::read_or_make(master_key_file)?;
    write_wrapped(&place.data_key(), &DataKey::wrap(&raw, &master)?)?;
    sync_folder(folder)?;
    Ok(beside)
}

impl Cost {
    fn key(&self, passphrase: &Secret) -> Result<KeyBytes, StateFileError> {
        // The file says how much work it is; nobody is made to do any amount of it.
        let sane = self.memory_kib <= 1 << 20 && self.passes <= 16 && self.lanes <= 16 && self.salt.len() <= 128;
        if !sane {
            return Err(StateFileError::Form);
        }
        let params =
            Params::new(self.memory_kib, self.passes, self.lanes, Some(32)).map_err(|_| StateFileError::Form)?;
        let mut key = KeyBytes::default();
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(passphrase.expose().as_bytes(), self.salt.as_bytes(), key.as_mut_slice())
            .map_err(|_| StateFileError::Form)?;
        Ok(key)
    }
}

/// Removes a file that nobody is to find.
struct Cleared(PathBuf);

impl Drop for Cleared {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn purpose(number: u64, last: bool) -> String {
    format!("state file: {} {number}", if last { "last part" } else { "part" })
}

const DATA_KEY: &str = "state file: data key";
const FORM: u32 = 1;
/// Memory in KiB, passes, lanes.
const COST: (u32, u32, u32) = (64 * 1024, 3, 1);
const PIECE: usize = 48 * 1024;
const LONGEST_LINE: u64 = 128 * 1024;

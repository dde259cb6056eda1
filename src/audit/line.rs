//! The form of a line: a JSON object that ends in the hash of all that stands before it, and in a code over that hash
//! where the log is signed.
//!
//! `{"seq":1,"at":"…",…,"prev":"<hash before>","hash":"<hash>","mac":"<code>"}`. The hash is SHA-256 over the exact
//! bytes up to `,"hash"`, so that a reader needs no canonical form. `prev` chains the line to the one before.

use aws_lc_rs::{digest, hmac};
use serde::{Deserialize, Serialize};

use super::entry::Entry;
use crate::domain::Timestamp;

/// The end of a log: what the next entry is chained to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tip {
    /// The last entry's sequence; 0 before the first.
    pub(super) seq: u64,
    /// The last entry's hash; before the first, the log's random beginning.
    pub(super) hash: String,
}

/// The key that signs entries: with it, a log that was rewritten as a whole is found.
pub struct SigningKey(hmac::Key);

impl SigningKey {
    /// The key of these bytes; derived from the store's data key by `Store::keyed_hash`.
    pub fn new(bytes: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, bytes))
    }

    pub(super) fn code(&self, text: &str) -> String {
        hex(hmac::sign(&self.0, text.as_bytes()).as_ref())
    }
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SigningKey(***)")
    }
}

/// What is wrong with a line by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// It is not a line of the log, or its hash is not that of its content.
    Content,
    /// It is not signed with this key.
    Signature,
}

/// The place of a sound line in the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) tip: Tip,
    /// The hash that it is chained to.
    pub(super) prev: String,
}

#[derive(Serialize)]
struct Written<'a> {
    seq: u64,
    at: String,
    #[serde(flatten)]
    entry: &'a Entry,
    prev: &'a str,
}

#[derive(Deserialize)]
struct Read {
    seq: u64,
    prev: String,
    hash: String,
    mac: Option<String>,
}

/// Appends the line of an entry to `lines`, and gives the tip after it.
pub(super) fn write(
    lines: &mut Vec<u8>,
    before: &Tip,
    at: Timestamp,
    entry: &Entry,
    key: Option<&SigningKey>,
) -> serde_json::Result<Tip> {
    let seq = before.seq + 1;
    let mut body = serde_json::to_vec(&Written { seq, at: at.to_string(), entry, prev: &before.hash })?;
    body.pop(); // the closing brace
    let hash = hash_of(&body);
    lines.extend_from_slice(&body);
    lines.extend_from_slice(format!("{HASH}{hash}\"").as_bytes());
    if let Some(key) = key {
        lines.extend_from_slice(format!(",\"mac\":\"{}\"", key.code(&hash)).as_bytes());
    }
    lines.extend_from_slice(b"}\n");
    Ok(Tip { seq, hash })
}

/// Reads a line (without its line feed) and checks what can be checked by itself.
pub(super) fn read(line: &[u8], key: Option<&SigningKey>) -> Result<Link, Fault> {
    let read: Read = serde_json::from_slice(line).map_err(|_| Fault::Content)?;
    let signature = read.mac.as_ref().map(|mac| format!(",\"mac\":\"{mac}\"")).unwrap_or_default();
    let end = format!("{HASH}{}\"{signature}}}", read.hash);
    let body = line.strip_suffix(end.as_bytes()).ok_or(Fault::Content)?;
    if hash_of(body) != read.hash {
        return Err(Fault::Content);
    }
    if key.is_some_and(|key| read.mac != Some(key.code(&read.hash))) {
        return Err(Fault::Signature);
    }
    Ok(Link { tip: Tip { seq: read.seq, hash: read.hash }, prev: read.prev })
}

/// Bytes as lower-case hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn hash_of(body: &[u8]) -> String {
    hex(digest::digest(&digest::SHA256, body).as_ref())
}

/// What stands between the body of a line and its hash.
const HASH: &str = ",\"hash\":\"";

//! Reading a log from its beginning, and naming the first entry that is not as it was written.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::head::{Found, Head};
use super::line::{self, Fault, SigningKey, Tip};
use super::segment;

/// A log that holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// How many entries it has.
    pub entries: u64,
    /// In how many segments.
    pub segments: usize,
    /// The last entry's hash, to be compared with a note kept elsewhere.
    pub last_hash: String,
    /// Entries after the head: written while this ran, or before a crash.
    pub after_head: u64,
    /// Whether every entry's signature was checked.
    pub signed: bool,
}

/// The first thing in a log that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The segment's file name; the head's, where the head is wrong.
    pub segment: String,
    /// The line in it, from 1; 0 where no line is there.
    pub line: u64,
    /// The sequence of the entry that should be there.
    pub seq: u64,
    /// What is wrong.
    pub what: String,
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}, line {}, entry {}: {}", self.segment, self.line, self.seq, self.what)
    }
}

/// Why a log does not verify. The operator's side.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// An entry was altered, removed or moved. The operator's side.
    #[error("the audit log is not as it was written: {0}")]
    Broken(Finding),
    /// There is no log. The operator's side.
    #[error("there is no audit log in {}", .0.display())]
    NoLog(PathBuf),
    /// It could not be read. The operator's side.
    #[error("cannot read the audit log in {}: {source}", folder.display())]
    Unreadable {
        /// The log's folder.
        folder: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

/// Verifies the chain, also of a log that is being written.
pub fn verify(folder: &Path) -> Result<Verified, VerifyError> {
    verify_with(folder, None)
}

/// Verifies the chain and every signature.
pub fn verify_signed(folder: &Path, key: &SigningKey) -> Result<Verified, VerifyError> {
    verify_with(folder, Some(key))
}

fn verify_with(folder: &Path, key: Option<&SigningKey>) -> Result<Verified, VerifyError> {
    let unreadable = |source| VerifyError::Unreadable { folder: folder.to_owned(), source };
    if !folder.is_dir() {
        return Err(VerifyError::NoLog(folder.to_owned()));
    }
    // The head first: what is written from now on lies after it.
    let mut head = Head::read(folder, key).map_err(unreadable)?;
    for _ in 1..TRIES {
        let outcome = walk(folder, key, &head);
        if outcome.is_ok() {
            return outcome;
        }
        let now = Head::read(folder, key).map_err(unreadable)?;
        if now == head {
            return outcome;
        }
        head = now;
    }
    walk(folder, key, &head)
}

/// How often a log that is being written is looked at: its head may have been read while it was half of one and half of the next.
const TRIES: usize = 5;

fn walk(folder: &Path, key: Option<&SigningKey>, head: &Found) -> Result<Verified, VerifyError> {
    let unreadable = |source| VerifyError::Unreadable { folder: folder.to_owned(), source };
    let segments = segment::list(folder).map_err(unreadable)?;
    let head = match head {
        Found::Head(head) => head,
        Found::Missing if segments.is_empty() => return Err(VerifyError::NoLog(folder.to_owned())),
        Found::Missing => return Err(head_is("missing: nobody knows how far the log reached")),
        Found::Unreadable => return Err(head_is("unreadable: nobody knows how far the log reached")),
        Found::Unsigned(_) => return Err(head_is("not signed with this appliance's key")),
    };
    let mut walk = Walk { key, head, tip: Tip { seq: 0, hash: head.genesis.clone() } };
    for (number, (first, path)) in segments.iter().enumerate() {
        let is_last = number + 1 == segments.len();
        walk.segment(*first, path, is_last).map_err(unreadable)??;
    }
    walk.end(segments.last().map(|(_, path)| path.as_path()))?;
    Ok(Verified {
        entries: walk.tip.seq,
        segments: segments.len(),
        after_head: walk.tip.seq.saturating_sub(head.tip.seq),
        last_hash: walk.tip.hash,
        signed: key.is_some(),
    })
}

struct Walk<'a> {
    key: Option<&'a SigningKey>,
    head: &'a Head,
    tip: Tip,
}

impl Walk<'_> {
    /// Walks one segment; the outer error is the system's, the inner one a finding.
    fn segment(&mut self, first: u64, path: &Path, is_last: bool) -> io::Result<Result<(), VerifyError>> {
        let mut input = BufReader::new(File::open(path)?);
        let mut number = 0;
        loop {
            let mut line = Vec::new();
            input.by_ref().take(LINE_LIMIT).read_until(b'\n', &mut line)?;
            if line.is_empty() {
                return Ok(Ok(()));
            }
            number += 1;
            let torn = !line.ends_with(b"\n");
            if torn && is_last && self.tip.seq >= self.head.tip.seq {
                // Being written just now, or cut off by a crash: never acknowledged.
                return Ok(Ok(()));
            }
            if number == 1 && first != self.tip.seq + 1 {
                return Ok(Err(self.finding(path, number, self.gap(first))));
            }
            if let Err(what) = self.step(line.strip_suffix(b"\n").unwrap_or(&line), torn) {
                return Ok(Err(self.finding(path, number, what)));
            }
        }
    }

    /// Takes the next line into the chain, or says what is wrong with it.
    fn step(&mut self, line: &[u8], torn: bool) -> Result<(), String> {
        let link = match line::read(line, self.key) {
            Ok(link) if !torn => link,
            Ok(_) => return Err("altered: its line feed is missing".to_owned()),
            Err(Fault::Content) => return Err("altered: it does not have its own hash".to_owned()),
            Err(Fault::Signature) => return Err("altered: it is not signed with this appliance's key".to_owned()),
        };
        let expected = self.tip.seq + 1;
        if link.tip.seq != expected {
            return Err(self.gap(link.tip.seq));
        }
        if link.prev != self.tip.hash {
            return Err("altered: it is not chained to the entry before it, or that one was replaced".to_owned());
        }
        if link.tip.seq == self.head.tip.seq && link.tip.hash != self.head.tip.hash {
            return Err("altered: it is not the entry that the head names".to_owned());
        }
        self.tip = link.tip;
        Ok(())
    }

    /// What it means that entry `found` stands here.
    fn gap(&self, found: u64) -> String {
        let expected = self.tip.seq + 1;
        if found > expected {
            format!("removed or moved: entry {found} stands in its place")
        } else {
            format!("reordered or repeated: entry {found} stands in its place")
        }
    }

    /// Checks that the log reaches as far as its head.
    fn end(&self, last: Option<&Path>) -> Result<(), VerifyError> {
        let reaches = self.head.tip.seq;
        if self.tip.seq < reaches {
            let what = format!("removed: the log ends here, and reached to entry {reaches}");
            return Err(self.finding(last.unwrap_or(Path::new("audit")), 0, what));
        }
        if reaches == 0 && self.head.tip.hash != self.head.genesis {
            return Err(head_is("altered"));
        }
        Ok(())
    }

    fn finding(&self, path: &Path, line: u64, what: String) -> VerifyError {
        let segment = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        VerifyError::Broken(Finding { segment, line, seq: self.tip.seq + 1, what })
    }
}

fn head_is(what: &str) -> VerifyError {
    VerifyError::Broken(Finding { segment: "head.json".to_owned(), line: 0, seq: 0, what: what.to_owned() })
}

/// No line is longer: entries are bounded.
const LINE_LIMIT: u64 = 1 << 20;

//! Opening a log as it was left, which may be by a crash, or with something missing.
//!
//! Nothing that was acknowledged is dropped. Half a line at the end, or lines after the head that do not hold (a write
//! that never was acknowledged), are kept aside. Where the log ends before its head, the next entry is chained to the
//! head, so that the gap stays visible for ever.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::AuditError;
use super::head::{Found, Head};
use super::line::{self, SigningKey, Tip};
use super::segment::{self, Segment};
use crate::platform::Lock;

/// A log that can be written to.
pub(super) struct Recovered {
    pub(super) head: Head,
    pub(super) segment: Segment,
    /// What was found that the log itself has to tell.
    pub(super) note: Option<String>,
}

/// Makes the folder and locks it against other writers.
pub(super) fn take(folder: &Path) -> Result<Lock, AuditError> {
    let unwritable = |error: io::Error| AuditError::Unwritable { cause: format!("{}: {error}", folder.display()) };
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(unwritable)?;
    match Lock::take(&folder.join("lock")).map_err(unwritable)? {
        Some(lock) => Ok(lock),
        None => Err(AuditError::InUse { folder: folder.display().to_string() }),
    }
}

/// Finds the end of the log.
pub(super) fn recover(folder: &Path, key: Option<&SigningKey>) -> io::Result<Recovered> {
    let found = Head::read(folder, key)?;
    let segments = segment::list(folder)?;
    let Some((first, path)) = segments.last() else { return begin(folder, key, found) };
    let recovered = match found {
        Found::Head(head) => up_to_head(folder, key, head, *first, path)?,
        Found::Unsigned(_) | Found::Unreadable | Found::Missing => without_head(&segments, path)?,
    };
    recovered.head.write(folder, key)?;
    Ok(recovered)
}

/// A log without segments: a new one, or one that lost them all.
fn begin(folder: &Path, key: Option<&SigningKey>, found: Found) -> io::Result<Recovered> {
    let (head, note) = match found {
        Found::Head(head) if head.tip.seq == 0 => (head, None),
        Found::Head(head) | Found::Unsigned(head) => {
            let note = format!("entries 1 to {} are missing", head.tip.seq);
            (head, Some(note))
        }
        Found::Missing => (Head::first()?, None),
        Found::Unreadable => (Head::first()?, Some("the head was unreadable: a whole log may be missing".to_owned())),
    };
    head.write(folder, key)?.sync_all()?;
    segment::sync_folder(Some(folder))?;
    segment::sync_folder(folder.parent().filter(|parent| !parent.as_os_str().is_empty()))?;
    let segment = Segment::new(folder, head.tip.seq + 1);
    Ok(Recovered { head, segment, note })
}

/// A log with its head: it must reach as far, and what lies after the head counts if it holds.
fn up_to_head(folder: &Path, key: Option<&SigningKey>, head: Head, first: u64, path: &Path) -> io::Result<Recovered> {
    let end = Ending::read(path, key)?;
    let reaches = head.tip.seq;
    let last = match end.last {
        Some(last) if last.seq >= reaches => last,
        // A new segment in which nothing was acknowledged yet.
        None if reaches + 1 == first => head.tip,
        Some(Tip { seq, .. }) => return Ok(with_gap(folder, head, seq + 1)),
        None => return Ok(with_gap(folder, head, first)),
    };
    let note = match end.total - end.sound {
        0 => None,
        bytes => {
            let kept = set_aside(path, end.sound)?;
            Some(format!("{bytes} bytes of entries that were never acknowledged were set aside in {kept}"))
        }
    };
    let segment = Segment::existing(path, end.sound)?;
    Ok(Recovered { head: Head { genesis: head.genesis, tip: last }, segment, note })
}

/// A log that ends before its head: the next entry is chained to the head, in a segment of its own.
fn with_gap(folder: &Path, head: Head, missing: u64) -> Recovered {
    let reaches = head.tip.seq;
    let note = Some(format!("entries {missing} to {reaches} are missing or damaged"));
    Recovered { segment: Segment::new(folder, reaches + 1), head, note }
}

/// A log that lost its head: what can be read is believed, and the loss is told.
fn without_head(segments: &[(u64, PathBuf)], path: &Path) -> io::Result<Recovered> {
    let genesis = match segments.first() {
        Some((1, first)) => genesis_of(first)?,
        _ => None,
    };
    let end = Ending::read(path, None)?;
    let (Some(genesis), Some(tip)) = (genesis, end.last) else {
        let text = "the head and a segment are damaged: move the folder aside, and keep it, to begin a new log";
        return Err(io::Error::new(io::ErrorKind::InvalidData, text));
    };
    let mut note = "the head was missing or is not this appliance's: entries at the end may be missing".to_owned();
    if end.total > end.sound {
        note.push_str(&format!("; what follows entry {} was set aside in {}", tip.seq, set_aside(path, end.sound)?));
    }
    Ok(Recovered { head: Head { genesis, tip }, segment: Segment::existing(path, end.sound)?, note: Some(note) })
}

/// The end of a segment.
struct Ending {
    /// The last sound line before any that is not.
    last: Option<Tip>,
    /// Up to where its lines are sound and chained.
    sound: u64,
    /// All of it.
    total: u64,
}

impl Ending {
    fn read(path: &Path, key: Option<&SigningKey>) -> io::Result<Self> {
        let content = std::fs::read(path)?;
        let mut ending = Self { last: None, sound: 0, total: content.len() as u64 };
        for line in content.split_inclusive(|byte| *byte == b'\n') {
            let Some(Ok(link)) = line.strip_suffix(b"\n").map(|line| line::read(line, key)) else { break };
            let chained = |last: &Tip| last.hash == link.prev && last.seq + 1 == link.tip.seq;
            if !ending.last.as_ref().is_none_or(chained) {
                break;
            }
            ending.sound += line.len() as u64;
            ending.last = Some(link.tip);
        }
        Ok(ending)
    }
}

/// What the first entry of the log is chained to.
fn genesis_of(path: &Path) -> io::Result<Option<String>> {
    let content = std::fs::read(path)?;
    let line = content.split(|byte| *byte == b'\n').next().unwrap_or_default();
    Ok(line::read(line, None).ok().map(|link| link.prev))
}

/// Copies what stands after `from` into a file of its own, and cuts it off.
fn set_aside(path: &Path, from: u64) -> io::Result<String> {
    let content = std::fs::read(path)?;
    let rest = content.get(usize::try_from(from).unwrap_or(usize::MAX)..).unwrap_or_default();
    let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let mut number = 0;
    let kept = loop {
        let name = format!("torn-{stem}-{from}-{number}.bin");
        if !path.with_file_name(&name).exists() {
            break name;
        }
        number += 1;
    };
    let aside = path.with_file_name(&kept);
    let mut copy = File::create(&aside)?;
    copy.write_all(rest).and_then(|()| copy.sync_all())?;
    segment::sync_folder(path.parent())?;
    let file = OpenOptions::new().write(true).open(path)?;
    file.set_len(from)?;
    file.sync_all()?;
    Ok(kept)
}

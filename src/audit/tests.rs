//! The log under attack: whatever is done to its files, verification names the first entry that it was done to.

use std::path::{Path, PathBuf};

use proptest::prelude::*;
use proptest::sample::Index;

use super::entry::{Actor, Entry, Outcome};
use super::line::{self, SigningKey, Tip};
use super::log::Log;
use super::verify::{Finding, VerifyError, verify, verify_signed};
use super::{head::Head, segment};
use crate::domain::{Side, Timestamp};

const ENTRIES: u64 = 24;
const PER_SEGMENT: u64 = 6;

fn key() -> SigningKey {
    SigningKey::new(&[7; 32])
}

fn entry(number: u64) -> (Timestamp, Entry) {
    let actor = Actor::Anonymous { claimed: Some(format!("ada {number}")) };
    let entry = Entry::new(actor, "session.refused").outcome(Outcome::Refused).side(Side::Workstation);
    (Timestamp::from_millis(1_795_000_000_000), entry.subject("sales").reason("wrong\npassword").detail("n", number))
}

/// A log of 24 entries in four segments.
fn written(key: Option<SigningKey>) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut log = Log::open(folder.path(), key).unwrap();
    for number in 1..=ENTRIES {
        log.append(&[entry(number)]).unwrap();
        if number % PER_SEGMENT == 0 {
            log.segment_limit = 1; // so that the next entry begins a new one
        } else {
            log.segment_limit = u64::MAX;
        }
    }
    drop(log);
    assert_eq!(paths(folder.path()).len(), 4);
    folder
}

fn paths(folder: &Path) -> Vec<PathBuf> {
    segment::list(folder).unwrap().into_iter().map(|(_, path)| path).collect()
}

fn lines(path: &Path) -> Vec<String> {
    std::fs::read_to_string(path).unwrap().lines().map(|line| format!("{line}\n")).collect()
}

fn finding(outcome: Result<super::Verified, VerifyError>) -> Finding {
    match outcome {
        Err(VerifyError::Broken(finding)) => finding,
        other => panic!("{other:?}"),
    }
}

/// Edits the lines of one segment, and says what verification finds.
fn after_editing(segment: usize, edit: impl FnOnce(&mut Vec<String>)) -> Finding {
    let folder = written(Some(key()));
    let path = &paths(folder.path())[segment];
    let mut lines = lines(path);
    edit(&mut lines);
    std::fs::write(path, lines.concat()).unwrap();
    let found = finding(verify(folder.path()));
    assert_eq!(finding(verify_signed(folder.path(), &key())), found);
    assert_eq!(found.segment, path.file_name().unwrap().to_string_lossy());
    found
}

#[test]
fn a_log_as_it_was_written_verifies() {
    let folder = written(Some(key()));
    let verified = verify_signed(folder.path(), &key()).unwrap();
    assert_eq!((verified.entries, verified.segments, verified.after_head), (ENTRIES, 4, 0));
    assert_eq!(verify(folder.path()).unwrap().last_hash, verified.last_hash);
}

#[test]
fn an_altered_entry_is_named() {
    let found = after_editing(1, |lines| lines[2] = lines[2].replace("refused", "done"));
    assert_eq!((found.line, found.seq), (3, 9));
    assert!(found.what.starts_with("altered"), "{found}");
}

#[test]
fn a_removed_entry_is_named() {
    let found = after_editing(1, |lines| drop(lines.remove(2)));
    assert_eq!((found.line, found.seq), (3, 9));
    assert!(found.what.starts_with("removed"), "{found}");
}

#[test]
fn reordered_and_repeated_entries_are_named() {
    let found = after_editing(2, |lines| lines.swap(0, 1));
    assert_eq!((found.line, found.seq), (1, 13));
    let found = after_editing(0, |lines| lines.insert(3, lines[1].clone()));
    assert_eq!((found.line, found.seq), (4, 4));
    assert!(found.what.starts_with("reordered or repeated"), "{found}");
}

#[test]
fn entries_cut_off_at_the_end_are_missed() {
    for keep in 0..5 {
        let found = after_editing(3, |lines| lines.truncate(keep));
        assert_eq!(found.seq, 19 + keep as u64);
        assert!(found.what.starts_with("removed"), "{found}");
    }
}

#[test]
fn a_removed_segment_is_missed_wherever_it_was() {
    for (segment, first_missing) in [(0, 1), (1, 7), (2, 13), (3, 19)] {
        let folder = written(None);
        std::fs::remove_file(&paths(folder.path())[segment]).unwrap();
        let found = finding(verify(folder.path()));
        assert_eq!(found.seq, first_missing, "{found}");
        assert!(found.what.starts_with("removed"), "{found}");
    }
}

#[test]
fn a_removed_or_forged_head_is_found() {
    let folder = written(Some(key()));
    let forger = SigningKey::new(&[8; 32]);
    let shorter = Head { genesis: "0".repeat(64), tip: Tip { seq: 3, hash: "0".repeat(64) } };
    shorter.write(folder.path(), Some(&forger)).unwrap();
    assert_eq!(finding(verify_signed(folder.path(), &key())).segment, "head.json");
    std::fs::remove_file(folder.path().join("head.json")).unwrap();
    assert_eq!(finding(verify(folder.path())).segment, "head.json");
}

#[test]
fn a_log_rewritten_as_a_whole_passes_only_without_the_signing_key() {
    let folder = written(Some(key()));
    for path in paths(folder.path()) {
        std::fs::remove_file(path).unwrap();
    }
    std::fs::remove_file(folder.path().join("head.json")).unwrap();
    let mut forged = Log::open(folder.path(), Some(SigningKey::new(&[8; 32]))).unwrap();
    forged.append(&[entry(1), entry(2)]).unwrap();
    drop(forged);
    assert_eq!(verify(folder.path()).unwrap().entries, 2);
    finding(verify_signed(folder.path(), &key()));
}

#[test]
fn an_entry_that_somebody_adds_at_the_end_is_found_by_its_signature() {
    let folder = written(Some(key()));
    let path = paths(folder.path()).pop().unwrap();
    let mut content = std::fs::read(&path).unwrap();
    let last = line::read(lines(&path).last().unwrap().trim_end().as_bytes(), None).unwrap().tip;
    let (at, forged) = entry(25);
    line::write(&mut content, &last, at, &forged, Some(&SigningKey::new(&[8; 32]))).unwrap();
    std::fs::write(&path, content).unwrap();
    assert_eq!(verify(folder.path()).unwrap().after_head, 1);
    let found = finding(verify_signed(folder.path(), &key()));
    assert_eq!((found.line, found.seq), (7, 25));
    // Opening does not take it over: it was never acknowledged.
    drop(Log::open(folder.path(), Some(key())).unwrap());
    assert_eq!(verify_signed(folder.path(), &key()).unwrap().entries, ENTRIES);
}

/// One edit of the bytes of a log.
#[derive(Debug, Clone)]
enum Edit {
    Flip(Index, u8),
    Cut(Index),
    Remove(Index, Index),
    Insert(Index, Vec<u8>),
    CopyLine(Index, Index),
    RemoveLine(Index),
    SwapLines(Index, Index),
}

fn edits() -> impl Strategy<Value = Edit> {
    let index = any::<Index>;
    prop_oneof![
        (index(), 1..=255_u8).prop_map(|(at, bits)| Edit::Flip(at, bits)),
        index().prop_map(Edit::Cut),
        (index(), index()).prop_map(|(from, to)| Edit::Remove(from, to)),
        (index(), prop::collection::vec(any::<u8>(), 1..20)).prop_map(|(at, bytes)| Edit::Insert(at, bytes)),
        (index(), index()).prop_map(|(from, to)| Edit::CopyLine(from, to)),
        index().prop_map(Edit::RemoveLine),
        (index(), index()).prop_map(|(one, other)| Edit::SwapLines(one, other)),
    ]
}

fn apply(edit: &Edit, content: &[u8]) -> Vec<u8> {
    let mut bytes = content.to_vec();
    let mut lines: Vec<&[u8]> = content.split_inclusive(|byte| *byte == b'\n').collect();
    match edit {
        Edit::Flip(at, bits) => bytes[at.index(content.len())] ^= bits,
        Edit::Cut(at) => bytes.truncate(at.index(content.len())),
        Edit::Remove(from, to) => {
            let (from, to) = (from.index(content.len()), to.index(content.len()));
            bytes.drain(from.min(to)..from.max(to));
        }
        Edit::Insert(at, new) => drop(bytes.splice(at.index(content.len())..at.index(content.len()), new.clone())),
        Edit::CopyLine(from, to) => {
            let line = lines[from.index(lines.len())];
            lines.insert(to.index(lines.len() + 1), line);
            bytes = lines.concat();
        }
        Edit::RemoveLine(at) => {
            lines.remove(at.index(lines.len()));
            bytes = lines.concat();
        }
        Edit::SwapLines(one, other) => {
            let (one, other) = (one.index(lines.len()), other.index(lines.len()));
            lines.swap(one, other);
            bytes = lines.concat();
        }
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_edit_of_any_segment_goes_unnoticed(segment in 0..4_usize, edit in edits()) {
        thread_local! {
            static LOG: (tempfile::TempDir, Vec<(PathBuf, Vec<u8>)>) = {
                let folder = written(Some(key()));
                let content = paths(folder.path()).into_iter().map(|p| (p.clone(), std::fs::read(p).unwrap())).collect();
                (folder, content)
            };
        }
        LOG.with(|(folder, segments)| {
            let (path, content) = &segments[segment];
            let edited = apply(&edit, content);
            std::fs::write(path, &edited).unwrap();
            let outcome = verify_signed(folder.path(), &key());
            std::fs::write(path, content).unwrap();
            if edited == *content {
                prop_assert!(outcome.is_ok());
            } else {
                let same = edited.iter().zip(content).take_while(|(a, b)| a == b).count();
                let intact = content[..same].iter().filter(|byte| **byte == b'\n').count() as u64;
                match outcome {
                    // Everything that is there still holds, with bytes behind it that were never a whole line.
                    Ok(_) => prop_assert!(
                        segment == 3 && edited.starts_with(content) && !edited[content.len()..].contains(&b'\n')
                    ),
                    Err(VerifyError::Broken(found)) => {
                        // The first entry that differs, named by its sequence.
                        let expected = segment as u64 * PER_SEGMENT + intact + 1;
                        prop_assert_eq!(found.seq, expected, "{}", found);
                    }
                    Err(other) => prop_assert!(false, "{}", other),
                }
            }
            Ok(())
        })?;
    }

    #[test]
    fn strange_lines_are_refused_and_do_not_panic(bytes in any::<Vec<u8>>()) {
        prop_assert!(line::read(&bytes, None).is_err());
    }
}

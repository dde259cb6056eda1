//! Opening a log as it was left.

use std::io::Write as _;

use gatehouse::audit::{AuditError, VerifyError, verify};

use super::{entries, entry, open, segments};

/// Adds bytes to the end of the last segment.
fn append(folder: &std::path::Path, bytes: &[u8]) {
    let path = segments(folder).pop().unwrap();
    std::fs::OpenOptions::new().append(true).open(path).unwrap().write_all(bytes).unwrap();
}

#[tokio::test]
async fn the_chain_goes_on_where_it_ended() {
    let folder = tempfile::tempdir().unwrap();
    for number in 0..3 {
        open(folder.path()).unwrap().record(entry(number)).await.unwrap();
    }
    let verified = verify(folder.path()).unwrap();
    assert_eq!((verified.entries, verified.segments), (3, 1));
}

#[tokio::test]
async fn half_a_line_is_kept_aside_and_the_log_says_so() {
    let folder = tempfile::tempdir().unwrap();
    open(folder.path()).unwrap().record(entry("kept")).await.unwrap();
    append(folder.path(), br#"{"seq":2,"at":"2026-"#);
    assert_eq!(verify(folder.path()).unwrap().entries, 1);

    let audit = open(folder.path()).unwrap();
    audit.record(entry("next")).await.unwrap();
    let written = entries(folder.path());
    assert_eq!(written[1]["action"], "audit.recovered");
    assert!(written[1]["reason"].as_str().unwrap().starts_with("20 bytes"), "{}", written[1]);
    assert_eq!(written[2]["subject"], "next");
    assert_eq!(verify(folder.path()).unwrap().entries, 3);
    let kept = std::fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().path());
    let kept = kept.filter(|path| path.extension().is_some_and(|e| e == "bin")).map(std::fs::read);
    assert_eq!(kept.map(Result::unwrap).collect::<Vec<_>>(), vec![br#"{"seq":2,"at":"2026-"#.to_vec()]);
}

#[tokio::test]
async fn entries_that_were_cut_off_stay_missed_after_the_log_went_on() {
    let folder = tempfile::tempdir().unwrap();
    let audit = open(folder.path()).unwrap();
    for number in 1..=5 {
        audit.record(entry(number)).await.unwrap();
    }
    drop(audit);
    let path = segments(folder.path()).remove(0);
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.split_inclusive('\n').take(3).collect::<String>()).unwrap();

    open(folder.path()).unwrap().record(entry("goes on")).await.unwrap();
    let written = entries(folder.path());
    assert_eq!(written[3]["seq"], 6);
    assert!(written[3]["reason"].as_str().unwrap().starts_with("entries 4 to 5 are missing"), "{}", written[3]);
    match verify(folder.path()) {
        Err(VerifyError::Broken(found)) => assert_eq!(found.seq, 4, "{found}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_damaged_entry_is_left_as_evidence_and_the_log_goes_on_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let audit = open(folder.path()).unwrap();
    for number in 1..=5 {
        audit.record(entry(number)).await.unwrap();
    }
    drop(audit);
    let path = segments(folder.path()).remove(0);
    let text = std::fs::read_to_string(&path).unwrap().replace(r#""subject":"3""#, r#""subject":"X""#);
    std::fs::write(&path, &text).unwrap();

    open(folder.path()).unwrap().record(entry("goes on")).await.unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    assert_eq!(entries(folder.path()).len(), 7);
    match verify(folder.path()) {
        Err(VerifyError::Broken(found)) => assert_eq!((found.line, found.seq), (3, 3), "{found}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_lost_head_is_told_in_the_log() {
    let folder = tempfile::tempdir().unwrap();
    open(folder.path()).unwrap().record(entry("before")).await.unwrap();
    std::fs::remove_file(folder.path().join("head.json")).unwrap();
    drop(open(folder.path()).unwrap());
    let written = entries(folder.path());
    assert_eq!((written.len(), &written[1]["action"]), (2, &"audit.recovered".into()));
    assert_eq!(verify(folder.path()).unwrap().entries, 2);
}

#[test]
fn a_second_writer_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let _audit = open(folder.path()).unwrap();
    assert!(matches!(open(folder.path()).unwrap_err(), AuditError::InUse { .. }));
}

#[test]
fn a_folder_without_a_log_is_not_a_log_that_holds() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(verify(folder.path()), Err(VerifyError::NoLog(_))));
    assert!(matches!(verify(&folder.path().join("nowhere")), Err(VerifyError::NoLog(_))));
    drop(open(folder.path()).unwrap());
    assert_eq!(verify(folder.path()).unwrap().entries, 0);
}

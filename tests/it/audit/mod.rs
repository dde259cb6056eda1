//! The audit: what an entry looks like, what a crash leaves, and what happens when it cannot be written.

mod crash;
mod failing;
mod opening;
mod sync_trace;

use std::path::{Path, PathBuf};

use gatehouse::audit::{Actor, Audit, AuditError, Entry, Outcome, verify};
use gatehouse::domain::{AccountId, Name, SessionId, Side, Timestamp};
use gatehouse::platform::ManualClock;
use gatehouse::telemetry;

/// Opens the log in `folder` at a fixed time.
pub fn open(folder: &Path) -> Result<Audit, AuditError> {
    Audit::open(folder, ManualClock::starting_at(Timestamp::from_millis(1_795_000_000_000)))
}

/// An entry that can be told from others.
pub fn entry(text: impl std::fmt::Display) -> Entry {
    Entry::new(Actor::Console, "test.entry").subject(text)
}

/// Every segment's path, in order.
pub fn segments(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<_> = entries.filter(|path| path.extension().is_some_and(|e| e == "jsonl")).collect();
    paths.sort();
    paths
}

/// Every entry of the log, as JSON.
pub fn entries(folder: &Path) -> Vec<serde_json::Value> {
    let texts: String = segments(folder).iter().map(|path| std::fs::read_to_string(path).unwrap()).collect();
    texts.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn an_entry_says_who_did_what_to_what_and_how_it_ended() {
    let folder = tempfile::tempdir().unwrap();
    let audit = open(folder.path()).unwrap();
    let (account, session) = (AccountId::random(), SessionId::random());
    let actor = Actor::Account { id: account, name: Name::parse("ada").unwrap() };
    let entry = Entry::new(actor, "session.refused")
        .subject("sales")
        .outcome(Outcome::Refused)
        .side(Side::Operator)
        .reason("no grant")
        .peer("192.0.2.7".parse().unwrap())
        .session(session)
        .detail("application", "Excel");
    telemetry::within_request("r-1".into(), "GET", "/", audit.record(entry)).await.unwrap();
    let written = entries(folder.path()).remove(0);
    let expected = serde_json::json!({
        "seq": 1, "at": "2026-11-18T11:06:40.000Z",
        "actor": { "kind": "account", "id": account.to_string(), "name": "ada" },
        "action": "session.refused", "subject": "sales", "outcome": "refused", "side": "operator",
        "reason": "no grant", "peer": "192.0.2.7", "session": session.to_string(), "request": "r-1",
        "details": { "application": "Excel" },
        "prev": written["prev"], "hash": written["hash"],
    });
    assert_eq!(written, expected);
}

#[tokio::test]
async fn no_text_breaks_out_of_its_line_or_fills_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let audit = open(folder.path()).unwrap();
    let hostile = "a\nb\r\n\0\u{1b}[31m\u{2028}\"}{\",\"hash\":\"";
    let claimed = Actor::Anonymous { claimed: Some(hostile.to_owned()) };
    audit.record(Entry::new(claimed, "session.refused").reason(hostile).detail("k", hostile)).await.unwrap();
    let endless = Actor::Anonymous { claimed: Some("x".repeat(1 << 20)) };
    audit.record(Entry::new(endless, "session.refused").reason("é".repeat(1 << 20))).await.unwrap();
    let written = entries(folder.path());
    assert_eq!(written.len(), 2);
    assert_eq!(written[0]["actor"]["claimed"], hostile);
    assert!(std::fs::metadata(&segments(folder.path())[0]).unwrap().len() < 8192);
    assert_eq!(verify(folder.path()).unwrap().entries, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn entries_recorded_at_once_are_all_there_and_chained() {
    let folder = tempfile::tempdir().unwrap();
    let audit = open(folder.path()).unwrap();
    let recorders = (0..8).map(|recorder| {
        let audit = audit.clone();
        async move {
            for number in 0..50 {
                audit.record(entry(format_args!("{recorder}-{number}"))).await.unwrap();
            }
        }
    });
    futures_util::future::join_all(recorders).await;
    let subjects: std::collections::BTreeSet<_> =
        entries(folder.path()).iter().map(|entry| entry["subject"].to_string()).collect();
    assert_eq!(subjects.len(), 400);
    assert_eq!(verify(folder.path()).unwrap().entries, 400);
}

#[tokio::test]
async fn a_log_can_be_verified_while_it_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let audit = open(folder.path()).unwrap();
    audit.record(entry("first")).await.unwrap();
    let path = folder.path().to_owned();
    let done = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let stop = std::sync::Arc::clone(&done);
    let verifier = std::thread::spawn(move || {
        let mut times = 0;
        while !stop.load(std::sync::atomic::Ordering::SeqCst) || times == 0 {
            verify(&path).unwrap();
            times += 1;
        }
    });
    for number in 0..200 {
        audit.record(entry(number)).await.unwrap();
    }
    done.store(true, std::sync::atomic::Ordering::SeqCst);
    verifier.join().unwrap();
}

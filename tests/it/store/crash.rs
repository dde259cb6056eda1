//! The crash test: a child process commits and reports each acknowledgement, and is killed at a random moment.
//!
//! 20 kills as a rule, 200 with `GATEHOUSE_FULL=1`.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use gatehouse::store::{Store, StoreError, prefix};

use super::{Notes, Steps, note, options};
use crate::support::process::{only, runtime, say};

/// Tells the child, with the folder, that it is one.
const CHILD: &str = "GATEHOUSE_TEST_CRASH_CHILD";
const THIS: &str = "store::crash::nothing_acknowledged_is_lost_and_no_change_is_torn_when_the_process_is_killed";
const WRITERS: u64 = 3;
/// How many of its steps a writer keeps.
const KEPT: u64 = 40;

#[test]
fn nothing_acknowledged_is_lost_and_no_change_is_torn_when_the_process_is_killed() {
    if let Some(folder) = std::env::var_os(CHILD) {
        return runtime().block_on(child(Path::new(&folder)));
    }
    let kills: usize = if std::env::var_os("GATEHOUSE_FULL").is_some() { 200 } else { 20 };
    let mut folder = tempfile::tempdir().unwrap();
    let mut acknowledged = BTreeMap::new();
    let (mut acknowledgements, mut in_all) = (0, 0);
    let mut slowness = 1;
    for kill in 0.. {
        if kill >= kills {
            if acknowledgements > kills {
                break;
            }
            // A machine so slow that it was killed before it began.
            slowness *= 2;
            assert!(slowness < 128, "the child hardly committed anything: {acknowledgements}");
        }
        // Every fifth begins with an empty folder, so that a first start is cut off as well.
        if kill % 5 == 0 {
            folder = tempfile::tempdir().unwrap();
            acknowledged = BTreeMap::new();
        }
        let longest = slowness * if kill % 4 == 0 { 60 } else { 500 };
        let after = Duration::from_millis(uuid::Uuid::new_v4().as_u128() as u64 % longest);
        acknowledgements += run_and_kill(folder.path(), after, &mut acknowledged);
        in_all += check(folder.path(), &acknowledged);
    }
    println!("{kills} kills, {acknowledgements} acknowledgements, {in_all} steps found");
}

/// Starts the child, kills it, and notes what it acknowledged until then.
fn run_and_kill(folder: &Path, after: Duration, acknowledged: &mut BTreeMap<u64, u64>) -> usize {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(only(THIS))
        .env(CHILD, folder)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    std::thread::sleep(after);
    child.kill().unwrap();
    let mut acknowledgements = 0;
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        assert!(!line.contains("FAILED"), "the child failed by itself: {line}");
        let mut words = line.split(' ');
        if let (Some("ack"), Some(writer), Some(step), Some("."), None) =
            (words.next(), words.next(), words.next(), words.next(), words.next())
        {
            acknowledged.insert(writer.parse().unwrap(), step.parse().unwrap());
            acknowledgements += 1;
        }
    }
    child.wait().unwrap();
    acknowledgements
}

/// Opens what the child left, and checks every promise.
fn check(folder: &Path, acknowledged: &BTreeMap<u64, u64>) -> usize {
    let (store, report) = Store::open(options(folder)).unwrap();
    assert_eq!(report.restored, None);
    let mut found = 0;
    for writer in 0..WRITERS {
        let name = format!("writer-{writer}");
        let last = last_step(&store, &name);
        let acknowledged = acknowledged.get(&writer).copied().unwrap_or(0);
        assert!(last >= acknowledged, "{name} was told that step {acknowledged} is kept, and {last} is the last");
        let steps = store.scan_prefix::<Steps>(&prefix(&name)).unwrap();
        let expected: Vec<_> = (last.saturating_sub(KEPT) + 1..=last).map(|s| ((name.clone(), s), s as i64)).collect();
        assert_eq!(steps, expected, "{name}");
        found += steps.len();
    }
    let sum: i64 = store.scan_prefix::<Steps>(&prefix(&"balance".to_owned())).unwrap().iter().map(|(_, n)| n).sum();
    assert_eq!(sum, 0, "a change was torn");
    found
}

fn last_step(store: &Store, name: &str) -> u64 {
    store.read::<Notes>(&name.to_owned()).unwrap().map_or(0, |note| note.text.parse().unwrap())
}

/// Commits for ever: a step, the number of the last step, the end of an old one, and two balances that make zero.
async fn child(folder: &Path) {
    let (store, _) = Store::open(options(folder)).unwrap();
    let writers = (0..WRITERS).map(|writer| {
        let store = store.clone();
        async move {
            let name = format!("writer-{writer}");
            let mut step = last_step(&store, &name);
            loop {
                step += 1;
                commit(&store, name.clone(), step).await.unwrap();
                say(&format!("ack {writer} {step} ."));
                if step.is_multiple_of(300) {
                    store.export().await.unwrap();
                }
            }
        }
    });
    futures_util::future::join_all(writers).await;
}

async fn commit(store: &Store, name: String, step: u64) -> Result<(), StoreError> {
    store
        .change(move |change| {
            change.put::<Steps>(&(name.clone(), step), &(step as i64))?;
            change.put::<Notes>(&name, &note(&step.to_string()))?;
            if let Some(old) = step.checked_sub(KEPT) {
                change.remove::<Steps>(&(name, old))?;
            }
            for (side, sign) in [(0, 1), (1, -1)] {
                let key = ("balance".to_owned(), side);
                let balance = change.read::<Steps>(&key)?.unwrap_or(0);
                change.put::<Steps>(&key, &(balance + sign * step as i64))?;
            }
            Ok(())
        })
        .await
}

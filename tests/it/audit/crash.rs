//! A child process records and reports each answer, and is killed at a random moment; nothing answered is missing.
//!
//! 20 kills as a rule, 200 with `GATEHOUSE_FULL=1`.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use gatehouse::audit::verify;

use super::{entries, entry, open};
use crate::support::process::{only, runtime, say};

/// Tells the child, with the folder, that it is one.
const CHILD: &str = "GATEHOUSE_TEST_AUDIT_CRASH_CHILD";
const THIS: &str = "audit::crash::nothing_recorded_is_missing_and_the_chain_holds_when_the_process_is_killed";

#[test]
fn nothing_recorded_is_missing_and_the_chain_holds_when_the_process_is_killed() {
    if let Some(folder) = std::env::var_os(CHILD) {
        return runtime().block_on(child(Path::new(&folder)));
    }
    let kills = if std::env::var_os("GATEHOUSE_FULL").is_some() { 200 } else { 20 };
    let mut answers = 0;
    let mut folder = tempfile::tempdir().unwrap();
    let mut slowness = 1;
    for kill in 0.. {
        if kill >= kills {
            if answers > kills {
                break;
            }
            // A machine so slow that it was killed before it began.
            slowness *= 2;
            assert!(slowness < 256, "the child hardly recorded anything: {answers}");
        }
        if kill % 5 == 0 {
            folder = tempfile::tempdir().unwrap();
        }
        let after = Duration::from_millis(uuid::Uuid::new_v4().as_u128() as u64 % (200 * slowness));
        let answered = run_and_kill(folder.path(), after);
        drop(open(folder.path()).unwrap());
        verify(folder.path()).unwrap();
        let written: BTreeSet<_> = entries(folder.path()).iter().map(|e| e["subject"].to_string()).collect();
        for text in &answered {
            assert!(written.contains(&format!("\"{text}\"")), "{text} was answered, and is missing");
        }
        answers += answered.len();
    }
}

/// Starts the child, kills it, and gives what it was told to be recorded.
fn run_and_kill(folder: &Path, after: Duration) -> Vec<String> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(only(THIS))
        .env(CHILD, folder)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    std::thread::sleep(after);
    child.kill().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let answered = lines.filter_map(|line| Some(line.strip_prefix("ack ")?.strip_suffix('.')?.to_owned())).collect();
    child.wait().unwrap();
    answered
}

async fn child(folder: &Path) {
    let audit = open(folder).unwrap();
    let recorders = (0..3).map(|_| async {
        loop {
            let text = uuid::Uuid::new_v4();
            audit.record(entry(text)).await.unwrap();
            say(&format!("ack {text}."));
        }
    });
    futures_util::future::join_all(recorders).await;
}

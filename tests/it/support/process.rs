//! A test that runs itself again in a process of its own: to be killed, traced, or limited.

use std::collections::HashMap;
use std::path::Path;
use std::process::Command;

/// The arguments that make the test binary run one test alone, and let it write to its standard output.
pub fn only(test: &str) -> Vec<String> {
    ["--exact", test, "--nocapture", "--test-threads=1"].map(str::to_owned).to_vec()
}

/// A runtime for tests that are plain functions.
pub fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// Runs `test` again under strace, with `variable` set to `folder`. Gives its writes and syncs, in the order in which
/// they ended: `fdatasync(9</path/of/file>) = 0`.
pub fn traced(test: &str, variable: &str, folder: &Path) -> Vec<String> {
    let output = folder.join("trace");
    let ended = Command::new("strace")
        .args(["-f", "-y", "-s", "1000000", "-e", "trace=pwrite64,fdatasync,fsync,write", "-o"])
        .arg(&output)
        .arg(std::env::current_exe().unwrap())
        .args(only(test))
        .env(variable, folder)
        .output()
        .expect("this test needs strace: install it (Debian: apt-get install strace)");
    assert!(ended.status.success(), "strace or its child failed: {}", String::from_utf8_lossy(&ended.stderr));
    joined(&std::fs::read_to_string(output).unwrap())
}

/// Takes the thread ids off, and joins calls that another thread's interrupted.
fn joined(trace: &str) -> Vec<String> {
    let mut begun = HashMap::new();
    let mut calls = Vec::new();
    for line in trace.lines() {
        let (thread, rest) = line.split_once(' ').unwrap();
        let rest = rest.trim_start();
        if let Some(start) = rest.strip_suffix("<unfinished ...>") {
            begun.insert(thread, start.trim_end().to_owned());
        } else if let Some((_, end)) = rest.strip_prefix("<... ").and_then(|rest| rest.split_once(" resumed>")) {
            calls.push(format!("{}{end}", begun.remove(thread).unwrap_or_default()));
        } else {
            calls.push(rest.to_owned());
        }
    }
    calls
}

/// Runs `test` again with `variable` set to `folder`, where no file may grow beyond so many KiB: the system refuses
/// the write, as a full disk does. Gives what it wrote to its standard output.
pub fn limited(test: &str, variable: &str, folder: &Path, kib: u32) -> String {
    // The signal that the limit would send is ignored, so that the write fails instead.
    let script = format!("trap '' XFSZ; ulimit -S -f {kib}; exec \"$@\"");
    let output = Command::new("bash")
        .args(["-c", &script, "bash"])
        .arg(std::env::current_exe().unwrap())
        .args(only(test))
        .env(variable, folder)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    text
}

/// Writes a line to the standard output in one call, past the test harness.
pub fn say(line: &str) {
    use std::io::Write as _;
    std::io::stdout().write_all(format!("{line}\n").as_bytes()).unwrap();
}

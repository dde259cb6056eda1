//! The program itself, as a process of its own: started, asked, told to stop.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// How long anything may take on a busy machine before it counts as stuck.
const STUCK: Duration = Duration::from_secs(60);

/// `gatehouse run` on a data folder, listening on free ports of the loopback address, its log in a file.
pub struct Process {
    child: Child,
    pub folder: PathBuf,
    pub sql: SocketAddr,
    pub https: SocketAddr,
    pub metrics: SocketAddr,
}

const FREE_PORTS: [&str; 4] =
    ["listen.sql=127.0.0.1:0", "listen.https=127.0.0.1:0", "listen.metrics=127.0.0.1:0", "log.format=json"];

impl Process {
    /// Starts it and waits until it is ready. `folder` gets `data`, `data.key` and `log`.
    pub fn start(folder: &Path, settings: &[&str]) -> Self {
        let log = File::options().create(true).append(true).open(folder.join("log")).unwrap();
        let before = log.metadata().unwrap().len();
        let mut command = gatehouse(folder);
        command.arg("run");
        for setting in FREE_PORTS.iter().chain(settings) {
            command.args(["--set", setting]);
        }
        let output = log.try_clone().unwrap();
        let mut child = command.stdin(Stdio::null()).stdout(output).stderr(log).spawn().unwrap();
        let begun = Instant::now();
        let ready = loop {
            let written = std::fs::read(folder.join("log")).unwrap().split_off(usize::try_from(before).unwrap());
            let written = String::from_utf8_lossy(&written).into_owned();
            let lines = written.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
            if let Some(line) = lines.into_iter().find(|line| line["message"] == "ready") {
                break line;
            }
            let ended = child.try_wait().unwrap();
            assert!(ended.is_none() && begun.elapsed() < STUCK, "not ready ({ended:?}):\n{written}");
            std::thread::sleep(Duration::from_millis(20));
        };
        let address = |name: &str| ready[name].as_str().unwrap().trim_matches(['[', ']']).parse().unwrap();
        Self {
            child,
            folder: folder.to_owned(),
            sql: address("sql"),
            https: address("https"),
            metrics: address("metrics"),
        }
    }

    /// Waits until it has become ready so many times; where HTTPS is since the last of them.
    pub fn ready_again(&self, times: usize) -> SocketAddr {
        let begun = Instant::now();
        loop {
            let log = self.log();
            let lines = log.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
            let ready: Vec<_> = lines.filter(|line| line["message"] == "ready").collect();
            if ready.len() >= times {
                return ready[times - 1]["https"].as_str().unwrap().trim_matches(['[', ']']).parse().unwrap();
            }
            assert!(begun.elapsed() < STUCK, "not ready again:\n{log}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits for its end.
    pub fn ended(mut self) -> ExitStatus {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(begun.elapsed() < STUCK, "it does not end:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(self.folder.join("log")).unwrap()).into_owned()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A program that is killed when the test ends, however it ends.
pub struct Running(Child);

impl Running {
    pub fn spawn(command: &mut Command) -> Self {
        Self(command.spawn().unwrap())
    }

    /// Starts the demo in `folder`, by a shell that allows it few open files until it asks for more, and waits for its
    /// `demo.json`.
    pub fn demo(folder: &Path, settings: &[&str]) -> (Self, serde_json::Value) {
        let mut command = Command::new("bash");
        command.args(["-c", "ulimit -S -n 256; exec \"$@\"", "bash", env!("CARGO_BIN_EXE_gatehouse")]);
        command.args(["demo", "--port", "0", "--sql-port", "0", "--server-port", "0", "--data-dir"]).arg(folder);
        for setting in settings {
            command.args(["--set", setting]);
        }
        let mut running = Self::spawn(command.stdout(Stdio::null()).stderr(Stdio::piped()));
        // Complete at first sight: it is read the moment it is there.
        loop {
            if let Ok(text) = std::fs::read(folder.join("demo.json")) {
                return (running, serde_json::from_slice(&text).unwrap());
            }
            assert!(running.0.try_wait().unwrap().is_none(), "the demo ended early: {}", running.errors());
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// What it wrote, once it has ended.
    pub fn errors(&mut self) -> String {
        let mut text = String::new();
        let _ = self.0.stderr.take().unwrap().read_to_string(&mut text);
        text
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.0), signal).unwrap();
    }

    /// Waits for its end.
    pub fn ended(&mut self) -> ExitStatus {
        self.0.wait().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A command of the program on `folder`, with `input` on its standard input.
pub fn ask(folder: &Path, arguments: &[&str], input: &str) -> Output {
    let mut command = gatehouse(folder);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // A command that does not read its input is free to close it.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

/// The program with nothing in its environment that could set anything.
fn gatehouse(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gatehouse"));
    command.env_clear().arg("--data-dir").arg(folder.join("data"));
    command
}

/// What a plain HTTP address answers, head and body.
pub fn fetch(from: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(from).unwrap();
    stream.set_read_timeout(Some(STUCK)).unwrap();
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

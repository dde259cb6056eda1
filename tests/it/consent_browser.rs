//! `gatehouse connect` is let in by a person with Chromium, who is led from its link to the sign-in, to the page that asks, and back to
//! the program: with scripts switched off. With scripts, and with drivers behind it, `tests/lab/workstation/whole_way.py` does it.

use std::process::Stdio;

use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use crate::support::browser::Browser;
use crate::support::connector::Bench;

/// The program, and its standard output.
struct Program {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Program {
    fn start(bench: &Bench, options: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gatehouse"));
        command.env_clear().arg("connect").arg(bench.url()).args(["--fingerprint", bench.fingerprint()]);
        command.args(["--print-link", "--keep", "file", "--state-dir"]).arg(bench.folder.path()).args(options);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    async fn line(&mut self, with: &str) -> String {
        while let Some(line) = self.lines.next_line().await.unwrap() {
            if line.contains(with) {
                return line.trim().to_owned();
            }
        }
        panic!("it ended without {with:?}")
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_is_refused_and_let_in_by_a_browser_without_scripts() {
    let bench = Bench::start().await;
    let access = &bench.house.demo.access;
    let browser = Browser::without_scripts(&[&bench.house.root_pem()]).await;

    let mut program = Program::start(&bench, &["--sign-in"]);
    let link = program.line("/oauth/authorize").await;
    browser.goto(&link).await.unwrap();
    browser.fill(&[("name", &access.account), ("password", &access.password)], "Sign in").await;
    browser.picture("consent").await;
    assert!(browser.text().await.contains("asks to act for you"), "{}", browser.text().await);
    browser.fill(&[], "Deny").await;
    assert!(browser.text().await.contains("The sign-in was refused"), "{}", browser.text().await);
    let ended = program.child.wait_with_output().await.unwrap();
    let words = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(ended.status.code() == Some(1) && words.contains("refused"), "{words}");
    let ada = bench.house.state().identity.account(&access.account).unwrap().id;
    let programs = || bench.house.state().identity.programs(ada).unwrap().len();
    assert_eq!(programs(), 0);

    let mut program = Program::start(&bench, &["--listen", "127.0.0.1:0", "--allow-other-users"]);
    let link = program.line("/oauth/authorize").await;
    browser.goto(&link).await.unwrap();
    browser.fill(&[], "Allow").await;
    let here = browser.client.current_url().await.unwrap();
    assert_eq!((here.scheme(), here.host_str(), here.path()), ("http", Some("127.0.0.1"), "/callback"));
    assert!(browser.text().await.contains("You may close this page"), "{}", browser.text().await);
    assert!(program.line("connected to").await.contains(&format!("as {}", access.account)));
    assert_eq!(programs(), 1);
    // The answer counted once: the page loaded again lets nobody in.
    assert!(browser.goto(here.as_str()).await.is_err(), "nobody listens there any more");
    program.child.kill().await.unwrap();
    browser.close().await;
}

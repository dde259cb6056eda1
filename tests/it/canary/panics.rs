//! A panic is reported without what it quoted.

use std::process::{Command, Output};

use gatehouse::config::Config;

const CANARY: &str = "canary-quoted-in-a-panic";
const CHILD: &str = "GATEHOUSE_TEST_PANIC";

#[test]
fn a_panic_in_a_thread_and_in_a_task_is_logged_with_its_place_and_without_what_it_quoted() {
    if std::env::var_os(CHILD).is_some() {
        return panic_everywhere();
    }
    let output = this_test_again();
    let log = String::from_utf8(output.stderr).unwrap();
    assert_eq!(super::traces::find(log.as_bytes(), &[CANARY]), Vec::<String>::new());
    assert!(log.contains("a literal is told"), "{log}");
    assert!(log.matches("panics.rs").count() >= 3, "{log}");
    assert!(log.contains("a background task panicked"), "{log}");
}

fn panic_everywhere() {
    gatehouse::telemetry::init(&Config::default().log).unwrap();
    let _ = std::thread::spawn(|| panic!("the password {CANARY} was not expected")).join();
    let _ = std::thread::spawn(|| panic!("a literal is told")).join();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let tasks = gatehouse::platform::Tasks::new();
        tasks.spawn("canary", async { std::hint::black_box(Err::<(), _>(CANARY.to_owned())).unwrap() }).await.unwrap();
    });
}

fn this_test_again() -> Output {
    let name = "canary::panics::a_panic_in_a_thread_and_in_a_task_is_logged_with_its_place_and_without_what_it_quoted";
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", name, "--nocapture"]).env(CHILD, "1").env("RUST_BACKTRACE", "0");
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output
}

//! curl, as the client that everybody has.

use std::process::{Output, Stdio};

/// Runs curl with nothing of this machine's in its settings; what it shows is the answer's body.
pub async fn curl(arguments: &[&str]) -> Output {
    let mut command = tokio::process::Command::new("curl");
    command.args(["--silent", "--show-error", "--max-time", "60", "--noproxy", "*"]).args(arguments);
    command.env_clear().env("PATH", "/usr/bin:/bin").stdin(Stdio::null());
    command.output().await.expect("this test needs curl: install it (Debian: apt-get install curl)")
}

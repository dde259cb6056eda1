//! What a person or a script gives besides arguments: passwords, answers to questions, times.

use std::io::{IsTerminal as _, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};

use crate::admin::Expiry;
use crate::config::parse_duration;
use crate::domain::{Secret, Timestamp};
use crate::identity::generated;

/// Where a password comes from. Never an argument: other users of the machine can see those.
#[derive(Debug, clap::Args)]
#[group(multiple = false)]
pub(in crate::cli) struct PasswordSource {
    /// Read the password from the standard input
    #[arg(long)]
    password_stdin: bool,
    /// Read the password from a file
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

/// Where a new password comes from.
#[derive(Debug, clap::Args)]
#[group(multiple = false)]
pub(in crate::cli) struct NewPasswordSource {
    /// Read the password from the standard input
    #[arg(long)]
    password_stdin: bool,
    /// Read the password from a file
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// Make a password, and print it once
    #[arg(long)]
    generate: bool,
}

/// A new password, and whether it was made here and has to be shown.
pub(in crate::cli) struct NewPassword {
    pub(in crate::cli) secret: Secret,
    pub(in crate::cli) made: bool,
}

impl PasswordSource {
    /// The password of something that exists already.
    pub(in crate::cli) fn take(&self, prompt: &str) -> anyhow::Result<Secret> {
        match given(self.password_stdin, self.password_file.as_deref())? {
            Some(secret) => Ok(secret),
            None => ask_hidden(prompt),
        }
    }
}

impl NewPasswordSource {
    /// A password that is being chosen: typed twice where it is typed.
    pub(in crate::cli) fn take(&self, prompt: &str) -> anyhow::Result<NewPassword> {
        if self.generate {
            return Ok(NewPassword { secret: generated::password()?, made: true });
        }
        if let Some(secret) = given(self.password_stdin, self.password_file.as_deref())? {
            return Ok(NewPassword { secret, made: false });
        }
        let secret = ask_hidden(prompt)?;
        if ask_hidden("The same again")? != secret {
            bail!("the two are not the same");
        }
        Ok(NewPassword { secret, made: false })
    }
}

fn given(from_stdin: bool, file: Option<&Path>) -> anyhow::Result<Option<Secret>> {
    let mut text = zeroize::Zeroizing::new(String::new());
    if from_stdin {
        std::io::stdin().lock().take(LONGEST).read_to_string(&mut text).context("the standard input")?;
    } else if let Some(path) = file {
        let file = std::fs::File::open(path).with_context(|| format!("the password file {}", path.display()))?;
        file.take(LONGEST).read_to_string(&mut text).with_context(|| format!("{}", path.display()))?;
    } else {
        return Ok(None);
    }
    // The line's end is the editor's or the shell's, not the password's.
    let line = text.strip_suffix('\n').map_or(text.as_str(), |line| line.strip_suffix('\r').unwrap_or(line));
    if line.is_empty() {
        bail!("the password is empty");
    }
    Ok(Some(Secret::new(line)))
}

fn ask_hidden(prompt: &str) -> anyhow::Result<Secret> {
    if !std::io::stdin().is_terminal() {
        bail!("there is no terminal to ask for a password: give --password-stdin or --password-file");
    }
    Ok(Secret::new(rpassword::prompt_password(format!("{prompt}: "))?))
}

/// Asks a question that is answered with yes or no; `yes` answers it for a script.
pub(in crate::cli) fn confirm(question: &str, yes: bool) -> anyhow::Result<bool> {
    if yes {
        return Ok(true);
    }
    if !std::io::stdin().is_terminal() {
        bail!("{question} There is no terminal to ask; --yes says yes");
    }
    let mut terminal = std::io::stderr().lock();
    write!(terminal, "{question} [y/N] ")?;
    terminal.flush()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}

/// A length of time: `90m`, `12h`, `30d`.
pub(super) fn lifetime(text: &str) -> Result<Duration, String> {
    parse_duration(text).ok_or_else(|| "expected a length of time such as 90m, 12h or 30d".to_owned())
}

/// When something ends: a time in RFC 3339, or `never`.
pub(super) fn expiry(text: &str) -> Result<Expiry, String> {
    if text == "never" {
        return Ok(Expiry::Never);
    }
    let at = Timestamp::parse_rfc3339(text).map(Expiry::At);
    at.ok_or_else(|| "expected a time such as 2027-01-31T18:00:00Z, or never".to_owned())
}

/// Longer than any password.
const LONGEST: u64 = 4096;

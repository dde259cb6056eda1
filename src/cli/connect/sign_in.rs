//! Signing in: in the browser where there is a screen, by a code on another device where there is only a terminal.

use std::io::IsTerminal as _;
use std::process::Stdio;
use std::sync::Arc;

use super::{Connect, SIGNED_OUT, Session, exit, output};
use crate::config::Desktop;
use crate::connector::oauth::code::by_code;
use crate::connector::oauth::device::by_device_code;
use crate::connector::oauth::{OAuth, Tokens};

pub(super) async fn sign_in(asked: &Connect, session: &Session, desktop: &Desktop) -> anyhow::Result<Tokens> {
    let Session { known, client, clock, .. } = session;
    if asked.is_unattended(desktop) {
        return Err(nobody(&known.place.to_string(), "nobody is here to do it"));
    }
    let by_browser = asked.print_link || (desktop.screen && !asked.device_code);
    if !by_browser && !asked.device_code && !std::io::stdin().is_terminal() {
        return Err(nobody(&known.place.to_string(), "there is neither a screen nor a terminal to do it at"));
    }
    let oauth = OAuth::discover(client.clone(), &known.oauth, Arc::clone(clock)).await?;
    let tokens = match by_browser {
        true => by_code(&oauth, |page| show(page, asked.print_link)).await?,
        false => {
            let prompt = by_device_code(&oauth, |prompt| {
                let minutes = prompt.expires_in.as_secs() / 60;
                let code = prompt.user_code.expose();
                output::line(format_args!("Open {} in a browser, on any device, sign in,", prompt.page));
                output::line(format_args!("and enter this code within {minutes} minutes: {code}"));
            });
            prompt.await?
        }
    };
    Ok(tokens)
}

/// That nobody is signed in at `place`, and why that stays so.
pub(super) fn nobody(place: &str, why: &str) -> anyhow::Error {
    let text = format!(
        "nobody is signed in at {place}, and {why}: run gatehouse connect {place} --sign-in first, or use --device-secret-file"
    );
    exit(SIGNED_OUT, text)
}

/// Opens the page. Its address holds nothing that lets anybody in: what comes back counts with the verifier alone, which
/// stays in this process.
fn show(page: &str, print: bool) {
    if !print && open(page).is_ok() {
        output::line("Your browser shows the sign-in page. If it does not, open this address in it:");
    } else {
        output::line("Open this address in a browser on this machine, and sign in:");
    }
    output::line(format_args!("  {page}"));
}

fn open(page: &str) -> std::io::Result<()> {
    let (program, before): (&str, &[&str]) = if cfg!(windows) {
        ("rundll32", &["url.dll,FileProtocolHandler"])
    } else if cfg!(target_os = "macos") {
        ("open", &[])
    } else {
        ("xdg-open", &[])
    };
    let mut command = tokio::process::Command::new(program);
    command.args(before).arg(page).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().map(drop)
}

//! `gatehouse connect --status`.

use anyhow::Context as _;

use super::{NOT_CONNECTED, NOT_RUNNING, SIGNED_OUT, exit, output};
use crate::connector::Folder;
use crate::connector::status::Status;

/// Shows it; the exit code says it, too.
pub(super) fn show(folder: &Folder, as_json: bool) -> anyhow::Result<()> {
    let running = folder.is_taken();
    let status = Status::read(folder)?;
    if as_json {
        let mut value = serde_json::to_value(&status).context("the status has no JSON form")?;
        if value.is_null() {
            value = serde_json::json!({});
        }
        if let Some(members) = value.as_object_mut() {
            members.insert("running".to_owned(), running.into());
            members.insert("folder".to_owned(), folder.path().display().to_string().into());
        }
        output::json(&value);
    }
    let status = status.ok_or_else(|| exit(NOT_RUNNING, "no connector was started here yet".to_owned()))?;
    if !as_json {
        lines(&status, folder);
    }
    let url = &status.url;
    match (running, status.state.as_str()) {
        (_, "signed-out") => Err(exit(SIGNED_OUT, format!("signed out; {}", status.way_back.in_words(url)))),
        (false, _) => Err(exit(NOT_RUNNING, "no connector runs".to_owned())),
        (true, "connected") => Ok(()),
        (true, "connecting") => {
            Err(exit(NOT_CONNECTED, "not connected yet: it connects, or waits for somebody to sign in".to_owned()))
        }
        (true, _) => Err(exit(NOT_CONNECTED, "not connected at the moment; it is tried again".to_owned())),
    }
}

fn lines(status: &Status, folder: &Folder) {
    let Status { url, appliance, state, why, since, account, databases, listening, sessions, .. } = status;
    output::line(format_args!("appliance    {appliance:?}, {url}"));
    output::line(format_args!("state        {state} since {since}"));
    why.iter().for_each(|why| output::line(format_args!("why          {why}")));
    account.iter().for_each(|account| output::line(format_args!("account      {account}")));
    output::line(format_args!("databases    {}", databases.join(", ")));
    let listening: Vec<String> = listening.iter().map(ToString::to_string).collect();
    output::line(format_args!("listening    {}", listening.join(", ")));
    output::line(format_args!("sessions     {sessions}"));
    if listening.is_empty() {
        // Nothing is decided yet.
        return;
    }
    output::line(format_args!("lets in      {}", status.lets_in));
    status.local_token_file.iter().for_each(|file| output::line(format_args!("local token  {}", file.display())));
    output::line(format_args!("credential   {}", status.credential));
    output::line(format_args!("folder       {}", folder.path().display()));
}

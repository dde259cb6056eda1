//! The start of an appliance without an administrator: the unattended way where the settings name one; else a code, in the
//! log and in a file that the appliance's user alone may read, which goes when there is an administrator.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use anyhow::Context as _;
use tokio::sync::mpsc;

use crate::audit::Actor;
use crate::config::Config;
use crate::domain::{Event, Name};
use crate::identity::{Identity, SetUpCode};
use crate::platform::{Tasks, files, outward_addresses};
use crate::state::{Layout, State};

/// Makes the administrator of the settings, or a code, where there is no administrator.
pub(super) async fn begin(config: &Config, state: &State, https: &[SocketAddr], tasks: &Tasks) -> anyhow::Result<()> {
    let (identity, note) = (&state.identity, Layout::of(&config.appliance.data_dir).set_up_note());
    if let (Some(name), Some(password)) = (&config.setup.administrator, &config.setup.password) {
        let totp = config.setup.totp_secret.as_ref();
        let made = identity.set_up_unattended(Name::parse(name)?, password.clone(), totp).await;
        if let Some(account) = made.context("the administrator of section `setup` cannot be made")? {
            tracing::info!(administrator = %account.name, "set up as the settings say");
        }
    }
    if !identity.in_set_up() {
        forget(&note);
        return Ok(());
    }
    let links = links(&names(config, https), https.first().map(SocketAddr::port));
    let code = identity.new_set_up_code(&Actor::Appliance).await?;
    files::write_private(&note, text(&links, &code).as_bytes()).context("the note with the set-up code")?;
    tracing::warn!(
        link = links.join(" or "),
        code = code.code.expose(),
        expires = %code.expires,
        file = %note.display(),
        "this appliance has no administrator yet: open the link and give the code"
    );
    forget_when_done(identity.clone(), note, state, tasks);
    Ok(())
}

/// What is written for whoever sets the appliance up.
pub(super) fn text(links: &[String], code: &SetUpCode) -> String {
    let links = links.join("\n    ");
    let (code, expires) = (code.code.expose(), code.expires);
    format!("Open\n    {links}\nand give this code, which counts once and until {expires}:\n    {code}\n")
}

/// What the appliance may be reached by: its names, and, where it listens to more than this machine, the address by which this
/// machine reaches others. The name of a machine or container often means nothing elsewhere.
pub fn names(config: &Config, https: &[SocketAddr]) -> Vec<String> {
    let mut names = config.appliance.names.clone();
    if https.iter().any(|address| !address.ip().is_loopback()) {
        names.extend(outward_addresses().iter().map(IpAddr::to_string));
    }
    let mut seen = std::collections::HashSet::new();
    names.retain(|name| seen.insert(name.clone()));
    names
}

/// Where a browser sets the appliance up, best from another machine: loopback names only where there is no other.
pub fn links(names: &[String], port: Option<u16>) -> Vec<String> {
    let port = port.filter(|port| *port != 443).map(|port| format!(":{port}")).unwrap_or_default();
    let link = |name: &&String| match name.parse::<IpAddr>() {
        Ok(address) if address.is_unspecified() => None,
        Ok(IpAddr::V6(v6)) => Some(format!("https://[{v6}]{port}{PAGE}")),
        _ => Some(format!("https://{name}{port}{PAGE}")),
    };
    let is_near = |name: &str| name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    let (near, far): (Vec<&String>, Vec<&String>) = names.iter().partition(|name| is_near(name));
    let far: Vec<String> = far.iter().filter_map(link).collect();
    if far.is_empty() { near.iter().filter_map(link).collect() } else { far }
}

/// Takes the note away as soon as there is an administrator. The event line holds one end of a channel, and nothing of identity.
fn forget_when_done(identity: Identity, note: PathBuf, state: &State, tasks: &Tasks) {
    let (changed, mut told) = mpsc::unbounded_channel();
    state.events.listen(move |event| {
        if let Event::AccountChanged(_) = event {
            // Nobody listens any more once set-up is over.
            let _ = changed.send(());
        }
    });
    let stopping = tasks.stopping();
    tasks.spawn("the end of set-up", async move {
        let over = async {
            while identity.in_set_up() && told.recv().await.is_some() {}
            if !identity.in_set_up() {
                forget(&note);
                tracing::info!("set-up is complete");
            }
        };
        tokio::select! {
            () = over => {}
            () = stopping => {}
        }
    });
}

fn forget(note: &std::path::Path) {
    match std::fs::remove_file(note) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            tracing::warn!(%error, file = %note.display(), "the note with the former set-up code could not be removed");
        }
        _ => {}
    }
}

/// The page that takes the code.
const PAGE: &str = "/setup";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_links_work_from_another_machine_where_a_name_allows_it() {
        let all = |names: &[&str], port| links(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>(), port);
        let names = ["localhost", "127.0.0.1", "::1", "0.0.0.0", "::", "sql.example.org", "10.0.0.5", "2001:db8::5"];
        let far = ["https://sql.example.org/setup", "https://10.0.0.5/setup", "https://[2001:db8::5]/setup"];
        assert_eq!(all(&names, Some(443)), far);
        assert_eq!(
            all(&["localhost", "::1"], Some(8443)),
            ["https://localhost:8443/setup", "https://[::1]:8443/setup"]
        );
    }
}

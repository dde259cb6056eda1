//! `gatehouse admin client`.

use super::reach::Reach;
use super::show::show;
use super::table::{facts, table};
use crate::admin::{AdminRequest, ClientRequest, ClientView};
use crate::domain::{Name, Scope, Scopes};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Register a program that may ask people to let it in; its id is what it calls itself by (client_id)
    Add {
        /// What people read when it asks
        name: Name,
        /// Where answers may be sent: exactly there, and to any port of a loopback address; may be given several times
        #[arg(long = "redirect", value_name = "URI", required_unless_present = "device_flow")]
        redirects: Vec<String>,
        /// Let it also ask by a code that a person types on another device
        #[arg(long)]
        device_flow: bool,
        /// What it may ask for: sql, workstation.config, admin.read, admin.write; may be given several times
        #[arg(long = "scope", value_name = "SCOPE", default_value = "sql")]
        scopes: Vec<Scope>,
    },
    /// List programs that may ask; those that are built in, too
    List,
    /// It may ask nobody any more; the programs that were let in through it are put out, and their sessions end
    Remove {
        /// Its name or id
        client: String,
    },
}

impl Command {
    pub(super) fn run(&self, reach: &mut Reach, json: bool) -> anyhow::Result<()> {
        let request = match self {
            Self::Add { name, redirects, device_flow, scopes } => ClientRequest::Add {
                name: name.clone(),
                redirect_uris: redirects.clone(),
                device_flow: *device_flow,
                scopes: Scopes::of(scopes.iter().copied()),
            },
            Self::List => ClientRequest::List,
            Self::Remove { client } => ClientRequest::Remove(client.clone()),
        };
        show(&reach.ask(AdminRequest::Client(request))?, json)
    }
}

pub(super) fn show_one(view: &ClientView) {
    facts([
        ("client", view.name.clone()),
        ("client_id", view.id.clone()),
        ("redirects", redirects(view)),
        ("device flow", if view.device_flow { "yes" } else { "no" }.to_owned()),
        ("scopes", view.scopes.to_string()),
        ("registered", registered(view)),
    ]);
}

pub(super) fn show_list(views: &[ClientView]) {
    let row = |view: &ClientView| {
        let device_flow = if view.device_flow { "yes" } else { "no" }.to_owned();
        [view.id.clone(), view.name.clone(), redirects(view), device_flow, view.scopes.to_string(), registered(view)]
    };
    let headings = ["client_id", "name", "redirects", "device flow", "scopes", "registered"];
    table(headings, views.iter().map(row).collect());
}

fn redirects(view: &ClientView) -> String {
    if view.redirect_uris.is_empty() { "-".to_owned() } else { view.redirect_uris.join(", ") }
}

fn registered(view: &ClientView) -> String {
    view.created.clone().unwrap_or_else(|| "built in".to_owned())
}

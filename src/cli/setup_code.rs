//! `gatehouse setup-code`: another one-time code for the set-up page, while there is no administrator.

use std::net::SocketAddr;

use super::admin::reach::Reach;
use super::{Settings, output};
use crate::admin::{AdminRequest, AdminResponse};
use crate::app::set_up;

#[derive(Debug, clap::Args)]
pub(super) struct SetupCode {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl SetupCode {
    pub(super) fn run(&self, settings: &Settings) -> anyhow::Result<()> {
        let config = settings.load()?.config;
        let https = &config.listen.https;
        let links = set_up::links(&set_up::names(&config, https), https.first().map(SocketAddr::port));
        let AdminResponse::SetUpCode(made) = Reach::of(settings)?.ask(AdminRequest::SetUpCode)? else {
            anyhow::bail!("the running appliance answered something else");
        };
        if self.json {
            output::json(&serde_json::json!({ "links": links, "code": made.code, "expires": made.expires }));
            return Ok(());
        }
        output::line("Open");
        links.iter().for_each(|link| output::line(format_args!("    {link}")));
        output::line(format_args!("and give this code, which counts once and until {}:", made.expires));
        output::line(format_args!("    {}", made.code.0.expose()));
        Ok(())
    }
}

//! `gatehouse check`: are the settings usable, and what is in force?

use std::fs::File;
use std::path::Path;

use anyhow::Context as _;

use super::{Settings, output};
use crate::config::{Config, Loaded};
use crate::platform::files::others_kept_out;

#[derive(Debug, clap::Args)]
pub(super) struct Check {
    /// Show the settings as JSON
    #[arg(long)]
    json: bool,
}

impl Check {
    /// Shows what is in force; binds nothing, makes nothing.
    pub(super) fn run(&self, settings: &Settings) -> anyhow::Result<()> {
        let loaded = settings.load()?;
        if self.json {
            show_json(&loaded)
        } else {
            show_text(&loaded)
        }
        files_are_usable(&loaded.config)
    }
}

fn show_text(loaded: &Loaded) {
    match &loaded.file {
        Some(path) => output::line(format_args!("# settings file: {}", path.display())),
        None => output::line("# settings file: none"),
    }
    let all = loaded.effective();
    let shown: Vec<(String, String)> = all
        .iter()
        .map(|one| {
            let value = if one.value.is_empty() { "(not set)" } else { &one.value };
            (format!("{} = {value}", one.name), one.origin.to_string())
        })
        .collect();
    let width = shown.iter().map(|(text, _)| text.chars().count()).filter(|width| *width < 60).max().unwrap_or(0);
    for (text, origin) in shown {
        output::line(format_args!("{text:width$}  # {origin}"));
    }
}

fn show_json(loaded: &Loaded) {
    let settings = loaded
        .effective()
        .into_iter()
        .map(|one| serde_json::json!({ "name": one.name, "value": one.value, "origin": one.origin.to_string() }));
    let file = loaded.file.as_ref().map(|path| path.display().to_string());
    output::json(&serde_json::json!({ "file": file, "settings": settings.collect::<Vec<_>>() }));
}

/// The files that the settings name can be read, and keep others out where they have to.
fn files_are_usable(config: &Config) -> anyhow::Result<()> {
    let tls = [&config.tls.certificate_file, &config.tls.key_file];
    for path in tls.into_iter().flatten() {
        readable(path)?;
    }
    if let Some(path) = &config.tls.key_file {
        others_kept_out(path).context("tls.key_file")?;
    }
    for path in [&config.keys.master_key_file, &config.appliance.data_dir] {
        if path.exists() {
            readable(path)?;
            others_kept_out(path)?;
        }
    }
    Ok(())
}

fn readable(path: &Path) -> anyhow::Result<()> {
    File::open(path).map(|_| ()).with_context(|| format!("{} cannot be read", path.display()))
}

//! `gatehouse check`: are the settings usable, and what is in force?

use super::{Settings, output};
use crate::config::{Config, Loaded};
use crate::notify;
use crate::platform::files::others_kept_out;
use crate::platform::{Clock as _, SystemClock};
use crate::state;
use crate::tls::Place;
use crate::tls::check::concerns;

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

/// The files that the settings name can be used, and keep others out where they have to. Says everything that is wrong at once.
fn files_are_usable(config: &Config) -> anyhow::Result<()> {
    let tls = &config.tls;
    let mut wrong = Vec::new();
    if let Some(place) = Place::of(tls) {
        wrong.extend(others_kept_out(place.key()).err().map(anyhow::Error::from));
        wrong.extend(certificate_is_usable(&place, &config.appliance.names).err());
    }
    for path in [&config.keys.master_key_file, &config.appliance.data_dir].into_iter().filter(|path| path.exists()) {
        wrong.extend(others_kept_out(path).err().map(anyhow::Error::from));
    }
    wrong.extend(notify::unusable_files(&config.mail).into_iter().map(anyhow::Error::from));
    // Where there is a store, its master key has to be the right one.
    wrong.extend(state::audit_key_at(config).err().map(anyhow::Error::from));
    let texts: Vec<String> = wrong.iter().map(|error| format!("{error:#}")).collect();
    anyhow::ensure!(texts.is_empty(), "{}", texts.join("\n           "));
    Ok(())
}

fn certificate_is_usable(place: &Place, names: &[String]) -> anyhow::Result<()> {
    let given = place.read(names, SystemClock::new().now())?;
    for concern in concerns(given.facts(), names) {
        output::note(format_args!("{}: {concern}", place.certificate().display()));
    }
    Ok(())
}

//! Settings, as administrators see them on the pages: what is in force and where it comes from; some can be chosen. What was
//! chosen is read by a new start, within the same process.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::access::Need;
use super::{Admin, AdminError, AdminResponse};
use crate::audit::{Actor, Entry};
use crate::config::{CHOOSABLE, Choice, ChoiceError, Chosen, Config, Origin, Sources};
use crate::platform::{Pool, files, pool};
use crate::tls::{ShownError, authority};

/// A request about settings.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SettingRequest {
    /// Those that can be chosen.
    List,
    /// Choices, taken together. The appliance starts anew with them.
    Choose {
        /// The settings, and what is chosen for each.
        choices: Vec<(String, Choice)>,
        /// Whether the own authority is made anew where it may not sign for the chosen names; refused otherwise. Workstations
        /// that trusted the former one have to trust the new one.
        new_authority: bool,
    },
}

/// A setting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettingView {
    /// `section.key`.
    pub name: String,
    /// Its value, as TOML shows it; empty where none is set.
    pub value: String,
    /// Where the value comes from.
    pub origin: String,
    /// Whether something that goes before choices fixes it.
    pub fixed: bool,
}

/// Where the settings come from, and how a new start is asked for.
#[derive(Clone)]
pub struct Settings {
    sources: Sources,
    start_anew: Arc<dyn Fn() + Send + Sync>,
    pool: Pool,
    /// One choice after the other: each is made of what is kept.
    turn: Arc<tokio::sync::Mutex<()>>,
}

impl Settings {
    /// Of these sources; `start_anew` asks for a new start, and returns at once.
    pub fn new(sources: Sources, start_anew: Arc<dyn Fn() + Send + Sync>) -> Self {
        Self { sources, start_anew, pool: Pool::new(1), turn: Arc::default() }
    }

    /// Asks for a new start.
    pub(super) fn start_anew(&self) {
        (self.start_anew)();
    }

    /// Runs what blocks, with the settings as they are now.
    pub(super) async fn with_config<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Config) -> T + Send + 'static,
    ) -> Result<T, AdminError> {
        let sources = self.sources.clone();
        let running = self.pool.run(move || sources.load().map(|loaded| work(&loaded.config)));
        Ok(running.await.map_err(unfinished)?.map_err(ChoiceError::Unusable)?)
    }
}

impl SettingRequest {
    pub(super) fn need(&self) -> Need {
        if matches!(self, Self::List) { Need::Read } else { Need::Change }
    }
}

impl Admin {
    pub(super) async fn setting(&self, actor: &Actor, request: SettingRequest) -> Result<AdminResponse, AdminError> {
        let settings = self.settings.clone().ok_or(AdminError::SettingsAreGiven)?;
        let SettingRequest::Choose { choices, new_authority } = request else {
            let loaded = settings
                .pool
                .run(move || settings.sources.load())
                .await
                .map_err(unfinished)?
                .map_err(ChoiceError::Unusable)?;
            let all = loaded.effective().into_iter().filter(|one| CHOOSABLE.contains(&one.name.as_str()));
            let views = all.map(|one| SettingView {
                fixed: !matches!(one.origin, Origin::Default | Origin::Chosen),
                origin: one.origin.to_string(),
                name: one.name,
                value: one.value,
            });
            return Ok(AdminResponse::Settings(views.collect()));
        };
        let _turn = settings.turn.lock().await;
        let sources = settings.sources.clone();
        let chosen = choices.clone();
        let choosing = settings.pool.run(move || {
            let choices: Vec<(&str, Choice)> =
                chosen.iter().map(|(name, choice)| (name.as_str(), choice.clone())).collect();
            sources.choose(&choices)
        });
        let file = choosing.await.map_err(unfinished)??;
        let names: Vec<&str> = choices.iter().map(|(name, _)| name.as_str()).collect();
        let left_out = self.left_out(&file);
        if !left_out.is_empty() && !new_authority {
            return Err(AdminError::LeftOut(left_out.join(", ")));
        }
        let mut entry = Entry::new(actor.clone(), "setting.choose");
        for name in CHOOSABLE {
            if let Some((_, choice)) = choices.iter().find(|(chosen, _)| chosen == name) {
                entry = entry.detail(name, choice);
            }
        }
        self.audit.record(entry.subject(names.join(" "))).await?;
        if !left_out.is_empty() {
            self.audit
                .record(Entry::new(actor.clone(), "certificate.new-authority").subject(left_out.join(", ")))
                .await?;
            let Config { appliance, tls, .. } = &file.config;
            authority::replace_kept(&self.store, appliance, tls, self.clock.now()).await.map_err(ShownError::from)?;
        }
        let writing = settings.pool.run(move || files::write_private(&file.path, file.text.as_bytes()));
        writing.await.map_err(unfinished)?.map_err(AdminError::File)?;
        tracing::info!(settings = ?names, "settings were chosen: the appliance starts anew with them");
        settings.start_anew();
        Ok(AdminResponse::Settings(Vec::new()))
    }
}

impl Admin {
    /// The names in these settings that the own authority may not sign for.
    fn left_out(&self, chosen: &Chosen) -> Vec<String> {
        let running = self.certificates.running.as_ref();
        running.map(|shown| shown.authority().leaves_out(&chosen.config.appliance.names)).unwrap_or_default()
    }
}

fn unfinished(error: pool::Unfinished) -> AdminError {
    AdminError::File(std::io::Error::other(error))
}

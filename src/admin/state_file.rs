//! State files: the whole state, to be carried to another machine; and back into an appliance that is being set up.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::access::Need;
use super::{Admin, AdminError, AdminResponse, SentSecret};
use crate::audit::{Actor, Entry};
use crate::domain::Secret;
use crate::identity::SetUpError;
use crate::identity::web::Origin;
use crate::state::{Layout, prepare_state_file};

/// A request about state files.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StateRequest {
    /// Write one into the data folder, under this passphrase.
    Export(SentSecret),
}

/// A state file that was written.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StateFileView {
    /// Where.
    pub path: PathBuf,
}

impl StateRequest {
    pub(super) fn need(&self) -> Need {
        Need::Change
    }
}

impl Admin {
    pub(super) async fn state_file(&self, actor: &Actor, request: StateRequest) -> Result<AdminResponse, AdminError> {
        let StateRequest::Export(SentSecret(passphrase)) = request;
        if passphrase.expose().chars().count() < SHORTEST {
            return Err(AdminError::Passphrase);
        }
        let layout = Layout::of(&self.certificates.appliance.data_dir);
        let at = self.clock.now();
        let path = layout.state_file(at);
        self.audit.record(Entry::new(actor.clone(), "state.export").subject(path.display())).await?;
        let chosen = std::fs::read_to_string(layout.chosen()).unwrap_or_default();
        self.store.write_state_file(path.clone(), passphrase, chosen).await?;
        Ok(AdminResponse::StateFile(StateFileView { path }))
    }

    /// Where a state file is put that comes in through a page.
    pub fn upload_place(&self) -> PathBuf {
        Layout::of(&self.certificates.appliance.data_dir).upload()
    }

    /// Puts the state of a state file in the place of this appliance's, which has no administrator yet. It starts anew for it.
    pub async fn restore_in_set_up(
        &self,
        file: PathBuf,
        passphrase: Secret,
        code: &Secret,
        origin: &Origin,
    ) -> Result<(), AdminError> {
        let settings = self.settings.clone().ok_or(AdminError::SettingsAreGiven)?;
        self.identity.check_set_up_code(code, origin).await?;
        let name = file.display().to_string();
        settings.with_config(move |config| prepare_state_file(config, &file, &passphrase)).await??;
        if !self.identity.in_set_up() {
            return Err(SetUpError::Closed.into());
        }
        let entry = Entry::new(Actor::Anonymous { claimed: None }, "state.restore").peer(origin.peer).subject(name);
        self.audit.record(entry).await?;
        settings.start_anew();
        Ok(())
    }
}

/// A file is guessed at without anybody noticing: so many characters at least.
const SHORTEST: usize = 12;

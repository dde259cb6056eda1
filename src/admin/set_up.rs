//! Another code for set-up, for whoever is at the appliance's machine.

use serde::{Deserialize, Serialize};

use super::{Admin, AdminError, AdminResponse, SentSecret, shown};
use crate::audit::Actor;

/// A code for set-up.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SetUpCodeView {
    /// The code.
    pub code: SentSecret,
    /// When it ends.
    pub expires: String,
}

impl Admin {
    /// Only the console asks for one, and only while an appliance runs that could take it: at a start it makes its own.
    pub(super) async fn set_up_code(&self, actor: &Actor) -> Result<AdminResponse, AdminError> {
        if *actor != Actor::Console {
            return Err(AdminError::NotAllowed);
        }
        if self.sessions.is_none() {
            return Err(AdminError::NotStarted);
        }
        let made = self.identity.new_set_up_code(actor).await?;
        Ok(AdminResponse::SetUpCode(SetUpCodeView { code: SentSecret(made.code), expires: shown(made.expires) }))
    }
}

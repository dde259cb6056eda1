//! Mail: whether the mail server takes what the appliance sends.

use serde::{Deserialize, Serialize};

use super::access::Need;
use super::{Admin, AdminError, AdminResponse};
use crate::audit::{Actor, Entry, Outcome};
use crate::domain::{MailAddress, MailId, Secret};
use crate::notify::{Letter, Mailer};

/// A request about mail.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MailRequest {
    /// Send a test mail there, now, and tell how that went.
    Test(MailAddress),
}

/// A test mail that the mail server has taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailView {
    /// Whom it is for.
    pub to: MailAddress,
    /// The mail server.
    pub server: String,
}

impl MailRequest {
    pub(super) fn need(&self) -> Need {
        Need::Change
    }
}

impl Admin {
    /// The same service, which sends mail.
    #[must_use]
    pub fn with_mailer(self, mailer: Option<Mailer>) -> Self {
        Self { mailer, ..self }
    }

    pub(super) async fn mail(&self, actor: &Actor, request: MailRequest) -> Result<AdminResponse, AdminError> {
        let MailRequest::Test(to) = request;
        let mailer = self.mailer.as_ref().ok_or(AdminError::NoMail)?;
        let server = mailer.server();
        let text = "This is the test mail that an administrator asked for. Mail from the appliance arrives here.\n";
        let (id, subject) = (MailId::random(), "Test mail".to_owned());
        let letter = Letter { id, to: to.clone(), subject, text: Secret::new(text) };
        let sent = mailer.send(&letter).await;
        // Whom it was for is not recorded: the address is a person's.
        let entry = Entry::new(actor.clone(), "mail.test").subject(&server);
        let entry = match &sent {
            Ok(()) => entry,
            Err(error) => entry.outcome(Outcome::Failed).reason(error).side(error.side()),
        };
        self.audit.record(entry).await?;
        sent.map_err(AdminError::Mail)?;
        Ok(AdminResponse::Mail(MailView { to, server }))
    }
}

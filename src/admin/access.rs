//! Who may ask the administration service for what.
//!
//! | actor | reads | changes |
//! |---|---|---|
//! | the console (the data folder's own rights) | yes | yes |
//! | an administrator | yes | yes |
//! | an auditor, an operator | yes | no |
//! | a member, a disabled or removed account, the appliance itself, anybody anonymous | no | no |

use super::{Admin, AdminError, AdminRequest};
use crate::audit::{Actor, Entry, Outcome};
use crate::domain::{Role, Side};

/// What a request needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// To see settings.
    Read,
    /// To change them, or to make the appliance do something.
    Change,
}

impl Need {
    /// Whether a role suffices.
    pub fn is_met_by(self, role: Role) -> bool {
        match (self, role) {
            (_, Role::Administrator) => true,
            (Self::Read, Role::Auditor | Role::Operator) => true,
            (Self::Change, Role::Auditor | Role::Operator) | (_, Role::Member) => false,
        }
    }
}

impl AdminRequest {
    /// What the request needs.
    pub fn need(&self) -> Need {
        match self {
            Self::Account(request) => request.need(),
            Self::Address(request) => request.need(),
            Self::Group(request) => request.need(),
            Self::Device(request) => request.need(),
            Self::Pass(request) => request.need(),
            Self::Token(request) => request.need(),
            Self::Client(request) => request.need(),
            Self::Server(request) => request.need(),
            Self::Database(request) => request.need(),
            Self::Grant(request) => request.need(),
            Self::Integration(request) => request.need(),
            Self::Session(request) => request.need(),
            Self::SetUpCode => Need::Change,
            Self::Certificate(request) => request.need(),
            Self::Setting(request) => request.need(),
            Self::State(request) => request.need(),
            Self::Mail(request) => request.need(),
        }
    }

    /// The noun that it is about, for the audit of a refusal.
    fn noun(&self) -> &'static str {
        match self {
            Self::Account(_) => "account",
            Self::Address(_) => "address",
            Self::Group(_) => "group",
            Self::Device(_) => "device",
            Self::Pass(_) => "pass",
            Self::Token(_) => "token",
            Self::Client(_) => "client",
            Self::Server(_) => "server",
            Self::Database(_) => "database",
            Self::Grant(_) => "grant",
            Self::Integration(_) => "integration",
            Self::Session(_) => "session",
            Self::SetUpCode => "set-up",
            Self::Certificate(_) => "certificate",
            Self::Setting(_) => "setting",
            Self::State(_) => "state",
            Self::Mail(_) => "mail",
        }
    }
}

impl Admin {
    /// Lets pass who may, by their role of this moment; a refusal is recorded.
    pub(super) async fn authorise(&self, actor: &Actor, request: &AdminRequest) -> Result<(), AdminError> {
        let allowed = match actor {
            Actor::Console => true,
            Actor::Account { id, .. } => {
                let account = self.identity.account_by_id(*id)?;
                let active = account.filter(|account| account.enabled && !account.has_ended(self.clock.now()));
                active.is_some_and(|account| request.need().is_met_by(account.role))
            }
            Actor::Appliance | Actor::Anonymous { .. } => false,
        };
        if allowed {
            return Ok(());
        }
        let entry = Entry::new(actor.clone(), "admin.refused").subject(request.noun()).outcome(Outcome::Refused);
        self.audit.record(entry.side(Side::Operator)).await?;
        Err(AdminError::NotAllowed)
    }
}

//! Why an administrative request was not done.

use serde::{Deserialize, Serialize};

use crate::audit::AuditError;
use crate::config::ChoiceError;
use crate::domain::Side;
use crate::estate::EstateError;
use crate::identity::{IdentityError, SetUpError};
use crate::notify::MailError;
use crate::store::{StateFileError, StoreError};
use crate::tls::{ImportError, ShownError};
use crate::upstream::ConnectError;
use crate::workstation::integrations::IntegrationError;

/// Why a request was not done.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// The actor's role does not suffice. The operator's side.
    #[error("this needs another role")]
    NotAllowed,
    /// Identity refused it.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The estate refused it.
    #[error(transparent)]
    Estate(#[from] EstateError),
    /// A service beside the databases was not kept as asked.
    #[error(transparent)]
    Integration(#[from] IntegrationError),
    /// The SQL Server could not be reached, or shows no certificate.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The SQL Server refused the SQL login that was to be granted. The operator's side.
    #[error("the SQL Server refused this SQL login: {0}")]
    Login(String),
    /// There are no sessions without a running appliance. The operator's side.
    #[error("the appliance is not running, so it has no sessions")]
    NotRunning,
    /// The appliance makes its set-up code when it starts. The operator's side.
    #[error("the appliance is not running; it prints a set-up code when it starts")]
    NotStarted,
    /// Set-up refused it.
    #[error(transparent)]
    SetUp(#[from] SetUpError),
    /// No live session has that id. The operator's side.
    #[error("there is no session {0}")]
    NoSuchSession(String),
    /// An id that cannot be one. The operator's side.
    #[error("{0:?} is not the id of a {1}")]
    NotAnId(String, &'static str),
    /// A certificate was not requested or imported.
    #[error(transparent)]
    Import(#[from] ImportError),
    /// The own authority failed.
    #[error(transparent)]
    Certificates(#[from] ShownError),
    /// The settings were given to the appliance in code, as a demonstration's are. The operator's side.
    #[error("the settings of this appliance were given when it was started, and cannot be chosen here")]
    SettingsAreGiven,
    /// The own authority may not sign for these names. The operator's side.
    #[error("the own authority may not sign for {0}; a new one can, and workstations then have to trust that one")]
    LeftOut(String),
    /// The passphrase of a state file is too short. The operator's side.
    #[error("the passphrase of a state file has to have 12 characters or more")]
    Passphrase,
    /// A state file was not written or taken.
    #[error(transparent)]
    StateFile(#[from] StateFileError),
    /// A setting cannot be chosen like that.
    #[error(transparent)]
    Choice(#[from] ChoiceError),
    /// No mail server is configured. The operator's side.
    #[error(
        "no mail server is configured: set `mail.host` and `mail.sender`, and what else it needs, and start the appliance anew"
    )]
    NoMail,
    /// The mail was not sent.
    #[error("{}", .0.in_full())]
    Mail(MailError),
    /// The store could not be read. The appliance's side.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file could not be written in the data folder. The operator's side.
    #[error("a file could not be written in the data folder")]
    File(#[source] std::io::Error),
    /// The audit could not be written, so it was not done. The appliance's side.
    #[error("nothing was done, because the audit could not be written")]
    Audit(#[from] AuditError),
}

impl AdminError {
    /// Whose side it is on.
    pub fn side(&self) -> Side {
        match self {
            Self::Identity(error) => error.side(),
            Self::SetUp(error) => error.side(),
            Self::Estate(error) => error.side(),
            Self::Integration(error) => error.side(),
            Self::Connect(error) => error.side(),
            Self::Mail(error) => error.side(),
            Self::Import(error) => error.side(),
            Self::Certificates(error) => error.side(),
            Self::Audit(_) | Self::Store(_) | Self::Choice(ChoiceError::File(_)) => Side::Appliance,
            Self::StateFile(StateFileError::Store(_)) => Side::Appliance,
            _ => Side::Operator,
        }
    }
}

/// An error as it crosses the control socket: its text with its causes, and whose side it is on.
#[derive(Debug, Clone, Serialize, Deserialize, thiserror::Error)]
#[error("{text}")]
pub struct Refusal {
    /// What to tell the administrator.
    pub text: String,
    /// Whose side it is on.
    pub side: Side,
}

impl From<&AdminError> for Refusal {
    fn from(error: &AdminError) -> Self {
        let mut text = error.to_string();
        let mut cause = std::error::Error::source(error);
        while let Some(next) = cause {
            let said = next.to_string();
            if !text.contains(&said) {
                text = format!("{text}: {said}");
            }
            cause = next.source();
        }
        Self { text, side: error.side() }
    }
}

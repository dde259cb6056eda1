//! Why a mail was not sent.

use std::io;
use std::path::PathBuf;

use crate::domain::Side;

/// Why a mail was not sent. Its text has no address of a person in it and nothing that the mail server said, which may: [`MailError::in_full`]
/// has, for the administrator who tries it.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    /// A file that the settings name cannot be used. The operator's side.
    #[error("the file {path}, which `mail.{setting}` names, cannot be used: {reason}")]
    File {
        /// The setting's key.
        setting: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The mail cannot be written: an address that no mail has, for example. The operator's side.
    #[error("the mail cannot be written: {0}")]
    Unwritable(String),
    /// The server's name is not known. The operator's side.
    #[error("the name of the mail server is not found (`mail.host`): {0}")]
    Name(io::Error),
    /// A name that has to lead to this machine leads elsewhere. The operator's side.
    #[error(
        "the mail server's name does not lead to this machine or a private address, which `mail.encryption` = `none` asks for"
    )]
    Elsewhere,
    /// Nobody answers there. The operator's side.
    #[error("the mail server cannot be reached (`mail.host`, `mail.port`): {0}")]
    Unreachable(String),
    /// It took too long.
    #[error("the mail server took longer than `mail.timeout`")]
    TooSlow,
    /// TLS failed: most often a certificate that is not believed. Nothing was sent.
    #[error("no TLS with the mail server, so nothing was sent (`mail.encryption`, `mail.root_file`): {0}")]
    Tls(String),
    /// The server does not offer STARTTLS. Nothing was sent.
    #[error("the mail server offers no STARTTLS, so nothing was sent (`mail.encryption`, `mail.port`)")]
    NoStartTls,
    /// The server lets nobody sign in by a password.
    #[error("the mail server offers no sign-in by password here (`mail.user`, `mail.port`)")]
    NoSignIn,
    /// The server refused the sign-in.
    #[error("the mail server refused the sign-in ({code}): look at `mail.user` and `mail.password_file`")]
    SignIn {
        /// Its code.
        code: String,
        /// What it said.
        said: String,
    },
    /// The server refused the sender, the recipient, or the mail.
    #[error("the mail server refused the mail ({code})")]
    Refused {
        /// Its code.
        code: String,
        /// What it said.
        said: String,
        /// Whether it says that another try may do.
        passes: bool,
    },
    /// The server broke off, or said what no mail server says.
    #[error("the mail server broke off, or does not speak SMTP (`mail.port`, `mail.encryption`)")]
    Broken {
        /// What was met.
        said: String,
    },
}

impl MailError {
    /// Whether another try, a little later, may do.
    pub fn passes(&self) -> bool {
        match self {
            Self::Name(_) | Self::Unreachable(_) | Self::TooSlow | Self::Broken { .. } => true,
            Self::Refused { passes, .. } => *passes,
            _ => false,
        }
    }

    /// Its text, with what the server said.
    pub fn in_full(&self) -> String {
        match self {
            Self::SignIn { said, .. } | Self::Refused { said, .. } | Self::Broken { said } if !said.is_empty() => {
                let printable = said.chars().map(|c| if c.is_control() { ' ' } else { c });
                format!("{self}; it said: {}", printable.take(300).collect::<String>())
            }
            other => other.to_string(),
        }
    }

    /// Whose side it is on: the mail server is its operator's, like the settings.
    pub fn side(&self) -> Side {
        Side::Operator
    }
}

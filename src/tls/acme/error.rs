//! Why there is no new certificate: one line that says what happened, whose side it is on, what to do.

use std::path::PathBuf;
use std::time::Duration;

use super::schedule::Again;
use crate::config::Challenge;
use crate::domain::{Side, Timestamp};
use crate::store::StoreError;
use crate::tls::certificates::CertificateError;

/// Why an order failed, or was not made.
#[derive(Debug, thiserror::Error)]
pub enum AcmeError {
    /// The root for the directory cannot be used. The operator's side.
    #[error("the root of the ACME directory, {}, cannot be used: {reason}; correct `acme.root_file`", path.display())]
    RootFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Nothing answers where the directory should be. The way there, or the directory.
    #[error(
        "the ACME directory {directory} cannot be reached: {reason}; check this machine's DNS and way out (a direct one: proxies are not supported), and `acme.directory`"
    )]
    Unreachable {
        /// Its URL.
        directory: String,
        /// What the operating system said.
        reason: String,
    },
    /// Something answers, and it cannot prove that it is the directory. The operator's side.
    #[error(
        "the certificate of the ACME directory {directory} is not believed: {reason}; for a company's own directory name its root in `acme.root_file`"
    )]
    Untrusted {
        /// Its URL.
        directory: String,
        /// What is wrong with it.
        reason: String,
    },
    /// What answers does not speak ACME. The operator's side.
    #[error("what answers at {directory} is not an ACME directory: {reason}; check `acme.directory`")]
    NotADirectory {
        /// Its URL.
        directory: String,
        /// What it did.
        reason: String,
    },
    /// The directory gives accounts to its customers only. The operator's side.
    #[error(
        "the ACME directory {directory} asks for an external account binding, which is not supported; use one that asks for none, such as Let's Encrypt or a company's own, or certificate files (`tls.certificate_file`)"
    )]
    AccountBinding {
        /// Its URL.
        directory: String,
    },
    /// Too many orders or failures of late. The operator's side.
    #[error(
        "the ACME directory wants no more orders for now: {detail}; it is tried again by itself, and `acme.staging` is for trying"
    )]
    RateLimited {
        /// What it said.
        detail: String,
        /// From when on it takes orders again, where it said so.
        until: Option<Timestamp>,
    },
    /// The directory does not certify one of the names. The operator's side.
    #[error("the ACME directory does not certify one of the names: {detail}; correct `acme.names`")]
    RejectedName {
        /// What it said.
        detail: String,
    },
    /// The directory does not take the contacts. The operator's side.
    #[error("the ACME directory does not take the contacts: {detail}; correct `acme.contact`")]
    RejectedContact {
        /// What it said.
        detail: String,
    },
    /// The directory could not see that a name is ours. The operator's side: DNS, a firewall, a proxy in front.
    #[error("the ACME directory could not check that {name} is this appliance's ({}): {detail}; the name has to lead here, with {} open to the directory", challenge.as_str(), door(*challenge))]
    Unproven {
        /// The name.
        name: String,
        /// How it was checked.
        challenge: Challenge,
        /// What the directory saw.
        detail: String,
    },
    /// The directory does not offer the challenge. The operator's side.
    #[error("the ACME directory does not offer the challenge {}; choose the other one in `acme.challenge`", .0.as_str())]
    NoChallenge(Challenge),
    /// Another refusal. The directory's side.
    #[error("the ACME directory refused: {detail} ({kind})")]
    Refused {
        /// The problem's type, without its prefix.
        kind: String,
        /// What it said.
        detail: String,
    },
    /// The directory did not take a request for its number, again and again. The directory's side.
    #[error("the ACME directory takes no request, since it does not take its own nonces; it is tried again by itself")]
    BadNonce,
    /// It did not come to an end. The directory's side.
    #[error("the ACME directory did not finish the order within {} s; it is tried again by itself", .0.as_secs())]
    TooSlow(Duration),
    /// A name leads elsewhere or nowhere, so the directory was not even asked. The operator's side.
    #[error("nothing was ordered, since it could not succeed: {0} (`acme.check_names = false` orders all the same)")]
    Names(String),
    /// What came is not a certificate that could be shown. The directory's side.
    #[error("the ACME directory gave a certificate that cannot be used: {0}")]
    Certificate(#[from] CertificateError),
    /// What came is not for the names that were ordered. The directory's side.
    #[error("the ACME directory gave a certificate that is not for {0}")]
    OtherNames(String),
    /// The store failed. The appliance's side.
    #[error("the ACME account or certificate could not be read from or written to the store: {0}")]
    Store(#[from] StoreError),
    /// The library failed. The appliance's side.
    #[error("the order failed in the appliance: {0}")]
    Library(String),
}

impl AcmeError {
    /// Whose side it is on.
    pub fn side(&self) -> Side {
        match self {
            Self::Store(_) | Self::Library(_) => Side::Appliance,
            _ => Side::Operator,
        }
    }

    /// When it makes sense to try again.
    pub(super) fn again(&self) -> Again {
        match self {
            Self::RootFile { .. } | Self::Names(_) => Again::Soon,
            Self::Unproven { .. } => Again::Counted,
            Self::RateLimited { until: Some(until), .. } => Again::NotBefore(*until),
            // Whatever was used up is counted by the hour at least.
            Self::RateLimited { until: None, .. } => Again::Counted,
            // Issued and not usable: the directory counts those by the week.
            Self::Certificate(_) | Self::OtherNames(_) | Self::Store(_) => Again::Counted,
            _ => Again::Later,
        }
    }
}

/// What has to be open to the directory.
fn door(challenge: Challenge) -> &'static str {
    match challenge {
        Challenge::TlsAlpn01 => "port 443",
        Challenge::Http01 => "port 80",
    }
}

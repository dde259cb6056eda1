//! What was met at a SQL Server: its certificates, and by what they were believed or why not.

use std::net::SocketAddr;

use rustls::pki_types::CertificateDer;
use serde::Serialize;

use crate::wire::CertificateFacts;

/// A server as it showed itself. Kept even when it was not believed, for the administrator to look at.
#[derive(Debug, Clone, Serialize)]
pub struct Met {
    /// The address that was reached.
    pub address: SocketAddr,
    /// TDS 8.0 (TLS first) rather than 7.x.
    pub strict: bool,
    /// The chain that was shown, the server's own certificate first.
    pub certificates: Vec<CertificateFacts>,
    /// The same in DER form.
    #[serde(skip)]
    pub chain: Vec<CertificateDer<'static>>,
    /// By what it was believed, or why not.
    pub verdict: Verdict,
}

/// By what a server's certificate was believed, or why not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "verdict", content = "reason")]
pub enum Verdict {
    /// An authority that the operating system trusts.
    SystemRoots,
    /// The given authority.
    Authority,
    /// It is exactly the given certificate.
    Pinned,
    /// Nothing: the server's rule is to trust anything.
    Unverified,
    /// It is not believed, and this is why.
    Refused(String),
}

impl Met {
    /// Whether the certificate was verified by anything.
    pub fn verified(&self) -> bool {
        !matches!(self.verdict, Verdict::Unverified | Verdict::Refused(_))
    }

    /// The server's own certificate.
    pub fn leaf(&self) -> Option<&CertificateFacts> {
        self.certificates.first()
    }
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::SystemRoots => f.write_str("verified by the operating system's authorities"),
            Self::Authority => f.write_str("verified by the given authority"),
            Self::Pinned => f.write_str("exactly the given certificate"),
            Self::Unverified => f.write_str("not verified: the rule is to trust anything"),
            Self::Refused(reason) => f.write_str(reason),
        }
    }
}

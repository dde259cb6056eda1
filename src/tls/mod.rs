//! The certificates that the appliance shows, and how it speaks TLS with those who come to it.
//!
//! [`Shown`] is what the rest of the house deals with. Behind it, each source ([`Authority`], [`CertificateFiles`], [`Acme`]) owns a
//! [`Slot`] and puts certificates in; `Shown` chooses; [`Certificates`] holds the one that is shown and can be changed under
//! way; [`policy`] says which versions and suites are spoken where.

pub mod acme;
pub mod anchor;
pub mod authority;
pub mod certificates;
pub mod challenges;
pub mod check;
pub mod files;
pub mod imported;
mod kept;
pub mod keys;
mod metrics;
mod pkcs12;
pub mod policy;
pub mod root;
pub mod scope;
pub mod shown;
pub mod source;

pub use acme::{Acme, AcmeError, AcmeParts};
pub use anchor::{Anchor, AnchorError};
pub use authority::{Authority, AuthorityError};
pub use certificates::{CertificateError, Certificates, KeyAndChain};
pub use challenges::{Challenges, HttpAnswers};
pub use check::Unfit;
pub use files::{CertificateFiles, FilesError, Place};
pub use imported::{Fitting, ImportError, Imported};
pub use keys::KeyKind;
pub use policy::ServerConfigs;
pub use root::Root;
pub use scope::Scope;
pub use shown::{PublicTrust, Shown, ShownError};
pub use source::{Origin, Slot, Status};

use crate::store::TableInfo;

/// The tables of this room.
pub fn tables() -> Vec<TableInfo> {
    [vec![TableInfo::of::<authority::Roots>()], kept::tables(), acme::tables()].concat()
}

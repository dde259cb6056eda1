//! Trust in the appliance's own authority: told by the appliance, and brought into an operating system's store.

mod fetch;
mod publish;

pub use fetch::{Connection, FetchError, Fetched, Site};
pub(super) use publish::{host, publish};

use crate::platform::trust_store::Entry;
use crate::tls::Anchor;

/// The certificate as the operating system's store takes it.
pub fn entry(anchor: &Anchor) -> Entry {
    // Windows has known certificates by this since before there was better; nothing is believed for it.
    let thumbprint = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY, anchor.der());
    let thumbprint = thumbprint.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    Entry { short: anchor.short().to_owned(), pem: anchor.pem(), thumbprint }
}

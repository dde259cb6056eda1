//! Section `tls`: the certificate that the appliance shows.

use std::path::PathBuf;
use std::time::Duration;

use super::section::{Objections, section};

section! {
    /// The certificate that the appliance shows. Without files it has its own authority, whose certificate workstations trust once.
    Tls = "tls";

    /// A PEM file with the certificate and its chain. Goes with `key_file`.
    certificate_file: Option<PathBuf> = None, shown "none: the appliance's own authority", example "\"/etc/gatehouse/certificate.pem\"";

    /// A PEM file with the private key of that certificate.
    key_file: Option<PathBuf> = None, shown "none", example "\"/etc/gatehouse/certificate.key\"";

    /// How long a certificate of the appliance's own authority is valid; it is renewed when a third of that is left.
    leaf_lifetime: Duration = Duration::from_secs(30 * 86_400);
}

impl Objections for Tls {
    fn objections(&self) -> Vec<(&'static str, String)> {
        let half = match (&self.certificate_file, &self.key_file) {
            (Some(_), None) => Some(("certificate_file", "needs `tls.key_file` beside it".to_owned())),
            (None, Some(_)) => Some(("key_file", "needs `tls.certificate_file` beside it".to_owned())),
            _ => None,
        };
        let (hour, year) = (Duration::from_secs(3600), Duration::from_secs(366 * 86_400));
        let outside = !(hour..=year).contains(&self.leaf_lifetime);
        let lifetime = outside.then(|| ("leaf_lifetime", "has to be from 1h to 366d".to_owned()));
        [half, lifetime].into_iter().flatten().collect()
    }
}

//! Section `tls`: the certificate that the appliance shows.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::section::{Objections, section};
use crate::domain::host::is_host;
use crate::domain::{Network, Secret};

section! {
    /// The certificate that the appliance shows. Files come first, then a certificate imported by `gatehouse admin certificate
    /// import`, then ACME (section `acme`); where none of them has a valid one, the appliance's own authority signs one, which
    /// workstations trust once.
    Tls = "tls";

    /// A PEM file with the certificate and its chain: the appliance's certificate first, then each issuer's. Goes with `key_file`.
    /// Files are looked at once a minute; a new pair is taken only if it is good.
    certificate_file: Option<PathBuf> = None, shown "none: the appliance's own authority", example "\"/etc/gatehouse/certificate.pem\"";

    /// A PEM file with the private key of that certificate.
    key_file: Option<PathBuf> = None, shown "none", example "\"/etc/gatehouse/certificate.key\"";

    /// A PKCS#12 file (`.pfx`, `.p12`) with certificate, chain and private key, in place of the two PEM files.
    pkcs12_file: Option<PathBuf> = None, shown "none", example "\"/etc/gatehouse/certificate.pfx\"";

    /// The password of that file.
    pkcs12_password: Option<Secret> = None, shown "none", example "\"the file's password\"";

    /// Domains and networks for which the appliance's own authority may sign besides the names in `appliance.names`, so that it
    /// need not be replaced when those change: a domain with all that is in it, or a network. It counts when the authority is made:
    /// at the first start, or by `gatehouse admin certificate new-authority`.
    authority_scope: Vec<String> = Vec::new(), example "[\"corp.example\", \"10.0.0.0/8\"]";

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
        let both = self.pkcs12_file.is_some() && self.certificate_file.is_some();
        let both =
            both.then(|| ("pkcs12_file", "goes without `tls.certificate_file`: there can be one of them".to_owned()));
        let alone = self.pkcs12_password.is_some() && self.pkcs12_file.is_none();
        let alone = alone.then(|| ("pkcs12_password", "needs `tls.pkcs12_file` beside it".to_owned()));
        let strange =
            |item: &&String| item.parse::<Network>().is_err() && (item.parse::<IpAddr>().is_ok() || !is_host(item));
        let strange = self.authority_scope.iter().find(strange);
        let scope = strange
            .map(|item| ("authority_scope", format!("{item:?} is neither a domain nor a network such as 10.0.0.0/8")));
        [half, both, alone, scope, lifetime].into_iter().flatten().collect()
    }
}

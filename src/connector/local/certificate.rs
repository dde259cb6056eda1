//! The certificate for programs that insist on TLS: self-signed, for this machine's own names, made when the first of them comes
//! and anew every day. It proves nothing, and need not: the connection does not leave the machine.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::domain::Timestamp;
use crate::tls::{CertificateError, Certificates, KeyAndChain, ServerConfigs};

/// Makes it and keeps it for a day.
#[derive(Debug, Default)]
pub(crate) struct OwnCertificate {
    made: Mutex<Option<(Timestamp, ServerConfigs)>>,
}

/// Why there is none. The workstation's side: its system gave no random bytes.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoCertificate {
    /// It could not be made.
    #[error(transparent)]
    Make(#[from] CertificateError),
    /// TLS could not be set up with it.
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
}

impl OwnCertificate {
    /// How TLS is spoken with it now.
    pub(crate) fn configs(&self, now: Timestamp) -> Result<ServerConfigs, NoCertificate> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((when, configs)) = made.as_ref()
            && *when <= now
            && now.since(*when) < DAY
        {
            return Ok(configs.clone());
        }
        let configs = ServerConfigs::new(&Certificates::showing(make(now)?))?;
        *made = Some((now, configs.clone()));
        Ok(configs)
    }
}

fn make(now: Timestamp) -> Result<KeyAndChain, CertificateError> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new(["localhost", "127.0.0.1", "::1"].map(str::to_owned))?;
    let now = rcgen::date_time_ymd(1970, 1, 1) + now.since(Timestamp::from_millis(0));
    (params.not_before, params.not_after) = (now - DAY, now + DAY * 3);
    params.distinguished_name.push(rcgen::DnType::CommonName, "gatehouse connect");
    let certificate = params.self_signed(&key)?;
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    KeyAndChain::new(vec![certificate.der().clone()], key)
}

const DAY: Duration = Duration::from_secs(24 * 3600);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_made_once_a_day_for_this_machines_names() {
        let own = OwnCertificate::default();
        let start = Timestamp::from_millis(1_795_000_000_000);
        let same = |a: &ServerConfigs, b: &ServerConfigs| std::sync::Arc::ptr_eq(&a.tunnel, &b.tunnel);
        let first = own.configs(start).unwrap();
        assert!(same(&first, &own.configs(start.after(DAY / 2)).unwrap()));
        assert!(!same(&first, &own.configs(start.after(DAY * 2)).unwrap()));
        let facts = make(start).unwrap().facts().clone();
        assert_eq!(facts.names, ["localhost", "127.0.0.1", "::1"]);
        assert!(facts.is_current(start.after(DAY)) && !facts.is_current(start.after(DAY * 4)));
    }
}

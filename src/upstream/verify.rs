//! Believing a SQL Server's certificate by its rule, and remembering what was shown.

use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier as _;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, Error, RootCertStore};
use x509_parser::prelude::{FromDer as _, X509Certificate};
use x509_parser::public_key::PublicKey;

use super::error::ConnectError;
use super::met::Verdict;
use super::target::{Target, TlsRule};
use crate::wire::{Judge, fingerprint, judge};

/// What the handshake showed, and what was made of it.
#[derive(Debug, Clone)]
pub(super) struct Shown {
    pub chain: Vec<CertificateDer<'static>>,
    pub verdict: Verdict,
}

/// Whether a certificate that is not believed ends the handshake, or is only looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Connect,
    Probe,
}

/// The judge of one connection.
#[derive(Debug)]
pub(super) struct Verifier {
    belief: Belief,
    name: Option<ServerName<'static>>,
    purpose: Purpose,
    shown: Mutex<Option<Shown>>,
}

#[derive(Debug)]
enum Belief {
    System(Arc<WebPkiServerVerifier>),
    Authority { given: Vec<CertificateDer<'static>>, verifier: Option<Arc<WebPkiServerVerifier>> },
    Exactly(String),
    Anything,
}

impl Verifier {
    pub(super) fn new(
        target: &Target,
        system: &Arc<RootCertStore>,
        provider: &Arc<CryptoProvider>,
        purpose: Purpose,
    ) -> Result<Self, ConnectError> {
        let belief =
            match &target.tls {
                TlsRule::SystemRoots => Belief::System(verifier(system, provider).ok_or_else(|| {
                    ConnectError::Settings("the operating system trusts no authority at all".to_owned())
                })?),
                TlsRule::Authority { pem } => authority(pem, provider)?,
                TlsRule::Certificate { sha256 } => Belief::Exactly(folded(sha256)?),
                TlsRule::TrustAnything => Belief::Anything,
            };
        let name = target.certificate_name.as_deref().map(server_name).transpose()?;
        Ok(Self { belief, name, purpose, shown: Mutex::new(None) })
    }

    /// What was shown, if the handshake came that far.
    pub(super) fn shown(&self) -> Option<Shown> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn verdict(
        &self,
        leaf: &CertificateDer<'_>,
        rest: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<Verdict, Error> {
        let name = self.name.as_ref().unwrap_or(name);
        if let Some(bits) = too_short(leaf) {
            // The handshake would fail all the same, and say less.
            return Err(Error::General(format!(
                "its RSA key has {bits} bits, and no key under {SHORTEST_RSA} is taken, pinned or not (SQL Server 2016 and older make \
                 themselves such certificates): give the SQL Server another one"
            )));
        }
        match &self.belief {
            Belief::System(verifier) => {
                verifier.verify_server_cert(leaf, rest, name, &[], now).map(|_| Verdict::SystemRoots)
            }
            // A self-signed certificate is often marked as an authority, which no chain may end in; being the very
            // one that was given is as good.
            Belief::Authority { given, .. } if given.iter().any(|one| one == leaf) => Ok(Verdict::Pinned),
            Belief::Authority { verifier: Some(verifier), .. } => {
                verifier.verify_server_cert(leaf, rest, name, &[], now).map(|_| Verdict::Authority)
            }
            Belief::Authority { verifier: None, .. } => Err(CertificateError::UnknownIssuer.into()),
            Belief::Exactly(sha256) if fingerprint(leaf) == *sha256 => Ok(Verdict::Pinned),
            Belief::Exactly(_) => Err(CertificateError::ApplicationVerificationFailure.into()),
            Belief::Anything => Ok(Verdict::Unverified),
        }
    }
}

impl Judge for Verifier {
    fn judge(
        &self,
        leaf: &CertificateDer<'_>,
        rest: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<(), Error> {
        let judged = self.verdict(leaf, rest, name, now);
        let verdict = judged.clone().unwrap_or_else(|error| Verdict::Refused(in_words(&error)));
        let chain = judge::chain(leaf, rest);
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = Some(Shown { chain, verdict });
        match self.purpose {
            Purpose::Connect => judged.map(drop),
            Purpose::Probe => Ok(()),
        }
    }
}

/// The length of a certificate's RSA key in bits, where no signature of it is taken.
fn too_short(certificate: &CertificateDer<'_>) -> Option<usize> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    match parsed.public_key().parsed().ok()? {
        PublicKey::RSA(key) => Some(key.key_size()).filter(|bits| *bits < SHORTEST_RSA),
        _ => None,
    }
}

/// The shortest RSA key, in bits, whose signatures rustls takes.
const SHORTEST_RSA: usize = 2048;

/// The name of a server as TLS takes it: a DNS name or an IP address.
pub(super) fn server_name(host: &str) -> Result<ServerName<'static>, ConnectError> {
    ServerName::try_from(host.trim_end_matches('.').to_owned())
        .map_err(|_| ConnectError::Settings(format!("{host:?} is neither a host name nor an address")))
}

fn verifier(roots: &Arc<RootCertStore>, provider: &Arc<CryptoProvider>) -> Option<Arc<WebPkiServerVerifier>> {
    WebPkiServerVerifier::builder_with_provider(Arc::clone(roots), Arc::clone(provider)).build().ok()
}

fn authority(pem: &str, provider: &Arc<CryptoProvider>) -> Result<Belief, ConnectError> {
    let unusable = |what: &str| ConnectError::Settings(format!("its authority {what}"));
    let given: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    let given = given.map_err(|_| unusable("is not in PEM form"))?;
    if given.is_empty() {
        return Err(unusable("holds no certificate"));
    }
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(given.iter().cloned());
    Ok(Belief::Authority { given, verifier: verifier(&Arc::new(roots), provider) })
}

/// A fingerprint as it is compared: lower-case hexadecimal.
fn folded(sha256: &str) -> Result<String, ConnectError> {
    let text: String = sha256.chars().filter(|c| !matches!(c, ':' | ' ')).collect::<String>().to_ascii_lowercase();
    if text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit()) {
        Ok(text)
    } else {
        Err(ConnectError::Settings("its fingerprint is not a SHA-256 in hexadecimal".to_owned()))
    }
}

/// Why a certificate is not believed, for an administrator.
fn in_words(error: &Error) -> String {
    use CertificateError as Why;
    let why = match error {
        Error::InvalidCertificate(why) => why,
        Error::General(text) => return text.clone(),
        other => return other.to_string(),
    };
    match why {
        Why::Expired | Why::ExpiredContext { .. } => "it has expired".to_owned(),
        Why::NotValidYet | Why::NotValidYetContext { .. } => "it is not valid yet".to_owned(),
        Why::UnknownIssuer => "no trusted authority has signed it".to_owned(),
        Why::BadSignature => "another authority of the same name has signed it".to_owned(),
        Why::NotValidForName | Why::NotValidForNameContext { .. } => "it is for other names".to_owned(),
        Why::ApplicationVerificationFailure => "it is not the pinned certificate".to_owned(),
        other => other.to_string(),
    }
}

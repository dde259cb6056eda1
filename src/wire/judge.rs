//! TLS as a client that judges certificates by a rule of its own. Whatever the rule says, the handshake's signature is verified: whoever is
//! there holds the key of the certificate that was shown.

use std::fmt::Debug;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme};

/// A rule for certificates.
pub trait Judge: Debug + Send + Sync + 'static {
    /// Whether the handshake goes on with who shows this certificate, and these of authorities, and is to be `name`.
    fn judge(
        &self,
        leaf: &CertificateDer<'_>,
        rest: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<(), Error>;
}

/// A judge, where rustls asks for one.
pub fn verifier<J: Judge>(judge: &Arc<J>, provider: &Arc<CryptoProvider>) -> Arc<dyn ServerCertVerifier> {
    Arc::new(Verifier { judge: Arc::clone(judge), provider: Arc::clone(provider) })
}

/// What was shown, as one chain, leaf first.
pub fn chain(leaf: &CertificateDer<'_>, rest: &[CertificateDer<'_>]) -> Vec<CertificateDer<'static>> {
    std::iter::once(leaf).chain(rest).map(|one| one.clone().into_owned()).collect()
}

/// Refuses nobody, and remembers what was shown, for whoever judges it afterwards. Nothing is sent meanwhile that is anybody's business.
#[derive(Debug, Default)]
pub struct Witness {
    chain: Mutex<Vec<CertificateDer<'static>>>,
}

impl Witness {
    /// TLS with whoever is there, for one handshake, and its witness.
    pub fn config(provider: Arc<CryptoProvider>) -> Result<(ClientConfig, Arc<Self>), Error> {
        let witness = Arc::new(Self::default());
        let believer = verifier(&witness, &provider);
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        Ok((config.dangerous().with_custom_certificate_verifier(believer).with_no_client_auth(), witness))
    }

    /// The chain that was shown, leaf first; empty where the handshake did not come that far.
    pub fn shown(&self) -> Vec<CertificateDer<'static>> {
        self.chain.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Judge for Witness {
    fn judge(
        &self,
        leaf: &CertificateDer<'_>,
        rest: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _now: UnixTime,
    ) -> Result<(), Error> {
        *self.chain.lock().unwrap_or_else(PoisonError::into_inner) = chain(leaf, rest);
        Ok(())
    }
}

#[derive(Debug)]
struct Verifier<J> {
    judge: Arc<J>,
    provider: Arc<CryptoProvider>,
}

impl<J: Judge> ServerCertVerifier for Verifier<J> {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.judge.judge(end_entity, intermediates, server_name, now).map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

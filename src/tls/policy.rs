//! How TLS is spoken with those who come: the one table of versions, suites and protocols, each line with its reason.

use std::sync::Arc;

use rustls::crypto::aws_lc_rs::{self, cipher_suite as suite, kx_group as group};
use rustls::crypto::{CryptoProvider, SupportedKxGroup};
use rustls::server::{NoServerSessionStorage, ServerConfig};
use rustls::version::{TLS12, TLS13};
use rustls::{SupportedCipherSuite, SupportedProtocolVersion};

use super::certificates::Certificates;

/// The three ways in which the appliance speaks TLS as a server.
#[derive(Debug, Clone)]
pub struct ServerConfigs {
    /// TDS 7.x: inside PRELOGIN packets.
    pub tunnel: Arc<ServerConfig>,
    /// TDS 8.0: TLS first.
    pub strict: Arc<ServerConfig>,
    /// Browsers and programs.
    pub https: Arc<ServerConfig>,
}

impl ServerConfigs {
    /// The three of them, showing what `certificates` holds at the time of each handshake.
    pub fn new(certificates: &Arc<Certificates>) -> Result<Self, rustls::Error> {
        Ok(Self {
            tunnel: config(certificates, &TUNNEL)?,
            strict: config(certificates, &STRICT)?,
            https: config(certificates, &HTTPS)?,
        })
    }
}

/// The one provider of cryptography, cut down to `SUITES` and `GROUPS`.
pub fn provider() -> Arc<CryptoProvider> {
    let (cipher_suites, kx_groups) = (SUITES.to_vec(), GROUPS.to_vec());
    Arc::new(CryptoProvider { cipher_suites, kx_groups, ..aws_lc_rs::default_provider() })
}

/// What all three share: no certificate is asked of clients, who sign in by other means; no OCSP answer is stapled, since
/// short-lived certificates need none, drivers ask for none, and public authorities have stopped giving any.
fn config(certificates: &Arc<Certificates>, policy: &Policy) -> Result<Arc<ServerConfig>, rustls::Error> {
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(policy.versions)?
        .with_no_client_auth()
        .with_cert_resolver(Arc::clone(certificates) as _);
    config.alpn_protocols = policy.alpn.iter().map(|name| name.to_vec()).collect();
    if !policy.resumption {
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
    }
    Ok(Arc::new(config))
}

struct Policy {
    versions: &'static [&'static SupportedProtocolVersion],
    alpn: &'static [&'static [u8]],
    resumption: bool,
}

/// TDS 7.x.
const TUNNEL: Policy = Policy {
    // With 1.3, Microsoft's ODBC driver sends its last flight unwrapped, and FreeTDS and others read the tickets that
    // follow the handshake as TDS. Microsoft's own servers speak 1.3 with TDS 8.0 only.
    versions: &[&TLS12],
    // No driver offers a protocol here.
    alpn: &[],
    // An abbreviated handshake would change who sends the last wrapped flight.
    resumption: false,
};

/// TDS 8.0.
const STRICT: Policy = Policy {
    versions: &[&TLS13, &TLS12],
    // A client that offers no protocol at all is taken, too, as SQL Server does; one that offers others only is not.
    alpn: &[b"tds/8.0"],
    // Tickets after the handshake confuse drivers that expect PRELOGIN's answer first; connections live long anyway.
    resumption: false,
};

/// HTTPS.
const HTTPS: Policy = Policy {
    versions: &[&TLS13, &TLS12],
    // HTTP/2 first; HTTP/1.1 for everything else.
    alpn: &[b"h2", b"http/1.1"],
    // Browsers open many connections.
    resumption: true,
};

/// How keys are agreed on, the same in all three; with TLS 1.2 the elliptic curves alone.
const GROUPS: &[&dyn SupportedKxGroup] = &[
    // What is recorded today is not read by tomorrow's quantum computers. Browsers and new drivers offer it.
    group::X25519MLKEM768,
    // Everybody else of the last ten years.
    group::X25519,
    // Windows without X25519, and where rules demand NIST's curves.
    group::SECP256R1,
    group::SECP384R1,
];

/// Forward secrecy and authenticated encryption only, the same in all three. AES-256 leads: it is as fast as AES-128
/// on any processor of the last ten years, and auditors ask for it.
const SUITES: &[SupportedCipherSuite] = &[
    suite::TLS13_AES_256_GCM_SHA384,
    suite::TLS13_AES_128_GCM_SHA256,
    // For workstations without AES in hardware.
    suite::TLS13_CHACHA20_POLY1305_SHA256,
    // For the appliance's own certificates and ACME's, which are ECDSA.
    suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    // For certificates from a company's authority, which are RSA more often than not, and for clients that have no ECDSA, which get
    // the own authority's second certificate.
    suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
    suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
    suite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
];

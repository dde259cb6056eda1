//! The handshake with a SQL Server: TDS 8.0 where it offers that, 7.x with TLS inside PRELOGIN otherwise.
//!
//! What a server speaks is remembered, so that only the first dial asks. A certificate that is not believed ends the
//! attempt: it is never a reason to try the other way.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::client::Resumption;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, SupportedProtocolVersion};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::dial;
use super::dialer::{Dialer, Speaks, TlsTime};
use super::error::{ConnectError, Stage};
use super::leg::{Ask, Leg, LegStream};
use super::met::{Met, Verdict};
use super::target::Target;
use super::verify::{Purpose, Verifier, server_name};
use crate::platform::clock::within;
use crate::tds::packet::{DEFAULT_PACKET_SIZE, PacketType};
use crate::tds::prelogin::{Encryption, PreLogin};
use crate::wire::{self, CertificateFacts, PacketReader, PacketWriter, PreLoginTunnel, WireError};

/// Connects to `target`, up to and including PRELOGIN and TLS, within the dialer's limit.
pub async fn connect(target: &Target, ask: &Ask, dialer: &Dialer) -> Result<Leg, ConnectError> {
    attempt(target, ask, dialer, Purpose::Connect, Ways::Both).await
}

/// The same where nothing but TDS 8.0 makes sense: at a port that is HTTPS's, too. Whoever does not agree on it there is sent
/// nothing more, and in particular no PRELOGIN in clear.
pub async fn connect_strict(target: &Target, ask: &Ask, dialer: &Dialer) -> Result<Leg, ConnectError> {
    attempt(target, ask, dialer, Purpose::Connect, Ways::Strict).await
}

/// What `target` shows, believed or not: [`Met::verdict`] says which. Nothing is ever signed in.
pub async fn probe(target: &Target, dialer: &Dialer) -> Result<Met, ConnectError> {
    let leg = attempt(target, &Ask::default(), dialer, Purpose::Probe, Ways::Both).await?;
    Ok(leg.met)
}

async fn attempt(
    target: &Target,
    ask: &Ask,
    dialer: &Dialer,
    purpose: Purpose,
    ways: Ways,
) -> Result<Leg, ConnectError> {
    let stage = Mutex::new(Stage::Resolve);
    let work = Attempt { target, ask, dialer, purpose, ways, stage: &stage };
    match within(&*dialer.clock, dialer.limit, work.run()).await {
        Ok(outcome) => outcome,
        Err(_) => Err(ConnectError::TimedOut(*stage.lock().unwrap_or_else(PoisonError::into_inner))),
    }
}

struct Attempt<'a> {
    target: &'a Target,
    ask: &'a Ask,
    dialer: &'a Dialer,
    purpose: Purpose,
    ways: Ways,
    stage: &'a Mutex<Stage>,
}

/// What is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ways {
    /// TDS 8.0, and TDS 7.x where that is not offered.
    Both,
    /// TDS 8.0.
    Strict,
}

/// How a try of TDS 8.0 can end short of success.
enum Strict {
    /// The server does not offer it.
    NotOffered(ConnectError),
    /// There is no sense in trying anything else.
    Failed(ConnectError),
}

impl Attempt<'_> {
    async fn run(&self) -> Result<Leg, ConnectError> {
        let addresses = dial::addresses(&*self.dialer.resolver, &self.target.host, self.target.port).await?;
        if self.ways == Ways::Strict {
            let failed = |(Strict::NotOffered(error) | Strict::Failed(error))| error;
            return self.strict(&addresses).await.map_err(failed);
        }
        let known = self.dialer.known(self.target);
        if known == Some(Speaks::Tunnel) {
            match self.tunnel(&addresses).await {
                // A server that was changed to speak nothing but TDS 8.0 hangs up on, or does not understand, the rest.
                Err(ConnectError::NotTds { .. } | ConnectError::Wire { .. }) => self.dialer.forget(self.target),
                outcome => return outcome,
            }
        }
        let not_offered = match self.strict(&addresses).await {
            Ok(leg) => return Ok(leg),
            Err(Strict::Failed(error)) => return Err(error),
            Err(Strict::NotOffered(error)) => error,
        };
        tracing::debug!(server = %self.target.host, reason = %not_offered, "the server does not offer TDS 8.0");
        self.dialer.forget(self.target);
        self.tunnel(&addresses).await
    }

    /// TDS 8.0: TLS first, then PRELOGIN inside it.
    async fn strict(&self, addresses: &[SocketAddr]) -> Result<Leg, Strict> {
        let (tcp, address) = self.dial(addresses).await.map_err(Strict::Failed)?;
        let (config, verifier) = self.tls(&[&TLS13, &TLS12], &[b"tds/8.0"]).map_err(Strict::Failed)?;
        let name = server_name(&self.target.host).map_err(Strict::Failed)?;
        let connecting = TlsConnector::from(config).connect(name, PreLoginTunnel::bare(tcp));
        let tls = match within(&*self.dialer.clock, self.dialer.limit.min(STRICT_LIMIT), connecting).await {
            Ok(Ok(tls)) if tls.get_ref().1.alpn_protocol() == Some(b"tds/8.0") => tls,
            Ok(Ok(_)) => return Err(Strict::NotOffered(not_tds(address, "its TLS knows nothing of tds/8.0"))),
            Ok(Err(source)) => {
                return Err(match self.disbelief(&verifier, address, true) {
                    Some(error) => Strict::Failed(error),
                    None => Strict::NotOffered(ConnectError::Tls { address, source }),
                });
            }
            Err(_) => return Err(Strict::NotOffered(ConnectError::TimedOut(Stage::Handshake))),
        };
        let met = self.met(&verifier, address, true).map_err(Strict::Failed)?;
        self.dialer.learn(self.target, Speaks::Strict);
        let mut stream = LegStream::new(tls);
        // The option has no meaning here; this is what Microsoft's own drivers send.
        let asked = self.prelogin(&mut stream, address, Encryption::NotSupported).await;
        Ok(Leg { stream, prelogin: asked.map_err(Strict::Failed)?, met, strict: true })
    }

    /// TDS 7.x: PRELOGIN, then TLS inside PRELOGIN packets.
    async fn tunnel(&self, addresses: &[SocketAddr]) -> Result<Leg, ConnectError> {
        let (mut tcp, address) = self.dial(addresses).await?;
        let prelogin = self.prelogin(&mut tcp, address, Encryption::On).await?;
        if !matches!(prelogin.encryption, Some(Encryption::On | Encryption::Required)) {
            return Err(ConnectError::NoEncryption { address, answer: prelogin.encryption.map(u8::from) });
        }
        // Servers cap the tunnel at 1.2, and so do we: with 1.3 nobody agrees on where the wrapping ends.
        let (config, verifier) = self.tls(&[&TLS12], &[])?;
        let name = server_name(&self.target.host)?;
        let tls = match wire::connect(tcp, config, name).await {
            Ok(tls) => tls,
            Err(source) => {
                return Err(self.disbelief(&verifier, address, false).unwrap_or(ConnectError::Tls { address, source }));
            }
        };
        let met = self.met(&verifier, address, false)?;
        self.dialer.learn(self.target, Speaks::Tunnel);
        Ok(Leg { stream: LegStream::new(tls), prelogin, met, strict: false })
    }

    async fn dial(&self, addresses: &[SocketAddr]) -> Result<(TcpStream, SocketAddr), ConnectError> {
        self.reached(Stage::Dial);
        let connected = dial::race(&*self.dialer.clock, addresses).await?;
        self.reached(Stage::Handshake);
        Ok(connected)
    }

    /// Sends PRELOGIN and reads the answer, not a byte more.
    async fn prelogin<S>(
        &self,
        stream: &mut S,
        address: SocketAddr,
        encryption: Encryption,
    ) -> Result<PreLogin, ConnectError>
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    {
        let question = PreLogin {
            version: self.ask.version,
            encryption: Some(encryption),
            instance: Some(vec![0]),
            thread_id: self.ask.thread_id,
            mars: Some(self.ask.mars),
            trace_id: self.ask.trace_id,
            ..PreLogin::default()
        };
        let question = question.encode().map_err(|error| not_tds(address, error))?;
        let failed = |source: WireError| match source {
            WireError::Io(_) => ConnectError::Wire { address, source },
            // Whoever speaks another protocol shows it in the first bytes.
            source => not_tds(address, source),
        };
        PacketWriter::new(&mut *stream).write_message(PRELOGIN, 0, &question).await.map_err(failed)?;
        let mut reader = PacketReader::new(stream);
        reader.limit_packets(ANSWER_LIMIT);
        let answer = reader.read_message(ANSWER_LIMIT).await.map_err(failed)?;
        let answer = answer.ok_or_else(|| not_tds(address, "it hung up on PRELOGIN"))?;
        if answer.kind != RESPONSE {
            return Err(not_tds(address, format!("its answer to PRELOGIN is of type 0x{:02x}", answer.kind)));
        }
        PreLogin::decode(&answer.payload).map_err(|error| not_tds(address, error))
    }

    fn tls(
        &self,
        versions: &[&'static SupportedProtocolVersion],
        alpn: &[&[u8]],
    ) -> Result<(Arc<ClientConfig>, Arc<Verifier>), ConnectError> {
        let Dialer { clock, provider, roots, .. } = self.dialer;
        let verifier = Arc::new(Verifier::new(self.target, roots, provider, self.purpose)?);
        let time = Arc::new(TlsTime(Arc::clone(clock)));
        let mut config = ClientConfig::builder_with_details(Arc::clone(provider), time)
            .with_protocol_versions(versions)
            .map_err(|error| ConnectError::Settings(error.to_string()))?
            .dangerous()
            .with_custom_certificate_verifier(wire::judge::verifier(&verifier, provider))
            .with_no_client_auth();
        config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
        // Every connection shows its certificate.
        config.resumption = Resumption::disabled();
        Ok((Arc::new(config), verifier))
    }

    /// What the verifier saw.
    fn met(&self, verifier: &Verifier, address: SocketAddr, strict: bool) -> Result<Met, ConnectError> {
        let none = || not_tds(address, "it showed no certificate");
        let shown = verifier.shown().ok_or_else(none)?;
        // All of them or none: what a person reads and compares must belong to the certificate beside it.
        let certificates = shown.chain.iter().map(|der| CertificateFacts::read(der));
        let unreadable = |_| not_tds(address, "one of its certificates cannot be read");
        let certificates = certificates.collect::<Result<_, _>>().map_err(unreadable)?;
        Ok(Met { address, strict, certificates, chain: shown.chain, verdict: shown.verdict })
    }

    /// The certificate failure behind a failed handshake, if that is what it was.
    fn disbelief(&self, verifier: &Verifier, address: SocketAddr, strict: bool) -> Option<ConnectError> {
        let met = self.met(verifier, address, strict).ok()?;
        matches!(met.verdict, Verdict::Refused(_)).then(|| ConnectError::Certificate(Box::new(met)))
    }

    fn reached(&self, stage: Stage) {
        *self.stage.lock().unwrap_or_else(PoisonError::into_inner) = stage;
    }
}

fn not_tds(address: SocketAddr, reason: impl ToString) -> ConnectError {
    ConnectError::NotTds { address, reason: reason.to_string() }
}

const PRELOGIN: u8 = PacketType::PreLogin as u8;
const RESPONSE: u8 = PacketType::TabularResult as u8;
/// A PRELOGIN answer is one packet.
const ANSWER_LIMIT: usize = DEFAULT_PACKET_SIZE;
/// A server that takes a ClientHello for a broken PRELOGIN and keeps silent does not keep us longer.
const STRICT_LIMIT: Duration = Duration::from_secs(3);

//! The way to a SQL Server: addresses, both ways of TLS, and every rule for certificates.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gatehouse::domain::{Side, Timestamp};
use gatehouse::platform::{Clock, ManualClock, Resolve, Resolving};
use gatehouse::tds::prelogin::{Encryption, PreLogin};
use gatehouse::tls::{Certificates, KeyAndChain, Root, ServerConfigs, policy};
use gatehouse::upstream::{Ask, ConnectError, Dialer, Leg, Target, TlsRule, Verdict, connect, probe};
use gatehouse::wire::{self, PacketReader, PacketWriter, fingerprint};
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::support::ports;

const NOW: Timestamp = Timestamp::from_millis(1_795_000_000_000);
const DAY: Duration = Duration::from_secs(86_400);

/// What a scripted server speaks.
#[derive(Clone, Copy, PartialEq)]
enum Speaks {
    /// TDS 7.x alone; hangs up on a ClientHello, as old servers do.
    Tunnel,
    /// TDS 8.0 alone.
    Strict,
    /// Both.
    Both,
    /// TLS first, but no tds/8.0; and 7.x.
    OtherTls,
    /// TDS 7.x without encryption.
    Clear(Encryption),
    /// Nothing, for ever.
    Silence,
    /// HTTP.
    Http,
}

/// A scripted server: PRELOGIN and TLS, then an echo in place of a login.
struct Server {
    address: SocketAddr,
    speaks: Arc<Mutex<Speaks>>,
    /// The first byte of each connection.
    first_bytes: Arc<Mutex<Vec<u8>>>,
    /// How many bytes came where a login would be.
    login_bytes: Arc<Mutex<usize>>,
    certificates: Arc<Certificates>,
}

impl Server {
    async fn start(speaks: Speaks, certificate: KeyAndChain) -> Self {
        Self::start_at("127.0.0.1:0", speaks, certificate).await
    }

    async fn start_at(at: &str, speaks: Speaks, certificate: KeyAndChain) -> Self {
        let certificates = Certificates::showing(certificate);
        let configs = ServerConfigs::new(&certificates).unwrap();
        Self::serve(TcpListener::bind(at).await.unwrap(), speaks, certificates, configs)
    }

    fn serve(listener: TcpListener, speaks: Speaks, certificates: Arc<Certificates>, configs: ServerConfigs) -> Self {
        let server = Self {
            address: listener.local_addr().unwrap(),
            speaks: Arc::new(Mutex::new(speaks)),
            first_bytes: Arc::default(),
            login_bytes: Arc::default(),
            certificates,
        };
        let (speaks, first, logins) =
            (Arc::clone(&server.speaks), Arc::clone(&server.first_bytes), Arc::clone(&server.login_bytes));
        tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                let (speaks, configs, first, logins) =
                    (*speaks.lock().unwrap(), configs.clone(), Arc::clone(&first), Arc::clone(&logins));
                tokio::spawn(async move {
                    let _ = answer(tcp, speaks, configs, first, logins).await;
                });
            }
        });
        server
    }

    fn first_bytes(&self) -> Vec<u8> {
        std::mem::take(&mut self.first_bytes.lock().unwrap())
    }

    fn target(&self, tls: TlsRule) -> Target {
        Target { tls, ..Target::new(self.address.ip().to_string(), self.address.port()) }
    }
}

async fn answer(
    mut tcp: TcpStream,
    speaks: Speaks,
    configs: ServerConfigs,
    first_bytes: Arc<Mutex<Vec<u8>>>,
    logins: Arc<Mutex<usize>>,
) -> std::io::Result<()> {
    let mut first = [0];
    if tcp.peek(&mut first).await? == 0 {
        return Ok(());
    }
    first_bytes.lock().unwrap().push(first[0]);
    match (first[0], speaks) {
        (_, Speaks::Silence) => std::future::pending().await,
        (_, Speaks::Http) => {
            let mut request = [0; 4096];
            let _ = tcp.read(&mut request).await?;
            tcp.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await
        }
        (0x16, Speaks::Strict | Speaks::Both) => {
            let mut tls = tokio_rustls::TlsAcceptor::from(configs.strict).accept(tcp).await?;
            prelogin(&mut tls, None).await?;
            echo(tls, logins).await
        }
        (0x16, Speaks::OtherTls) => {
            tokio_rustls::TlsAcceptor::from(configs.https).accept(tcp).await?;
            Ok(())
        }
        (0x12, Speaks::Tunnel | Speaks::Both | Speaks::OtherTls) => {
            prelogin(&mut tcp, Some(Encryption::On)).await?;
            echo(wire::accept(tcp, configs.tunnel).await?, logins).await
        }
        (0x12, Speaks::Clear(encryption)) => {
            prelogin(&mut tcp, Some(encryption)).await?;
            echo(tcp, logins).await
        }
        _ => Ok(()),
    }
}

async fn prelogin<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    encryption: Option<Encryption>,
) -> std::io::Result<()> {
    let asked = PacketReader::new(&mut *stream).read_message(4096).await.unwrap().unwrap();
    assert_eq!(asked.kind, 0x12);
    let asked = PreLogin::decode(&asked.payload).unwrap();
    let answer = PreLogin {
        version: [16, 0, 0x10, 0, 0, 0],
        encryption: encryption.or(asked.encryption),
        instance: Some(vec![0]),
        mars: asked.mars,
        ..PreLogin::default()
    };
    PacketWriter::new(stream).write_message(0x04, 0, &answer.encode().unwrap()).await.unwrap();
    Ok(())
}

async fn echo<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, logins: Arc<Mutex<usize>>) -> std::io::Result<()> {
    let mut buffer = [0; 1024];
    loop {
        let n = stream.read(&mut buffer).await?;
        if n == 0 {
            return Ok(());
        }
        *logins.lock().unwrap() += n;
        stream.write_all(&buffer[..n]).await?;
        stream.flush().await?;
    }
}

fn clock() -> Arc<ManualClock> {
    ManualClock::starting_at(NOW)
}

fn dialer() -> Dialer {
    Dialer::new(clock(), Duration::from_secs(10))
}

fn root() -> Root {
    Root::create("Test", NOW).unwrap()
}

fn leaf(root: &Root, names: &[&str]) -> KeyAndChain {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    root.issue(&names, DAY, NOW).unwrap()
}

fn believed(root: &Root) -> TlsRule {
    TlsRule::Authority { pem: root.certificate_pem() }
}

/// What SQL Server makes for itself: a certificate for no name that is its own authority.
fn self_made() -> KeyAndChain {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::default();
    params.distinguished_name.push(rcgen::DnType::CommonName, "SSL_Self_Signed_Fallback");
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let certificate = params.self_signed(&key).unwrap();
    KeyAndChain::new(vec![certificate.der().clone()], PrivateKeyDer::Pkcs8(key.serialize_der().into())).unwrap()
}

async fn works(mut leg: Leg) {
    leg.stream.write_all(b"login").await.unwrap();
    leg.stream.flush().await.unwrap();
    let mut back = [0; 5];
    leg.stream.read_exact(&mut back).await.unwrap();
    assert_eq!(&back, b"login");
}

fn refused(outcome: Result<Leg, ConnectError>) -> gatehouse::upstream::Met {
    match outcome {
        Err(ConnectError::Certificate(met)) => *met,
        other => panic!("not a certificate failure: {other:?}"),
    }
}

#[tokio::test]
async fn a_server_of_either_kind_is_reached_by_a_given_authority() {
    let root = root();
    for (speaks, strict) in
        [(Speaks::Tunnel, false), (Speaks::Strict, true), (Speaks::Both, true), (Speaks::OtherTls, false)]
    {
        let server = Server::start(speaks, leaf(&root, &["127.0.0.1"])).await;
        let ask = Ask { mars: true, ..Ask::default() };
        let leg = connect(&server.target(believed(&root)), &ask, &dialer()).await.unwrap();
        assert_eq!(leg.strict, strict);
        assert_eq!(leg.met.verdict, Verdict::Authority);
        assert!(leg.met.verified());
        assert_eq!(leg.prelogin.mars, Some(true), "the wish for MARS travels, and its answer");
        assert_eq!(leg.prelogin.version, [16, 0, 0x10, 0, 0, 0]);
        works(leg).await;
    }
}

#[tokio::test]
async fn only_the_first_dial_asks_which_kind_a_server_is() {
    let root = root();
    let server = Server::start(Speaks::Tunnel, leaf(&root, &["127.0.0.1"])).await;
    let clock = clock();
    let dialer = Dialer::new(Arc::clone(&clock) as _, Duration::from_secs(10));
    let target = server.target(believed(&root));
    let dial = async || works(connect(&target, &Ask::default(), &dialer).await.unwrap()).await;
    dial().await;
    assert_eq!(server.first_bytes(), [0x16, 0x12]);
    dial().await;
    assert_eq!(server.first_bytes(), [0x12]);

    // Changed to TDS 8.0 alone: noticed at once.
    *server.speaks.lock().unwrap() = Speaks::Strict;
    dial().await;
    assert_eq!(server.first_bytes(), [0x12, 0x16]);
    dial().await;
    assert_eq!(server.first_bytes(), [0x16]);

    // And back.
    *server.speaks.lock().unwrap() = Speaks::Tunnel;
    dial().await;
    assert_eq!(server.first_bytes(), [0x16, 0x12]);
    dial().await;
    assert_eq!(server.first_bytes(), [0x12]);

    // Upgraded to offer both: noticed after a while.
    *server.speaks.lock().unwrap() = Speaks::Both;
    clock.advance(Duration::from_secs(3601));
    dial().await;
    assert_eq!(server.first_bytes(), [0x16]);
}

#[tokio::test]
async fn a_certificate_for_other_names_is_refused_unless_that_name_is_expected() {
    let root = root();
    for speaks in [Speaks::Tunnel, Speaks::Strict] {
        let server = Server::start(speaks, leaf(&root, &["sql.example.com"])).await;
        let mut target = server.target(believed(&root));
        let met = refused(connect(&target, &Ask::default(), &dialer()).await);
        assert_eq!(met.verdict, Verdict::Refused("it is for other names".to_owned()));
        assert_eq!(met.leaf().unwrap().names, ["sql.example.com"]);

        target.certificate_name = Some("sql.example.com".to_owned());
        works(connect(&target, &Ask::default(), &dialer()).await.unwrap()).await;
    }
}

#[tokio::test]
async fn an_expired_certificate_is_refused_and_says_so() {
    let root = root();
    for speaks in [Speaks::Tunnel, Speaks::Strict] {
        let server = Server::start(speaks, leaf(&root, &["127.0.0.1"])).await;
        let later = ManualClock::starting_at(NOW.after(2 * DAY));
        let dialer = Dialer::new(later, Duration::from_secs(10));
        let met = refused(connect(&server.target(believed(&root)), &Ask::default(), &dialer).await);
        assert_eq!(met.verdict, Verdict::Refused("it has expired".to_owned()));
    }
}

#[tokio::test]
async fn a_refused_certificate_is_never_a_reason_to_try_the_other_way() {
    let server = Server::start(Speaks::Both, leaf(&root(), &["127.0.0.1"])).await;
    let other = Root::create("Other", NOW).unwrap();
    let error = connect(&server.target(believed(&other)), &Ask::default(), &dialer()).await.unwrap_err();
    assert_eq!(error.side(), Side::SqlServer);
    assert!(!error.person().contains("127.0.0.1"));
    assert!(error.to_string().contains("no trusted authority has signed it"), "{error}");
    assert!(error.met().unwrap().strict);
    assert_eq!(server.first_bytes(), [0x16]);
}

#[tokio::test]
async fn the_operating_systems_authorities_count_where_that_is_the_rule() {
    let root = root();
    let server = Server::start(Speaks::Tunnel, leaf(&root, &["127.0.0.1"])).await;
    let target = server.target(TlsRule::SystemRoots);
    let mut roots = rustls::RootCertStore::empty();
    roots.add(root.certificate_der().clone()).unwrap();
    let leg = connect(&target, &Ask::default(), &dialer().with_system_roots(roots)).await.unwrap();
    assert_eq!(leg.met.verdict, Verdict::SystemRoots);

    let mut others = rustls::RootCertStore::empty();
    others.add(Root::create("Other", NOW).unwrap().certificate_der().clone()).unwrap();
    refused(connect(&target, &Ask::default(), &dialer().with_system_roots(others)).await);
}

#[tokio::test]
async fn a_pinned_certificate_is_believed_whatever_it_says_and_no_other_is() {
    for speaks in [Speaks::Tunnel, Speaks::Strict] {
        let server = Server::start(speaks, self_made()).await;
        let pin = fingerprint(&server.certificates.current().chain()[0]);
        let with_colons = pin
            .to_uppercase()
            .as_bytes()
            .chunks(2)
            .map(|c| String::from_utf8_lossy(c).into_owned())
            .collect::<Vec<_>>()
            .join(":");
        let target = server.target(TlsRule::Certificate { sha256: with_colons });
        let leg = connect(&target, &Ask::default(), &dialer()).await.unwrap();
        assert_eq!(leg.met.verdict, Verdict::Pinned);
        assert!(leg.met.leaf().unwrap().self_signed);
        works(leg).await;

        server.certificates.replace(self_made());
        let met = refused(connect(&target, &Ask::default(), &dialer()).await);
        assert_eq!(met.verdict, Verdict::Refused("it is not the pinned certificate".to_owned()));
        assert_eq!(met.leaf().unwrap().sha256, fingerprint(&server.certificates.current().chain()[0]));
    }
}

#[tokio::test]
async fn a_self_made_certificate_can_be_given_as_the_authority() {
    let server = Server::start(Speaks::Strict, self_made()).await;
    let pem = rcgen_pem(&server.certificates.current().chain()[0]);
    let target = server.target(TlsRule::Authority { pem });
    let leg = connect(&target, &Ask::default(), &dialer()).await.unwrap();
    assert_eq!(leg.met.verdict, Verdict::Pinned);
    server.certificates.replace(self_made());
    refused(connect(&target, &Ask::default(), &dialer()).await);
}

fn rcgen_pem(der: &[u8]) -> String {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n")
}

#[tokio::test]
async fn trusting_anything_works_and_never_counts_as_verified() {
    for speaks in [Speaks::Tunnel, Speaks::Strict] {
        let server = Server::start(speaks, self_made()).await;
        let leg = connect(&server.target(TlsRule::TrustAnything), &Ask::default(), &dialer()).await.unwrap();
        assert_eq!(leg.met.verdict, Verdict::Unverified);
        assert!(!leg.met.verified());
        works(leg).await;
    }
}

#[tokio::test]
async fn whoever_copies_a_certificate_without_its_key_is_found_out_by_every_rule() {
    let root = root();
    let shown = leaf(&root, &["127.0.0.1"]);
    let stolen = shown.chain().to_vec();
    let own_key = rcgen::KeyPair::generate().unwrap();
    let key =
        rustls::crypto::aws_lc_rs::sign::any_supported_type(&PrivateKeyDer::Pkcs8(own_key.serialize_der().into()));
    let pair = rustls::sign::CertifiedKey::new(stolen.clone(), key.unwrap());
    let config = |versions, alpn: &[&[u8]]| {
        let mut config = rustls::ServerConfig::builder_with_provider(policy::provider())
            .with_protocol_versions(versions)
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(rustls::sign::SingleCertAndKey::from(pair.clone())));
        config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
        Arc::new(config)
    };
    let configs = ServerConfigs {
        tunnel: config(&[&rustls::version::TLS12], &[]),
        strict: config(&[&rustls::version::TLS13], &[b"tds/8.0"]),
        https: config(&[&rustls::version::TLS13], &[]),
    };
    let rules = [
        believed(&root),
        TlsRule::Authority { pem: rcgen_pem(&stolen[0]) },
        TlsRule::Certificate { sha256: fingerprint(&stolen[0]) },
        TlsRule::TrustAnything,
    ];
    for speaks in [Speaks::Tunnel, Speaks::Strict] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Server::serve(listener, speaks, Certificates::showing(shown.clone()), configs.clone());
        for rule in rules.clone() {
            let error = connect(&server.target(rule.clone()), &Ask::default(), &dialer()).await.unwrap_err();
            assert!(!matches!(error, ConnectError::Certificate(_)), "{rule:?}: {error}");
        }
    }
}

#[tokio::test]
async fn a_server_that_does_not_encrypt_is_refused_before_anything_is_said() {
    for encryption in [Encryption::Off, Encryption::NotSupported, Encryption::Other(9)] {
        let server = Server::start(Speaks::Clear(encryption), leaf(&root(), &["127.0.0.1"])).await;
        for rule in [TlsRule::TrustAnything, believed(&root())] {
            let error = connect(&server.target(rule), &Ask::default(), &dialer()).await.unwrap_err();
            assert!(matches!(error, ConnectError::NoEncryption { answer: Some(_), .. }), "{error}");
        }
        assert_eq!(*server.login_bytes.lock().unwrap(), 0);
    }
}

#[tokio::test]
async fn a_server_that_keeps_silent_is_given_up_after_the_limit() {
    let server = Server::start(Speaks::Silence, leaf(&root(), &["127.0.0.1"])).await;
    let clock = clock();
    let dialer = Dialer::new(Arc::clone(&clock) as _, Duration::from_secs(10));
    let target = server.target(TlsRule::TrustAnything);
    let ask = Ask::default();
    let dial = connect(&target, &ask, &dialer);
    let time = async {
        loop {
            tokio::task::yield_now().await;
            if server.first_bytes.lock().unwrap().len() < 2 || clock.monotonic() < Duration::from_secs(10) {
                clock.advance(Duration::from_millis(100));
            }
        }
    };
    let error = tokio::select! { outcome = dial => outcome.unwrap_err(), () = time => unreachable!() };
    assert!(matches!(error, ConnectError::TimedOut(_)), "{error}");
    assert!(clock.monotonic() >= Duration::from_secs(10));
}

#[tokio::test]
async fn something_else_than_a_sql_server_is_named_as_such() {
    let server = Server::start(Speaks::Http, leaf(&root(), &["127.0.0.1"])).await;
    let error = connect(&server.target(TlsRule::TrustAnything), &Ask::default(), &dialer()).await.unwrap_err();
    assert!(matches!(error, ConnectError::NotTds { .. }), "{error}");
}

/// A resolver that knows one name.
struct Fixed(Vec<SocketAddr>);

impl Resolve for Fixed {
    fn resolve<'a>(&'a self, host: &'a str, _port: u16) -> Resolving<'a> {
        Box::pin(async move {
            if host == "sql.test" { Ok(self.0.clone()) } else { Err(std::io::ErrorKind::NotFound.into()) }
        })
    }
}

/// An address where nobody listens.
fn dead() -> SocketAddr {
    ports::own_address()
}

#[tokio::test]
async fn one_dead_address_among_several_costs_nothing() {
    let root = root();
    let server = Server::start(Speaks::Tunnel, leaf(&root, &["sql.test"])).await;
    let dialer = dialer().with_resolver(Fixed(vec![dead(), server.address]));
    let target = Target { tls: believed(&root), ..Target::new("sql.test", 1) };
    let leg = connect(&target, &Ask::default(), &dialer).await.unwrap();
    assert_eq!(leg.met.address, server.address);
}

#[tokio::test]
async fn an_address_that_swallows_everything_does_not_hold_up_the_next() {
    let root = root();
    let server = Server::start(Speaks::Strict, leaf(&root, &["sql.test"])).await;
    // A listener whose queue is full: the kernel drops whoever comes.
    let swallowing = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    swallowing.bind(&"127.0.0.1:0".parse::<SocketAddr>().unwrap().into()).unwrap();
    swallowing.listen(0).unwrap();
    let address = swallowing.local_addr().unwrap().as_socket().unwrap();
    let _filling = TcpStream::connect(address).await.unwrap();

    let clock = clock();
    let dialer = Dialer::new(Arc::clone(&clock) as _, Duration::from_secs(10));
    let dialer = dialer.with_resolver(Fixed(vec![address, server.address]));
    let target = Target { tls: believed(&root), ..Target::new("sql.test", 1) };
    let ask = Ask::default();
    let dial = connect(&target, &ask, &dialer);
    tokio::pin!(dial);
    assert!(futures_util::poll!(&mut dial).is_pending());
    let step = async {
        while server.first_bytes.lock().unwrap().is_empty() {
            tokio::task::yield_now().await;
            if clock.monotonic() < Duration::from_millis(300) {
                clock.advance(Duration::from_millis(50));
            }
        }
        std::future::pending::<()>().await;
    };
    let leg = tokio::select! { leg = dial => leg.unwrap(), () = step => unreachable!() };
    assert_eq!(leg.met.address, server.address);
}

#[tokio::test]
async fn where_no_address_answers_each_is_named_to_the_log_and_none_to_the_person() {
    let (one, two) = (dead(), dead());
    let dialer = dialer().with_resolver(Fixed(vec![one, two]));
    let error = connect(&Target::new("sql.test", 1), &Ask::default(), &dialer).await.unwrap_err();
    assert!(error.to_string().contains(&one.to_string()) && error.to_string().contains(&two.to_string()), "{error}");
    assert!(!error.person().contains("127"), "{}", error.person());
    let error = connect(&Target::new("other.test", 1), &Ask::default(), &dialer).await.unwrap_err();
    assert!(matches!(error, ConnectError::Resolve { .. }), "{error}");
}

#[tokio::test]
async fn servers_are_reached_by_ipv6_too() {
    let root = root();
    for speaks in [Speaks::Tunnel, Speaks::Strict] {
        let server = Server::start_at("[::1]:0", speaks, leaf(&root, &["::1"])).await;
        works(connect(&server.target(believed(&root)), &Ask::default(), &dialer()).await.unwrap()).await;
    }
}

#[tokio::test]
async fn a_probe_shows_what_is_there_believed_or_not_and_never_signs_in() {
    let root = root();
    for speaks in [Speaks::Tunnel, Speaks::Both] {
        let server = Server::start(speaks, leaf(&root, &["127.0.0.1"])).await;
        let mut empty = rustls::RootCertStore::empty();
        empty.add(Root::create("Other", NOW).unwrap().certificate_der().clone()).unwrap();
        let dialer = dialer().with_system_roots(empty);
        let met = probe(&server.target(TlsRule::SystemRoots), &dialer).await.unwrap();
        assert_eq!(met.verdict, Verdict::Refused("no trusted authority has signed it".to_owned()));
        assert_eq!(met.strict, speaks == Speaks::Both);
        let facts = met.leaf().unwrap();
        assert_eq!(facts.sha256, fingerprint(&server.certificates.current().chain()[0]));
        assert!(!facts.self_signed && !facts.authority);
        let believed = probe(&server.target(believed(&root)), &dialer).await.unwrap();
        assert!(believed.verified());
        assert_eq!(*server.login_bytes.lock().unwrap(), 0);
    }
}

#[tokio::test]
async fn settings_that_cannot_be_used_are_the_operators_side() {
    for rule in [
        TlsRule::Authority { pem: String::new() },
        TlsRule::Authority { pem: "-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n".to_owned() },
        TlsRule::Certificate { sha256: "abcd".to_owned() },
    ] {
        let server = Server::start(Speaks::Both, leaf(&root(), &["127.0.0.1"])).await;
        let error = connect(&server.target(rule), &Ask::default(), &dialer()).await.unwrap_err();
        assert!(matches!(error, ConnectError::Settings(_)), "{error}");
        assert_eq!(error.side(), Side::Operator);
    }
}

//! A raw TDS client: what drivers do on the wire, and what they never should.

use std::net::SocketAddr;
use std::sync::Arc;

use gatehouse::domain::Secret;
use gatehouse::tds::login7::{FedAuth, FedAuthLibrary};
use gatehouse::tds::prelogin::{Encryption, PreLogin};
use gatehouse::tds::token::{LoginAck, ServerMessage, walk};
use gatehouse::tds::{Login7, TdsVersion, Token};
use gatehouse::tls::policy;
use gatehouse::wire::{self, Message, PacketReader, PacketWriter, PreLoginTunnel};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

/// A connection, encrypted or not yet.
pub struct Caller<S> {
    pub stream: S,
    pub answered: PreLogin,
    version: TdsVersion,
    /// Packets of a message are cut at this size.
    pub packet_size: usize,
}

pub type Tunnelled = Caller<tokio_rustls::client::TlsStream<PreLoginTunnel<TcpStream>>>;
pub type Strict = Caller<tokio_rustls::client::TlsStream<TcpStream>>;

/// How a login ended.
#[derive(Debug)]
pub enum LoggedIn {
    Yes(Vec<Token>),
    No(ServerMessage),
    Closed,
}

impl LoggedIn {
    pub fn tokens(self) -> Vec<Token> {
        match self {
            Self::Yes(tokens) => tokens,
            other => panic!("expected a login, got {other:?}"),
        }
    }

    pub fn error(self) -> ServerMessage {
        match self {
            Self::No(error) => error,
            other => panic!("expected a refusal, got {other:?}"),
        }
    }
}

pub fn ack(tokens: &[Token]) -> &LoginAck {
    tokens.iter().find_map(|token| if let Token::LoginAck(ack) = token { Some(ack) } else { None }).expect("a LOGINACK")
}

/// What a plain driver asks for.
pub fn prelogin() -> PreLogin {
    PreLogin {
        version: [18, 6, 0, 2, 0, 0],
        encryption: Some(Encryption::On),
        instance: Some(vec![0]),
        thread_id: Some(7),
        mars: Some(false),
        trace_id: Some([9; 36]),
        ..PreLogin::default()
    }
}

/// A login of `user`, by `password`, to the alias `database`.
pub fn login(user: &str, password: &str, database: &str) -> Login7 {
    Login7 {
        user_name: user.into(),
        password: Secret::new(password),
        database: database.into(),
        host_name: "WS-04".into(),
        app_name: "raw caller".into(),
        server_name: "gate".into(),
        library: "caller".into(),
        client_pid: 4711,
        client_id: [1, 2, 3, 4, 5, 6],
        ..Login7::default()
    }
}

/// A login by an access token.
pub fn token_login(token: &str, database: &str) -> Login7 {
    let library = FedAuthLibrary::SecurityToken;
    let fed_auth = FedAuth { library, echo: true, token: Some(Secret::new(token)), nonce: None, workflow: None };
    Login7 { features: vec![fed_auth.encode().unwrap()], ..login("", "", database) }
}

pub fn roots(pem: &str) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()).unwrap();
    roots
}

/// PRELOGIN in clear, and its answer.
pub async fn greet<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S, asked: &PreLogin) -> PreLogin {
    PacketWriter::new(&mut *stream).write_message(0x12, 0, &asked.encode().unwrap()).await.unwrap();
    let message = PacketReader::new(stream).read_message(4096).await.unwrap().expect("an answer to PRELOGIN");
    assert_eq!(message.kind, 0x04, "the answer's type");
    PreLogin::decode(&message.payload).unwrap()
}

/// TDS 7.x in clear, up to the login.
pub async fn clear(at: SocketAddr, asked: &PreLogin) -> Caller<TcpStream> {
    let mut stream = TcpStream::connect(at).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let asked = PreLogin { encryption: Some(Encryption::NotSupported), ..asked.clone() };
    let answered = greet(&mut stream, &asked).await;
    assert_eq!(answered.encryption, Some(Encryption::NotSupported));
    Caller { stream, answered, version: TdsVersion::V7_4, packet_size: 4096 }
}

/// TDS 7.x up to the login.
pub async fn tunnel(gateway: SocketAddr, root_pem: &str, asked: &PreLogin) -> Tunnelled {
    tunnel_as(gateway, "localhost", root_pem, asked).await
}

/// The same to a server of another name.
pub async fn tunnel_as(gateway: SocketAddr, name: &str, root_pem: &str, asked: &PreLogin) -> Tunnelled {
    let mut tcp = TcpStream::connect(gateway).await.unwrap();
    tcp.set_nodelay(true).unwrap();
    let answered = greet(&mut tcp, asked).await;
    let config = ClientConfig::builder_with_provider(policy::provider())
        .with_protocol_versions(&[&TLS12])
        .unwrap()
        .with_root_certificates(roots(root_pem))
        .with_no_client_auth();
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let stream = wire::connect(tcp, Arc::new(config), name).await.expect("TLS in the tunnel");
    Caller { stream, answered, version: TdsVersion::V7_4, packet_size: 4096 }
}

/// TDS 8.0 up to the login.
pub async fn strict(gateway: SocketAddr, root_pem: &str, asked: &PreLogin) -> Strict {
    strict_as(gateway, "localhost", root_pem, asked).await
}

/// The same to a server of another name.
pub async fn strict_as(gateway: SocketAddr, name: &str, root_pem: &str, asked: &PreLogin) -> Strict {
    let tcp = TcpStream::connect(gateway).await.unwrap();
    let mut config = ClientConfig::builder_with_provider(policy::provider())
        .with_protocol_versions(&[&TLS13, &TLS12])
        .unwrap()
        .with_root_certificates(roots(root_pem))
        .with_no_client_auth();
    config.alpn_protocols = vec![b"tds/8.0".to_vec()];
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let mut stream = tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, tcp).await.expect("TLS first");
    let answered = greet(&mut stream, asked).await;
    Caller { stream, answered, version: TdsVersion::V8_0, packet_size: 4096 }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Caller<S> {
    /// Sends a login and reads its answer.
    pub async fn log_in(&mut self, login: &Login7) -> LoggedIn {
        self.version = login.tds_version;
        self.send(0x10, 0, &login.encode().unwrap()).await;
        let answer = self.answer().await;
        if matches!(answer, LoggedIn::Yes(_)) && login.packet_size > 0 {
            self.packet_size = usize::try_from(login.packet_size).unwrap();
        }
        answer
    }

    pub async fn answer(&mut self) -> LoggedIn {
        let Some(message) = self.receive().await else { return LoggedIn::Closed };
        assert_eq!(message.kind, 0x04);
        let tokens: Vec<Token> =
            walk(&message.payload, self.version).map(|step| step.expect("tokens that can be read").token).collect();
        let error =
            tokens.iter().find_map(|token| if let Token::Error(error) = token { Some(error.clone()) } else { None });
        error.map_or(LoggedIn::Yes(tokens), LoggedIn::No)
    }

    pub async fn send(&mut self, kind: u8, status: u8, payload: &[u8]) {
        let mut writer = PacketWriter::new(&mut self.stream);
        writer.set_packet_size(self.packet_size);
        writer.write_message(kind, status, payload).await.unwrap();
    }

    pub async fn batch(&mut self, text: &str) {
        let payload: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        self.send(1, 0, &payload).await;
    }

    /// The next message; nothing when the connection ended, in whichever way.
    pub async fn receive(&mut self) -> Option<Message> {
        PacketReader::new(&mut self.stream).read_message(256 << 20).await.unwrap_or_default()
    }

    /// Sends a batch and takes its answer.
    pub async fn ask(&mut self, text: &str) -> Option<Vec<u8>> {
        self.batch(text).await;
        self.receive().await.map(|message| message.payload)
    }

    /// Whether nothing more comes.
    pub async fn is_closed(&mut self) -> bool {
        !matches!(self.stream.read(&mut [0; 1]).await, Ok(1))
    }

    pub async fn write(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
        self.stream.flush().await.unwrap();
    }
}

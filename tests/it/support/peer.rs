//! A scripted SQL Server: PRELOGIN, TLS and LOGIN7 for real, and behind them a handful of manners that a test sets.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gatehouse::domain::Timestamp;
use gatehouse::tds::login7::Feature;
use gatehouse::tds::prelogin::{Encryption, PreLogin};
use gatehouse::tds::token::{Done, DoneStatus, EnvChange, LoginResponse, Route, ServerMessage, error_response};
use gatehouse::tds::{Login7, TdsVersion, Token};
use gatehouse::tls::{Certificates, Root, ServerConfigs};
use gatehouse::upstream::{Target, TlsRule};
use gatehouse::wire::{self, PacketReader, PacketWriter};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};

/// How a peer behaves; what is changed counts from the next connection on.
#[derive(Debug, Clone)]
pub struct Manners {
    pub login: Answer,
    pub mars: bool,
    pub features: Vec<Feature>,
    pub more: Vec<EnvChange>,
    /// Answers with this version instead of what was asked.
    pub version: Option<TdsVersion>,
    pub strict: bool,
}

#[derive(Debug, Clone)]
pub enum Answer {
    Welcome,
    Refuse(i32, &'static str),
    Route(Route),
    Silence,
    Close,
    Garbage,
    TooMuch,
}

/// A running peer; stops when dropped.
pub struct Peer {
    pub address: SocketAddr,
    pub root_pem: String,
    pub manners: Arc<Mutex<Manners>>,
    pub logins: Arc<Mutex<Vec<Login7>>>,
    /// Connections that are open now.
    pub live: Arc<AtomicUsize>,
    /// Connections in all.
    pub accepted: Arc<AtomicUsize>,
    accepting: tokio::task::JoinHandle<()>,
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Peer {
    pub async fn start(now: Timestamp) -> Self {
        Self::start_for(now, &["localhost", "127.0.0.1"]).await
    }

    pub async fn start_for(now: Timestamp, names: &[&str]) -> Self {
        let root = Root::create("Peer", now).unwrap();
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let leaf = root.issue(&names, Duration::from_secs(86_400 * 30), now).unwrap();
        let configs = ServerConfigs::new(&Certificates::showing(leaf)).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let manners = Manners {
            login: Answer::Welcome,
            mars: true,
            features: vec![],
            more: vec![],
            version: None,
            strict: false,
        };
        let manners = Arc::new(Mutex::new(manners));
        let (logins, live, accepted) = (Arc::default(), Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
        let shared = (Arc::clone(&manners), Arc::clone(&logins), Arc::clone(&live), Arc::clone(&accepted));
        let accepting = tokio::spawn(async move {
            let (manners, logins, live, accepted) = shared;
            while let Ok((tcp, _)) = listener.accept().await {
                accepted.fetch_add(1, SeqCst);
                live.fetch_add(1, SeqCst);
                let (manners, logins, live) = (manners.lock().unwrap().clone(), Arc::clone(&logins), Arc::clone(&live));
                let configs = configs.clone();
                tokio::spawn(async move {
                    let _ = serve(tcp, configs, manners, logins).await;
                    live.fetch_sub(1, SeqCst);
                });
            }
        });
        Self { address, root_pem: root.certificate_pem(), manners, logins, live, accepted, accepting }
    }

    pub fn target(&self) -> Target {
        Target {
            tls: TlsRule::Authority { pem: self.root_pem.clone() },
            ..Target::new("127.0.0.1", self.address.port())
        }
    }

    pub fn set(&self, change: impl FnOnce(&mut Manners)) {
        change(&mut self.manners.lock().unwrap());
    }

    pub fn last_login(&self) -> Login7 {
        self.logins.lock().unwrap().last().expect("a login came").clone()
    }

    pub fn live(&self) -> usize {
        self.live.load(SeqCst)
    }

    pub fn accepted(&self) -> usize {
        self.accepted.load(SeqCst)
    }
}

async fn serve(
    mut tcp: TcpStream,
    configs: ServerConfigs,
    manners: Manners,
    logins: Arc<Mutex<Vec<Login7>>>,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    tcp.set_nodelay(true)?;
    let mut first = [0];
    tcp.peek(&mut first).await?;
    if first[0] == 0x16 {
        if !manners.strict {
            return Ok(());
        }
        let mut stream = tokio_rustls::TlsAcceptor::from(configs.strict).accept(tcp).await?;
        greet(&mut stream, &manners).await?;
        return talk(stream, manners, logins).await;
    }
    greet(&mut tcp, &manners).await?;
    talk(wire::accept(tcp, configs.tunnel).await?, manners, logins).await
}

async fn greet<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    manners: &Manners,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let message = PacketReader::new(&mut *stream).read_message(4096).await?.ok_or("no PRELOGIN")?;
    let asked = PreLogin::decode(&message.payload)?;
    let answer = PreLogin {
        version: [16, 0, 0x10, 0, 0, 0],
        encryption: Some(Encryption::On),
        instance: Some(vec![0]),
        mars: Some(manners.mars && asked.mars == Some(true)),
        ..PreLogin::default()
    };
    PacketWriter::new(stream).write_message(4, 0, &answer.encode()?).await?;
    Ok(())
}

async fn talk<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    manners: Manners,
    logins: Arc<Mutex<Vec<Login7>>>,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let message = PacketReader::new(&mut stream).read_message(1 << 20).await?.ok_or("no LOGIN7")?;
    let login = Login7::decode(&message.payload)?;
    let mut response = LoginResponse {
        tds_version: manners.version.unwrap_or(login.tds_version),
        program: "Microsoft SQL Server".into(),
        program_version: [16, 0, 0x10, 0],
        server: "PEER".into(),
        database: login.database.clone(),
        language: "us_english".into(),
        collation: [9, 4, 0xD0, 0, 0x34],
        packet_size: if login.packet_size == 0 { 4096 } else { login.packet_size },
        features: manners.features,
        more: manners.more,
    };
    let (version, packet_size) = (login.tds_version, usize::try_from(response.packet_size)?);
    logins.lock().unwrap().push(login);
    let payload = match manners.login {
        Answer::Welcome => response.encode(),
        Answer::Route(route) => {
            response.more.push(EnvChange::routing(route));
            response.encode()
        }
        Answer::Refuse(number, text) => error_response(version, ServerMessage::new(number, 1, 14, text, "PEER")),
        Answer::Silence => return Ok(stream.read_to_end(&mut Vec::new()).await.map(drop)?),
        Answer::Close => return Ok(()),
        Answer::Garbage => vec![0xD1; 40],
        Answer::TooMuch => vec![0xAB; 300 * 1024],
    };
    PacketWriter::new(&mut stream).write_message(4, 0, &payload).await?;
    obey(stream, packet_size).await
}

/// Serves requests: the text of a batch says what to do.
async fn obey<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    packet_size: usize,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let (read, write) = tokio::io::split(stream);
    let (mut reader, mut writer) = (PacketReader::new(read), PacketWriter::new(write));
    writer.set_packet_size(packet_size);
    reader.allow_smp();
    while let Some(frame) = reader.next().await? {
        if frame.is_smp() {
            // The frame comes back, its packet as a response.
            let mut back = frame.bytes().to_vec();
            if let Some(kind) = back.get_mut(16) {
                *kind = 4;
            }
            writer.write_packet(&back).await?;
            writer.flush().await?;
            continue;
        }
        let (kind, status, first, whole) = (frame.kind(), frame.status(), frame.bytes().to_vec(), frame.ends_message());
        let mut request = frame.payload().to_vec();
        let mut raw = first;
        let mut ended = whole;
        let swallowed = kind == 7 && text_of(&request).starts_with("swallow ");
        while !ended {
            let frame = reader.next().await?.ok_or("cut")?;
            ended = frame.ends_message();
            if swallowed {
                continue;
            }
            request.extend_from_slice(frame.payload());
            raw.extend_from_slice(frame.bytes());
        }
        let text = if kind == 1 { text_of(&request) } else { String::new() };
        let mut words = text.split(' ');
        let number = |word: Option<&str>| word.and_then(|word| word.parse::<usize>().ok()).unwrap_or(0);
        match words.next().unwrap_or_default() {
            "rows" => rows(&mut writer, packet_size, number(words.next())).await?,
            "header" => writer.write_message(4, 0, &[kind, status]).await?,
            "flood" => flood(&mut reader, &mut writer, packet_size).await?,
            "quiet" => {
                let frame = reader.next().await?.ok_or("closed")?;
                assert_eq!(frame.kind(), 6);
                writer.write_message(4, 0, &attention_done()).await?;
            }
            "close" => return Ok(()),
            "half" => {
                writer.write_packet(&[&[4, 0, 0, 108, 0, 0, 1, 0][..], &[0xAB; 100]].concat()).await?;
                writer.flush().await?;
                return Ok(());
            }
            "garbage" => {
                writer.write_packet(b"HTTP/1.1 400 Bad Request\r\n\r\n").await?;
                writer.flush().await?;
            }
            _ if swallowed => writer.write_message(4, 0, &attention_done()).await?,
            "raw" => writer.write_message(4, 0, &raw).await?,
            _ => writer.write_message(4, 0, &request).await?,
        }
    }
    Ok(())
}

/// Sends a message of `size` payload bytes without holding it.
async fn rows<W: AsyncWrite + Unpin>(
    writer: &mut PacketWriter<W>,
    packet_size: usize,
    mut size: usize,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let mut packet = vec![0xAB; packet_size];
    loop {
        let part = size.min(packet_size - 8);
        size -= part;
        let length = u16::try_from(part + 8)?.to_be_bytes();
        packet[..8].copy_from_slice(&[4, u8::from(size == 0), length[0], length[1], 0, 0, 1, 0]);
        writer.write_packet(&packet[..part + 8]).await?;
        if size == 0 {
            return Ok(writer.flush().await?);
        }
    }
}

/// Sends packets without an end until an Attention comes.
async fn flood<R, W>(
    reader: &mut PacketReader<R>,
    writer: &mut PacketWriter<W>,
    packet_size: usize,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let length = u16::try_from(packet_size)?.to_be_bytes();
    let mut packet = vec![4, 0, length[0], length[1], 0, 0, 1, 0];
    packet.resize(packet_size, 0xAB);
    {
        let mut attention = std::pin::pin!(reader.next());
        loop {
            // Between two packets only: half a packet would break the stream.
            if let std::task::Poll::Ready(frame) = futures_util::poll!(&mut attention) {
                assert_eq!(frame?.ok_or("closed")?.kind(), 6, "only an Attention comes in the middle of a response");
                break;
            }
            writer.write_packet(&packet).await?;
        }
    }
    writer.write_message(4, 0, &attention_done()).await?;
    Ok(())
}

fn attention_done() -> Vec<u8> {
    let mut payload = Vec::new();
    Token::Done(Done::new(DoneStatus::ATTENTION, 0, 0)).encode(TdsVersion::V7_4, &mut payload);
    payload
}

fn text_of(batch: &[u8]) -> String {
    let units: Vec<u16> = batch.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
    String::from_utf16_lossy(&units)
}

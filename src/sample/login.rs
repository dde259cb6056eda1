//! LOGIN7: read, checked, answered, with SQL Server's words for each refusal.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::engine::server::{Login, SessionInfo};
use super::handshake::Opened;
use super::running::Shared;
use crate::domain::Secret;
use crate::tds::login7::{Feature, FeatureId, Login7, OptionFlags2, OptionFlags3, TypeFlags};
use crate::tds::packet::{PacketHeader, PacketType, Progress, Reassembler, Status, packetise};
use crate::tds::token::{Done, DoneStatus, EnvChange, EnvKind, LoginResponse, Route, ServerMessage, Token};
use crate::tds::{DecodeError, TdsVersion};
use crate::wire::PacketReader;

/// The most that a LOGIN7 may have: what SQL Server takes, and room for a token that is refused afterwards.
const LARGEST_LOGIN: usize = 128 * 1024;

/// The collation of the server: SQL_Latin1_General_CP1_CI_AS.
pub const COLLATION: [u8; 5] = [0x09, 0x04, 0xD0, 0x00, 0x34];

/// What a login came to.
pub struct SignedIn {
    /// The session, already in the server's list.
    pub info: Arc<SessionInfo>,
    /// The login that it is of.
    pub login: Login,
    /// The database to begin in.
    pub database: String,
    /// The version to speak.
    pub version: TdsVersion,
    /// LOGIN7 as it came, without its password.
    pub asked: Login7,
    /// The answer, in packets.
    pub answer: Vec<u8>,
}

/// An answer after which the connection is closed, and nothing else: a refusal, or a routing.
pub struct TurnedAway(pub Vec<u8>);

/// Reads LOGIN7 whole. `None` when the client went away or sends something else.
pub async fn read(opened: &mut Opened) -> Option<Login7> {
    let mut reassembler = Reassembler::new(LARGEST_LOGIN);
    let mut progress = match &opened.first_packet {
        Some(packet) => push(&mut reassembler, packet).ok()?,
        None => Progress::Incomplete,
    };
    let mut reader = PacketReader::new(&mut opened.stream);
    while progress == Progress::Incomplete {
        let frame = reader.next().await.ok()??;
        progress = push(&mut reassembler, frame.bytes()).ok()?;
    }
    match progress {
        Progress::Message(message) if message.kind == PacketType::Login7 => Login7::decode(&message.payload).ok(),
        _ => None,
    }
}

fn push(reassembler: &mut Reassembler, packet: &[u8]) -> Result<Progress, DecodeError> {
    let header = PacketHeader::decode(packet)?;
    reassembler.push(header, packet.get(crate::tds::HEADER_LEN..).unwrap_or_default())
}

/// Decides on a login.
pub fn decide(
    shared: &Arc<Shared>,
    opened: &Opened,
    mut asked: Login7,
    address: SocketAddr,
) -> Result<SignedIn, TurnedAway> {
    let version = version(asked.tds_version, opened.strict);
    let refusal = Refusal { shared, version, user: asked.user_name.clone() };
    if shared.is_refusing() {
        return Err(refusal.say(&[(
            18451,
            1,
            14,
            format!("Login failed for user '{}'. Only administrators may connect at this time.", asked.user_name),
        )]));
    }
    if asked.options2.contains(OptionFlags2::INTEGRATED) {
        let text =
            "Login failed. The login is from an untrusted domain and cannot be used with Integrated authentication.";
        return Err(refusal.say(&[(18452, 1, 14, text.to_owned())]));
    }
    if asked.feature(FeatureId::FED_AUTH).is_some() || asked.options3.contains(OptionFlags3::CHANGE_PASSWORD) {
        let text = "The sample server knows SQL logins and their passwords; it takes no tokens and changes no passwords at login.";
        return Err(refusal.say(&[(40000, 1, 16, text.to_owned()), refusal.failed(1)]));
    }
    if asked.options3.contains(OptionFlags3::USER_INSTANCE) || !asked.attach_db_file.is_empty() {
        let text = "The sample server attaches no files and has no user instances.";
        return Err(refusal.say(&[(40000, 1, 16, text.to_owned()), refusal.failed(1)]));
    }
    let login = match shared.server.login(&asked.user_name) {
        Some(login) if login.password == asked.password => login.clone(),
        _ => return Err(refusal.say(&[refusal.failed(1)])),
    };
    asked.password = Secret::new("");
    let wanted = if asked.database.is_empty() { login.database.clone() } else { asked.database.clone() };
    let Ok(database) = shared.server.open(&login, &wanted) else {
        let text = format!("Cannot open database \"{wanted}\" requested by the login. The login failed.");
        return Err(refusal.say(&[(4060, 1, 11, text), refusal.failed(1)]));
    };
    let database = database.name.clone();
    let packet_size = match usize::try_from(asked.packet_size).unwrap_or(0) {
        0 => 4096,
        // A packet has to fit into one record of TLS.
        size if opened.encrypted => size.clamp(512, 16_383),
        size => size.clamp(512, 32_767),
    };
    let read_only = asked.type_flags.contains(TypeFlags::READ_ONLY_INTENT);
    let routing = shared.routing().filter(|routing| read_only || !routing.read_only);
    let mut response = LoginResponse {
        tds_version: version,
        program: "Gatehouse Sample Server".to_owned(),
        program_version: [super::VERSION[0], super::VERSION[1], super::VERSION[2], super::VERSION[3]],
        server: shared.server.name.clone(),
        database: database.clone(),
        language: "us_english".to_owned(),
        collation: COLLATION,
        packet_size: u32::try_from(packet_size).unwrap_or(4096),
        features: features(&asked),
        more: Vec::new(),
    };
    if let Some(routing) = routing {
        let route = Route { protocol: 0, port: routing.port, server: routing.host, database: None };
        response.more.push(EnvChange::routing(route));
        return Err(TurnedAway(in_packets(0, &response.encode())));
    }
    let info = shared.server.enter(|spid| SessionInfo {
        spid,
        login: login.name.clone(),
        host_name: asked.host_name.clone(),
        program_name: asked.app_name.clone(),
        library: asked.library.clone(),
        packet_size,
        tds_version: version.0,
        client_pid: asked.client_pid,
        encrypted: opened.encrypted,
        read_only,
        address,
        since: shared.server.now(),
        database: std::sync::Mutex::new(database.clone()),
        kill: CancellationToken::new(),
    });
    let Some(info) = info else {
        return Err(refusal.say(&[(
            17809,
            1,
            20,
            "Could not connect because the maximum number of connections has been reached.".to_owned(),
        )]));
    };
    let answer = in_packets(info.spid, &response.encode());
    Ok(SignedIn { info, login, database, version, asked, answer })
}

/// The version to speak: what the client asks, as far as it is known.
fn version(asked: TdsVersion, strict: bool) -> TdsVersion {
    const KNOWN: [TdsVersion; 6] =
        [TdsVersion::V7_1, TdsVersion::V7_2, TdsVersion::V7_3A, TdsVersion::V7_3B, TdsVersion::V7_4, TdsVersion::V8_0];
    if KNOWN.contains(&asked) && (strict || asked != TdsVersion::V8_0) { asked } else { TdsVersion::V7_4 }
}

/// Only what was asked for, and is real here.
fn features(asked: &Login7) -> Vec<Feature> {
    asked
        .feature(FeatureId::UTF8_SUPPORT)
        .map(|_| Feature { id: FeatureId::UTF8_SUPPORT, data: vec![1] })
        .into_iter()
        .collect()
}

struct Refusal<'a> {
    shared: &'a Shared,
    version: TdsVersion,
    user: String,
}

impl Refusal<'_> {
    fn failed(&self, state: u8) -> (i32, u8, u8, String) {
        (18456, state, 14, format!("Login failed for user '{}'.", self.user))
    }

    fn say(&self, errors: &[(i32, u8, u8, String)]) -> TurnedAway {
        let mut payload = Vec::new();
        for (number, state, class, text) in errors {
            let message = ServerMessage::new(*number, *state, *class, text.as_str(), self.shared.server.name.as_str());
            Token::Error(message).encode(self.version, &mut payload);
        }
        Token::Done(Done::new(DoneStatus::ERROR, 0, 0)).encode(self.version, &mut payload);
        TurnedAway(in_packets(0, &payload))
    }
}

/// A login's answer always fits the packets that every client takes before a size is agreed on.
fn in_packets(spid: u16, payload: &[u8]) -> Vec<u8> {
    let mut packets = Vec::new();
    packetise(PacketType::TabularResult, Status::NORMAL, spid, payload, 4096, &mut packets);
    packets
}

/// The changes that RESETCONNECTION is answered with.
pub fn reset_done() -> EnvChange {
    EnvChange::bytes(EnvKind::RESET_DONE, Vec::new(), Vec::new())
}

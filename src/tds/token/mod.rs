//! Tokens: what a server's messages are made of (MS-TDS 2.2.7), read and written.
//!
//! Texts of servers are read with U+FFFD for what is not valid UTF-16, and cut when written to what their count can say;
//! who must pass a token on unchanged passes on the bytes that [`walk`] gives with it. Memory: all tokens of a
//! message, kept together, take at most 128 bytes for each byte of it.

mod done;
mod env_change;
mod fed_auth_info;
mod login_ack;
mod message;
mod response;
mod session_state;
mod walk;

pub use done::{Done, DoneKind, DoneStatus};
pub use env_change::{EnvChange, EnvKind, EnvValue, Route};
pub use fed_auth_info::FedAuthInfo;
pub use login_ack::LoginAck;
pub use message::ServerMessage;
pub use response::{LoginResponse, error_response};
pub use session_state::SessionState;
pub use walk::{Step, Walk, walk};

use super::{
    DecodeError, TdsVersion,
    cursor::{Put as _, Reader},
    login7::{self, Feature},
};

/// The first bytes of tokens.
#[expect(missing_docs, reason = "the names are the specification's")]
pub mod kind {
    pub const RETURN_STATUS: u8 = 0x79;
    pub const COL_METADATA: u8 = 0x81;
    pub const DATA_CLASSIFICATION: u8 = 0xA3;
    pub const ORDER: u8 = 0xA9;
    pub const ERROR: u8 = 0xAA;
    pub const INFO: u8 = 0xAB;
    pub const RETURN_VALUE: u8 = 0xAC;
    pub const LOGIN_ACK: u8 = 0xAD;
    pub const FEATURE_EXT_ACK: u8 = 0xAE;
    pub const ROW: u8 = 0xD1;
    pub const NBC_ROW: u8 = 0xD2;
    pub const ENV_CHANGE: u8 = 0xE3;
    pub const SESSION_STATE: u8 = 0xE4;
    pub const SSPI: u8 = 0xED;
    pub const FED_AUTH_INFO: u8 = 0xEE;
    pub const DONE: u8 = 0xFD;
    pub const DONE_PROC: u8 = 0xFE;
    pub const DONE_IN_PROC: u8 = 0xFF;
}

/// A token that can be read without knowing the columns of a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Token {
    /// The login succeeded.
    LoginAck(LoginAck),
    /// Something of the session's surroundings changed.
    EnvChange(EnvChange),
    /// An error.
    Error(ServerMessage),
    /// A message that is no error.
    Info(ServerMessage),
    /// A statement, procedure or statement within a procedure is done.
    Done(Done),
    /// The features that the server grants, with their data.
    FeatureExtAck(Vec<Feature>),
    /// Where to fetch a token.
    FedAuthInfo(FedAuthInfo),
    /// What a procedure returned.
    ReturnStatus(i32),
    /// What to keep for recovering the session.
    SessionState(SessionState),
    /// The next step of Windows authentication.
    Sspi(Vec<u8>),
    /// The columns, from one on, by which a result is ordered.
    Order(Vec<u16>),
    /// Another token with a length of two bytes: its first byte and its data.
    Other(u8, Vec<u8>),
}

impl Token {
    /// Reads the next token. Those that need the columns of a result (rows, returned values) are unsupported here.
    pub fn decode(reader: &mut Reader<'_>, version: TdsVersion) -> Result<Self, DecodeError> {
        let kind = reader.u8()?;
        Ok(match kind {
            kind::LOGIN_ACK => Self::LoginAck(LoginAck::decode(reader.us_bytes()?)?),
            kind::ENV_CHANGE => Self::EnvChange(EnvChange::decode(reader.us_bytes()?)?),
            kind::ERROR => Self::Error(ServerMessage::decode(reader.us_bytes()?, version)?),
            kind::INFO => Self::Info(ServerMessage::decode(reader.us_bytes()?, version)?),
            kind::DONE => Self::Done(Done::decode(DoneKind::Done, reader, version)?),
            kind::DONE_PROC => Self::Done(Done::decode(DoneKind::Proc, reader, version)?),
            kind::DONE_IN_PROC => Self::Done(Done::decode(DoneKind::InProc, reader, version)?),
            kind::FEATURE_EXT_ACK => Self::FeatureExtAck(login7::decode_features(reader)?),
            kind::FED_AUTH_INFO => Self::FedAuthInfo(FedAuthInfo::decode(reader.l_bytes()?)?),
            kind::RETURN_STATUS => Self::ReturnStatus(reader.u32()?.cast_signed()),
            kind::SESSION_STATE => Self::SessionState(SessionState::decode(reader.l_bytes()?)?),
            kind::SSPI => Self::Sspi(reader.us_bytes()?.to_vec()),
            kind::ORDER => Self::Order(order(reader.us_bytes()?)?),
            kind::RETURN_VALUE | kind::DATA_CLASSIFICATION => return Err(DecodeError::Unsupported("token")),
            // By bits 4 and 5 of its kind a token whose length its first two bytes say, such as TABNAME and COLINFO.
            _ if kind & 0x30 == 0x20 => Self::Other(kind, reader.us_bytes()?.to_vec()),
            _ => return Err(DecodeError::Unsupported("token")),
        })
    }

    /// Appends the token.
    pub fn encode(&self, version: TdsVersion, out: &mut Vec<u8>) {
        match self {
            Self::LoginAck(ack) => counted(kind::LOGIN_ACK, out, |body| ack.encode(body)),
            Self::EnvChange(change) => counted(kind::ENV_CHANGE, out, |body| change.encode(body)),
            Self::Error(message) => counted(kind::ERROR, out, |body| message.encode(version, body)),
            Self::Info(message) => counted(kind::INFO, out, |body| message.encode(version, body)),
            Self::Done(done) => done.encode(version, out),
            Self::FeatureExtAck(features) => {
                out.put_u8(kind::FEATURE_EXT_ACK);
                login7::encode_features(features, out);
            }
            Self::FedAuthInfo(info) => {
                out.put_u8(kind::FED_AUTH_INFO);
                out.put_l_bytes(&info.encode());
            }
            Self::ReturnStatus(status) => {
                out.put_u8(kind::RETURN_STATUS);
                out.put_u32(status.cast_unsigned());
            }
            Self::SessionState(state) => {
                out.put_u8(kind::SESSION_STATE);
                out.put_l_bytes(&state.encode());
            }
            Self::Sspi(data) => counted(kind::SSPI, out, |body| body.put(data)),
            Self::Order(columns) => counted(kind::ORDER, out, |body| {
                columns.iter().for_each(|column| body.put_u16(*column));
            }),
            Self::Other(kind, data) => counted(*kind, out, |body| body.put(data)),
        }
    }
}

/// Appends a token whose length goes before its body in two bytes.
fn counted(kind: u8, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let mut body = Vec::new();
    write(&mut body);
    out.put_u8(kind);
    out.put_us_bytes(&body);
}

fn order(body: &[u8]) -> Result<Vec<u16>, DecodeError> {
    let (columns, []) = body.as_chunks::<2>() else { return Err(DecodeError::Malformed("ORDER")) };
    Ok(columns.iter().map(|column| u16::from_le_bytes(*column)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn tokens_that_need_columns_are_unsupported_and_cut_ones_incomplete() {
        let decode = |bytes: &[u8]| Token::decode(&mut Reader::new(bytes), TdsVersion::V7_4);
        assert_eq!(decode(&[kind::ROW, 0, 0]), Err(DecodeError::Unsupported("token")));
        assert_eq!(decode(&[kind::RETURN_VALUE, 0, 0]), Err(DecodeError::Unsupported("token")));
        assert_eq!(decode(&[kind::ENV_CHANGE, 4, 0, 1]), Err(DecodeError::Incomplete));
        assert_eq!(decode(&[0xA4, 1, 0, 7]), Ok(Token::Other(0xA4, vec![7])));
    }

    fn features() -> impl Strategy<Value = Vec<Feature>> {
        let feature = (0u8..0xFF, proptest::collection::vec(any::<u8>(), 0..20))
            .prop_map(|(id, data)| Feature { id: login7::FeatureId(id), data });
        proptest::collection::vec(feature, 0..5)
    }

    fn tokens() -> impl Strategy<Value = Token> {
        let bytes = || proptest::collection::vec(any::<u8>(), 0..60);
        prop_oneof![
            login_ack::tests::any_ack().prop_map(Token::LoginAck),
            env_change::tests::any_change().prop_map(Token::EnvChange),
            message::tests::any_message().prop_map(Token::Error),
            message::tests::any_message().prop_map(Token::Info),
            done::tests::any_done().prop_map(Token::Done),
            fed_auth_info::tests::any_info().prop_map(Token::FedAuthInfo),
            features().prop_map(Token::FeatureExtAck),
            any::<i32>().prop_map(Token::ReturnStatus),
            (any::<u32>(), any::<bool>(), bytes()).prop_map(|(sequence, recoverable, states)| {
                Token::SessionState(SessionState { sequence, recoverable, states })
            }),
            bytes().prop_map(Token::Sspi),
            proptest::collection::vec(any::<u16>(), 0..9).prop_map(Token::Order),
            bytes().prop_map(|data| Token::Other(0xA4, data)),
        ]
    }

    proptest! {
        #[test]
        fn a_response_comes_back_token_by_token_with_its_bytes(
            all in proptest::collection::vec(tokens(), 0..6),
            version in prop::sample::select(vec![TdsVersion::V7_1, TdsVersion::V7_2, TdsVersion::V7_4, TdsVersion::V8_0]),
        ) {
            let narrow = |token: Token| match token {
                Token::Error(mut message) if version == TdsVersion::V7_1 => { message.line &= 0xFFFF; Token::Error(message) }
                Token::Info(mut message) if version == TdsVersion::V7_1 => { message.line &= 0xFFFF; Token::Info(message) }
                Token::Done(mut done) if version == TdsVersion::V7_1 => { done.rows &= 0xFFFF_FFFF; Token::Done(done) }
                other => other,
            };
            let all: Vec<Token> = all.into_iter().map(narrow).collect();
            let mut bytes = Vec::new();
            all.iter().for_each(|token| token.encode(version, &mut bytes));
            let steps: Vec<Step> = walk(&bytes, version).collect::<Result<_, _>>().unwrap();
            prop_assert_eq!(steps.iter().flat_map(|step| step.raw).copied().collect::<Vec<u8>>(), bytes.clone());
            prop_assert_eq!(steps.into_iter().map(|step| step.token).collect::<Vec<_>>(), all);
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), old in any::<bool>()) {
            let version = if old { TdsVersion::V7_1 } else { TdsVersion::V7_4 };
            let _ = walk(&bytes, version).count();
        }

        #[test]
        fn arbitrary_bodies_never_panic(
            kind in prop::sample::select(vec![kind::ENV_CHANGE, kind::ERROR, kind::LOGIN_ACK, kind::ORDER, kind::INFO]),
            body in proptest::collection::vec(any::<u8>(), 0..100),
        ) {
            let mut bytes = Vec::new();
            counted(kind, &mut bytes, |out| out.put(&body));
            let _ = walk(&bytes, TdsVersion::V7_4).count();
        }
    }
}

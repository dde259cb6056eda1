//! Whole answers to a login: the one that lets in, and the one that does not.

use super::{Done, DoneStatus, EnvChange, EnvKind, LoginAck, ServerMessage, Token};
use crate::tds::{TdsVersion, login7::Feature};

/// The answer to a login that succeeded, in SQL Server's order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginResponse {
    /// The version to speak; what the client asked, if it is spoken here.
    pub tds_version: TdsVersion,
    /// The product's name.
    pub program: String,
    /// Its version.
    pub program_version: [u8; 4],
    /// The server's name, in the messages.
    pub server: String,
    /// The database that the session is in.
    pub database: String,
    /// Its language.
    pub language: String,
    /// The server's collation.
    pub collation: [u8; 5],
    /// The packet size from the next message on.
    pub packet_size: u32,
    /// Only features that the client asked for.
    pub features: Vec<Feature>,
    /// More that changed, such as a routing.
    pub more: Vec<EnvChange>,
}

impl LoginResponse {
    /// The tokens, one after the other.
    pub fn tokens(&self) -> Vec<Token> {
        let info = |number, state, text| Token::Info(ServerMessage::new(number, state, 0, text, self.server.as_str()));
        let mut tokens = vec![
            Token::EnvChange(EnvChange::text(EnvKind::DATABASE, self.database.as_str(), "master")),
            info(5701, 2, format!("Changed database context to '{}'.", self.database)),
            Token::EnvChange(EnvChange::bytes(EnvKind::COLLATION, self.collation.to_vec(), Vec::new())),
            Token::EnvChange(EnvChange::text(EnvKind::LANGUAGE, self.language.as_str(), "")),
            info(5703, 1, format!("Changed language setting to {}.", self.language)),
            Token::LoginAck(LoginAck {
                interface: 1,
                tds_version: self.tds_version,
                program: self.program.clone(),
                program_version: self.program_version,
            }),
            Token::EnvChange(EnvChange::text(EnvKind::PACKET_SIZE, self.packet_size.to_string(), "4096")),
        ];
        if !self.features.is_empty() {
            tokens.push(Token::FeatureExtAck(self.features.clone()));
        }
        tokens.extend(self.more.iter().cloned().map(Token::EnvChange));
        tokens.push(Token::Done(Done::new(DoneStatus::FINAL, 0, 0)));
        tokens
    }

    /// The message's payload.
    pub fn encode(&self) -> Vec<u8> {
        let mut payload = Vec::new();
        self.tokens().iter().for_each(|token| token.encode(self.tds_version, &mut payload));
        payload
    }
}

/// The payload of an answer that is an error and nothing else.
pub fn error_response(version: TdsVersion, error: ServerMessage) -> Vec<u8> {
    let mut payload = Vec::new();
    Token::Error(error).encode(version, &mut payload);
    Token::Done(Done::new(DoneStatus::ERROR, 0, 0)).encode(version, &mut payload);
    payload
}

#[cfg(test)]
mod tests {
    use super::super::walk;
    use super::*;

    fn response() -> LoginResponse {
        LoginResponse {
            tds_version: TdsVersion::V7_4,
            program: "Microsoft SQL Server".into(),
            program_version: [16, 0, 4, 1],
            server: "SQL1".into(),
            database: "sales".into(),
            language: "us_english".into(),
            collation: [9, 4, 0xD0, 0, 0x34],
            packet_size: 8000,
            features: vec![],
            more: vec![],
        }
    }

    #[test]
    fn a_login_response_walks_back_to_its_tokens() {
        let response = response();
        let tokens: Vec<Token> = walk(&response.encode(), TdsVersion::V7_4)
            .map(|step| step.map(|step| step.token))
            .collect::<Result<_, _>>()
            .unwrap();
        assert_eq!(tokens, response.tokens());
    }

    #[test]
    fn a_refusal_is_an_error_and_a_done_with_the_error_bit() {
        let payload = error_response(TdsVersion::V7_4, ServerMessage::new(18456, 1, 14, "Login failed.", "SQL1"));
        let tokens: Vec<Token> = walk(&payload, TdsVersion::V7_4).map(|step| step.unwrap().token).collect();
        assert!(matches!(&tokens[..], [Token::Error(error), Token::Done(done)]
            if error.number == 18456 && done.status.contains(DoneStatus::ERROR)));
    }
}

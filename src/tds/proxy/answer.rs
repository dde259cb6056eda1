//! The SQL Server's answer to a login: understood, and cleaned for the workstation.
//!
//! What leads the workstation past the appliance never reaches it: routing (ENVCHANGE 20, 21; followed here), the mirroring
//! partner (13), acknowledgements of features that it did not ask for. Everything else goes on byte for byte.

use crate::tds::login7::{Feature, FeatureId};
use crate::tds::token::{Done, DoneStatus, EnvKind, LoginAck, ServerMessage, walk};
use crate::tds::{Login7, TdsVersion, Token};

use super::rewrite::{may_acknowledge, version_for_client};

/// What the workstation asked for, as far as the answer depends on it.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// Its login.
    pub login: &'a Login7,
    /// The version that its login went on with.
    pub version: TdsVersion,
    /// Whether it signed in with a FEDAUTH token.
    pub fed_auth: bool,
    /// Whether session recovery is allowed.
    pub session_recovery: bool,
}

/// What the SQL Server said.
#[derive(Debug, PartialEq, Eq)]
pub enum Answer {
    /// Come in: the payload for the workstation.
    Welcome(Vec<u8>),
    /// Go there instead.
    Elsewhere {
        /// The host.
        host: String,
        /// The port.
        port: u16,
    },
    /// No: its first error.
    No(ServerMessage),
    /// What no server answers to a login.
    Nonsense(&'static str),
}

/// Reads the whole payload of a login response.
pub fn understand(payload: &[u8], asked: Asked<'_>) -> Answer {
    let mut clean = Clean::new(asked);
    for step in walk(payload, asked.version) {
        let Ok(step) = step else { return Answer::Nonsense("tokens that cannot be read") };
        if let Some(answer) = clean.take(step.token, step.raw) {
            return answer;
        }
    }
    clean.finish()
}

/// The answer as it is built up.
struct Clean<'a> {
    asked: Asked<'a>,
    out: Vec<u8>,
    version: Option<TdsVersion>,
    elsewhere: Option<Answer>,
    features: Vec<Feature>,
}

impl<'a> Clean<'a> {
    fn new(asked: Asked<'a>) -> Self {
        let own = Feature { id: FeatureId::FED_AUTH, data: Vec::new() };
        let features = if asked.fed_auth { vec![own] } else { Vec::new() };
        Self { asked, out: Vec::new(), version: None, elsewhere: None, features }
    }

    /// Takes a token; gives the answer where the token decides it.
    fn take(&mut self, token: Token, raw: &[u8]) -> Option<Answer> {
        match token {
            Token::Error(error) => return Some(Answer::No(error)),
            Token::FedAuthInfo(_) | Token::Sspi(_) => return Some(Answer::Nonsense("another kind of sign-in")),
            Token::LoginAck(ack) => {
                self.version = Some(ack.tds_version);
                let tds_version = version_for_client(self.asked.login.tds_version, ack.tds_version);
                Token::LoginAck(LoginAck { tds_version, ..ack }).encode(tds_version, &mut self.out);
            }
            Token::EnvChange(change) => match change.route() {
                Some(route) if route.protocol != 0 || route.port == 0 || route.server.is_empty() => {
                    return Some(Answer::Nonsense("a routing to nowhere"));
                }
                Some(route) => {
                    self.elsewhere = Some(Answer::Elsewhere { host: route.server.clone(), port: route.port });
                }
                None if change.kind == EnvKind::MIRRORING_PARTNER => {}
                None => self.out.extend_from_slice(raw),
            },
            Token::FeatureExtAck(features) => {
                let recovery = self.asked.session_recovery;
                let passes = |feature: &Feature| may_acknowledge(self.asked.login, feature.id, recovery);
                self.features.extend(features.into_iter().filter(passes));
            }
            Token::SessionState(_) if !self.asked.session_recovery => {}
            Token::Done(done) => self.done(done),
            _ => self.out.extend_from_slice(raw),
        }
        None
    }

    /// The features go before the end, wherever the server had them.
    fn done(&mut self, done: Done) {
        let version = self.version.unwrap_or(self.asked.version);
        if !done.status.contains(DoneStatus::MORE) && !self.features.is_empty() {
            Token::FeatureExtAck(std::mem::take(&mut self.features)).encode(version, &mut self.out);
        }
        Token::Done(done).encode(version, &mut self.out);
    }

    fn finish(self) -> Answer {
        match (self.elsewhere, self.version) {
            (_, None) => Answer::Nonsense("neither a yes nor a no"),
            (Some(elsewhere), Some(_)) => elsewhere,
            (None, Some(_)) => Answer::Welcome(self.out),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tds::token::{EnvChange, LoginResponse, Route};
    use proptest::prelude::*;

    fn response() -> LoginResponse {
        LoginResponse {
            tds_version: TdsVersion::V7_4,
            program: "Microsoft SQL Server".into(),
            program_version: [16, 0, 4, 1],
            server: "SQL1".into(),
            database: "SalesDB".into(),
            language: "us_english".into(),
            collation: [9, 4, 0xD0, 0, 0x34],
            packet_size: 8000,
            features: vec![],
            more: vec![],
        }
    }

    fn feature(id: FeatureId, data: &[u8]) -> Feature {
        Feature { id, data: data.to_vec() }
    }

    fn asked(login: &Login7) -> Asked<'_> {
        Asked { login, version: TdsVersion::V7_4, fed_auth: false, session_recovery: false }
    }

    fn welcome(response: &LoginResponse, asked: Asked<'_>) -> Vec<Token> {
        match understand(&response.encode(), asked) {
            Answer::Welcome(payload) => walk(&payload, asked.version).map(|step| step.unwrap().token).collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_plain_answer_passes_byte_for_byte() {
        let login = Login7::default();
        assert_eq!(understand(&response().encode(), asked(&login)), Answer::Welcome(response().encode()));
    }

    #[test]
    fn the_mirroring_partner_and_features_nobody_asked_for_stay_here() {
        let login = Login7 { features: vec![feature(FeatureId::UTF8_SUPPORT, &[])], ..Login7::default() };
        let acks = [FeatureId::UTF8_SUPPORT, FeatureId::AZURE_SQL_DNS_CACHING, FeatureId::SESSION_RECOVERY];
        let given = LoginResponse {
            features: acks.map(|id| feature(id, &[1])).into(),
            more: vec![EnvChange::text(EnvKind::MIRRORING_PARTNER, "sql2.corp.example", "")],
            ..response()
        };
        let expected = LoginResponse { features: vec![feature(FeatureId::UTF8_SUPPORT, &[1])], ..response() };
        assert_eq!(welcome(&given, asked(&login)), expected.tokens());
    }

    #[test]
    fn a_client_that_came_with_a_token_hears_that_it_was_taken_in_zero_bytes() {
        let login = Login7::default();
        let tokens = welcome(&response(), Asked { fed_auth: true, ..asked(&login) });
        let [.., Token::FeatureExtAck(features), Token::Done(_)] = &tokens[..] else { panic!("{tokens:?}") };
        assert_eq!(features[..], [feature(FeatureId::FED_AUTH, &[])]);
    }

    #[test]
    fn a_routing_is_followed_here_and_one_to_nowhere_is_nonsense() {
        let login = Login7::default();
        let routed = |protocol, port, server: &str| {
            let route = Route { protocol, port, server: server.into(), database: None };
            let response = LoginResponse { more: vec![EnvChange::routing(route)], ..response() };
            understand(&response.encode(), asked(&login))
        };
        assert_eq!(routed(0, 1444, "sql2"), Answer::Elsewhere { host: "sql2".into(), port: 1444 });
        for answer in [routed(1, 1444, "sql2"), routed(0, 0, "sql2"), routed(0, 1444, "")] {
            assert!(matches!(answer, Answer::Nonsense(_)));
        }
    }

    #[test]
    fn a_strict_client_of_a_server_that_speaks_7_4_hears_its_own_version() {
        let login = Login7 { tds_version: TdsVersion::V8_0, ..Login7::default() };
        let tokens = welcome(&response(), asked(&login));
        let ack = tokens.iter().find_map(|token| if let Token::LoginAck(ack) = token { Some(ack) } else { None });
        assert_eq!(ack.unwrap().tds_version, TdsVersion::V8_0);
    }

    #[test]
    fn an_error_is_a_no_and_an_empty_answer_is_nonsense() {
        let login = Login7::default();
        let error = ServerMessage::new(18456, 1, 14, "Login failed for user 'sales_reader'.", "SQL1");
        let payload = crate::tds::token::error_response(TdsVersion::V7_4, error.clone());
        assert_eq!(understand(&payload, asked(&login)), Answer::No(error));
        assert!(matches!(understand(&[], asked(&login)), Answer::Nonsense(_)));
        assert!(matches!(understand(&[0xD1, 1, 2], asked(&login)), Answer::Nonsense(_)));
    }

    proptest! {
        #[test]
        fn arbitrary_answers_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let login = Login7::default();
            let _ = understand(&bytes, asked(&login));
        }
    }
}

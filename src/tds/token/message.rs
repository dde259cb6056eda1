//! ERROR and INFO (MS-TDS 2.2.7.10, 2.2.7.13): a server's messages.

use crate::tds::{
    DecodeError, TdsVersion,
    cursor::{Put as _, Reader, cut},
};

/// An error or another message of a server.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ServerMessage {
    /// Its number, as in `sys.messages`.
    pub number: i32,
    /// Its state, which tells apart where one number comes from.
    pub state: u8,
    /// Its severity: up to 10 is no error, from 20 on the connection ends.
    pub class: u8,
    /// Its text.
    pub message: String,
    /// The server's name.
    pub server: String,
    /// The procedure it comes from, if any.
    pub procedure: String,
    /// The line it comes from.
    pub line: u32,
}

/// As many UTF-16 units of text as surely fit into a token of 65,535 bytes.
const LONGEST_MESSAGE: usize = 32_000;

impl ServerMessage {
    /// A message without procedure, from line one.
    pub fn new(number: i32, state: u8, class: u8, message: impl Into<String>, server: impl Into<String>) -> Self {
        Self { number, state, class, message: message.into(), server: server.into(), procedure: String::new(), line: 1 }
    }

    pub(super) fn decode(body: &[u8], version: TdsVersion) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(body);
        Ok(Self {
            number: reader.u32()?.cast_signed(),
            state: reader.u8()?,
            class: reader.u8()?,
            message: reader.us_text()?,
            server: reader.b_text()?,
            procedure: reader.b_text()?,
            line: if version.line_number_width() == 4 { reader.u32()? } else { reader.u16()?.into() },
        })
    }

    pub(super) fn encode(&self, version: TdsVersion, body: &mut Vec<u8>) {
        body.put_u32(self.number.cast_unsigned());
        body.put_u8(self.state);
        body.put_u8(self.class);
        body.put_us_text(cut(&self.message, LONGEST_MESSAGE));
        body.put_b_text(&self.server);
        body.put_b_text(&self.procedure);
        if version.line_number_width() == 4 {
            body.put_u32(self.line);
        } else {
            body.put_u16(u16::try_from(self.line).unwrap_or(u16::MAX));
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::tds::{Token, cursor};
    use proptest::prelude::*;

    pub fn any_message() -> impl Strategy<Value = ServerMessage> {
        (any::<i32>(), any::<u8>(), any::<u8>(), ".{0,80}", ".{0,20}", ".{0,20}", any::<u32>()).prop_map(
            |(number, state, class, message, server, procedure, line)| ServerMessage {
                number,
                state,
                class,
                message,
                server,
                procedure,
                line,
            },
        )
    }

    #[test]
    fn a_message_too_long_for_its_token_is_cut() {
        let long = ServerMessage::new(50_000, 1, 16, "x".repeat(100_000), "s".repeat(300));
        let mut bytes = Vec::new();
        Token::Error(long).encode(TdsVersion::V7_4, &mut bytes);
        let Ok(Token::Error(back)) = Token::decode(&mut cursor::Reader::new(&bytes), TdsVersion::V7_4) else {
            panic!()
        };
        assert_eq!((back.message.len(), back.server.len(), back.line), (LONGEST_MESSAGE, 255, 1));
    }
}

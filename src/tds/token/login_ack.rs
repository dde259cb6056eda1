//! LOGINACK (MS-TDS 2.2.7.14): the login succeeded.

use crate::tds::{
    DecodeError, TdsVersion,
    cursor::{Put as _, Reader},
};

/// A server's word that the login succeeded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginAck {
    /// The dialect; 1 is Transact-SQL.
    pub interface: u8,
    /// The version spoken from now on; must not be one that the client did not offer. Big-endian on the wire.
    pub tds_version: TdsVersion,
    /// The server's product name.
    pub program: String,
    /// Its version: major, minor, build (high byte first).
    pub program_version: [u8; 4],
}

impl LoginAck {
    pub(super) fn decode(body: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(body);
        Ok(Self {
            interface: reader.u8()?,
            tds_version: TdsVersion(reader.u32_be()?),
            program: reader.b_text()?,
            program_version: reader.array()?,
        })
    }

    pub(super) fn encode(&self, body: &mut Vec<u8>) {
        body.put_u8(self.interface);
        body.put_u32_be(self.tds_version.0);
        body.put_b_text(&self.program);
        body.put(&self.program_version);
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    pub fn any_ack() -> impl Strategy<Value = LoginAck> {
        (any::<u8>(), any::<u32>(), ".{0,30}", any::<[u8; 4]>()).prop_map(
            |(interface, version, program, program_version)| LoginAck {
                interface,
                tds_version: TdsVersion(version),
                program,
                program_version,
            },
        )
    }

    #[test]
    fn the_version_is_big_endian_unlike_in_the_login() {
        let ack = LoginAck {
            interface: 1,
            tds_version: TdsVersion::V7_4,
            program: "G".into(),
            program_version: [16, 0, 0, 1],
        };
        let mut body = Vec::new();
        ack.encode(&mut body);
        assert_eq!(body, [1, 0x74, 0, 0, 4, 1, b'G', 0, 16, 0, 0, 1]);
    }
}

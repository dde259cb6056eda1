//! SESSIONSTATE (MS-TDS 2.2.7.21): what a client keeps for recovering its session. Its states are kept as they came.

use crate::tds::{
    DecodeError,
    cursor::{Put as _, Reader},
};

/// A change of what must be kept for recovering the session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionState {
    /// Its running number.
    pub sequence: u32,
    /// Whether the session can be recovered now.
    pub recoverable: bool,
    /// The states: (id, length, value) again and again.
    pub states: Vec<u8>,
}

impl SessionState {
    pub(super) fn decode(body: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(body);
        Ok(Self { sequence: reader.u32()?, recoverable: reader.u8()? & 1 == 1, states: reader.rest().to_vec() })
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut body = Vec::new();
        body.put_u32(self.sequence);
        body.put_u8(self.recoverable.into());
        body.put(&self.states);
        body
    }
}

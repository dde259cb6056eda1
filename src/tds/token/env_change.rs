//! ENVCHANGE (MS-TDS 2.2.7.9): something of the session's surroundings changed.

use crate::tds::{
    DecodeError,
    cursor::{Put as _, Reader},
};

/// What changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct EnvKind(pub u8);

#[expect(missing_docs, reason = "the names are the specification's")]
impl EnvKind {
    pub const DATABASE: Self = Self(1);
    pub const LANGUAGE: Self = Self(2);
    pub const CHARSET: Self = Self(3);
    pub const PACKET_SIZE: Self = Self(4);
    pub const SORT_LOCALE: Self = Self(5);
    pub const COMPARISON_FLAGS: Self = Self(6);
    pub const COLLATION: Self = Self(7);
    pub const BEGIN_TRANSACTION: Self = Self(8);
    pub const COMMIT_TRANSACTION: Self = Self(9);
    pub const ROLLBACK_TRANSACTION: Self = Self(10);
    pub const ENLIST_DTC: Self = Self(11);
    pub const DEFECT_TRANSACTION: Self = Self(12);
    pub const MIRRORING_PARTNER: Self = Self(13);
    pub const PROMOTE_TRANSACTION: Self = Self(15);
    pub const TRANSACTION_MANAGER: Self = Self(16);
    pub const TRANSACTION_ENDED: Self = Self(17);
    pub const RESET_DONE: Self = Self(18);
    pub const USER_INSTANCE: Self = Self(19);
    pub const ROUTING: Self = Self(20);
    pub const ENHANCED_ROUTING: Self = Self(21);
}

/// A change of the session's surroundings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvChange {
    /// What changed.
    pub kind: EnvKind,
    /// From what to what.
    pub value: EnvValue,
}

/// The new value and the old one; which form a change has follows from its kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EnvValue {
    /// Two texts.
    Text {
        /// Now.
        new: String,
        /// Before.
        old: String,
    },
    /// Two strings of bytes.
    Bytes {
        /// Now.
        new: Vec<u8>,
        /// Before.
        old: Vec<u8>,
    },
    /// One long string of bytes ([`EnvKind::PROMOTE_TRANSACTION`]).
    Long(Vec<u8>),
    /// Another server to go to.
    Route(Route),
    /// The body of a kind that is not known here.
    Unknown(Vec<u8>),
}

/// Where a server sends the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The protocol; zero is TCP, the only one there is.
    pub protocol: u8,
    /// The port.
    pub port: u16,
    /// The server's name or address.
    pub server: String,
    /// The database there, in [`EnvKind::ENHANCED_ROUTING`].
    pub database: Option<String>,
}

impl EnvChange {
    /// A change that is told in text.
    pub fn text(kind: EnvKind, new: impl Into<String>, old: impl Into<String>) -> Self {
        Self { kind, value: EnvValue::Text { new: new.into(), old: old.into() } }
    }

    /// A change that is told in bytes.
    pub fn bytes(kind: EnvKind, new: impl Into<Vec<u8>>, old: impl Into<Vec<u8>>) -> Self {
        Self { kind, value: EnvValue::Bytes { new: new.into(), old: old.into() } }
    }

    /// The client is to go to another server.
    pub fn routing(route: Route) -> Self {
        let kind = if route.database.is_some() { EnvKind::ENHANCED_ROUTING } else { EnvKind::ROUTING };
        Self { kind, value: EnvValue::Route(route) }
    }

    /// A transaction began; its descriptor goes into the headers of the requests that belong to it.
    pub fn begin_transaction(descriptor: u64) -> Self {
        Self::bytes(EnvKind::BEGIN_TRANSACTION, descriptor.to_le_bytes(), [])
    }

    /// The packet size from the next message on, if that is what changed.
    pub fn packet_size(&self) -> Option<u32> {
        match (&self.value, self.kind) {
            (EnvValue::Text { new, .. }, EnvKind::PACKET_SIZE) => new.parse().ok(),
            _ => None,
        }
    }

    /// Where to go, if that is what it says.
    pub fn route(&self) -> Option<&Route> {
        if let EnvValue::Route(route) = &self.value { Some(route) } else { None }
    }

    pub(super) fn decode(body: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(body);
        let kind = EnvKind(reader.u8()?);
        let value = match kind.0 {
            1..=6 | 13 | 19 => EnvValue::Text { new: reader.b_text()?, old: reader.b_text()? },
            7..=12 | 16..=18 => EnvValue::Bytes { new: reader.b_bytes()?.to_vec(), old: reader.b_bytes()?.to_vec() },
            15 => {
                let new = reader.l_bytes()?.to_vec();
                reader.b_bytes()?;
                EnvValue::Long(new)
            }
            20 | 21 => {
                let mut route = reader.us_bytes().map(Reader::new)?;
                reader.us_bytes()?;
                EnvValue::Route(Route {
                    protocol: route.u8()?,
                    port: route.u16()?,
                    server: route.us_text()?,
                    database: if kind == EnvKind::ENHANCED_ROUTING { Some(route.us_text()?) } else { None },
                })
            }
            _ => EnvValue::Unknown(reader.rest().to_vec()),
        };
        Ok(Self { kind, value })
    }

    pub(super) fn encode(&self, body: &mut Vec<u8>) {
        body.put_u8(self.kind.0);
        match &self.value {
            EnvValue::Text { new, old } => {
                body.put_b_text(new);
                body.put_b_text(old);
            }
            EnvValue::Bytes { new, old } => {
                body.put_b_bytes(new);
                body.put_b_bytes(old);
            }
            EnvValue::Long(new) => {
                body.put_l_bytes(new);
                body.put_u8(0);
            }
            EnvValue::Route(route) => {
                let mut place = Vec::new();
                place.put_u8(route.protocol);
                place.put_u16(route.port);
                place.put_us_text(&route.server);
                if let Some(database) = &route.database {
                    place.put_us_text(database);
                }
                body.put_us_bytes(&place);
                body.put_u16(0);
            }
            EnvValue::Unknown(rest) => body.put(rest),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    pub fn any_change() -> impl Strategy<Value = EnvChange> {
        let bytes = || proptest::collection::vec(any::<u8>(), 0..60);
        let text_kinds = prop::sample::select(vec![1u8, 2, 3, 4, 5, 6, 13, 19]);
        let byte_kinds = prop::sample::select(vec![7u8, 8, 9, 10, 11, 12, 16, 17, 18]);
        let route = (any::<u8>(), any::<u16>(), ".{0,30}", proptest::option::of(".{0,30}"));
        prop_oneof![
            (text_kinds, ".{0,30}", ".{0,30}").prop_map(|(kind, new, old)| EnvChange::text(EnvKind(kind), new, old)),
            (byte_kinds, bytes(), bytes()).prop_map(|(kind, new, old)| EnvChange::bytes(EnvKind(kind), new, old)),
            bytes().prop_map(|new| EnvChange { kind: EnvKind::PROMOTE_TRANSACTION, value: EnvValue::Long(new) }),
            route.prop_map(|(protocol, port, server, database)| {
                EnvChange::routing(Route { protocol, port, server, database })
            }),
            bytes().prop_map(|rest| EnvChange { kind: EnvKind(0x70), value: EnvValue::Unknown(rest) }),
        ]
    }

    #[test]
    fn a_transaction_that_begins_has_eight_bytes_now_and_none_before() {
        let mut body = Vec::new();
        EnvChange::begin_transaction(1).encode(&mut body);
        assert_eq!(body, [8, 8, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn a_routing_is_a_counted_value_and_an_empty_old_one() {
        let change = EnvChange::routing(Route { protocol: 0, port: 1433, server: "b".into(), database: None });
        let mut body = Vec::new();
        change.encode(&mut body);
        assert_eq!(body, [20, 7, 0, 0, 0x99, 0x05, 1, 0, b'b', 0, 0, 0]);
    }

    #[test]
    fn the_packet_size_is_a_number_in_text() {
        assert_eq!(EnvChange::text(EnvKind::PACKET_SIZE, "8000", "4096").packet_size(), Some(8000));
        assert_eq!(EnvChange::text(EnvKind::DATABASE, "8000", "4096").packet_size(), None);
    }
}

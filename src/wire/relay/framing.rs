//! Where packets begin and end, for the relay: looks at headers only, keeps nothing, touches no payload.
//!
//! After the login both kinds of framing may appear on one connection: TDS packets (eight bytes of header, a
//! big-endian length) and, once MARS was granted, SMP frames (first byte 0x53, sixteen bytes of header, a little-endian
//! length) with a TDS packet inside. \[MS-TDS\] 2.2.3.1, \[MC-SMP\] 2.2.

/// The longest unit that a lane has to hold: the longest TDS packet inside an SMP frame.
pub(super) const LONGEST_UNIT: usize = LONGEST_PACKET + SMP_HEADER;

/// Which way a lane runs; decides what may appear in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
    /// From the workstation to the SQL Server.
    Requests,
    /// From the SQL Server to the workstation.
    Responses,
}

/// One whole packet or frame at the start of the bytes that were looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unit {
    /// Its length, header included.
    pub length: usize,
    /// What it carries.
    pub carries: Carries,
    /// Whether it is an SMP frame: from the first one on, messages of several streams interleave.
    pub multiplexed: bool,
}

/// What a unit means for the session's counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Carries {
    /// SMP's own signalling: no TDS inside.
    Signal,
    /// A packet that more packets of its message follow.
    Part,
    /// The last packet of a request or a response.
    Last,
    /// A whole Attention.
    Attention,
}

/// The bytes are not what may travel there. The side that sent them is at fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Breach {
    /// A length that no packet has.
    #[error("a packet that claims a length of {0} bytes")]
    Length(usize),
    /// A packet type that has no business there after the login.
    #[error("a packet of type 0x{0:02x} after the login")]
    Type(u8),
}

/// The first unit in `bytes`, or nothing where it is not whole yet. Wrong headers are told as soon as they are there.
pub(super) fn first_unit(flow: Flow, bytes: &[u8]) -> Result<Option<Unit>, Breach> {
    match bytes.first() {
        None => Ok(None),
        Some(&SMP) => frame(flow, bytes),
        Some(&kind) => packet(flow, kind, bytes),
    }
}

fn packet(flow: Flow, kind: u8, bytes: &[u8]) -> Result<Option<Unit>, Breach> {
    let allowed = match flow {
        Flow::Requests => matches!(kind, BATCH | RPC | ATTENTION | BULK | TRANSACTION),
        Flow::Responses => kind == RESPONSE,
    };
    if !allowed {
        return Err(Breach::Type(kind));
    }
    let Some(&[_, status, high, low]) = bytes.first_chunk() else { return Ok(None) };
    let length = usize::from(u16::from_be_bytes([high, low]));
    if !(HEADER..=LONGEST_PACKET).contains(&length) {
        return Err(Breach::Length(length));
    }
    let carries = match (kind, status & END_OF_MESSAGE) {
        (_, 0) => Carries::Part,
        (ATTENTION, _) => Carries::Attention,
        _ => Carries::Last,
    };
    Ok((bytes.len() >= length).then_some(Unit { length, carries, multiplexed: false }))
}

fn frame(flow: Flow, bytes: &[u8]) -> Result<Option<Unit>, Breach> {
    let Some(&[_, flags, _, _, a, b, c, d]) = bytes.first_chunk() else { return Ok(None) };
    let length = usize::try_from(u32::from_le_bytes([a, b, c, d])).unwrap_or(usize::MAX);
    if !(SMP_HEADER..=LONGEST_UNIT).contains(&length) {
        return Err(Breach::Length(length));
    }
    let Some(whole) = bytes.get(..length) else { return Ok(None) };
    let inside = whole.get(SMP_HEADER..).unwrap_or_default();
    let carries = match (flags, inside.first()) {
        (SMP_DATA, Some(&kind)) => match packet(flow, kind, inside)? {
            Some(unit) => unit.carries,
            None => return Err(Breach::Length(length)),
        },
        _ => Carries::Signal,
    };
    Ok(Some(Unit { length, carries, multiplexed: true }))
}

const HEADER: usize = 8;
const LONGEST_PACKET: usize = 32_767;
const END_OF_MESSAGE: u8 = 0x01;

const BATCH: u8 = 0x01;
const RPC: u8 = 0x03;
const RESPONSE: u8 = 0x04;
const ATTENTION: u8 = 0x06;
const BULK: u8 = 0x07;
const TRANSACTION: u8 = 0x0E;

const SMP: u8 = 0x53;
const SMP_HEADER: usize = 16;
const SMP_DATA: u8 = 0x08;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tds(kind: u8, status: u8, payload: usize) -> Vec<u8> {
        let length = u16::try_from(HEADER + payload).unwrap().to_be_bytes();
        let mut bytes = vec![kind, status, length[0], length[1], 0, 0, 1, 0];
        bytes.resize(HEADER + payload, 0xAB);
        bytes
    }

    fn smp(flags: u8, inside: &[u8]) -> Vec<u8> {
        let length = u32::try_from(SMP_HEADER + inside.len()).unwrap().to_le_bytes();
        let mut bytes = vec![SMP, flags, 7, 0];
        bytes.extend(length);
        bytes.extend([1, 0, 0, 0, 4, 0, 0, 0]);
        bytes.extend(inside);
        bytes
    }

    #[test]
    fn a_packet_is_a_unit_once_all_of_it_is_there() {
        let bytes = tds(BATCH, END_OF_MESSAGE, 20);
        for missing in 1..bytes.len() {
            assert_eq!(first_unit(Flow::Requests, &bytes[..bytes.len() - missing]), Ok(None));
        }
        let unit = Unit { length: 28, carries: Carries::Last, multiplexed: false };
        assert_eq!(first_unit(Flow::Requests, &bytes), Ok(Some(unit)));
    }

    #[test]
    fn an_smp_frame_is_seen_through_to_the_packet_inside() {
        let data = smp(SMP_DATA, &tds(RESPONSE, END_OF_MESSAGE, 100));
        let unit = first_unit(Flow::Responses, &data).unwrap().unwrap();
        assert_eq!((unit.length, unit.carries, unit.multiplexed), (124, Carries::Last, true));
        for flags in [0x01, 0x02, 0x04] {
            let unit = first_unit(Flow::Requests, &smp(flags, &[])).unwrap().unwrap();
            assert_eq!(unit.carries, Carries::Signal);
        }
        let attention = smp(SMP_DATA, &tds(ATTENTION, END_OF_MESSAGE, 0));
        assert_eq!(first_unit(Flow::Requests, &attention).unwrap().unwrap().carries, Carries::Attention);
    }

    #[test]
    fn a_second_login_in_mid_session_is_a_breach() {
        for kind in [0x00, 0x02, RESPONSE, 0x08, 0x10, 0x11, 0x12, 0x16, 0x47] {
            assert_eq!(first_unit(Flow::Requests, &[kind]), Err(Breach::Type(kind)));
        }
        assert_eq!(first_unit(Flow::Responses, &[BATCH]), Err(Breach::Type(BATCH)));
    }

    #[test]
    fn a_length_that_cannot_be_is_told_before_the_rest_arrives() {
        assert_eq!(first_unit(Flow::Requests, &[BATCH, 1, 0, 7]), Err(Breach::Length(7)));
        assert_eq!(first_unit(Flow::Responses, &[RESPONSE, 1, 0x80, 0]), Err(Breach::Length(32_768)));
        assert_eq!(first_unit(Flow::Requests, &[SMP, 8, 0, 0, 15, 0, 0, 0]), Err(Breach::Length(15)));
        assert!(first_unit(Flow::Requests, &[SMP, 8, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF]).is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic_or_claim_more_than_there_is(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            for flow in [Flow::Requests, Flow::Responses] {
                if let Ok(Some(unit)) = first_unit(flow, &bytes) {
                    prop_assert!(unit.length <= bytes.len() && unit.length >= HEADER);
                }
            }
        }
    }
}

//! What a connection is, by its first bytes (MS-TDS 3.3.5.1, RFC 8446 5.1, RFC 9112 3). Pure.

/// What a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// TDS 7.x: a PRELOGIN packet.
    Tds,
    /// TLS: TDS 8.0 or HTTPS, which its ALPN tells.
    Tls,
    /// A plain HTTP request.
    Http,
    /// Nothing that is served here.
    Unknown,
}

/// There are too few bytes to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Incomplete;

/// Tells what begins with `bytes`.
pub fn sniff(bytes: &[u8]) -> Result<Kind, Incomplete> {
    match bytes.first() {
        None => Err(Incomplete),
        Some(0x12) => Ok(Kind::Tds),
        Some(0x16) => Ok(Kind::Tls),
        Some(_) if METHODS.iter().any(|method| bytes.starts_with(method)) => Ok(Kind::Http),
        Some(_) if METHODS.iter().any(|method| method.starts_with(bytes)) => Err(Incomplete),
        Some(_) => Ok(Kind::Unknown),
    }
}

/// As many bytes as [`sniff`] needs at most.
pub const ENOUGH: usize = 8;

/// `PRI` opens HTTP/2 without TLS.
const METHODS: &[&[u8]] =
    &[b"GET ", b"HEAD ", b"POST ", b"PUT ", b"DELETE ", b"OPTIONS ", b"PATCH ", b"CONNECT ", b"TRACE ", b"PRI "];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_first_bytes_tell_what_it_is() {
        assert_eq!(sniff(&[0x12]), Ok(Kind::Tds));
        assert_eq!(sniff(&[0x16, 3, 1]), Ok(Kind::Tls));
        assert_eq!(sniff(b"GET / HTTP/1.1"), Ok(Kind::Http));
        assert_eq!(sniff(b"OPTIONS "), Ok(Kind::Http));
        assert_eq!(sniff(b"OPTION"), Err(Incomplete));
        assert_eq!(sniff(b"get /"), Ok(Kind::Unknown));
        assert_eq!(sniff(b"SSH-2.0-"), Ok(Kind::Unknown));
        assert_eq!(sniff(&[]), Err(Incomplete));
    }

    proptest! {
        #[test]
        fn enough_bytes_always_decide(bytes in proptest::collection::vec(any::<u8>(), ENOUGH..40)) {
            prop_assert!(sniff(&bytes).is_ok());
        }

        #[test]
        fn more_bytes_never_change_a_decision(
            start in prop_oneof![
                proptest::sample::select(METHODS).prop_map(<[u8]>::to_vec),
                proptest::collection::vec(any::<u8>(), 0..10),
            ],
            more: Vec<u8>,
            cut in 0usize..10,
        ) {
            let start = &start[..cut.min(start.len())];
            if let Ok(kind) = sniff(start) {
                prop_assert_eq!(sniff(&[start, &more].concat()), Ok(kind));
            }
        }
    }
}

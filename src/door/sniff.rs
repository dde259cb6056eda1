//! What a connection is, by its first bytes (MS-TDS 3.3.5.1, RFC 8446 5.1 and 4.1.2, RFC 7301, RFC 8737, RFC 9112 3). Pure.
//!
//! TLS is told apart by what its ClientHello offers to speak inside (ALPN), so the whole of that message is looked at; how
//! long it is, is found here, and rustls reads it, once.

use rustls::server::Acceptor;

/// What a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// TDS 7.x: a PRELOGIN packet.
    Tds,
    /// TDS 8.0: TLS with ALPN `tds/8.0`.
    Strict,
    /// HTTPS: TLS with ALPN `h2` or `http/1.1`.
    Https,
    /// TLS without ALPN, or with nothing but protocols that nobody here speaks, which TLS itself then refuses.
    TlsBare,
    /// The challenge of an ACME server: TLS with ALPN `acme-tls/1` and no other.
    AcmeTls,
    /// A plain HTTP request.
    Http,
    /// Nothing that is served here.
    Unknown,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Tds, Self::Strict, Self::Https, Self::TlsBare, Self::AcmeTls, Self::Http, Self::Unknown];

    /// Its name in logs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tds => "tds",
            Self::Strict => "strict",
            Self::Https => "https",
            Self::TlsBare => "tls",
            Self::AcmeTls => "acme-tls",
            Self::Http => "http",
            Self::Unknown => "unknown",
        }
    }
}

/// There are too few bytes to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Incomplete;

/// Tells what begins with `bytes`. More bytes never change what was told, and [`ENOUGH`] always tell.
pub fn sniff(bytes: &[u8]) -> Result<Kind, Incomplete> {
    let bytes = bytes.get(..ENOUGH).unwrap_or(bytes);
    match bytes.first() {
        None => Err(Incomplete),
        Some(0x12) => Ok(Kind::Tds),
        Some(&HANDSHAKE) => tls(bytes),
        Some(_) if METHODS.iter().any(|method| bytes.starts_with(method)) => Ok(Kind::Http),
        Some(_) if METHODS.iter().any(|method| method.starts_with(bytes)) => Err(Incomplete),
        Some(_) => Ok(Kind::Unknown),
    }
}

/// As many bytes as [`sniff`] looks at: one full record. A ClientHello has a few hundred; some 2 KiB with post-quantum keys.
pub const ENOUGH: usize = HEADER + LARGEST_RECORD;

fn tls(bytes: &[u8]) -> Result<Kind, Incomplete> {
    match find_hello(bytes) {
        Found::Whole(records) => Ok(read_hello(records)),
        Found::Part if bytes.len() < ENOUGH => Err(Incomplete),
        Found::Part | Found::Strange => Ok(Kind::Unknown),
    }
}

enum Found<'a> {
    /// The records that hold the ClientHello.
    Whole(&'a [u8]),
    /// Its beginning.
    Part,
    /// Something else.
    Strange,
}

/// Looks for the end of the ClientHello, which may lie in several records (RFC 8446 5.1).
fn find_hello(bytes: &[u8]) -> Found<'_> {
    // Type and length of the message: its first four bytes, gathered from as many records as it takes.
    let mut message = [0; 4];
    let (mut at, mut have) = (0, 0usize);
    loop {
        let Some(&[kind, major, _, high, low]) = bytes.get(at..).and_then(|rest| rest.first_chunk()) else {
            return Found::Part;
        };
        let length = usize::from(u16::from_be_bytes([high, low]));
        if kind != HANDSHAKE || major != 3 || length == 0 || length > LARGEST_RECORD {
            return Found::Strange;
        }
        at += HEADER;
        let Some(payload) = bytes.get(at..at + length) else { return Found::Part };
        at += length;
        for (into, byte) in message.iter_mut().skip(have).zip(payload) {
            *into = *byte;
        }
        have += length;
        let [kind, length @ ..] = message;
        if kind != CLIENT_HELLO {
            return Found::Strange;
        }
        let [a, b, c] = length;
        let whole = message.len() + usize::try_from(u32::from_be_bytes([0, a, b, c])).unwrap_or(usize::MAX);
        if have >= message.len() && have >= whole {
            return bytes.get(..at).map_or(Found::Part, Found::Whole);
        }
    }
}

/// What a ClientHello offers to speak.
fn read_hello(mut records: &[u8]) -> Kind {
    let mut acceptor = Acceptor::default();
    while !records.is_empty() {
        if !matches!(acceptor.read_tls(&mut records), Ok(1..)) {
            return Kind::Unknown;
        }
    }
    match acceptor.accept() {
        Ok(Some(accepted)) => {
            let hello = accepted.client_hello();
            let offered: Vec<&[u8]> = hello.alpn().into_iter().flatten().collect();
            by_protocols(&offered)
        }
        // An honest client, but too old: whoever serves TLS tells it so.
        Err((rustls::Error::PeerIncompatible(_), _)) => Kind::TlsBare,
        Ok(None) | Err(_) => Kind::Unknown,
    }
}

fn by_protocols(offered: &[&[u8]]) -> Kind {
    let offers = |protocol: &[u8]| offered.contains(&protocol);
    match offered {
        // Nothing else may stand beside it (RFC 8737 3).
        [b"acme-tls/1"] => Kind::AcmeTls,
        _ if offers(b"tds/8.0") => Kind::Strict,
        _ if offers(b"h2") || offers(b"http/1.1") => Kind::Https,
        _ => Kind::TlsBare,
    }
}

const HANDSHAKE: u8 = 0x16;
const CLIENT_HELLO: u8 = 1;
const HEADER: usize = 5;
const LARGEST_RECORD: usize = 16 * 1024;

/// `PRI` opens HTTP/2 without TLS.
const METHODS: &[&[u8]] =
    &[b"GET ", b"HEAD ", b"POST ", b"PUT ", b"DELETE ", b"OPTIONS ", b"PATCH ", b"CONNECT ", b"TRACE ", b"PRI "];

#[cfg(test)]
#[path = "sniff_tests.rs"]
mod tests;

//! The authority's certificate fetched from an appliance that is not believed yet: what came over the connection is shown
//! with its fingerprint, and whether the connection itself was made with it. A person, or a fingerprint that came by another
//! way, decides.

use std::sync::Arc;
use std::time::Duration;

use hyper::Uri;
use rustls::RootCertStore;

use crate::connector::https::{self, Answer, HttpsError};
use crate::domain::Timestamp;
use crate::platform::clock::within;
use crate::platform::{Clock, SystemResolver};
use crate::tls::{Anchor, AnchorError};

/// Where an appliance is: `https://sql.corp.example`, with a port or without.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    host: String,
    port: u16,
}

/// What an appliance handed out, not believed yet.
#[derive(Debug)]
pub struct Fetched {
    /// The certificate of its authority.
    pub anchor: Anchor,
    /// Who the connection's own certificate leads to.
    pub connection: Connection,
}

/// Who signed for the connection that the certificate came over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Connection {
    /// That very authority.
    Anchor,
    /// An authority that this machine trusts already.
    System,
    /// Neither; why not.
    Stranger(String),
}

/// Why nothing was fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// It is no address of an appliance. The operator's side.
    #[error("{0:?} is no address of an appliance: give https://host or https://host:port")]
    Address(String),
    /// It cannot be reached. The operator's side.
    #[error("{host}:{port} cannot be reached")]
    Unreachable {
        /// The host.
        host: String,
        /// Its port.
        port: u16,
        /// What the operating system said.
        #[source]
        source: std::io::Error,
    },
    /// It took too long. The operator's side.
    #[error("{host}:{port} did not answer in time")]
    Slow {
        /// The host.
        host: String,
        /// Its port.
        port: u16,
    },
    /// What answers there is no appliance. The operator's side.
    #[error("what answers at {host}:{port} is no appliance of this kind: {text}")]
    Stranger {
        /// The host.
        host: String,
        /// Its port.
        port: u16,
        /// What was wrong.
        text: String,
    },
    /// What it handed out is no authority. The operator's side.
    #[error("what {host}:{port} handed out cannot be trusted: {source}")]
    Certificate {
        /// The host.
        host: String,
        /// Its port.
        port: u16,
        /// What is wrong with it.
        source: AnchorError,
    },
}

impl Site {
    /// Reads an address.
    pub fn parse(text: &str) -> Result<Self, FetchError> {
        let wrong = || FetchError::Address(text.to_owned());
        let uri: Uri = text.parse().map_err(|_| wrong())?;
        let authority = uri.authority().ok_or_else(wrong)?;
        let plain = uri.scheme_str() == Some("https") && !authority.as_str().contains('@') && uri.query().is_none();
        let path = matches!(uri.path(), "" | "/" | "/trust" | "/trust/");
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        if !plain || !path || host.is_empty() {
            return Err(wrong());
        }
        Ok(Self { host, port: authority.port_u16().unwrap_or(443) })
    }

    /// Fetches the certificate of its authority.
    pub async fn fetch(&self, clock: &dyn Clock) -> Result<Fetched, FetchError> {
        match within(clock, LIMIT, self.fetch_slowly(clock.now())).await {
            Ok(fetched) => fetched,
            Err(_) => Err(FetchError::Slow { host: self.host.clone(), port: self.port }),
        }
    }

    async fn fetch_slowly(&self, now: Timestamp) -> Result<Fetched, FetchError> {
        let got = https::get(&SystemResolver::new(), &self.host, self.port, "/trust/authority.crt").await;
        let answer = got.map_err(|error| match error {
            HttpsError::Host(host) => FetchError::Address(host),
            HttpsError::Reach(source) => FetchError::Unreachable { host: self.host.clone(), port: self.port, source },
            other => FetchError::Stranger { host: self.host.clone(), port: self.port, text: other.to_string() },
        })?;
        let anchor = Anchor::read(&answer.body).map_err(|source| FetchError::Certificate {
            host: self.host.clone(),
            port: self.port,
            source,
        })?;
        let connection = judge(&answer, &anchor, now);
        Ok(Fetched { anchor, connection })
    }
}

fn judge(answer: &Answer, anchor: &Anchor, now: Timestamp) -> Connection {
    let mut own = RootCertStore::empty();
    let refused = match own.add(anchor.der().clone()).map(|()| answer.verify(Arc::new(own), now)) {
        Ok(Ok(())) => return Connection::Anchor,
        Ok(Err(error)) | Err(error) => error,
    };
    let mut system = RootCertStore::empty();
    system.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    match answer.verify(Arc::new(system), now) {
        Ok(()) => Connection::System,
        Err(_) => Connection::Stranger(refused.to_string()),
    }
}

/// How long all of it may take.
const LIMIT: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_https_with_a_host_and_nothing_else() {
        let site = |host: &str, port| Site { host: host.to_owned(), port };
        assert_eq!(Site::parse("https://sql.corp.example").unwrap(), site("sql.corp.example", 443));
        assert_eq!(Site::parse("https://sql.corp.example:8443/trust/").unwrap(), site("sql.corp.example", 8443));
        assert_eq!(Site::parse("https://[2001:db8::1]:8443").unwrap(), site("2001:db8::1", 8443));
        for wrong in [
            "sql.corp.example",
            "http://sql",
            "https://",
            "https://a@b",
            "https://sql/x",
            "https://sql/?x",
            "ftp://sql",
        ] {
            assert!(Site::parse(wrong).is_err(), "{wrong}");
        }
    }
}

//! One way to one database, as a program on a workstation needs to know it. Every connection string is made from this.

use std::net::IpAddr;

use crate::domain::Secret;
use crate::domain::host::is_host;

/// Where a program connects, as whom, and what it believes there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// A DNS name or an IP address, without brackets.
    pub host: String,
    /// The TCP port.
    pub port: u16,
    /// The database's alias.
    pub database: String,
    /// The user name: the account's, or the device's.
    pub user: String,
    /// What goes with it; left out of the strings where there is none, so that a file can be made without a secret.
    pub password: Option<Secret>,
    /// How the connection is encrypted. Never not at all.
    pub encryption: Encryption,
    /// How the certificate is believed.
    pub trust: Trust,
}

/// How a connection is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encryption {
    /// TDS 7.x: TLS inside of PRELOGIN. Every driver of the last ten years has it.
    Mandatory,
    /// TDS 8.0: TLS first. Drivers of 2022 and later have it; nobody on the way can talk them out of it.
    Strict,
}

/// How the appliance's certificate is believed. A driver verifies it by the operating system's authorities, so an authority
/// of the appliance's own has to be among them (`gatehouse trust install`); those that take one of their own are given it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trust {
    /// The name in the certificate, where it is not the host that is connected to.
    pub certificate_name: Option<String>,
    /// The authority that signed it, in PEM form, where it is not one that every system knows.
    pub authority_pem: Option<String>,
}

/// The connection cannot be written down: no format has a way to say it. The operator's side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unwritable {
    /// A character of value zero ends the text for most drivers, however it is quoted.
    #[error("{0} contains a character of value zero, which no connection string can carry")]
    Zero(&'static str),
    /// A host that would be read as something else.
    #[error("the host is neither a DNS name nor an IP address")]
    Host,
    /// There is nothing in it. Some formats cannot tell that from leaving it out.
    #[error("{0} is empty")]
    Empty(&'static str),
}

impl Connection {
    /// Whether every format can carry it.
    pub fn check(&self) -> Result<(), Unwritable> {
        let name = self.trust.certificate_name.as_deref();
        if !is_host(&self.host) || name.is_some_and(|name| !is_host(name)) {
            return Err(Unwritable::Host);
        }
        let password = self.password.as_ref().map(Secret::expose);
        let texts = [
            ("the database", Some(self.database.as_str())),
            ("the user", Some(&self.user)),
            ("the password", password),
        ];
        for (what, text) in texts {
            match text {
                Some("") => return Err(Unwritable::Empty(what)),
                Some(text) if text.contains('\0') => return Err(Unwritable::Zero(what)),
                _ => {}
            }
        }
        Ok(())
    }

    /// Whether the host is an IPv6 address, whose colons many formats read as something else.
    pub fn is_ipv6(&self) -> bool {
        matches!(self.host.parse(), Ok(IpAddr::V6(_)))
    }

    /// The same without its password.
    pub fn without_password(&self) -> Self {
        Self { password: None, ..self.clone() }
    }
}

//! Section `mail`: the mail server by which the appliance sends what people asked for.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::section::{Objections, between, section};
use super::setting::{Raw, Setting, quoted};
use crate::domain::MailAddress;
use crate::domain::host::is_host;

section! {
    /// The mail server by which the appliance sends links to people who forgot their password. Without `mail.host` it sends no mail, and
    /// administrators make such links by hand.
    Mail = "mail";

    /// The mail server: a DNS name or an address. Its certificate has to be for just this.
    host: Option<String> = None, shown "none: no mail is sent", example "\"smtp.example.org\"";

    /// Its port: 587 for submission with STARTTLS, 465 for TLS from the first byte.
    port: usize = 587;

    /// `starttls` insists on changing over to TLS, `tls` speaks nothing else; the server's name and chain are verified either way. `none`
    /// is for a server on this machine (`localhost`), or at a private address that `mail.host` gives as such.
    encryption: Encryption = Encryption::StartTls;

    /// The name that the appliance signs in with at the mail server.
    user: Option<String> = None, shown "none: it does not sign in", example "\"gatehouse\"";

    /// A file with the password for that, on one line, readable for its owner alone. It is read for each mail, so that another password
    /// counts at once.
    password_file: Option<PathBuf> = None, shown "none", example "\"/etc/gatehouse/mail.password\"";

    /// The address that the mail comes from.
    sender: Option<MailAddress> = None, shown "none", example "\"gatehouse@example.org\"";

    /// A PEM file with the root certificates that the mail server is verified by, for a company's own authority.
    root_file: Option<PathBuf> = None, shown "none: the operating system's roots, or the browsers' where it has none", example "\"/etc/gatehouse/mail-root.pem\"";

    /// How long sending one mail may take.
    timeout: Duration = Duration::from_secs(30);
}

impl Mail {
    /// The mail server and the sender, where mail is configured.
    pub fn server(&self) -> Option<(&str, &MailAddress)> {
        self.host.as_deref().zip(self.sender.as_ref())
    }
}

impl Objections for Mail {
    fn objections(&self) -> Vec<(&'static str, String)> {
        let mut all: Vec<(&'static str, String)> = Vec::new();
        let Some(host) = &self.host else {
            let others = self.user.is_some() || self.password_file.is_some() || self.sender.is_some();
            if others || self.root_file.is_some() {
                all.push(("host", "has to be set as well: without it no mail is sent".to_owned()));
            }
            return all;
        };
        if !is_host(host) {
            all.push(("host", "has to be a DNS name or an address".to_owned()));
        }
        if self.sender.is_none() {
            all.push(("sender", "has to be set as well: mail comes from an address".to_owned()));
        }
        match (&self.user, &self.password_file) {
            (Some(_), None) => all.push(("password_file", "has to be set as well: `mail.user` is".to_owned())),
            (None, Some(_)) => all.push(("user", "has to be set as well: `mail.password_file` is".to_owned())),
            (Some(user), _) if user.is_empty() || user.contains(char::is_control) => {
                all.push(("user", "has to be a name without control characters".to_owned()));
            }
            _ => {}
        }
        if self.encryption == Encryption::None {
            match nearness(host) {
                Nearness::Far => all.push((
                    "encryption",
                    "is `none`, which is for a server on this machine or at a private address alone: links in mails would be read on the \
                     way. Use `starttls`, or give `mail.host` as the private address"
                        .to_owned(),
                )),
                Nearness::Private if self.user.is_some() => all.push((
                    "user",
                    "cannot go with `mail.encryption` = `none` but for a server on this machine: the password would be read on the way"
                        .to_owned(),
                )),
                _ => {}
            }
        }
        all.extend(between("port", self.port, 1, 65_535));
        // Whoever tries it on the command line waits for it.
        if !(Duration::from_secs(1)..=Duration::from_secs(60)).contains(&self.timeout) {
            all.push(("timeout", "has to be from 1s to 1m".to_owned()));
        }
        all
    }
}

/// How far a host is, as far as its text tells: a name can lead anywhere.
enum Nearness {
    ThisMachine,
    Private,
    Far,
}

fn nearness(host: &str) -> Nearness {
    match host.parse::<IpAddr>() {
        Ok(address) if address.to_canonical().is_loopback() => Nearness::ThisMachine,
        Ok(address) if is_private(address.to_canonical()) => Nearness::Private,
        Err(_) if host.eq_ignore_ascii_case("localhost") => Nearness::ThisMachine,
        _ => Nearness::Far,
    }
}

fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_private() || v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unique_local() || v6.is_unicast_link_local(),
    }
}

/// How the way to the mail server is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encryption {
    /// By STARTTLS (RFC 3207), which the server has to offer.
    StartTls,
    /// By TLS from the first byte (RFC 8314).
    Tls,
    /// Not at all.
    None,
}

impl Encryption {
    const ALL: [(Self, &'static str); 3] = [(Self::StartTls, "starttls"), (Self::Tls, "tls"), (Self::None, "none")];
}

impl Setting for Encryption {
    fn expected() -> String {
        "one of \"starttls\", \"tls\", \"none\"".to_owned()
    }

    fn read(raw: &Raw) -> Option<Self> {
        let (Raw::Loose(text) | Raw::Text(text)) = raw else { return None };
        Self::ALL.into_iter().find(|(_, name)| name == text).map(|(encryption, _)| encryption)
    }

    fn toml(&self) -> String {
        let name = Self::ALL.into_iter().find(|(encryption, _)| encryption == self).map_or("", |(_, name)| name);
        quoted(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn objected(mail: &Mail) -> Vec<&'static str> {
        mail.objections().into_iter().map(|(key, _)| key).collect()
    }

    fn at(host: &str) -> Mail {
        let sender = Some(MailAddress::parse("gatehouse@example.org").unwrap());
        Mail { host: Some(host.to_owned()), sender, ..Mail::default() }
    }

    #[test]
    fn mail_is_off_until_there_is_a_server_and_a_sender() {
        assert_eq!((objected(&Mail::default()), Mail::default().server()), (vec![], None));
        assert_eq!(objected(&at("smtp.example.org")), [""; 0]);
        assert!(at("smtp.example.org").server().is_some());
        assert_eq!(objected(&Mail { host: None, ..at("") }), ["host"]);
        assert_eq!(objected(&Mail { sender: None, ..at("smtp.example.org") }), ["sender"]);
        assert_eq!(objected(&at("smtp://example.org")), ["host"]);
    }

    #[test]
    fn a_user_goes_with_a_password_in_a_file() {
        let user = Some("gatehouse".to_owned());
        assert_eq!(objected(&Mail { user: user.clone(), ..at("smtp.example.org") }), ["password_file"]);
        let password_file = Some(PathBuf::from("/etc/gatehouse/mail.password"));
        assert_eq!(objected(&Mail { password_file: password_file.clone(), ..at("smtp.example.org") }), ["user"]);
        assert_eq!(objected(&Mail { user, password_file, ..at("smtp.example.org") }), [""; 0]);
    }

    #[test]
    fn nothing_goes_in_clear_to_another_machine_but_at_a_private_address_and_no_password_does() {
        let clear = |host: &str| Mail { encryption: Encryption::None, ..at(host) };
        for near in ["localhost", "127.0.0.1", "::1", "10.0.0.25", "192.168.1.2", "fd00::25"] {
            assert_eq!(objected(&clear(near)), [""; 0], "{near}");
        }
        for far in ["smtp.example.org", "192.0.2.1", "2001:db8::1"] {
            assert_eq!(objected(&clear(far)), ["encryption"], "{far}");
        }
        let signed_in = |host: &str| Mail {
            user: Some("gatehouse".to_owned()),
            password_file: Some(PathBuf::from("/etc/gatehouse/mail.password")),
            ..clear(host)
        };
        assert_eq!(objected(&signed_in("127.0.0.1")), [""; 0]);
        assert_eq!(objected(&signed_in("10.0.0.25")), ["user"]);
    }
}

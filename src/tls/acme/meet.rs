//! Who answers at an address: this appliance, or somebody else. Nothing is sent but a name.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::explain::clean;
use crate::tls::certificates::Certificates;
use crate::tls::challenges::Challenges;
use crate::tls::policy;
use crate::wire::{CertificateFacts, Witness};

/// Who answered.
pub(super) enum Met {
    /// This appliance.
    Ourselves,
    /// Somebody else, in words that follow "where".
    Another(String),
}

/// Whoever shows the certificate that this appliance shows now, and holds its key, is this appliance.
pub(super) async fn over_tls(tcp: TcpStream, name: &str, shown: &Certificates) -> Met {
    let Ok((config, witness)) = Witness::config(policy::provider()) else { return Met::Another(NOT_US_TLS.to_owned()) };
    let Ok(server) = ServerName::try_from(name.to_owned()) else { return Met::Another(NOT_US_TLS.to_owned()) };
    let before = shown.current();
    if TlsConnector::from(Arc::new(config)).connect(server, tcp).await.is_err() {
        return Met::Another(NOT_US_TLS.to_owned());
    }
    let Some(leaf) = witness.shown().into_iter().next() else { return Met::Another(NOT_US_TLS.to_owned()) };
    // It may have been swapped in the meantime.
    let ours = [before, shown.current()];
    if ours.iter().any(|one| one.chain().first() == Some(&leaf)) {
        return Met::Ourselves;
    }
    Met::Another(match CertificateFacts::read(&leaf) {
        Ok(facts) if facts.names.is_empty() => {
            format!("another server answers with a certificate of {}", clean(&facts.subject))
        }
        Ok(facts) => {
            let names: Vec<&str> = facts.names.iter().take(SHOWN_NAMES).map(String::as_str).collect();
            let more = if facts.names.len() > SHOWN_NAMES { ", …" } else { "" };
            format!("another server answers with a certificate for {}{more}", clean(&names.join(", ")))
        }
        Err(_) => "another server answers".to_owned(),
    })
}

/// Whoever knows the answer to a challenge that was made up on the spot is this appliance.
pub(super) async fn over_http(mut tcp: TcpStream, name: &str, made_up: &MadeUp<'_>) -> Met {
    let request = format!(
        "GET /.well-known/acme-challenge/{} HTTP/1.1\r\nHost: {name}\r\nUser-Agent: gatehouse\r\nConnection: close\r\n\r\n",
        made_up.token
    );
    let mut response = Vec::new();
    let asked = tcp.write_all(request.as_bytes()).await;
    // What came before an early end is looked at all the same.
    let _ = tcp.take(LONGEST_ANSWER).read_to_end(&mut response).await;
    let response = String::from_utf8_lossy(&response);
    if asked.is_ok() && response.contains(&made_up.answer) {
        return Met::Ourselves;
    }
    match response.lines().next().filter(|line| line.starts_with("HTTP/")) {
        Some(line) => Met::Another(format!("another web server answers ({})", clean(line))),
        None => Met::Another("something answers that is not this appliance's door for HTTP".to_owned()),
    }
}

/// A challenge that no directory asked for, its answer in the doors' hands for as long as this lives.
pub(super) struct MadeUp<'a> {
    place: &'a Challenges,
    token: String,
    answer: String,
}

impl<'a> MadeUp<'a> {
    /// Makes one up. Only while no order is under way: there is one place.
    pub(super) fn in_place(place: &'a Challenges) -> Result<Self, getrandom::Error> {
        let (token, answer) = (random()?, random()?);
        let (asked_for, given) = (token.clone(), answer.clone());
        place.set_http(Some(Box::new(move |asked| (asked == asked_for).then(|| given.clone()))));
        Ok(Self { place, token, answer })
    }
}

impl Drop for MadeUp<'_> {
    fn drop(&mut self) {
        self.place.set_http(None);
    }
}

fn random() -> Result<String, getrandom::Error> {
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

const NOT_US_TLS: &str = "something answers that does not speak TLS as this appliance does";
const SHOWN_NAMES: usize = 3;
/// An answer to a challenge is short.
const LONGEST_ANSWER: u64 = 8 * 1024;

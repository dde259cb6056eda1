//! The own authority as the appliance tells of it: on its pages, in its log, and as a file in the data folder, so that
//! the fingerprint reaches people by other ways than the connection that it is to prove.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;

use crate::state::Layout;
use crate::tls::{Anchor, Origin, Shown};
use crate::web::{SignedBy, Trust};

/// The port that addresses leave out.
const HTTPS: u16 = 443;

/// Writes the certificate beside the data, says its fingerprint in the log, and gives what the pages tell.
pub(in crate::app) fn publish(data_dir: &Path, shown: &Shown, host: String) -> anyhow::Result<Trust> {
    let anchor = Anchor::read(shown.authority().root_pem().as_bytes())?;
    let layout = Layout::of(data_dir);
    let file = layout.authority();
    layout.write_authority(&anchor).with_context(|| format!("{}", file.display()))?;
    tracing::info!(sha256 = anchor.sha256(), file = %file.display(), "workstations trust this authority");
    let of = shown.clone();
    let authority = move || Anchor::read(of.authority().root_pem().as_bytes()).ok();
    let shown = shown.clone();
    let signed_by = move || {
        let issuer = || shown.certificates().current().facts().issuer.clone();
        match shown.active() {
            Origin::Authority => SignedBy::Own,
            _ if shown.public_trust().is_given() => SignedBy::Public(issuer()),
            _ => SignedBy::Other(issuer()),
        }
    };
    Ok(Trust { authority: Arc::new(authority), host: host.into(), signed_by: Arc::new(signed_by) })
}

/// Where workstations find HTTPS: the appliance's first name, with the port where it is not the usual one.
pub(in crate::app) fn host(names: &[String], https: &[SocketAddr]) -> String {
    let name = names.first().map_or("localhost", String::as_str);
    let name = if name.contains(':') { format!("[{name}]") } else { name.to_owned() };
    match https.first().map(SocketAddr::port) {
        Some(port) if port != HTTPS => format!("{name}:{port}"),
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_has_a_port_where_it_is_not_the_usual_one() {
        let at = |text: &str| [text.parse::<SocketAddr>().unwrap()];
        let names = |name: &str| [name.to_owned()];
        assert_eq!(host(&names("sql.corp.example"), &at("[::]:443")), "sql.corp.example");
        assert_eq!(host(&names("sql.corp.example"), &at("[::]:8443")), "sql.corp.example:8443");
        assert_eq!(host(&names("2001:db8::1"), &at("[::]:8443")), "[2001:db8::1]:8443");
    }
}

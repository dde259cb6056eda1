//! What a program asks for, in words for the person who decides.

use crate::domain::{Scope, Scopes};

/// Each scope as a sentence.
pub(in crate::web) fn in_words(scopes: &Scopes) -> Vec<&'static str> {
    let words = |scope| match scope {
        Scope::Sql => "Sign in to your databases as you, with the access that you have there",
        Scope::WorkstationConfig => {
            "Fetch your workstation's configuration, with a password for your databases that lives for hours"
        }
        Scope::AdminRead => "Read the appliance's settings and accounts, as far as your role may",
        Scope::AdminWrite => "Change the appliance's settings and accounts, as far as your role may",
    };
    scopes.iter().map(words).collect()
}

/// Where an answer goes to, and the source by which a page's policy lets the browser follow it there (CSP 3, 2.3.1).
pub(in crate::web) fn destination(redirect_uri: &str) -> (String, String) {
    let (scheme, rest) = redirect_uri.split_once(':').unwrap_or((redirect_uri, ""));
    let host = rest.strip_prefix("//").map(|rest| rest.split(['/', '?']).next().unwrap_or_default());
    match (scheme, host) {
        // A policy has no way to write an IPv6 address. The page has one form, and that goes home.
        ("http", Some(host)) if host.starts_with('[') => (this_computer(host), "http:".to_owned()),
        ("http", Some(host)) => (this_computer(host), format!("http://{host}")),
        ("https", Some(host)) => (host.to_owned(), format!("https://{host}")),
        _ => (format!("the program on this computer that answers to {scheme}:"), format!("{scheme}:")),
    }
}

fn this_computer(host: &str) -> String {
    format!("a program on this computer ({host})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_lets_the_answer_through_to_its_address_and_to_no_other_host() {
        for (address, source) in [
            ("http://127.0.0.1:49152/callback", "http://127.0.0.1:49152"),
            ("http://localhost?x=1", "http://localhost"),
            ("http://[::1]:1/callback", "http:"),
            ("https://app.example.org:8443/done?x=1", "https://app.example.org:8443"),
            ("org.example.app:/done", "org.example.app:"),
        ] {
            assert_eq!(destination(address).1, source, "{address}");
        }
        assert_eq!(destination("https://app.example.org/done").0, "app.example.org");
    }
}

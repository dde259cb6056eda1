//! HTTPS URLs as administrators may give them: nothing in them that leads elsewhere than it looks, and no secret.

use std::borrow::Cow;

use hyper::Uri;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// An absolute `https` URL with a host: no user name or password in it, no fragment, at most 400 characters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HttpsUrl {
    text: String,
    host: String,
    port: u16,
}

impl HttpsUrl {
    /// Parses a URL, or says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.len() > LONGEST {
            return Err(format!("a URL has at most {LONGEST} characters"));
        }
        if text.chars().any(|c| c.is_whitespace() || c.is_control() || c == '\\') || text.contains('#') {
            return Err(format!("{text:?} has white space, a backslash or a fragment in it"));
        }
        let uri: Uri = text.parse().map_err(|_| format!("{text:?} is not a URL"))?;
        if uri.scheme_str() != Some("https") {
            return Err(format!("{text:?} does not begin with https://"));
        }
        let authority = uri.authority().ok_or_else(|| format!("{text:?} names no host"))?;
        if authority.as_str().contains('@') {
            return Err("a user name or password does not belong into a URL".to_owned());
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let named = authority.as_str().rsplit_once(']').map_or(authority.as_str(), |(_, after)| after).contains(':');
        let port = match (authority.port_u16(), named) {
            (Some(port), _) if port != 0 => port,
            (None, false) => 443,
            _ => return Err(format!("{text:?} has a port that is none")),
        };
        if rustls::pki_types::ServerName::try_from(host.clone()).is_err() {
            return Err(format!("{host:?} is neither a DNS name nor an address"));
        }
        Ok(Self { text: text.to_owned(), host, port })
    }

    /// The URL as it was given.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Its host, without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl std::fmt::Display for HttpsUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::str::FromStr for HttpsUrl {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Self::parse(text)
    }
}

impl TryFrom<String> for HttpsUrl {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text)
    }
}

impl From<HttpsUrl> for String {
    fn from(url: HttpsUrl) -> Self {
        url.text
    }
}

impl JsonSchema for HttpsUrl {
    fn schema_name() -> Cow<'static, str> {
        "HttpsUrl".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "uri", "pattern": "^https://" })
    }
}

const LONGEST: usize = 400;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_that_hides_something_is_refused() {
        for wrong in [
            "",
            "http://a.example/",
            "HTTP://a.example",
            "https:/a",
            "https://",
            "https://user:secret@a.example/",
            "https://user@a.example/",
            "https://a.example/#x",
            "https://a.example/ b",
            "https://a.example:0/",
            "https://a.example:x/",
            "https://a.example:70000/",
            "https://-a-/",
            "https://a b/",
            "//a.example/",
            "https://a.example\\b",
            &format!("https://a.example/{}", "x".repeat(400)),
        ] {
            assert!(HttpsUrl::parse(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_url_tells_where_it_leads() {
        for (text, host, port) in [
            ("https://mail.example.com/EWS/Exchange.asmx", "mail.example.com", 443),
            ("https://sp:8443/sites/a?b=c&d=%20", "sp", 8443),
            ("https://[2001:db8::1]:444/", "2001:db8::1", 444),
            ("https://[::1]", "::1", 443),
        ] {
            let url = HttpsUrl::parse(text).unwrap();
            assert_eq!((url.as_str(), url.host(), url.port()), (text, host, port));
            assert_eq!(serde_json::to_string(&url).unwrap(), format!("{text:?}"));
        }
    }
}

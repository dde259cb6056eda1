//! The configuration object of `tedious` (and, in its own words, of `mssql`), as JSON. It takes an authority of its own, so
//! it needs none in the operating system.

use serde::Serialize;

use super::quoting::ROOM;
use crate::domain::Secret;
use crate::workstation::connection::{Connection, Encryption};

#[derive(Serialize)]
struct Configuration<'a> {
    server: &'a str,
    authentication: Authentication<'a>,
    options: Options<'a>,
}

#[derive(Serialize)]
struct Authentication<'a> {
    r#type: &'static str,
    options: Credentials<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Credentials<'a> {
    user_name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    password: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Options<'a> {
    port: u16,
    database: &'a str,
    encrypt: Encrypt,
    trust_server_certificate: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    server_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    crypto_credentials_details: Option<Authority<'a>>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Encrypt {
    Mandatory(bool),
    Strict(&'static str),
}

#[derive(Serialize)]
struct Authority<'a> {
    ca: &'a str,
}

pub(super) fn write(connection: &Connection) -> String {
    let configuration = Configuration {
        server: &connection.host,
        authentication: Authentication {
            r#type: "default",
            options: Credentials {
                user_name: &connection.user,
                password: connection.password.as_ref().map(Secret::expose),
            },
        },
        options: Options {
            port: connection.port,
            database: &connection.database,
            encrypt: match connection.encryption {
                Encryption::Mandatory => Encrypt::Mandatory(true),
                Encryption::Strict => Encrypt::Strict("strict"),
            },
            trust_server_certificate: false,
            server_name: connection.trust.certificate_name.as_deref(),
            crypto_credentials_details: connection.trust.authority_pem.as_deref().map(|ca| Authority { ca }),
        },
    };
    let mut out = Vec::with_capacity(2 * ROOM);
    // A struct of texts and numbers always has a JSON form.
    let _ = serde_json::to_writer(&mut out, &configuration);
    String::from_utf8(out).unwrap_or_default()
}

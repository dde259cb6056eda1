//! `GET /.well-known/gatehouse`: what a program needs to know before it signs in. Public, small, the same for everybody.
//!
//! It tells no version of the product: to anonymous callers that is nobody's business. Endpoints are references relative to
//! the document's own URL (RFC 3986, 5), so they hold by whichever name and port it was found.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::CONFIG_PATH;

/// The discovery document, version 1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(title = "Gatehouse: discovery document, version 1")]
pub struct Discovery {
    /// Always `gatehouse`.
    pub product: String,
    /// The version of this document's form.
    pub version: u32,
    /// The versions of the API that are served.
    pub api: Vec<String>,
    /// Which appliance it is.
    pub appliance: ApplianceName,
    /// Where to go on, relative to this document's URL.
    pub endpoints: Endpoints,
    /// The appliance's own authority, where one signs its certificate. A fingerprint that came over the connection which it
    /// is to prove proves nothing: compare it with one that came by another way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authority: Option<Authority>,
}

/// Which appliance it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ApplianceName {
    /// Its id: stays when the name changes.
    pub id: String,
    /// The name that its administrators chose.
    pub name: String,
}

/// Where to go on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Endpoints {
    /// The config document, for whoever has signed in.
    pub config: String,
    /// The metadata of the authorisation server (RFC 8414).
    pub oauth: String,
    /// The authority's certificate, and how to trust it.
    pub trust: String,
    /// Where a person signs in.
    pub sign_in: String,
    /// What to do on a workstation, for people.
    pub workstations: String,
}

/// The appliance's own authority.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Authority {
    /// SHA-256 of its certificate's DER form, in lower-case hexadecimal.
    pub sha256: String,
    /// The certificate in PEM form, relative to this document's URL.
    pub certificate: String,
}

impl Discovery {
    /// The document's version that is written here.
    pub const VERSION: u32 = 1;
    /// What [`Discovery::product`] says.
    pub const PRODUCT: &'static str = "gatehouse";

    /// The document of an appliance; `authority` is the SHA-256 of its own authority's certificate.
    pub fn new(id: impl std::fmt::Display, name: &str, authority: Option<&str>) -> Self {
        Self {
            product: Self::PRODUCT.to_owned(),
            version: Self::VERSION,
            api: vec!["v1".to_owned()],
            appliance: ApplianceName { id: id.to_string(), name: name.to_owned() },
            endpoints: Endpoints {
                config: CONFIG_PATH.to_owned(),
                oauth: "/.well-known/oauth-authorization-server".to_owned(),
                trust: "/trust/".to_owned(),
                sign_in: "/sign-in".to_owned(),
                workstations: "/workstations".to_owned(),
            },
            authority: authority
                .map(|sha256| Authority { sha256: sha256.to_owned(), certificate: "/trust/authority.pem".to_owned() }),
        }
    }
}

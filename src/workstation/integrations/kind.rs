//! What a service is, and what there is to know of it. No secret belongs into any of it: every workstation reads it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::error::IntegrationError;
use super::url::HttpsUrl;
use crate::identity::generated::begins_like_one;

/// What a service is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Kind {
    /// Office 365, or anything else behind Microsoft Entra.
    #[serde(rename = "office365")]
    Office365(Office365),
    /// SharePoint Server.
    #[serde(rename = "sharepoint")]
    SharePoint(SharePoint),
    /// Exchange Server.
    Exchange(Exchange),
    /// Anything else.
    Free(Free),
}

/// Office 365: what a public client signs in with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Office365 {
    /// The tenant: its id, or one of its domains.
    pub tenant: String,
    /// The id of the application that was registered there.
    pub client_id: String,
    /// Who signs in: `https://login.microsoftonline.com/<tenant>` or a national cloud's.
    pub authority: HttpsUrl,
    /// What to ask for, such as `https://graph.microsoft.com/.default`.
    pub scopes: Vec<String>,
}

/// SharePoint Server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SharePoint {
    /// The site.
    pub site: HttpsUrl,
    /// Document libraries in it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub libraries: Vec<HttpsUrl>,
}

/// Exchange Server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Exchange {
    /// Exchange Web Services.
    pub ews: HttpsUrl,
    /// Autodiscover.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub autodiscover: Option<HttpsUrl>,
    /// Where mail is handed in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub smtp: Option<Smtp>,
}

/// Where mail is handed in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Smtp {
    /// The host.
    pub host: String,
    /// The port.
    pub port: u16,
    /// How it is encrypted.
    pub security: MailSecurity,
}

/// How mail's connection is encrypted. Never not at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum MailSecurity {
    /// TLS from the first byte (RFC 8314), usually on port 465.
    Tls,
    /// STARTTLS (RFC 3207), usually on port 587.
    StartTls,
}

/// Anything else: names and values in somebody's own words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Free {
    /// The values by their names.
    pub values: BTreeMap<String, String>,
}

impl Kind {
    /// Its name in documents.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Office365(_) => "office365",
            Self::SharePoint(_) => "sharepoint",
            Self::Exchange(_) => "exchange",
            Self::Free(_) => "free",
        }
    }

    /// Whether its values can be what they say.
    pub fn check(&self) -> Result<(), IntegrationError> {
        match self {
            Self::Office365(one) => one.check()?,
            Self::SharePoint(one) if one.libraries.len() > MOST_LIBRARIES => {
                return invalid("libraries", format!("name {MOST_LIBRARIES} at the most"));
            }
            Self::SharePoint(_) => {}
            Self::Exchange(one) => one.check()?,
            Self::Free(one) => one.check()?,
        }
        let size = serde_json::to_vec(self).map_or(usize::MAX, |json| json.len());
        if size > LARGEST {
            return invalid("all of it", format!("takes {size} bytes, and at most {LARGEST} are kept"));
        }
        Ok(())
    }
}

impl Office365 {
    fn check(&self) -> Result<(), IntegrationError> {
        let word = |text: &str| {
            let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
            (1..=128).contains(&text.len()) && text.chars().all(plain)
        };
        if !word(&self.tenant) {
            return invalid("tenant", "has to be the tenant's id or one of its domains".to_owned());
        }
        if uuid::Uuid::parse_str(&self.client_id).is_err() {
            return invalid("client id", "has to be a GUID".to_owned());
        }
        let scope = |scope: &String| {
            // RFC 6749, 3.3.
            (1..=200).contains(&scope.len()) && scope.chars().all(|c| c.is_ascii_graphic() && !matches!(c, '"' | '\\'))
        };
        if self.scopes.is_empty() || self.scopes.len() > MOST_SCOPES || !self.scopes.iter().all(scope) {
            return invalid("scopes", format!("have to be 1 to {MOST_SCOPES} words without quotes and backslashes"));
        }
        Ok(())
    }
}

impl Exchange {
    fn check(&self) -> Result<(), IntegrationError> {
        let Some(smtp) = &self.smtp else { return Ok(()) };
        if rustls::pki_types::ServerName::try_from(smtp.host.as_str()).is_err() {
            return invalid("SMTP host", format!("{:?} is neither a DNS name nor an address", smtp.host));
        }
        if smtp.port == 0 {
            return invalid("SMTP port", "has to be from 1 to 65535".to_owned());
        }
        Ok(())
    }
}

impl Free {
    fn check(&self) -> Result<(), IntegrationError> {
        if self.values.is_empty() || self.values.len() > MOST_VALUES {
            return invalid("values", format!("have to be 1 to {MOST_VALUES}"));
        }
        for (name, value) in &self.values {
            let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
            if !(1..=64).contains(&name.len()) || !name.chars().all(plain) {
                return invalid(
                    "a value's name",
                    format!("{name:?} has to be of letters, digits, dots, hyphens and underscores"),
                );
            }
            let bad = |c: char| c.is_control() && c != '\n' && c != '\t';
            if value.chars().count() > LONGEST_VALUE || value.chars().any(bad) {
                return invalid(
                    "a value",
                    format!("{name:?} has to have {LONGEST_VALUE} characters or fewer, and no control characters"),
                );
            }
            if begins_like_one(value) {
                return invalid("a value", format!("{name:?} is a secret of the appliance: everybody would read it"));
            }
        }
        Ok(())
    }
}

fn invalid(what: &'static str, why: String) -> Result<(), IntegrationError> {
    Err(IntegrationError::Invalid { what, why })
}

/// In bytes of JSON: fits under the store's limit with everything around it.
const LARGEST: usize = 2800;
const MOST_LIBRARIES: usize = 6;
const MOST_SCOPES: usize = 10;
const MOST_VALUES: usize = 24;
const LONGEST_VALUE: usize = 400;

#[cfg(test)]
mod tests {
    use super::*;

    fn office() -> Office365 {
        Office365 {
            tenant: "contoso.example".into(),
            client_id: "6f1c6b0e-6a53-4f8e-9d53-0c2f3f7b7f10".into(),
            authority: HttpsUrl::parse("https://login.microsoftonline.com/contoso.example").unwrap(),
            scopes: vec!["https://graph.microsoft.com/.default".into()],
        }
    }

    fn says(kind: Kind) -> String {
        kind.check().unwrap_err().to_string()
    }

    #[test]
    fn a_value_that_cannot_be_is_refused_by_its_name() {
        assert!(Kind::Office365(office()).check().is_ok());
        assert!(says(Kind::Office365(Office365 { tenant: "a b".into(), ..office() })).starts_with("tenant:"));
        assert!(says(Kind::Office365(Office365 { client_id: "x".into(), ..office() })).starts_with("client id:"));
        for scopes in [vec![], vec!["a b".to_owned()], vec!["x".to_owned(); 11]] {
            assert!(says(Kind::Office365(Office365 { scopes, ..office() })).starts_with("scopes:"));
        }
        let ews = HttpsUrl::parse("https://mail.example.com/EWS/Exchange.asmx").unwrap();
        let smtp = |host: &str, port| Some(Smtp { host: host.into(), port, security: MailSecurity::StartTls });
        let exchange = |smtp| Kind::Exchange(Exchange { ews: ews.clone(), autodiscover: None, smtp });
        assert!(exchange(smtp("mail.example.com", 587)).check().is_ok());
        assert!(says(exchange(smtp("a b", 587))).starts_with("SMTP host:"));
        assert!(says(exchange(smtp("a", 0))).starts_with("SMTP port:"));
        let free = |name: &str, value: &str| Kind::Free(Free { values: [(name.to_owned(), value.to_owned())].into() });
        assert!(free("portal.url", "https://intranet\nsecond line").check().is_ok());
        assert!(says(free("a b", "x")).contains("\"a b\""));
        assert!(says(free("a", "x\u{7}")).contains("control characters"));
        assert!(says(free("a", "ghd_anything")).contains("everybody would read it"));
        let many = (0..24).map(|number| (format!("name-{number}"), "x".repeat(400))).collect();
        assert!(says(Kind::Free(Free { values: many })).contains("at most 2800"));
    }

    #[test]
    fn a_kind_reads_back_and_a_later_versions_member_is_passed_over() {
        let mut json = serde_json::to_value(Kind::Office365(office())).unwrap();
        assert_eq!(json["type"], "office365");
        json["of-a-later-version"] = "x".into();
        assert_eq!(serde_json::from_value::<Kind>(json).unwrap(), Kind::Office365(office()));
    }
}

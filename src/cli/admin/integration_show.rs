//! How services beside the databases are printed.

use super::table::{facts, table};
use crate::admin::{AudienceName, IntegrationView};
use crate::cli::output;
use crate::workstation::integrations::{Kind, MailSecurity};

/// Prints one.
pub(super) fn one(view: &IntegrationView) {
    let general = [
        ("integration", view.name.clone()),
        ("id", view.id.to_string()),
        ("type", view.kind.as_str().to_owned()),
        ("told to", audience(view)),
        ("created", view.created.clone()),
        ("last check", view.check.as_ref().map_or_else(|| "never".to_owned(), |check| check.at.clone())),
    ];
    facts(general);
    output::line("");
    table(["value", "is"], values(&view.kind).into_iter().map(|(name, value)| [name, value]).collect());
    let Some(check) = &view.check else { return };
    output::line("");
    let findings = check.findings.iter().map(|found| {
        let state = if found.well { "well" } else { "NOT WELL" };
        [found.what.clone(), found.place.clone(), state.to_owned(), found.text.clone()]
    });
    table(["place", "address", "state", "found"], findings.collect());
}

/// Prints several.
pub(super) fn all(views: &[IntegrationView]) {
    let row = |view: &IntegrationView| {
        let check = match &view.check {
            None => "never".to_owned(),
            Some(check) if check.well => format!("well at {}", check.at),
            Some(check) => format!("NOT WELL at {}", check.at),
        };
        [view.name.clone(), view.kind.as_str().to_owned(), audience(view), check]
    };
    table(["name", "type", "told to", "last check"], views.iter().map(row).collect());
}

fn audience(view: &IntegrationView) -> String {
    match &view.audience {
        AudienceName::Everybody => "everybody".to_owned(),
        AudienceName::Groups(names) => names.join(", "),
    }
}

fn values(kind: &Kind) -> Vec<(String, String)> {
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    match kind {
        Kind::Office365(one) => vec![
            pair("tenant", &one.tenant),
            pair("client id", &one.client_id),
            pair("authority", one.authority.as_str()),
            pair("scopes", &one.scopes.join(" ")),
        ],
        Kind::SharePoint(one) => {
            let libraries = one.libraries.iter().map(|library| pair("library", library.as_str()));
            std::iter::once(pair("site", one.site.as_str())).chain(libraries).collect()
        }
        Kind::Exchange(one) => {
            let autodiscover = one.autodiscover.iter().map(|url| pair("Autodiscover", url.as_str()));
            let smtp = one.smtp.iter().map(|smtp| {
                let security = match smtp.security {
                    MailSecurity::Tls => "TLS",
                    MailSecurity::StartTls => "STARTTLS",
                };
                pair("SMTP", &format!("{}:{} ({security})", smtp.host, smtp.port))
            });
            std::iter::once(pair("EWS", one.ews.as_str())).chain(autodiscover).chain(smtp).collect()
        }
        Kind::Free(one) => one.values.iter().map(|(name, value)| pair(name, value)).collect(),
    }
}

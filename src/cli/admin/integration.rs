//! `gatehouse admin integration`.

use anyhow::{Context as _, bail};

use super::reach::Reach;
use super::show::show;
use crate::admin::{AdminRequest, AudienceName, IntegrationRequest};
use crate::domain::Name;
use crate::workstation::integrations::{Exchange, Free, HttpsUrl, Kind, MailSecurity, Office365, SharePoint, Smtp};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Tell workstations of a service, and look whether it can be reached from here
    Add {
        /// Its name
        name: Name,
        #[command(flatten)]
        audience: ToWhom,
        /// Do not look whether it can be reached, neither now nor daily
        #[arg(long)]
        no_check: bool,
        #[command(subcommand)]
        what: What,
    },
    /// List services
    List,
    /// Show a service, and what its last check found
    Show {
        /// Its name or id
        integration: String,
    },
    /// Say anew what a service is and where
    Replace {
        /// Its name or id
        integration: String,
        /// Do not look whether it can be reached, neither now nor daily
        #[arg(long)]
        no_check: bool,
        #[command(subcommand)]
        what: What,
    },
    /// Tell others of it
    Audience {
        /// Its name or id
        integration: String,
        #[command(flatten)]
        audience: ToWhom,
    },
    /// Look whether it can be reached from here, and whether its certificate is believed
    Check {
        /// Its name or id
        integration: String,
    },
    /// Tell nobody of it any more
    Remove {
        /// Its name or id
        integration: String,
    },
}

/// Who is told of it.
#[derive(Debug, clap::Args)]
pub(super) struct ToWhom {
    /// A group, by name or id; may be given several times [default: everybody]
    #[arg(long = "group", value_name = "NAME")]
    groups: Vec<String>,
}

#[derive(Debug, clap::Subcommand)]
pub(super) enum What {
    /// Office 365, or anything else behind Microsoft Entra
    #[command(name = "office365")]
    Office365 {
        /// The tenant's id, or one of its domains
        #[arg(long)]
        tenant: String,
        /// The id of the application that was registered there
        #[arg(long, value_name = "GUID")]
        client_id: String,
        /// Who signs in [default: https://login.microsoftonline.com/<tenant>]
        #[arg(long, value_name = "URL")]
        authority: Option<HttpsUrl>,
        /// What to ask for; may be given several times
        #[arg(long = "scope", value_name = "SCOPE", default_value = "https://graph.microsoft.com/.default")]
        scopes: Vec<String>,
    },
    /// SharePoint Server
    #[command(name = "sharepoint")]
    SharePoint {
        /// The site
        #[arg(long, value_name = "URL")]
        site: HttpsUrl,
        /// A document library in it; may be given several times
        #[arg(long = "library", value_name = "URL")]
        libraries: Vec<HttpsUrl>,
    },
    /// Exchange Server
    Exchange {
        /// Exchange Web Services, such as https://mail.example.org/EWS/Exchange.asmx
        #[arg(long, value_name = "URL")]
        ews: HttpsUrl,
        /// Autodiscover
        #[arg(long, value_name = "URL")]
        autodiscover: Option<HttpsUrl>,
        /// Where mail is handed in: host:port. Port 465 is TLS, any other begins with STARTTLS
        #[arg(long, value_name = "HOST:PORT", value_parser = smtp)]
        smtp: Option<Smtp>,
    },
    /// Anything else, in your own words
    Free {
        /// A value; may be given several times. Everybody who is told of it reads it: no secrets
        #[arg(long = "value", value_name = "NAME=VALUE", required = true)]
        values: Vec<String>,
    },
}

impl ToWhom {
    fn name(&self) -> AudienceName {
        match self.groups.as_slice() {
            [] => AudienceName::Everybody,
            groups => AudienceName::Groups(groups.to_vec()),
        }
    }
}

impl What {
    fn kind(&self) -> anyhow::Result<Kind> {
        Ok(match self {
            Self::Office365 { tenant, client_id, authority, scopes } => {
                let usual = || HttpsUrl::parse(&format!("https://login.microsoftonline.com/{tenant}"));
                let authority = authority.clone().map_or_else(usual, Ok).map_err(anyhow::Error::msg)?;
                let (tenant, client_id, scopes) = (tenant.clone(), client_id.clone(), scopes.clone());
                Kind::Office365(Office365 { tenant, client_id, authority, scopes })
            }
            Self::SharePoint { site, libraries } => {
                Kind::SharePoint(SharePoint { site: site.clone(), libraries: libraries.clone() })
            }
            Self::Exchange { ews, autodiscover, smtp } => {
                Kind::Exchange(Exchange { ews: ews.clone(), autodiscover: autodiscover.clone(), smtp: smtp.clone() })
            }
            Self::Free { values } => {
                let mut all = std::collections::BTreeMap::new();
                for value in values {
                    let (name, value) =
                        value.split_once('=').with_context(|| format!("{value:?} is not NAME=VALUE"))?;
                    if all.insert(name.to_owned(), value.to_owned()).is_some() {
                        bail!("{name:?} is given twice");
                    }
                }
                Kind::Free(Free { values: all })
            }
        })
    }
}

impl Command {
    pub(super) fn run(&self, reach: &mut Reach, json: bool) -> anyhow::Result<()> {
        let request = match self {
            Self::Add { name, audience, no_check, what } => IntegrationRequest::Add {
                name: name.clone(),
                audience: audience.name(),
                kind: what.kind()?,
                check: !no_check,
            },
            Self::List => IntegrationRequest::List,
            Self::Show { integration } => IntegrationRequest::Show(integration.clone()),
            Self::Replace { integration, no_check, what } => {
                IntegrationRequest::Replace { integration: integration.clone(), kind: what.kind()?, check: !no_check }
            }
            Self::Audience { integration, audience } => {
                IntegrationRequest::Audience { integration: integration.clone(), audience: audience.name() }
            }
            Self::Check { integration } => IntegrationRequest::Check(integration.clone()),
            Self::Remove { integration } => IntegrationRequest::Remove(integration.clone()),
        };
        show(&reach.ask(AdminRequest::Integration(request))?, json)
    }
}

/// A mail server: `host:port`, or `[address]:port`.
fn smtp(text: &str) -> Result<Smtp, String> {
    let wrong = || "expected a host and a port such as mail.example.org:587".to_owned();
    let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
    let port = port.parse().map_err(|_| wrong())?;
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let security = if port == 465 { MailSecurity::Tls } else { MailSecurity::StartTls };
    Ok(Smtp { host: host.to_owned(), port, security })
}

//! Services beside the databases, as administrators see them.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::access::Need;
use super::{Admin, AdminError, AdminResponse, shown};
use crate::audit::{Actor, Entry};
use crate::domain::{IntegrationId, Name};
use crate::platform::SystemResolver;
use crate::workstation::integrations::{Audience, Checked, Checker, Integration, IntegrationError, Kind};

/// A request about services beside the databases.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IntegrationRequest {
    /// Tell workstations of one.
    Add {
        /// Its name.
        name: Name,
        /// Who is told of it.
        audience: AudienceName,
        /// What it is.
        kind: Kind,
        /// Whether to look at once whether it can be reached.
        check: bool,
    },
    /// All of them.
    List,
    /// One of them.
    Show(String),
    /// It is something else, or somewhere else.
    Replace {
        /// Which.
        integration: String,
        /// What it is now.
        kind: Kind,
        /// Whether to look at once whether it can be reached.
        check: bool,
    },
    /// Others are told of it.
    Audience {
        /// Which.
        integration: String,
        /// Who.
        audience: AudienceName,
    },
    /// Look whether it can be reached.
    Check(String),
    /// Nobody is told of it any more.
    Remove(String),
}

/// Who is told of a service, by name or id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AudienceName {
    /// Everybody who signs in.
    Everybody,
    /// Who is in one of these groups.
    Groups(Vec<String>),
}

/// A service beside the databases.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IntegrationView {
    /// Its id.
    pub id: IntegrationId,
    /// Its name.
    pub name: String,
    /// Who is told of it.
    pub audience: AudienceName,
    /// What it is.
    pub kind: Kind,
    /// When it was added.
    pub created: String,
    /// What its last check found.
    pub check: Option<CheckView>,
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CheckView {
    /// When.
    pub at: String,
    /// Whether everything can be used.
    pub well: bool,
    /// At each place.
    pub findings: Vec<crate::workstation::integrations::Finding>,
}

impl IntegrationRequest {
    pub(super) fn need(&self) -> Need {
        match self {
            Self::List | Self::Show(_) => Need::Read,
            _ => Need::Change,
        }
    }
}

impl Admin {
    pub(super) async fn integration(
        &self,
        actor: &Actor,
        request: IntegrationRequest,
    ) -> Result<AdminResponse, AdminError> {
        let integrations = &self.integrations;
        let (one, look) = match request {
            IntegrationRequest::List => {
                let all = integrations.all().map_err(IntegrationError::from)?;
                let views = all.into_iter().map(|one| self.integration_view(one));
                return Ok(AdminResponse::Integrations(views.collect::<Result<_, _>>()?));
            }
            IntegrationRequest::Show(name) => (integrations.one(&name)?, false),
            IntegrationRequest::Check(name) => {
                let one = integrations.one(&name)?;
                if one.kind.endpoints().is_empty() {
                    return Err(IntegrationError::NothingToCheck(one.name.to_string()).into());
                }
                (one, true)
            }
            IntegrationRequest::Add { name, audience, kind, check } => {
                let audience = self.audience(audience)?;
                (integrations.add(actor, name, audience, kind).await?, check)
            }
            IntegrationRequest::Replace { integration, kind, check } => {
                let id = integrations.one(&integration)?.id;
                (integrations.alter(actor, id, None, Some(kind)).await?, check)
            }
            IntegrationRequest::Audience { integration, audience } => {
                let (id, audience) = (integrations.one(&integration)?.id, self.audience(audience)?);
                (integrations.alter(actor, id, Some(audience), None).await?, false)
            }
            IntegrationRequest::Remove(name) => {
                let view = self.integration_view(integrations.one(&name)?)?;
                integrations.remove(actor, view.id).await?;
                return Ok(AdminResponse::Integration(view));
            }
        };
        if look && !one.kind.endpoints().is_empty() {
            self.audit.record(Entry::new(actor.clone(), "integration.check").subject(one.name.as_str())).await?;
            let checker = Checker::new(Arc::new(SystemResolver::new()));
            Box::pin(integrations.check(&one, &checker)).await?;
        }
        Ok(AdminResponse::Integration(self.integration_view(one)?))
    }

    fn audience(&self, name: AudienceName) -> Result<Audience, AdminError> {
        let AudienceName::Groups(names) = name else { return Ok(Audience::Everybody) };
        let ids: Result<BTreeSet<_>, _> =
            names.iter().map(|name| self.identity.group(name).map(|group| group.id)).collect();
        Ok(Audience::Groups(ids?))
    }

    fn integration_view(&self, one: Integration) -> Result<IntegrationView, AdminError> {
        let audience = match &one.audience {
            Audience::Everybody => AudienceName::Everybody,
            Audience::Groups(ids) => {
                let names: Result<Vec<_>, _> = ids.iter().map(|id| self.group_name(*id)).collect();
                AudienceName::Groups(names?)
            }
        };
        let checked = self.integrations.checked(one.id).map_err(IntegrationError::from)?;
        let (name, created) = (one.name.to_string(), shown(one.created));
        Ok(IntegrationView { id: one.id, name, audience, kind: one.kind, created, check: checked.map(CheckView::of) })
    }
}

impl CheckView {
    fn of(checked: Checked) -> Self {
        Self { at: shown(checked.at), well: checked.is_well(), findings: checked.findings }
    }
}

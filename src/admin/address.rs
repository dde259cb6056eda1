//! Address rules and the addresses that are known, as administrators see them.

use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::access::Need;
use super::{Admin, AdminError, AdminResponse, shown};
use crate::audit::Actor;
use crate::domain::Network;
use crate::identity::addresses::{AddressRule, KnownAddress, Whose};

/// A request about addresses.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AddressRequest {
    /// The addresses of an account.
    List(String),
    /// An address counts for good.
    Pin {
        /// The account.
        account: String,
        /// The address.
        address: IpAddr,
    },
    /// An address counts no more.
    Remove {
        /// The account.
        account: String,
        /// The address.
        address: IpAddr,
    },
    /// All rules.
    Rules,
    /// Another rule, or none.
    SetRule {
        /// Whose.
        whose: WhoseName,
        /// From where somebody signed in on the web so long ago at most.
        within: Option<Duration>,
        /// Always from these.
        networks: Vec<Network>,
    },
}

/// Whose a rule is, by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WhoseName {
    /// Everybody's.
    Appliance,
    /// Of a group.
    Group(String),
    /// Of an account.
    Account(String),
}

/// A known address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddressView {
    /// The account.
    pub account: String,
    /// The address; of IPv6 the first of its /64.
    pub address: IpAddr,
    /// When somebody last signed in on the web there.
    pub seen: Option<String>,
    /// What the browser called itself.
    pub agent: String,
    /// Since when it counts for good.
    pub pinned: Option<String>,
}

/// A rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddressRuleView {
    /// Whose.
    pub whose: WhoseName,
    /// How long ago somebody may have signed in on the web.
    pub within: Option<Duration>,
    /// Always from these.
    pub networks: Vec<Network>,
}

impl AddressRequest {
    pub(super) fn need(&self) -> Need {
        if matches!(self, Self::List(_) | Self::Rules) { Need::Read } else { Need::Change }
    }
}

impl Admin {
    pub(super) async fn address(&self, actor: &Actor, request: AddressRequest) -> Result<AdminResponse, AdminError> {
        let identity = &self.identity;
        let id = |name: &str| identity.account(name).map(|account| account.id);
        match request {
            AddressRequest::List(account) => return self.addresses(&account),
            AddressRequest::Pin { account, address } => {
                identity.pin_address(actor, id(&account)?, address).await?;
                return self.addresses(&account);
            }
            AddressRequest::Remove { account, address } => {
                identity.remove_address(actor, id(&account)?, address).await?;
                return self.addresses(&account);
            }
            AddressRequest::Rules => {}
            AddressRequest::SetRule { whose, within, networks } => {
                let whose = match whose {
                    WhoseName::Appliance => Whose::Appliance,
                    WhoseName::Group(name) => Whose::Group(identity.group(&name)?.id),
                    WhoseName::Account(name) => Whose::Account(id(&name)?),
                };
                let is_none = within.is_none() && networks.is_empty();
                let rule = (!is_none).then_some(AddressRule { within, networks });
                identity.set_address_rule(actor, whose, rule).await?;
            }
        }
        let rules = identity.address_rules()?.into_iter().map(|(whose, rule)| self.rule_view(whose, rule));
        Ok(AdminResponse::AddressRules(rules.collect::<Result<_, _>>()?))
    }

    fn addresses(&self, account: &str) -> Result<AdminResponse, AdminError> {
        let account = self.identity.account(account)?;
        let view = |known: KnownAddress| AddressView {
            account: account.name.to_string(),
            address: known.address,
            seen: known.seen.map(shown),
            agent: known.agent,
            pinned: known.pinned.map(shown),
        };
        let known = self.identity.known_addresses(account.id)?;
        Ok(AdminResponse::Addresses(known.into_iter().map(view).collect()))
    }

    fn rule_view(&self, whose: Whose, rule: AddressRule) -> Result<AddressRuleView, AdminError> {
        let whose = match whose {
            Whose::Appliance => WhoseName::Appliance,
            Whose::Account(id) => WhoseName::Account(self.account_name(id)?),
            Whose::Group(id) => {
                let group = self.identity.group_by_id(id)?;
                WhoseName::Group(group.map_or_else(|| format!("(gone: {id})"), |group| group.name.to_string()))
            }
        };
        Ok(AddressRuleView { whose, within: rule.within, networks: rule.networks })
    }
}

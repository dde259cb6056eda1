//! Address rules: from where gateway sign-ins may come.
//!
//! A rule stands for the whole appliance, for a group or for an account; the nearest counts: the account's own, else those
//! of all its groups, else the appliance's. It is met from a fixed network, from an address that an administrator pinned,
//! or from one where somebody of the account signed in on the web within the rule's time. Such addresses appear by
//! themselves with each sign-in on the web, and expire by themselves. Of an IPv6 address its /64 counts: hosts there
//! take another address each day, and for each connection if they like.
//!
//! A live session goes on when the time of its address runs out: what counts is that the rule was met when it was signed
//! in, and that nothing it was met by has been taken away since.

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Identity;
use super::error::IdentityError;
use super::groups::name_of;
use super::records::Member;
use crate::audit::{Actor, Entry};
use crate::domain::network::origin;
use crate::domain::{AccountId, Event, GroupId, Name, Network, Timestamp};
use crate::store::{self, Change, Key, StoreError, prefix};

/// Whose sign-ins a rule is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Whose {
    /// Everybody's for whom there is no nearer rule.
    Appliance,
    /// Those of whoever is in the group.
    Group(GroupId),
    /// The account's.
    Account(AccountId),
}

/// From where gateway sign-ins may come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddressRule {
    /// From where somebody of the account signed in on the web so long ago at most; none: not by that.
    pub within: Option<Duration>,
    /// And always from these networks.
    pub networks: Vec<Network>,
}

/// An address where somebody of an account signed in on the web, or that an administrator pinned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownAddress {
    /// Whose sign-ins may come from there.
    pub account: AccountId,
    /// The address; of IPv6 the first of its /64.
    pub address: IpAddr,
    /// When somebody last signed in on the web there; none where it was only pinned.
    pub seen: Option<Timestamp>,
    /// What the browser called itself.
    pub agent: String,
    /// Since when it counts for good.
    pub pinned: Option<Timestamp>,
}

store::tables! {
    /// Address rules.
    AddressRules = "address-rules": Whose => AddressRule;
    /// Addresses, by account; IPv4 as IPv6 maps it.
    KnownAddresses = "known-addresses": (AccountId, [u8; 16]) => KnownAddress;
}

impl Identity {
    /// Sets or takes away a rule. Live sessions that do not meet it end.
    pub async fn set_address_rule(
        &self,
        actor: &Actor,
        whose: Whose,
        rule: Option<AddressRule>,
    ) -> Result<(), IdentityError> {
        if let Some(rule) = &rule {
            let times = rule.within.is_none_or(|within| (SHORTEST..=LONGEST).contains(&within));
            if !times {
                return Err(IdentityError::Lifetime("one minute and 30 days"));
            }
            if rule.networks.len() > MOST_NETWORKS {
                return Err(IdentityError::TooMany { what: "networks", limit: MOST_NETWORKS });
            }
            if rule.within.is_none() && rule.networks.is_empty() {
                return Err(IdentityError::EmptyRule);
            }
        }
        let detail = rule.as_ref().map_or_else(|| "none".to_owned(), ToString::to_string);
        let set = move |state: &mut Change<'_>| {
            let name = match whose {
                Whose::Appliance => None,
                Whose::Group(id) => Some(name_of(state, Member::Group(id))?),
                Whose::Account(id) => Some(name_of(state, Member::Account(id))?),
            };
            match &rule {
                Some(rule) => state.put::<AddressRules>(&whose, rule)?,
                None => state.remove::<AddressRules>(&whose)?,
            }
            Ok(name)
        };
        let entry = |name: &Option<Name>| {
            let subject = name.as_ref().map_or("the whole appliance", Name::as_str);
            Entry::new(actor.clone(), "address-rule.set").subject(subject).detail("rule", &detail)
        };
        self.change(set, entry).await?;
        self.publish(Event::AddressesChanged);
        Ok(())
    }

    /// Every rule.
    pub fn address_rules(&self) -> Result<Vec<(Whose, AddressRule)>, IdentityError> {
        Ok(self.inner.store.scan::<AddressRules>()?)
    }

    /// The addresses of an account that are kept, the one seen last first.
    pub fn known_addresses(&self, account: AccountId) -> Result<Vec<KnownAddress>, IdentityError> {
        let known = self.inner.store.scan_prefix::<KnownAddresses>(&prefix(&account))?;
        let mut known: Vec<KnownAddress> = known.into_iter().map(|(_, known)| known).collect();
        known.sort_by_key(|known| (std::cmp::Reverse(known.seen), known.address));
        Ok(known)
    }

    /// Pins an address: it counts until it is removed, whether somebody signed in there or not.
    pub async fn pin_address(&self, actor: &Actor, account: AccountId, address: IpAddr) -> Result<(), IdentityError> {
        let (now, address) = (self.inner.clock.now(), origin(address));
        let pin = move |state: &mut Change<'_>| {
            let name = name_of(state, Member::Account(account))?;
            let key = (account, bytes(address));
            let known = state.read::<KnownAddresses>(&key)?;
            let fresh = KnownAddress { account, address, seen: None, agent: String::new(), pinned: None };
            let known = KnownAddress { pinned: Some(now), ..known.unwrap_or(fresh) };
            state.put::<KnownAddresses>(&key, &known)?;
            Ok(name)
        };
        self.change(pin, about(actor, "address.pin", address)).await?;
        self.publish(Event::AddressesChanged);
        Ok(())
    }

    /// Removes an address, pinned or not. Live sessions that were let in for it end.
    pub async fn remove_address(
        &self,
        actor: &Actor,
        account: AccountId,
        address: IpAddr,
    ) -> Result<(), IdentityError> {
        let address = origin(address);
        let remove = move |state: &mut Change<'_>| {
            let name = name_of(state, Member::Account(account))?;
            let key = (account, bytes(address));
            let gone = || IdentityError::NoSuch { kind: "address of this account", name: address.to_string() };
            state.read::<KnownAddresses>(&key)?.ok_or_else(gone)?;
            state.remove::<KnownAddresses>(&key)?;
            Ok(name)
        };
        self.change(remove, about(actor, "address.remove", address)).await?;
        self.publish(Event::AddressesChanged);
        Ok(())
    }

    /// Whether a gateway sign-in of this account from `peer` met the rules at `then`.
    pub(super) fn may_come_from(
        &self,
        account: AccountId,
        groups: &[GroupId],
        peer: IpAddr,
        then: Timestamp,
    ) -> Result<bool, StoreError> {
        let store = &self.inner.store;
        let mut rules: Vec<AddressRule> = store.read::<AddressRules>(&Whose::Account(account))?.into_iter().collect();
        if rules.is_empty() {
            for group in groups {
                rules.extend(store.read::<AddressRules>(&Whose::Group(*group))?);
            }
        }
        if rules.is_empty() {
            rules.extend(store.read::<AddressRules>(&Whose::Appliance)?);
        }
        if rules.is_empty() {
            return Ok(true);
        }
        let known = store.read::<KnownAddresses>(&(account, bytes(origin(peer))))?;
        Ok(rules.iter().all(|rule| rule.is_met(peer.to_canonical(), known.as_ref(), then)))
    }
}

impl AddressRule {
    fn is_met(&self, peer: IpAddr, known: Option<&KnownAddress>, then: Timestamp) -> bool {
        let seen = |known: &KnownAddress| {
            let within = self.within.zip(known.seen);
            known.pinned.is_some() || within.is_some_and(|(within, seen)| then.since(seen) <= within)
        };
        self.networks.iter().any(|network| network.contains(peer)) || known.is_some_and(seen)
    }
}

impl std::fmt::Display for AddressRule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut parts: Vec<String> = self.networks.iter().map(ToString::to_string).collect();
        parts.extend(self.within.map(|within| format!("signed in on the web within {} s", within.as_secs())));
        f.write_str(&parts.join(", "))
    }
}

/// Keeps an address within the change that begins a web session. What nobody used for long, and what is too much, goes.
pub(super) fn note(
    state: &mut Change<'_>,
    account: AccountId,
    peer: IpAddr,
    agent: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    let address = origin(peer);
    let mut others: Vec<_> = state.scan_prefix::<KnownAddresses>(&prefix(&account))?;
    others.retain(|(_, known)| known.pinned.is_none() && known.address != address);
    others.sort_by_key(|(_, known)| std::cmp::Reverse(known.seen));
    for (at, (key, known)) in others.iter().enumerate() {
        let old = known.seen.is_none_or(|seen| now.since(seen) > KEPT);
        if old || at + 1 >= MOST_ADDRESSES {
            state.remove::<KnownAddresses>(key)?;
        }
    }
    let key = (account, bytes(address));
    let pinned = state.read::<KnownAddresses>(&key)?.and_then(|known| known.pinned);
    state.put::<KnownAddresses>(
        &key,
        &KnownAddress { account, address, seen: Some(now), agent: agent.to_owned(), pinned },
    )
}

/// Removes what is kept of a removed account.
pub(super) fn forget(state: &mut Change<'_>, account: AccountId) -> Result<(), StoreError> {
    state.remove::<AddressRules>(&Whose::Account(account))?;
    for (key, _) in state.scan_prefix::<KnownAddresses>(&prefix(&account))? {
        state.remove::<KnownAddresses>(&key)?;
    }
    Ok(())
}

/// Removes the rule of a removed group.
pub(super) fn forget_group(state: &mut Change<'_>, group: GroupId) -> Result<(), StoreError> {
    state.remove::<AddressRules>(&Whose::Group(group))
}

fn about(actor: &Actor, action: &'static str, address: IpAddr) -> impl Fn(&Name) -> Entry {
    move |name| Entry::new(actor.clone(), action).subject(name.as_str()).detail("address", address)
}

fn bytes(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
        IpAddr::V6(v6) => Ipv6Addr::octets(&v6),
    }
}

impl Key for Whose {
    fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Appliance => b"*".to_vec(),
            Self::Account(id) => [b"a", id.as_bytes().as_slice()].concat(),
            Self::Group(id) => [b"g", id.as_bytes().as_slice()].concat(),
        }
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        match bytes.split_first()? {
            (b'*', []) => Some(Self::Appliance),
            (b'a', id) => Some(Self::Account(AccountId::from_bytes(id.try_into().ok()?))),
            (b'g', id) => Some(Self::Group(GroupId::from_bytes(id.try_into().ok()?))),
            _ => None,
        }
    }
}

const SHORTEST: Duration = Duration::from_secs(60);
const LONGEST: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// How long an address is kept that nobody signs in from: longer than any rule's time and than most sessions.
const KEPT: Duration = Duration::from_secs(60 * 24 * 60 * 60);
const MOST_ADDRESSES: usize = 100;
pub(super) const MOST_NETWORKS: usize = 32;

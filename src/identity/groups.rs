//! Groups: accounts and groups that get grants together. Nested as deep as one likes, never in a circle.

use std::collections::BTreeSet;

use super::error::IdentityError;
use super::records::{Accounts, Group, GroupNames, Groups, Member, Members, Memberships};
use super::{Identity, addresses, factors};
use crate::audit::{Actor, Entry};
use crate::domain::{AccountId, Event, GroupId, Name};
use crate::store::{Change, StoreError, prefix};

impl Identity {
    /// Makes a group.
    pub async fn add_group(&self, actor: &Actor, name: Name) -> Result<Group, IdentityError> {
        let group = Group { id: GroupId::random(), name, created: self.inner.clock.now() };
        let insert = move |state: &mut Change<'_>| {
            if state.read::<GroupNames>(&group.name.folded())?.is_some() {
                return Err(IdentityError::NameTaken(group.name.to_string()));
            }
            state.put::<GroupNames>(&group.name.folded(), &group.id)?;
            state.put::<Groups>(&group.id, &group)?;
            Ok(group.clone())
        };
        let entry = |group: &Group| Entry::new(actor.clone(), "group.add").subject(group.name.as_str());
        self.change(insert, entry).await
    }

    /// Every group, by name.
    pub fn groups(&self) -> Result<Vec<Group>, IdentityError> {
        let mut groups: Vec<Group> = self.inner.store.scan::<Groups>()?.into_iter().map(|(_, g)| g).collect();
        groups.sort_by_key(|group| group.name.folded());
        Ok(groups)
    }

    /// The group with this id, if it is there.
    pub fn group_by_id(&self, id: GroupId) -> Result<Option<Group>, IdentityError> {
        Ok(self.inner.store.read::<Groups>(&id)?)
    }

    /// The group with this name or id.
    pub fn group(&self, name_or_id: &str) -> Result<Group, IdentityError> {
        let id = self.inner.store.read::<GroupNames>(&crate::domain::name::fold(name_or_id))?;
        let found = match id.or_else(|| name_or_id.parse().ok()) {
            Some(id) => self.group_by_id(id)?,
            None => None,
        };
        found.ok_or_else(|| IdentityError::NoSuch { kind: "group", name: name_or_id.to_owned() })
    }

    /// What is directly in a group.
    pub fn members(&self, group: GroupId) -> Result<Vec<Member>, IdentityError> {
        let members = self.inner.store.scan_prefix::<Members>(&prefix(&group))?;
        Ok(members.into_iter().map(|((_, member), _)| member).collect())
    }

    /// Every group that an account is in, directly or through other groups.
    pub fn groups_of(&self, account: AccountId) -> Result<Vec<GroupId>, StoreError> {
        let direct = |member| groups_with(self.inner.store.scan_prefix::<Memberships>(&prefix(&member))?);
        Ok(reachable(Member::Account(account), direct)?.into_iter().collect())
    }

    /// Puts an account or a group into a group.
    pub async fn add_member(&self, actor: &Actor, group: GroupId, member: Member) -> Result<(), IdentityError> {
        let now = self.inner.clock.now();
        let add = move |state: &mut Change<'_>| {
            let names = names_of(state, group, member)?;
            if state.read::<Members>(&(group, member))?.is_some() {
                return Err(IdentityError::Membership { is_member: true });
            }
            if let Member::Group(inner) = member {
                let direct = |member| groups_with(state.scan_prefix::<Memberships>(&prefix(&member))?);
                if inner == group || reachable(Member::Group(group), direct)?.contains(&inner) {
                    return Err(IdentityError::Cycle);
                }
            }
            state.put::<Members>(&(group, member), &now)?;
            state.put::<Memberships>(&(member, group), &now)?;
            Ok(names)
        };
        self.change(add, membership_entry(actor, "group.add-member")).await?;
        self.publish(Event::GroupChanged(group));
        Ok(())
    }

    /// Takes an account or a group out of a group.
    pub async fn remove_member(&self, actor: &Actor, group: GroupId, member: Member) -> Result<(), IdentityError> {
        let remove = move |state: &mut Change<'_>| {
            let names = names_of(state, group, member)?;
            if state.read::<Members>(&(group, member))?.is_none() {
                return Err(IdentityError::Membership { is_member: false });
            }
            state.remove::<Members>(&(group, member))?;
            state.remove::<Memberships>(&(member, group))?;
            Ok(names)
        };
        self.change(remove, membership_entry(actor, "group.remove-member")).await?;
        self.publish(Event::GroupChanged(group));
        Ok(())
    }

    /// Removes a group; its members stay, and lose what they had through it.
    pub async fn remove_group(&self, actor: &Actor, id: GroupId) -> Result<Group, IdentityError> {
        let remove = move |state: &mut Change<'_>| {
            let group = state.read::<Groups>(&id)?.ok_or_else(|| no_such(id))?;
            for ((_, member), _) in state.scan_prefix::<Members>(&prefix(&id))? {
                state.remove::<Members>(&(id, member))?;
                state.remove::<Memberships>(&(member, id))?;
            }
            let member = Member::Group(id);
            factors::forget_rule(state, member)?;
            addresses::forget_group(state, id)?;
            for ((_, outer), _) in state.scan_prefix::<Memberships>(&prefix(&member))? {
                state.remove::<Memberships>(&(member, outer))?;
                state.remove::<Members>(&(outer, member))?;
            }
            state.remove::<GroupNames>(&group.name.folded())?;
            state.remove::<Groups>(&id)?;
            Ok(group)
        };
        let entry = |group: &Group| Entry::new(actor.clone(), "group.remove").subject(group.name.as_str());
        let group: Group = self.change(remove, entry).await?;
        self.publish(Event::GroupRemoved(id));
        Ok(group)
    }
}

/// Every group above `start`, found by asking for the groups directly above.
fn reachable(
    start: Member,
    direct: impl Fn(Member) -> Result<Vec<GroupId>, StoreError>,
) -> Result<BTreeSet<GroupId>, StoreError> {
    let (mut found, mut to_visit) = (BTreeSet::new(), vec![start]);
    while let Some(member) = to_visit.pop() {
        for group in direct(member)? {
            if found.insert(group) {
                to_visit.push(Member::Group(group));
            }
        }
    }
    Ok(found)
}

fn groups_with<V>(memberships: Vec<((Member, GroupId), V)>) -> Result<Vec<GroupId>, StoreError> {
    Ok(memberships.into_iter().map(|((_, group), _)| group).collect())
}

/// The names of the group and the member, if both are there.
fn names_of(state: &Change<'_>, group: GroupId, member: Member) -> Result<(Name, Name), IdentityError> {
    Ok((name_of(state, Member::Group(group))?, name_of(state, member)?))
}

/// The name of an account or a group, if it is there.
pub(super) fn name_of(state: &Change<'_>, member: Member) -> Result<Name, IdentityError> {
    match member {
        Member::Group(id) => Ok(state.read::<Groups>(&id)?.ok_or_else(|| no_such(id))?.name),
        Member::Account(id) => {
            let account = state.read::<Accounts>(&id)?;
            Ok(account.ok_or_else(|| IdentityError::NoSuch { kind: "account", name: id.to_string() })?.name)
        }
    }
}

fn membership_entry(actor: &Actor, action: &'static str) -> impl Fn(&(Name, Name)) -> Entry {
    move |(group, member)| Entry::new(actor.clone(), action).subject(group.as_str()).detail("member", member.as_str())
}

fn no_such(id: GroupId) -> IdentityError {
    IdentityError::NoSuch { kind: "group", name: id.to_string() }
}

//! Whether what was signed in still holds.

use super::Identity;
use super::records::{Accounts, Devices, Passes, Tokens};
use crate::domain::{Credential, Principal};
use crate::store::StoreError;

impl Identity {
    /// Whether everything that the principal was signed in with still holds: the account as it was, the credential, and
    /// each group that it was in. Cheap; a state that cannot be read is no.
    pub fn still_valid(&self, principal: &Principal) -> bool {
        self.current(principal).is_some_and(|now| principal.groups.iter().all(|group| now.groups.contains(group)))
    }

    /// The principal as it is now, with the groups and the default database of today; none when its account, its
    /// credential or its time is over. For whoever wants a session to go on when a group is left that its grant does
    /// not come from.
    pub fn current(&self, principal: &Principal) -> Option<Principal> {
        let found = self.re_read(principal);
        found.unwrap_or_else(|error| {
            tracing::error!(%error, "a signed-in account could not be checked; it counts as gone");
            None
        })
    }

    fn re_read(&self, principal: &Principal) -> Result<Option<Principal>, StoreError> {
        let (store, now) = (&self.inner.store, self.inner.clock.now());
        let Some(account) = store.read::<Accounts>(&principal.account)? else { return Ok(None) };
        let in_time = principal.expires.is_none_or(|expires| now < expires);
        if !account.enabled || account.generation != principal.generation || !in_time {
            return Ok(None);
        }
        let from_there = |id| {
            let device = store.read::<Devices>(&id)?;
            Ok::<_, StoreError>(device.is_some_and(|device| device.may_come_from(principal.peer)))
        };
        let credential_holds = match principal.credential {
            Credential::Password => true,
            Credential::Pass(id) => match store.read::<Passes>(&id)? {
                Some(pass) => pass.device.map_or(Ok(true), from_there)?,
                None => false,
            },
            Credential::Device(id) => from_there(id)?,
            Credential::Program(id) => self.live_program(&account, id)?.is_some(),
            Credential::Token(id) => store.read::<Tokens>(&id)?.is_some(),
            Credential::Web(id) => self.live_web_session(&account, id)?.is_some(),
        };
        if !credential_holds {
            return Ok(None);
        }
        let groups = self.groups_of(principal.account)?;
        let at_gateway = !matches!(principal.credential, Credential::Web(_));
        if at_gateway && !self.may_come_from(principal.account, &groups, principal.peer, principal.signed_in)? {
            return Ok(None);
        }
        let (role, default_database) = (account.role, account.default_database);
        Ok(Some(Principal { role, default_database, groups, name: account.name, ..principal.clone() }))
    }
}

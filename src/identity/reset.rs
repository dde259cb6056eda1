//! A new password: chosen by its owner, who knows the old one, or by whoever has a link that an administrator made or that was mailed
//! (`forgotten`).
//!
//! Neither is a way around the second factor: a link sets the password and signs nobody in.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::accounts::active;
use super::error::{IdentityError, PasswordChangeError};
use super::forgotten::{Request, Requests};
use super::generated::Kind;
use super::oauth;
use super::records::{Account, Accounts, SecretHash};
use super::web::{self, Begun, Origin, Visit, WebSession};
use super::{Alteration, Identity};
use crate::audit::{Actor, Entry, Outcome};
use crate::domain::{AccountId, Event, MailId, Name, Secret, Side, Timestamp};
use crate::store::{self, Change, Sealed, StoreError};

/// A link, as it is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ResetLink {
    account: AccountId,
    /// The account's generation then: whatever changes the account makes the link void.
    generation: u64,
    expires: Timestamp,
    /// Whether it was asked for by somebody who had not signed in, and sent by mail.
    #[serde(default)]
    mailed: bool,
}

store::tables! {
    /// Links that set a password, by their keyed hash.
    ResetLinks = "reset-links": SecretHash => ResetLink;
}

impl Identity {
    /// Changes the person's own password. Everything else that the account has signed in ends; this session goes on, under
    /// the cookie in the answer.
    pub async fn change_password(
        &self,
        visit: &Visit,
        old: &Secret,
        new: Secret,
        origin: &Origin,
    ) -> Result<Begun, PasswordChangeError> {
        let name = visit.principal.name.clone();
        let known = self.web_password(name.as_str(), old, origin).await;
        if let Err(error) = &known {
            self.record_refused(name.as_str(), error, origin).await?;
        }
        let known = known?;
        let record = self.hashed(new, &name).await?;
        let opening = self.opening(origin).map_err(IdentityError::from)?;
        let (key, hash, now) = ((known.id, visit.session.id), opening.hash(), self.inner.clock.now());
        let change = move |state: &mut Change<'_>| {
            let account = state.read::<Accounts>(&key.0)?.filter(|account| account.generation == known.generation);
            let mut account = account.ok_or(IdentityError::NotActive)?;
            let session = web::kept(state, key)?.ok_or(IdentityError::NotActive)?;
            Alteration::Password(record.clone()).apply(&mut account, now);
            state.put::<Accounts>(&account.id, &account)?;
            web::end_all(state, account.id)?;
            oauth::forget(state, account.id)?;
            web::go_on(state, session, &account, hash, now).map_err(IdentityError::from)
        };
        let entry = |session: &WebSession| {
            let entry = Entry::new(visit.actor(), "account.password").subject(name.as_str());
            entry.peer(origin.peer).detail("web_session", session.id)
        };
        let session: WebSession = self.change(change, entry).await?;
        self.inner.memory.forget(session.account);
        self.publish(Event::AccountChanged(session.account));
        Ok(Begun { cookie: opening.secret, session })
    }

    /// Makes a link by which whoever has it chooses the account's password, within the hour and once. A former link of the account
    /// counts no more.
    pub async fn issue_reset_link(
        &self,
        actor: &Actor,
        account: AccountId,
    ) -> Result<(Secret, Timestamp), IdentityError> {
        let secret = Kind::ResetLink.generate()?;
        let (now, hash) = (self.inner.clock.now(), self.secret_hash(Kind::ResetLink, &secret));
        let expires = now.after(LINK_LIFE);
        let issue = move |state: &mut Change<'_>| {
            let owner = active(state, account, now)?;
            forget(state, account, now)?;
            state.put::<ResetLinks>(
                &hash,
                &ResetLink { account, generation: owner.generation, expires, mailed: false },
            )?;
            Ok(owner.name)
        };
        let entry = |name: &Name| {
            Entry::new(actor.clone(), "account.reset-link").subject(name.as_str()).detail("expires", expires)
        };
        self.change(issue, entry).await?;
        Ok((secret, expires))
    }

    /// Makes the link of a request for this account, to be sent to its mail address, and puts it down with the request. Former links go on
    /// counting, unlike with those of administrators: anybody can ask, and must not be able to spoil what somebody else has in hand. So there
    /// are few of them.
    pub(super) async fn issue_mailed_link(
        &self,
        claimed: &Actor,
        account: AccountId,
        id: MailId,
        request: &Request,
    ) -> Result<MailedLink, IdentityError> {
        let secret = Kind::ResetLink.generate()?;
        let (now, hash) = (self.inner.clock.now(), self.secret_hash(Kind::ResetLink, &secret));
        let secret = self.inner.store.seal(SEALED_FOR, &secret)?;
        let (expires, origin, request) = (request.ends(), request.origin(), request.clone());
        let issue = move |state: &mut Change<'_>| {
            let owner = active(state, account, now)?;
            if expires <= now {
                return Err(IdentityError::NotByMail("its hour was over before it was looked at"));
            }
            if owner.mail.is_none() {
                return Err(IdentityError::NotByMail("the account has no mail address"));
            }
            if owner.password.is_none() {
                // It signs in by passes, devices and tokens: mail is not to open another way.
                return Err(IdentityError::NotByMail("the account has no password"));
            }
            let mut mailed = 0;
            for (former, link) in state.scan::<ResetLinks>()? {
                if link.expires <= now {
                    state.remove::<ResetLinks>(&former)?;
                } else if link.mailed && link.account == account {
                    mailed += 1;
                }
            }
            if mailed >= MOST_MAILED {
                return Err(IdentityError::NotByMail("enough were sent within the hour"));
            }
            let link = ResetLink { account, generation: owner.generation, expires, mailed: true };
            state.put::<ResetLinks>(&hash, &link)?;
            let link = MailedLink { hash, secret: secret.clone(), owner: owner.name };
            state.put::<Requests>(&id, &request.clone().with(link.clone()))?;
            Ok(link)
        };
        let entry = |link: &MailedLink| {
            let entry = Entry::new(claimed.clone(), "account.reset-mail").subject(link.owner.as_str());
            entry.peer(origin.peer).detail("expires", expires).detail("agent", &origin.agent)
        };
        self.change(issue, entry).await
    }

    /// What a link that is to be mailed ends with.
    pub(super) fn secret_of(&self, link: &MailedLink) -> Result<Secret, StoreError> {
        self.inner.store.unseal(SEALED_FOR, &link.secret)
    }

    /// Whose password a link that is to be mailed sets; nobody's when it counts no more.
    pub(super) fn owner_of(&self, link: &MailedLink) -> Result<Option<Account>, StoreError> {
        self.of_hash(&link.hash)
    }

    /// Takes a link back that could not be sent, with its request, and records why.
    pub(super) async fn withdraw_mailed_link(
        &self,
        id: MailId,
        link: &MailedLink,
        reason: &str,
        side: Side,
    ) -> Result<(), IdentityError> {
        let entry = Entry::new(Actor::Appliance, "account.reset-mail").subject(link.owner.as_str());
        // By itself and not with the change: the ledger's entries are of what was done.
        self.inner.audit.record(entry.outcome(Outcome::Failed).reason(reason).side(side)).await?;
        let hash = link.hash;
        let withdraw = move |state: &mut Change<'_>| {
            state.remove::<ResetLinks>(&hash)?;
            state.remove::<Requests>(&id)
        };
        Ok(self.inner.store.change(withdraw).await?)
    }

    /// Whose password a link sets, told to who opens it. One that counts no more is written down here as it is where it is used.
    pub async fn reset_link(&self, link: &Secret, origin: &Origin) -> Result<Name, IdentityError> {
        match self.of_link(link)? {
            Some((_, account)) => Ok(account.name),
            None => self.no_link(origin).await,
        }
    }

    async fn no_link<T>(&self, origin: &Origin) -> Result<T, IdentityError> {
        let entry = Entry::new(Actor::Anonymous { claimed: None }, "account.password-reset").outcome(Outcome::Refused);
        let entry = entry.reason("no such link, or one that counts no more").side(Side::Workstation);
        self.record_bounded(entry.peer(origin.peer).detail("agent", &origin.agent), true, origin.peer).await?;
        Err(IdentityError::NoLink)
    }

    /// Sets the password by a link, which counts no more then. Everything that the account has signed in ends. Nobody is signed in.
    pub async fn reset_password(&self, link: &Secret, new: Secret, origin: &Origin) -> Result<Name, IdentityError> {
        let Some((hash, account)) = self.of_link(link)? else { return self.no_link(origin).await };
        let record = self.hashed(new, &account.name).await?;
        let (id, generation, now) = (account.id, account.generation, self.inner.clock.now());
        let reset = move |state: &mut Change<'_>| {
            if state.read::<ResetLinks>(&hash)?.is_none() {
                return Err(IdentityError::NoLink);
            }
            let account = state.read::<Accounts>(&id)?.filter(|account| account.generation == generation);
            let mut account = account.ok_or(IdentityError::NoLink)?;
            forget(state, id, now)?;
            Alteration::Password(record.clone()).apply(&mut account, now);
            state.put::<Accounts>(&id, &account)?;
            web::end_all(state, id)?;
            oauth::forget(state, id)?;
            Ok(account.name)
        };
        let entry = |name: &Name| {
            let actor = Actor::Anonymous { claimed: Some(name.to_string()) };
            Entry::new(actor, "account.password-reset").subject(name.as_str()).peer(origin.peer)
        };
        let name: Name = match self.change(reset, entry).await {
            Err(IdentityError::NoLink) => return self.no_link(origin).await,
            done => done?,
        };
        self.inner.memory.forget(id);
        self.publish(Event::AccountChanged(id));
        Ok(name)
    }

    fn of_link(&self, link: &Secret) -> Result<Option<(SecretHash, Account)>, StoreError> {
        if Kind::of(link.expose()) != Some(Kind::ResetLink) {
            return Ok(None);
        }
        let hash = self.secret_hash(Kind::ResetLink, link);
        Ok(self.of_hash(&hash)?.map(|account| (hash, account)))
    }

    fn of_hash(&self, hash: &SecretHash) -> Result<Option<Account>, StoreError> {
        let (store, now) = (&self.inner.store, self.inner.clock.now());
        let Some(kept) = store.read::<ResetLinks>(hash)?.filter(|kept| now < kept.expires) else { return Ok(None) };
        let account = store.read::<Accounts>(&kept.account)?;
        Ok(account.filter(|account| account.generation == kept.generation && !account.has_ended(now)))
    }
}

/// A link that is to be sent by mail, as it is kept until then.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct MailedLink {
    hash: SecretHash,
    secret: Sealed,
    /// The account's name.
    pub(super) owner: Name,
}

/// Removes the links of an account, and those of anybody that are past their time.
pub(super) fn forget(state: &mut Change<'_>, account: AccountId, now: Timestamp) -> Result<(), StoreError> {
    for (hash, link) in state.scan::<ResetLinks>()? {
        if link.account == account || link.expires <= now {
            state.remove::<ResetLinks>(&hash)?;
        }
    }
    Ok(())
}

/// How long a link counts.
pub(super) const LINK_LIFE: Duration = Duration::from_secs(60 * 60);
/// Links of one account that were sent by mail and count: nobody's mailbox is filled by others.
const MOST_MAILED: usize = 3;
const SEALED_FOR: &str = "identity.reset-mail";

//! The token endpoint: codes and device codes exchanged, access refreshed, tokens revoked and looked at.

use std::sync::PoisonError;
use std::time::Duration;

use super::codes::{Bound, Consent, Taken};
use super::dpop::Thumbprint;
use super::error::OAuthError;
use super::flows::Told;
use super::programs::{self, AccessTokens, Families, Fresh, Program, Programs};
use super::rotation::{Standing, rotate};
use crate::audit::{Actor, Entry, Outcome};
use crate::domain::{AccountId, Event, Name, ProgramId, Scopes, Secret, Timestamp};
use crate::identity::generated::{self, Kind};
use crate::identity::records::Accounts;
use crate::identity::web::Origin;
use crate::identity::{Identity, IdentityError};
use crate::store::Change;

/// The answer of the token endpoint. Its secrets are told nowhere else.
#[derive(Debug, Clone)]
pub struct Issued {
    /// The access token.
    pub access: Secret,
    /// For how long it counts.
    pub expires_in: Duration,
    /// The refresh token; each use gives another one.
    pub refresh: Secret,
    /// What they are for.
    pub scopes: Scopes,
    /// The program that has them.
    pub program: ProgramId,
    /// For whom it acts.
    pub account: AccountId,
}

/// What a token is (RFC 7662).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Introspection {
    /// The account's name.
    pub username: Name,
    /// The account's id.
    pub account: AccountId,
    /// The client; none for an API token.
    pub client: Option<String>,
    /// What it is for.
    pub scopes: Scopes,
    /// When it ends, where that is known.
    pub expires: Option<Timestamp>,
    /// `access_token` or `refresh_token`.
    pub token_type: &'static str,
}

/// What came of a refresh.
enum Refreshed {
    /// The tokens; whether they were given for this one before, and did not arrive.
    Given(Box<Program>, Standing),
    /// The token was used before, or the program may go on no more: it was put out.
    PutOut(Box<Program>, &'static str),
}

impl Identity {
    /// Exchanges an authorisation code (`grant_type=authorization_code`). Whoever presents it uses it up; one that is
    /// presented again puts the program out that it let in. The program is bound to `key`, where it has shown one.
    pub async fn exchange_code(
        &self,
        client_id: &str,
        code: &Secret,
        redirect_uri: &str,
        verifier: &str,
        key: Option<Thumbprint>,
        origin: &Origin,
    ) -> Result<Issued, OAuthError> {
        let client = self.client(client_id)?;
        let hash = programs::hash(self, Kind::Code, code);
        let taken = {
            let now = self.inner.clock.monotonic();
            self.inner.oauth.codes.lock().unwrap_or_else(PoisonError::into_inner).take(hash, now)
        };
        let bound = match taken {
            Taken::Once(bound) => bound,
            Taken::Again(account, program) => {
                self.put_out(account, program, origin).await?;
                return Err(OAuthError::InvalidGrant);
            }
            Taken::No => return self.refused(client_id, "no such code, or one past its minute", origin).await,
        };
        let Bound { consent, redirect_uri: promised, challenge } = *bound;
        if consent.client != client.id || promised != redirect_uri || !challenge.is_met_by(verifier) {
            return self.refused(client_id, "the code is bound to another client, address or verifier", origin).await;
        }
        let Some(account) = self.account_by_id(consent.account)? else {
            return self.refused(client_id, "the account that gave the code is gone", origin).await;
        };
        if self.live_web_session(&account, consent.session)?.is_none() {
            return self.refused(client_id, "the session that the code was given in is over", origin).await;
        }
        let issued = self.let_in(&consent, &client.name, key, origin).await?;
        let again = self.inner.oauth.codes.lock().unwrap_or_else(PoisonError::into_inner).was_presented_again(hash);
        if again {
            // Somebody else presented it while the program was being let in, and found nothing to put out yet.
            self.put_out(issued.account, issued.program, origin).await?;
            return Err(OAuthError::InvalidGrant);
        }
        Ok(issued)
    }

    /// Asks whether a device was let in (`urn:ietf:params:oauth:grant-type:device_code`). The program is bound to `key`, where it
    /// has shown one.
    pub async fn exchange_device_code(
        &self,
        client_id: &str,
        device_code: &Secret,
        key: Option<Thumbprint>,
        origin: &Origin,
    ) -> Result<Issued, OAuthError> {
        let client = self.client(client_id)?;
        let hash = programs::hash(self, Kind::DeviceCode, device_code);
        let told = {
            let now = self.inner.clock.monotonic();
            self.inner.oauth.flows.lock().unwrap_or_else(PoisonError::into_inner).ask(hash, &client.id, now)
        };
        match told {
            Told::Pending => Err(OAuthError::AuthorizationPending),
            Told::SlowDown => Err(OAuthError::SlowDown),
            Told::Denied => Err(OAuthError::AccessDenied),
            Told::Expired => Err(OAuthError::ExpiredToken),
            Told::Unknown => self.refused(client_id, "no such device code, or one that was used", origin).await,
            Told::Granted(consent) => self.let_in(&consent, &client.name, key, origin).await,
        }
    }

    /// Refreshes a program's access (`grant_type=refresh_token`). The refresh token in the answer takes the place of this
    /// one as soon as something of the answer is used; one that is used again from then on puts the program out. One that is
    /// bound to a key counts with that key alone; whoever comes without it has copied it, and changes nothing for who has both.
    pub async fn refresh(
        &self,
        client_id: &str,
        token: &Secret,
        key: Option<Thumbprint>,
        origin: &Origin,
    ) -> Result<Issued, OAuthError> {
        self.client(client_id)?;
        if Kind::of(token.expose()) != Some(Kind::Refresh) {
            return self.refused(client_id, "not a refresh token", origin).await;
        }
        let family = programs::family_hash(self, token);
        let Some((account, id)) = self.inner.store.read::<Families>(&family)? else {
            return self.refused(client_id, "no such refresh token", origin).await;
        };
        let bound = self.inner.store.read::<Programs>(&(account, id))?.and_then(|program| program.key);
        if bound.is_some() && bound != key {
            return self.refused(client_id, "the refresh token is bound to a key that was not shown", origin).await;
        }
        let refresh = generated::refresh_after(token).map_err(IdentityError::from)?;
        let access = Kind::Access.generate().map_err(IdentityError::from)?;
        let fresh = self.fresh(&refresh, &access);
        let (presented, key) = (programs::hash(self, Kind::Refresh, token), (account, id));
        let (client, origin_kept, idle_limit) = (client_id.to_owned(), origin.clone(), self.inner.oauth.idle_limit);
        let refresh_access = move |state: &mut Change<'_>| {
            let gone = || IdentityError::NoSuch { kind: "program", name: id.to_string() };
            let mut program = state.read::<Programs>(&key)?.ok_or_else(gone)?;
            let owner = state.read::<Accounts>(&account)?;
            let holds = owner.is_some_and(|owner| {
                owner.enabled && !owner.has_ended(fresh.now) && owner.generation == program.generation
            });
            let standing = program.standing(presented, fresh.now);
            let why = if standing == Standing::Over {
                Some("a refresh token was used twice")
            } else if program.client != client {
                Some("another client")
            } else if fresh.now.since(program.used) >= idle_limit {
                Some("it was not used for too long")
            } else if !holds {
                Some("the account has changed")
            } else {
                None
            };
            if let Some(why) = why {
                programs::remove(state, &program)?;
                return Ok(Refreshed::PutOut(Box::new(program), why));
            }
            (program.peer, program.agent) = (origin_kept.peer, origin_kept.agent.clone());
            rotate(state, &mut program, presented, fresh)?;
            Ok(Refreshed::Given(Box::new(program), standing))
        };
        let peer = origin.peer;
        let entry = |refreshed: &Refreshed| match refreshed {
            Refreshed::Given(program, standing) => {
                let entry = programs::about(Actor::Appliance, "program.refresh", program).peer(peer);
                if *standing == Standing::Again {
                    entry.detail("again", "the answer before was not used")
                } else {
                    entry
                }
            }
            Refreshed::PutOut(program, why) => {
                programs::about(Actor::Appliance, "program.put-out", program).peer(peer).reason(why)
            }
        };
        match self.change(refresh_access, entry).await? {
            Refreshed::Given(program, _) => Ok(issued(access, refresh, &program)),
            Refreshed::PutOut(program, _) => {
                self.publish(Event::ProgramRevoked(program.id));
                Err(OAuthError::InvalidGrant)
            }
        }
    }

    /// Revokes a token (RFC 7009): a refresh token puts its program out, an access token ends alone. What is unknown counts no
    /// more either, so this says nothing of it.
    pub async fn revoke_oauth_token(&self, client_id: &str, token: &Secret) -> Result<(), OAuthError> {
        let client = self.client(client_id)?.id;
        match Kind::of(token.expose()) {
            Some(Kind::Refresh) => {
                let family = programs::family_hash(self, token);
                let Some((account, id)) = self.inner.store.read::<Families>(&family)? else { return Ok(()) };
                let program = self.inner.store.read::<Programs>(&(account, id))?;
                if program.is_some_and(|program| program.client == client) {
                    match self.revoke_program(&Actor::Appliance, account, id).await {
                        Err(IdentityError::NoSuch { .. }) | Ok(_) => {}
                        Err(error) => return Err(error.into()),
                    }
                }
                Ok(())
            }
            Some(Kind::Access) => {
                let hash = programs::hash(self, Kind::Access, token);
                let revoke = move |state: &mut Change<'_>| {
                    let Some(access) = state.read::<AccessTokens>(&hash)? else { return Ok(None) };
                    let program = state.read::<Programs>(&(access.account, access.program))?;
                    let program = program.filter(|program| program.client == client);
                    if program.is_some() {
                        state.remove::<AccessTokens>(&hash)?;
                    }
                    Ok::<_, IdentityError>(program)
                };
                let entry = |program: &Option<Program>| match program {
                    Some(program) => programs::about(Actor::Appliance, "program.revoke-access", program),
                    None => Entry::new(Actor::Appliance, "program.revoke-access").outcome(Outcome::Refused),
                };
                if self.inner.store.read::<AccessTokens>(&hash)?.is_some() {
                    self.change(revoke, entry).await?;
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// What a token is (RFC 7662), for administrators: nothing when it counts no more.
    pub fn introspect(&self, token: &Secret) -> Result<Option<Introspection>, OAuthError> {
        let (store, now) = (&self.inner.store, self.inner.clock.now());
        let of_program = |account: AccountId, id: ProgramId| {
            let Some(owner) = store.read::<Accounts>(&account)? else { return Ok(None) };
            let program = self.live_program(&owner, id)?.filter(|_| owner.enabled && !owner.has_ended(now));
            Ok::<_, OAuthError>(program.map(|program| (owner.name, program)))
        };
        let told = |(username, program): (Name, Program), expires, token_type| Introspection {
            username,
            account: program.account,
            client: Some(program.client),
            scopes: program.scopes,
            expires,
            token_type,
        };
        match Kind::of(token.expose()) {
            Some(Kind::Access) => {
                let access = store.read::<AccessTokens>(&programs::hash(self, Kind::Access, token))?;
                let Some(access) = access.filter(|access| now < access.expires) else { return Ok(None) };
                let found = of_program(access.account, access.program)?;
                Ok(found.map(|found| told(found, Some(access.expires), "access_token")))
            }
            Some(Kind::Refresh) => {
                let family = programs::family_hash(self, token);
                let Some((account, id)) = store.read::<Families>(&family)? else { return Ok(None) };
                let presented = programs::hash(self, Kind::Refresh, token);
                let counts = |program: &Program| program.standing(presented, now) != Standing::Over;
                let found = of_program(account, id)?.filter(|(_, program)| counts(program));
                Ok(found.map(|found| told(found, None, "refresh_token")))
            }
            _ => Ok(None),
        }
    }

    async fn let_in(
        &self,
        consent: &Consent,
        client: &Name,
        key: Option<Thumbprint>,
        origin: &Origin,
    ) -> Result<Issued, OAuthError> {
        let refresh = Kind::Refresh.generate().map_err(IdentityError::from)?;
        let access = Kind::Access.generate().map_err(IdentityError::from)?;
        let fresh = self.fresh(&refresh, &access);
        let (agreed, name, from) = (consent.clone(), client.clone(), origin.clone());
        let make = move |state: &mut Change<'_>| programs::let_in(state, &agreed, &name, key, &from, fresh);
        let peer = origin.peer;
        let entry = |(program, surplus): &(Program, Vec<ProgramId>)| {
            let entry = programs::about(Actor::Appliance, "program.let-in", program).peer(peer);
            let words = |ids: &[ProgramId]| ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
            if surplus.is_empty() { entry } else { entry.detail("put_out", words(surplus)) }
        };
        match self.change(make, entry).await {
            Ok((program, surplus)) => {
                surplus.into_iter().for_each(|id| self.publish(Event::ProgramRevoked(id)));
                Ok(issued(access, refresh, &program))
            }
            Err(IdentityError::NotActive | IdentityError::NoSuch { .. }) => {
                self.refused(&consent.client, "the account or the client has changed since the person's yes", origin)
                    .await
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Ends a program whose code was presented twice, if it is there.
    async fn put_out(&self, account: AccountId, id: ProgramId, origin: &Origin) -> Result<(), OAuthError> {
        let entry = Entry::new(Actor::Appliance, "program.put-out").reason("its code was presented twice");
        let entry = entry.peer(origin.peer).detail("program", id).detail("account", account);
        self.record_bounded(entry, true, origin.peer).await?;
        match self.revoke_program(&Actor::Appliance, account, id).await {
            Ok(_) | Err(IdentityError::NoSuch { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn fresh(&self, refresh: &Secret, access: &Secret) -> Fresh {
        let now = self.inner.clock.now();
        Fresh {
            family: programs::family_hash(self, refresh),
            refresh: programs::hash(self, Kind::Refresh, refresh),
            access: programs::hash(self, Kind::Access, access),
            now,
            expires: now.after(ACCESS_LIFE),
        }
    }
}

fn issued(access: Secret, refresh: Secret, program: &Program) -> Issued {
    Issued {
        access,
        expires_in: ACCESS_LIFE,
        refresh,
        scopes: program.scopes.clone(),
        program: program.id,
        account: program.account,
    }
}

const ACCESS_LIFE: Duration = Duration::from_secs(15 * 60);

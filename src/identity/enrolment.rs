//! Enrolment codes: an administrator hands one out, and whoever has it enrols one device for an account, without signing in.
//!
//! A code counts once, for some days. The store keeps a keyed hash of it. It is short enough to be typed (52 bits), so wrong
//! ones are counted by address.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::devices::{few_enough, new_device, with_networks};
use super::error::{EnrolmentError, IdentityError};
use super::generated::{self, Kind};
use super::records::{Device, SecretHash};
use super::web::Origin;
use super::{Identity, accounts, sign_in};
use crate::audit::{Actor, Entry, Outcome};
use crate::domain::{AccountId, Name, Network, Secret, Side, Timestamp};
use crate::store::{self, Change, StoreError};

/// A code, as it is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct EnrolmentCode {
    /// For whom the device will act.
    account: AccountId,
    /// When it ends.
    expires: Timestamp,
    /// When it was made; those of earlier versions do not say.
    #[serde(default)]
    made: Option<Timestamp>,
    /// Who made it, in words.
    #[serde(default)]
    made_by: Option<String>,
    /// What the device will be bound to.
    #[serde(default)]
    networks: Vec<Network>,
}

/// A code that waits for its device, without the code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingCode {
    /// What it is called: the first digits of the hash that is kept of it, from which nobody finds the code.
    pub id: String,
    /// For whom the device will act.
    pub account: AccountId,
    /// When it ends.
    pub expires: Timestamp,
    /// When it was made, where that is known.
    pub made: Option<Timestamp>,
    /// Who made it, in words, where that is known.
    pub made_by: Option<String>,
}

/// Which codes are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WhichCodes {
    /// Those with these ids: all of them, or none where one is not there.
    These(Vec<String>),
    /// All of an account.
    Of(AccountId),
}

store::tables! {
    /// Enrolment codes.
    EnrolmentCodes = "enrolment-codes": SecretHash => EnrolmentCode;
}

/// The most codes that are made at once for one account.
pub const MOST_CODES: usize = 100;
/// How long a code may count.
pub const LONGEST_CODE_LIFE: Duration = Duration::from_secs(90 * 86_400);

impl Identity {
    /// Makes codes for an account, each for one device, which will be bound to `networks` where there are any. They are in the
    /// answer, and nowhere else.
    pub async fn issue_enrolment_codes(
        &self,
        actor: &Actor,
        account: AccountId,
        count: usize,
        lifetime: Duration,
        networks: Vec<Network>,
    ) -> Result<(Vec<Secret>, Timestamp), IdentityError> {
        if !(SHORTEST_CODE_LIFE..=LONGEST_CODE_LIFE).contains(&lifetime) {
            return Err(IdentityError::Lifetime("one minute and 90 days"));
        }
        if count > MOST_CODES {
            return Err(IdentityError::TooMany { what: "codes at once", limit: MOST_CODES });
        }
        few_enough(&networks)?;
        let codes: Vec<Secret> = (0..count).map(|_| generated::enrolment_code()).collect::<Result<_, _>>()?;
        let hashes: Vec<SecretHash> = codes.iter().map(|code| self.code_hash(code.expose())).collect();
        let now = self.inner.clock.now();
        let expires = now.after(lifetime);
        let code =
            EnrolmentCode { account, expires, made: Some(now), made_by: in_words(actor), networks: networks.clone() };
        let insert = move |state: &mut Change<'_>| {
            let owner = accounts::active(state, account, now)?;
            for hash in &hashes {
                state.put::<EnrolmentCodes>(hash, &code)?;
            }
            Ok(owner.name)
        };
        let entry = |owner: &Name| {
            let entry = Entry::new(actor.clone(), "device.codes").subject(owner.as_str());
            with_networks(entry.detail("count", count).detail("expires", expires), &networks)
        };
        self.change(insert, entry).await?;
        Ok((codes, expires))
    }

    /// The codes that wait for their devices, the one that ends first first.
    pub fn enrolment_codes(&self) -> Result<Vec<WaitingCode>, IdentityError> {
        let now = self.inner.clock.now();
        let codes = self.inner.store.scan::<EnrolmentCodes>()?.into_iter().filter(|(_, code)| now < code.expires);
        let mut codes: Vec<WaitingCode> = codes.map(|(hash, code)| waiting(&hash, code)).collect();
        codes.sort_by(|one, other| (one.expires, &one.id).cmp(&(other.expires, &other.id)));
        Ok(codes)
    }

    /// Withdraws codes: they count no more. Says which.
    pub async fn withdraw_enrolment_codes(
        &self,
        actor: &Actor,
        which: WhichCodes,
    ) -> Result<Vec<WaitingCode>, IdentityError> {
        let now = self.inner.clock.now();
        let withdraw = move |state: &mut Change<'_>| {
            let mut withdrawn = Vec::new();
            for (hash, code) in state.scan::<EnrolmentCodes>()? {
                let code = waiting(&hash, code);
                let meant = match &which {
                    WhichCodes::These(ids) => ids.iter().any(|id| id.eq_ignore_ascii_case(&code.id)),
                    WhichCodes::Of(account) => *account == code.account,
                };
                if meant && now < code.expires {
                    state.remove::<EnrolmentCodes>(&hash)?;
                    withdrawn.push(code);
                }
            }
            if let WhichCodes::These(ids) = &which {
                let there = |id: &String| withdrawn.iter().any(|code| code.id.eq_ignore_ascii_case(id));
                if let Some(missing) = ids.iter().find(|id| !there(id)) {
                    return Err(IdentityError::NoSuch { kind: "enrolment code", name: missing.clone() });
                }
            }
            Ok(withdrawn)
        };
        let entry = |withdrawn: &Vec<WaitingCode>| {
            let ids: Vec<&str> = withdrawn.iter().map(|code| code.id.as_str()).collect();
            let entry = Entry::new(actor.clone(), "device.codes-withdraw").subject(ids.join(" "));
            entry.detail("count", withdrawn.len())
        };
        self.change(withdraw, entry).await
    }

    /// Enrols a device by a code, which counts no more then. A name that is taken leaves the code as it was.
    pub async fn enrol_device(
        &self,
        code: &Secret,
        name: Name,
        origin: &Origin,
    ) -> Result<(Device, Name, Secret), EnrolmentError> {
        let (throttle, now) = (&self.inner.enrolment, self.inner.clock.monotonic());
        let suspect = throttle.suspect(ANYBODY, origin.peer);
        throttle.attempt(suspect, now).map_err(sign_in::throttled)?;
        let hash = self.code_hash(code.expose());
        let time = self.inner.clock.now();
        let kept = self.inner.store.read::<EnrolmentCodes>(&hash).map_err(IdentityError::from)?;
        if kept.is_none_or(|kept| kept.expires <= time) {
            let entry = Entry::new(Actor::Anonymous { claimed: None }, "device.enrol").outcome(Outcome::Refused);
            let entry = entry.reason("no such code, or one that counts no more").side(Side::Workstation);
            self.record_bounded(entry.peer(origin.peer).detail("agent", &origin.agent), true, origin.peer).await?;
            return Err(IdentityError::NoEnrolmentCode.into());
        }
        throttle.succeeded(suspect, now);
        let secret = Kind::Device.generate().map_err(IdentityError::from)?;
        let secret_hash = self.secret_hash(Kind::Device, &secret);
        let redeem = move |state: &mut Change<'_>| {
            let kept = state.read::<EnrolmentCodes>(&hash)?.filter(|kept| time < kept.expires);
            let kept = kept.ok_or(IdentityError::NoEnrolmentCode)?;
            let made = new_device(state, name.clone(), kept.account, secret_hash, kept.networks, time)?;
            state.remove::<EnrolmentCodes>(&hash)?;
            Ok(made)
        };
        let entry = |(device, owner): &(Device, Name)| {
            let entry = Entry::new(Actor::Anonymous { claimed: None }, "device.enrol").subject(device.name.as_str());
            entry.peer(origin.peer).detail("account", owner.as_str()).detail("agent", &origin.agent)
        };
        let (device, owner) = self.change(redeem, entry).await?;
        Ok((device, owner, secret))
    }

    /// What a typed code is found by: letters in any case, spaces and hyphens as one likes.
    fn code_hash(&self, typed: &str) -> SecretHash {
        let letters = typed.chars().filter(char::is_ascii_alphabetic).take(64).map(|c| c.to_ascii_uppercase());
        let code: String = letters.collect();
        SecretHash(self.inner.store.keyed_hash("identity.enrolment-code", code.as_bytes()))
    }
}

/// Removes the codes that are past their time.
pub(super) fn sweep(state: &mut Change<'_>, now: Timestamp) -> Result<(), StoreError> {
    remove(state, |code| code.expires <= now)
}

/// Removes the codes of an account.
pub(super) fn forget(state: &mut Change<'_>, account: AccountId) -> Result<(), StoreError> {
    remove(state, |code| code.account == account)
}

fn remove(state: &mut Change<'_>, which: impl Fn(&EnrolmentCode) -> bool) -> Result<(), StoreError> {
    for (hash, code) in state.scan::<EnrolmentCodes>()? {
        if which(&code) {
            state.remove::<EnrolmentCodes>(&hash)?;
        }
    }
    Ok(())
}

fn waiting(hash: &SecretHash, code: EnrolmentCode) -> WaitingCode {
    let EnrolmentCode { account, expires, made, made_by, networks: _ } = code;
    let id = hash.0.iter().take(ID_BYTES).map(|byte| format!("{byte:02x}")).collect();
    WaitingCode { id, account, expires, made, made_by }
}

fn in_words(actor: &Actor) -> Option<String> {
    match actor {
        Actor::Account { name, .. } => Some(name.to_string()),
        Actor::Console => Some("the command line".to_owned()),
        Actor::Appliance => Some("the appliance".to_owned()),
        Actor::Anonymous { .. } => None,
    }
}

/// As many as tell a million codes apart.
const ID_BYTES: usize = 6;

/// Codes have no name to be counted by: addresses alone are.
const ANYBODY: &str = "";
const SHORTEST_CODE_LIFE: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_of_an_earlier_version_is_read() {
        let (account, now) = (AccountId::random(), Timestamp::from_millis(1_795_000_000_000));
        let code = EnrolmentCode {
            account,
            expires: now,
            made: Some(now),
            made_by: in_words(&Actor::Console),
            networks: Vec::new(),
        };
        let mut value = serde_json::to_value(&code).unwrap();
        let members = value.as_object_mut().unwrap();
        members.retain(|name, _| name == "account" || name == "expires");
        let read = waiting(&SecretHash([0xab; 32]), serde_json::from_value(value).unwrap());
        let expected = WaitingCode { id: "ab".repeat(6), account, expires: now, made: None, made_by: None };
        assert_eq!(read, expected);
    }
}

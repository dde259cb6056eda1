//! Passkeys (WebAuthn Level 3): keys in a person's device, which sign a challenge for one name and for no other, once the device knows
//! who holds it. Besides the password they are a second factor; alone they are both.
//!
//! A passkey belongs to the name of the appliance under which it was added (its relying party id), and pages offer it there
//! alone. What a challenge asks is kept here until it is answered, once. The user's handle that a device keeps is the account's
//! id, and a key is looked for among those of the account that is meant: so it does not matter if somebody adds another's key to
//! an account of their own.

mod add;
mod prove;

use std::time::Duration;

use serde::Serialize;
use webauthn_rs::prelude::{
    DiscoverableAuthentication, Passkey, PasskeyAuthentication, PasskeyRegistration, Url, Webauthn, WebauthnBuilder,
    WebauthnError,
};

pub(in crate::identity) use prove::{Proven, accept_passkey};

use super::records::{Factor, Factors, Means};
use crate::domain::AccountId;
use crate::identity::Identity;
use crate::identity::error::SignInError;
use crate::store::{StoreError, prefix};

/// The name that passkeys are made for and shown to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelyingParty(String);

/// A challenge that waits for its answer.
#[derive(Debug, Clone)]
pub(in crate::identity) struct Challenge {
    party: RelyingParty,
    asked: Asked,
}

#[derive(Debug, Clone)]
enum Asked {
    /// To make a passkey.
    Add(Box<PasskeyRegistration>),
    /// For one of an account's passkeys.
    Known(Box<PasskeyAuthentication>),
    /// For whichever passkey the person chooses.
    Any(Box<DiscoverableAuthentication>),
}

impl RelyingParty {
    fn ceremonies(&self, appliance: &str) -> Result<Webauthn, SignInError> {
        let built = Url::parse(&format!("https://{}", self.0)).ok().map(|origin| {
            // Whatever door it came in by: what is told apart is names.
            let builder = WebauthnBuilder::new(&self.0, &origin)?.rp_name(appliance).allow_any_port(true);
            builder.timeout(TO_ANSWER).build()
        });
        built.unwrap_or(Err(WebauthnError::Configuration)).map_err(|error| refused(&error))
    }
}

impl Identity {
    /// The relying party of pages that were reached by this host; none for an address, or for a name that is not the appliance's.
    pub fn relying_party(&self, host: &str) -> Option<RelyingParty> {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        self.inner.factors.names.contains(&host).then_some(RelyingParty(host))
    }

    /// The passkeys of an account for this name.
    fn passkeys(&self, account: AccountId, party: &RelyingParty) -> Result<Vec<(Factor, Passkey)>, StoreError> {
        let factors = self.inner.store.scan_prefix::<Factors>(&prefix(&account))?.into_iter().map(|(_, factor)| factor);
        let key = |factor: Factor| match &factor.means {
            Means::Passkey { party: own, key } if *own == party.0 => parse(key).map(|key| (factor, key)),
            _ => None,
        };
        Ok(factors.filter_map(key).collect())
    }
}

/// The names that passkeys can be for: names alone, no addresses.
pub(super) fn names(of_appliance: &[String]) -> Vec<String> {
    let names = of_appliance.iter().filter(|name| name.parse::<std::net::IpAddr>().is_err());
    names.map(|name| name.to_ascii_lowercase()).collect()
}

fn parse(key: &serde_json::Value) -> Option<Passkey> {
    serde_json::from_value(key.clone()).ok()
}

/// What the page's script hands to the browser.
fn options(asked: &impl Serialize) -> Result<serde_json::Value, SignInError> {
    serde_json::to_value(asked).map_err(|_| SignInError::Passkey)
}

/// What the browser answered, as far as it can be read.
fn answer<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, SignInError> {
    serde_json::from_str(text).map_err(|_| SignInError::Passkey)
}

/// Why an answer does not count. The library's word for it is for the log.
fn refused(error: &WebauthnError) -> SignInError {
    tracing::info!(%error, "a passkey was refused");
    match error {
        WebauthnError::CredentialPossibleCompromise => SignInError::PasskeyCopied,
        _ => SignInError::Passkey,
    }
}

/// How long a person may take to find their device.
pub(super) const TO_ANSWER: Duration = Duration::from_secs(5 * 60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passkeys_are_for_names_and_not_for_addresses() {
        let all = ["SQL.corp.example", "localhost", "127.0.0.1", "::1"].map(str::to_owned);
        assert_eq!(names(&all), ["sql.corp.example", "localhost"]);
    }

    #[test]
    fn the_library_takes_every_name_that_is_a_relying_party() {
        for name in ["localhost", "sql.corp.example", "gate"] {
            assert!(RelyingParty(name.to_owned()).ceremonies("Contoso").is_ok(), "{name}");
        }
    }
}

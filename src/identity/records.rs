//! What the store keeps of identity: one record type and one table for each kind of thing, and the indexes between them.

use serde::{Deserialize, Serialize};

use crate::domain::{
    AccountId, DatabaseId, DeviceId, GroupId, MailAddress, Name, Network, PassId, Role, Scopes, Timestamp, TokenId,
};
use crate::store::{self, Key};

/// A person or a service that signs in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Its id.
    pub id: AccountId,
    /// Its name, unique among accounts and devices.
    pub name: Name,
    /// What it may do at the appliance.
    pub role: Role,
    /// Whether it may sign in.
    pub enabled: bool,
    /// The record of its password, as a PHC string; none when it has no password.
    pub password: Option<PasswordRecord>,
    /// Whether its own password opens the gateway, or only passes, devices and tokens do.
    pub password_at_gateway: bool,
    /// Rises with each change that ends what was signed in before: with what takes access away, and not with what gives more.
    pub generation: u64,
    /// The database taken when a login names none.
    pub default_database: Option<DatabaseId>,
    /// When it ends by itself.
    pub expires: Option<Timestamp>,
    /// Where its owner gets mail. Accounts of former versions have none.
    #[serde(default)]
    pub mail: Option<MailAddress>,
    /// When it was made.
    pub created: Timestamp,
}

impl Account {
    /// Whether its time is over.
    pub fn has_ended(&self, now: Timestamp) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }
}

/// The record of a password: a PHC string, which cannot be turned back. `Debug` shows none of it all the same.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PasswordRecord(pub(super) String);

impl std::fmt::Debug for PasswordRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PasswordRecord(***)")
    }
}

/// Accounts and groups that get grants together.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Group {
    /// Its id.
    pub id: GroupId,
    /// Its name, unique among groups.
    pub name: Name,
    /// When it was made.
    pub created: Timestamp,
}

/// An enrolled workstation.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Device {
    /// Its id.
    pub id: DeviceId,
    /// Its name, unique among accounts and devices; the user name of its sign-in.
    pub name: Name,
    /// The account that it acts for.
    pub account: AccountId,
    /// The keyed hash of its secret.
    pub hash: SecretHash,
    /// The keyed hash of the secret that takes its place as soon as it is used.
    #[serde(default)]
    pub next: Option<SecretHash>,
    /// When it was added.
    pub created: Timestamp,
    /// The networks that its secret, and the passes it was given, count from; anywhere when there are none.
    #[serde(default)]
    pub networks: Vec<Network>,
}

impl Device {
    /// The keyed hashes of every secret that counts.
    pub(super) fn hashes(&self) -> impl Iterator<Item = SecretHash> {
        std::iter::once(self.hash).chain(self.next)
    }

    /// Whether its secret counts from this address.
    pub fn may_come_from(&self, peer: std::net::IpAddr) -> bool {
        let peer = peer.to_canonical();
        self.networks.is_empty() || self.networks.iter().any(|network| network.contains(peer))
    }
}

/// A short-lived password for SQL drivers.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Pass {
    /// Its id.
    pub id: PassId,
    /// The account that it signs in.
    pub account: AccountId,
    /// The device that it was issued to; it ends with the device.
    pub device: Option<DeviceId>,
    /// Its keyed hash.
    pub hash: SecretHash,
    /// When it was issued.
    pub created: Timestamp,
    /// When it ends.
    pub expires: Timestamp,
}

/// An API token.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Token {
    /// Its id.
    pub id: TokenId,
    /// The account that it signs in.
    pub account: AccountId,
    /// What it is for, in its owner's words.
    pub label: String,
    /// What it may be used for.
    pub scopes: Scopes,
    /// Its keyed hash.
    pub hash: SecretHash,
    /// When it was issued.
    pub created: Timestamp,
    /// When it ends.
    pub expires: Timestamp,
}

/// The keyed hash of a generated secret: what it is found by.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SecretHash(pub(super) [u8; 32]);

impl std::fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecretHash(***)")
    }
}

/// Who has a name, of those that sign in under one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NameOwner {
    /// An account.
    Account(AccountId),
    /// A device.
    Device(DeviceId),
}

/// What a generated secret belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SecretOwner {
    /// A device.
    Device(DeviceId),
    /// A pass.
    Pass(PassId),
    /// A token.
    Token(TokenId),
}

/// What a group has in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Member {
    /// An account.
    Account(AccountId),
    /// Another group, with all that is in it.
    Group(GroupId),
}

impl Key for SecretHash {
    fn to_bytes(&self) -> Vec<u8> {
        self.0.to_vec()
    }
    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }
}

impl Key for Member {
    fn to_bytes(&self) -> Vec<u8> {
        let (kind, id) = match self {
            Self::Account(id) => (b'a', id.as_bytes()),
            Self::Group(id) => (b'g', id.as_bytes()),
        };
        [&[kind], id.as_slice()].concat()
    }
    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (kind, id) = bytes.split_first()?;
        let id = id.try_into().ok()?;
        match kind {
            b'a' => Some(Self::Account(AccountId::from_bytes(id))),
            b'g' => Some(Self::Group(GroupId::from_bytes(id))),
            _ => None,
        }
    }
    fn to_first(&self) -> Vec<u8> {
        self.to_bytes()
    }
    fn split_first(pair: &[u8]) -> Option<(Self, &[u8])> {
        let (first, second) = pair.split_at_checked(17)?;
        Some((Self::from_bytes(first)?, second))
    }
}

/// Tokens of the first version had no scopes, and opened databases.
fn migrate_token(from: u32, mut value: serde_json::Value) -> Result<serde_json::Value, String> {
    match (from, value.as_object_mut()) {
        (1, Some(token)) => {
            token.insert("scopes".to_owned(), serde_json::json!(["sql"]));
            Ok(value)
        }
        _ => Err(format!("there is no step from version {from}")),
    }
}

store::tables! {
    /// Accounts.
    Accounts = "accounts": AccountId => Account;
    /// Groups.
    Groups = "groups": GroupId => Group;
    /// Devices.
    Devices = "devices": DeviceId => Device;
    /// Passes.
    Passes = "passes": PassId => Pass;
    /// Tokens.
    Tokens = "tokens": TokenId => Token, version 2 by migrate_token;
    /// Who has a name, by its folded form: accounts and devices together.
    Names = "names": String => NameOwner;
    /// Which group has a name, by its folded form.
    GroupNames = "group-names": String => GroupId;
    /// What a generated secret belongs to, by its keyed hash.
    Secrets = "secrets": SecretHash => SecretOwner;
    /// Memberships, by group; the value is when they began.
    Members = "members": (GroupId, Member) => Timestamp;
    /// The same memberships, by member.
    Memberships = "memberships": (Member, GroupId) => Timestamp;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::prefix;

    #[test]
    fn a_membership_key_reads_back_and_begins_with_what_it_is_looked_up_by() {
        for member in [Member::Account(AccountId::random()), Member::Group(GroupId::random())] {
            let group = GroupId::random();
            let key = (group, member);
            assert_eq!(<(GroupId, Member)>::from_bytes(&key.to_bytes()), Some(key));
            assert!(key.to_bytes().starts_with(&prefix(&group)));
            let key = (member, group);
            assert_eq!(<(Member, GroupId)>::from_bytes(&key.to_bytes()), Some(key));
            assert!(key.to_bytes().starts_with(&prefix(&member)));
        }
        assert_eq!(<(GroupId, Member)>::from_bytes(&[0; 20]), None);
        assert_eq!(<(Member, GroupId)>::from_bytes(b"x"), None);
    }

    #[test]
    fn a_token_of_the_first_version_opens_databases_and_nothing_else() {
        let first = serde_json::json!({
            "id": TokenId::random(), "account": AccountId::random(), "label": "reports", "hash": vec![7_u8; 32],
            "created": 1, "expires": 2,
        });
        let token: Token = serde_json::from_value(migrate_token(1, first).unwrap()).unwrap();
        assert_eq!((token.scopes, token.label.as_str()), (Scopes::sql(), "reports"));
        assert!(migrate_token(2, serde_json::json!({})).is_err() && migrate_token(1, serde_json::json!(7)).is_err());
    }

    #[test]
    fn an_account_of_before_there_was_mail_has_no_address() {
        let former = serde_json::json!({
            "id": AccountId::random(), "name": "ada", "role": "member", "enabled": true, "password": null, "password_at_gateway": true,
            "generation": 1, "default_database": null, "expires": null, "created": 1,
        });
        let account: Account = serde_json::from_value(former).unwrap();
        assert_eq!((account.name.as_str(), account.mail), ("ada", None));
    }

    #[test]
    fn what_is_printed_of_a_record_shows_no_hash() {
        let hash = SecretHash([7; 32]);
        let record = PasswordRecord("$argon2id$canary".into());
        assert!(!format!("{hash:?}{record:?}").contains("canary"));
        assert!(!format!("{hash:?}").contains('7'));
    }
}

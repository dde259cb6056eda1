//! API tokens: opaque, for programs and scripts; through FEDAUTH, in the password's place, or as a bearer of the API, as their
//! scopes say.

use std::time::Duration;

use super::Identity;
use super::accounts::active;
use super::error::IdentityError;
use super::generated::Kind;
use super::records::{SecretOwner, Secrets, Token, Tokens};
use crate::audit::{Actor, Entry};
use crate::domain::{AccountId, Event, Name, Scopes, Secret, TokenId};
use crate::store::Change;

impl Identity {
    /// Issues an access token. It is in the answer, and nowhere else.
    pub async fn issue_token(
        &self,
        actor: &Actor,
        account: AccountId,
        label: String,
        scopes: Scopes,
        lifetime: Duration,
    ) -> Result<(Token, Secret), IdentityError> {
        if !(SHORTEST_LIFE..=LONGEST_LIFE).contains(&lifetime) {
            return Err(IdentityError::Lifetime("one minute and 400 days"));
        }
        if label.chars().count() > 100 || label.chars().any(char::is_control) {
            return Err(IdentityError::Label);
        }
        if scopes.is_empty() {
            return Err(IdentityError::NoScope);
        }
        let secret = Kind::Token.generate()?;
        let (now, hash) = (self.inner.clock.now(), self.secret_hash(Kind::Token, &secret));
        let expires = now.after(lifetime);
        let token = Token { id: TokenId::random(), account, label, scopes, hash, created: now, expires };
        let insert = move |state: &mut Change<'_>| {
            let owner = active(state, account, now)?;
            state.put::<Tokens>(&token.id, &token)?;
            state.put::<Secrets>(&token.hash, &SecretOwner::Token(token.id))?;
            Ok((token.clone(), owner.name))
        };
        let entry = |(token, owner): &(Token, Name)| {
            let entry = Entry::new(actor.clone(), "token.issue").subject(owner.as_str());
            let entry = entry.detail("token", token.id.to_string()).detail("label", token.label.as_str());
            entry.detail("scopes", &token.scopes).detail("expires", token.expires.to_string())
        };
        let (token, _) = self.change(insert, entry).await?;
        Ok((token, secret))
    }

    /// Every token, oldest first.
    pub fn tokens(&self) -> Result<Vec<Token>, IdentityError> {
        let mut tokens: Vec<Token> = self.inner.store.scan::<Tokens>()?.into_iter().map(|(_, token)| token).collect();
        tokens.sort_by_key(|token| (token.created, token.id));
        Ok(tokens)
    }

    /// Revokes a token.
    pub async fn revoke_token(&self, actor: &Actor, id: TokenId) -> Result<Token, IdentityError> {
        let revoke = move |state: &mut Change<'_>| {
            let token = state.read::<Tokens>(&id)?;
            let token = token.ok_or_else(|| IdentityError::NoSuch { kind: "token", name: id.to_string() })?;
            state.remove::<Tokens>(&id)?;
            state.remove::<Secrets>(&token.hash)?;
            Ok(token)
        };
        let entry = |token: &Token| {
            let entry = Entry::new(actor.clone(), "token.revoke").subject(token.id.to_string());
            entry.detail("account", token.account.to_string()).detail("label", token.label.as_str())
        };
        let token: Token = self.change(revoke, entry).await?;
        self.publish(Event::TokenRevoked(id));
        Ok(token)
    }
}

const SHORTEST_LIFE: Duration = Duration::from_secs(60);
const LONGEST_LIFE: Duration = Duration::from_secs(400 * 24 * 60 * 60);

//! Proving again to be there, before something sensitive: the session goes on under another cookie.

use super::records::{Origin, WebSession};
use super::sessions::{self, Visit};
use crate::audit::Entry;
use crate::domain::Secret;
use crate::identity::Identity;
use crate::identity::error::{IdentityError, SignInError};
use crate::identity::generated::Kind;
use crate::identity::web::Begun;
use crate::store::Change;

impl Identity {
    /// The person of this visit gives the password again. From then on [`Visit::is_confirmed`] for a while, and the
    /// session has another cookie: the former one opens nothing any more.
    pub async fn confirm(&self, visit: &Visit, password: &Secret, origin: &Origin) -> Result<Begun, SignInError> {
        let name = visit.principal.name.as_str();
        let outcome = self.web_password(name, password, origin).await;
        if let Err(error) = &outcome {
            self.record_refused(name, error, origin).await?;
        }
        let account = outcome?;
        if account.id != visit.principal.account {
            return Err(SignInError::Wrong);
        }
        let cookie = Kind::WebSession.generate().map_err(IdentityError::from)?;
        let hash = self.secret_hash(Kind::WebSession, &cookie);
        let (key, now) = ((account.id, visit.session.id), self.inner.clock.now());
        let rotate = move |state: &mut Change<'_>| {
            let session = sessions::kept(state, key)?;
            let gone = || IdentityError::NoSuch { kind: "web session of this account", name: key.1.to_string() };
            Ok(sessions::go_on(state, session.ok_or_else(gone)?, &account, hash, now)?)
        };
        let entry = |session: &WebSession| {
            Entry::new(visit.actor(), "web.confirm").peer(origin.peer).detail("web_session", session.id)
        };
        let session = self.change(rotate, entry).await?;
        Ok(Begun { cookie, session })
    }
}

//! What is over and was kept only because nobody came by to remove it.

use super::oauth;
use super::records::Accounts;
use super::web;
use super::{Identity, enrolment, forgotten};
use crate::store::{Change, StoreError};

impl Identity {
    /// Removes web sessions, programs, enrolment codes and requests for links that are past their time. They count no more already;
    /// this only makes room. To be called now and then.
    pub async fn sweep(&self) -> Result<(), StoreError> {
        let (now, limits, idle) = (self.inner.clock.now(), self.inner.web.limits, self.inner.oauth.idle_limit());
        let sweep = move |state: &mut Change<'_>| {
            for (id, account) in state.scan::<Accounts>()? {
                web::sweep(state, &account, limits, now)?;
                oauth::sweep(state, id, idle, now)?;
            }
            forgotten::sweep(state, now)?;
            enrolment::sweep(state, now)
        };
        self.inner.store.change(sweep).await
    }
}

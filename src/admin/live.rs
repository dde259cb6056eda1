//! The gateway's registry as the administration service sees it.

use super::session::{LiveSessions, SessionView};
use super::shown;
use crate::domain::{AccountId, SessionId};
use crate::gateway::Registry;

impl LiveSessions for Registry {
    fn list(&self) -> Vec<SessionView> {
        let view = |session: crate::gateway::Summary| SessionView {
            id: session.id,
            account_id: session.account,
            account: session.account_name,
            credential: session.credential.to_owned(),
            device: session.device,
            address: session.address,
            application: session.application,
            host: session.host,
            database: session.database,
            since: shown(session.since),
            idle_seconds: session.idle.as_secs(),
            bytes_up: session.traffic.bytes_up,
            bytes_down: session.traffic.bytes_down,
            packets_up: session.traffic.packets_up,
            packets_down: session.traffic.packets_down,
            batches: session.traffic.batches,
        };
        Self::list(self).into_iter().map(view).collect()
    }

    fn end(&self, id: &SessionId) -> bool {
        Self::end(self, id)
    }

    fn end_account(&self, account: &AccountId) -> usize {
        Self::end_account(self, account)
    }
}

//! What workstations are told, put together: from the state, the settings, the doors that were bound, and the certificate
//! that is shown.

use std::net::SocketAddr;
use std::sync::Arc;

use super::State;
use crate::config::Config;
use crate::platform::Clock;
use crate::tls::{Anchor, Origin, Shown};
use crate::workstation::{Parts, Place, Workstations};

/// Opens the service. `sql` and `https` are the addresses of the doors.
pub(super) async fn open(
    state: &State,
    config: &Config,
    sql: &[SocketAddr],
    https: &[SocketAddr],
    shown: &Shown,
    clock: Arc<dyn Clock>,
) -> anyhow::Result<Workstations> {
    let port = |addresses: &[SocketAddr]| addresses.first().map(SocketAddr::port);
    let anchor = Arc::new(Anchor::read(shown.authority().root_pem().as_bytes())?);
    let shown = shown.clone();
    let parts = Parts {
        store: state.store.clone(),
        identity: state.identity.clone(),
        estate: state.estate.clone(),
        integrations: state.integrations.clone(),
        events: state.events.clone(),
        clock,
        settings: config.workstation.clone(),
        place: Place::of(&config.appliance, &config.workstation, port(sql), port(https)),
        authority: Arc::new(move || (shown.active() == Origin::Authority).then(|| Arc::clone(&anchor))),
    };
    Ok(Workstations::open(parts).await?)
}

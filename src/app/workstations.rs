//! What workstations are told, put together: from the state, the settings, the doors that were bound, and the certificate
//! that is shown.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use crate::config::Config;
use crate::platform::Clock;
use crate::state::State;
use crate::tls::{Anchor, Origin, Shown};
use crate::workstation::dns::Advert;
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
    let parts = Parts {
        store: state.store.clone(),
        identity: state.identity.clone(),
        estate: state.estate.clone(),
        integrations: state.integrations.clone(),
        events: state.events.clone(),
        clock,
        settings: config.workstation.clone(),
        place: Place::of(&config.appliance, &config.workstation, port(sql), port(https)),
        authority: authority(shown.clone()),
    };
    Ok(Workstations::open(parts).await?)
}

/// The appliance as it is told of: the host of the workstations, the port of HTTPS.
pub(super) fn advert(workstations: &Workstations, https: &[SocketAddr]) -> Advert {
    Advert {
        host: workstations.place().host.clone(),
        port: https.first().map_or(443, SocketAddr::port),
        authority_sha256: workstations.discovery().1.authority.map(|authority| authority.sha256),
    }
}

/// The own authority, while what is shown was signed by it. It may be replaced at any time, and is asked for with each
/// document: so it is read anew when it is another one.
fn authority(shown: Shown) -> Arc<dyn Fn() -> Option<Arc<Anchor>> + Send + Sync> {
    let last: Mutex<Option<(String, Arc<Anchor>)>> = Mutex::new(None);
    Arc::new(move || {
        if shown.active() != Origin::Authority {
            return None;
        }
        let pem = shown.authority().root_pem();
        let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, anchor)) = last.as_ref().filter(|(known, _)| *known == pem) {
            return Some(Arc::clone(anchor));
        }
        let anchor = Arc::new(Anchor::read(pem.as_bytes()).ok()?);
        *last = Some((pem, Arc::clone(&anchor)));
        Some(anchor)
    })
}

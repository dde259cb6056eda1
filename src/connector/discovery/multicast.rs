//! Asking around in the local network (RFC 6762), where it was asked for: anybody there can answer.

use std::time::Duration;

use mdns_sd::{ServiceDaemon, ServiceEvent};

use crate::platform::Clock;
use crate::platform::clock::within;
use crate::workstation::dns::{Advert, SERVICE};

/// The appliances that tell of themselves within `limit`, each once.
pub async fn multicast(clock: &dyn Clock, limit: Duration) -> Result<Vec<Advert>, String> {
    hear(ServiceDaemon::new().map_err(|error| error.to_string())?, clock, limit, MOST).await
}

/// The same with this daemon, which is shut down afterwards; it listens until `most` have told of themselves.
pub async fn hear(
    daemon: ServiceDaemon,
    clock: &dyn Clock,
    limit: Duration,
    most: usize,
) -> Result<Vec<Advert>, String> {
    let heard = daemon.browse(&format!("{SERVICE}.local.")).map_err(|error| error.to_string())?;
    let mut adverts: Vec<Advert> = Vec::new();
    let listening = async {
        while let Ok(event) = heard.recv_async().await {
            let ServiceEvent::ServiceResolved(service) = event else { continue };
            let texts: Vec<Vec<u8>> = service
                .txt_properties
                .iter()
                .map(|property| [property.key().as_bytes(), b"=", property.val().unwrap_or_default()].concat())
                .collect();
            // The name that its certificate has; its own one is of `.local`. Anybody can write any: that is no ground to believe it.
            let host = service.txt_properties.get_property_val_str("host").unwrap_or(&service.host);
            let read = Advert::read(host, service.port, texts.iter().map(|text| text.as_slice()));
            if let Some(advert) = read.filter(|advert| !adverts.contains(advert)) {
                adverts.push(advert);
            }
            if adverts.len() >= most {
                return;
            }
        }
    };
    // Nobody says that he was the last: the limit ends it.
    let _ = within(clock, limit, listening).await;
    let _ = daemon.shutdown();
    Ok(adverts)
}

const MOST: usize = 8;

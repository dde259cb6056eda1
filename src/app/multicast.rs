//! The appliance tells of itself by multicast DNS, where the settings say so.

use mdns_sd::{ServiceDaemon, ServiceInfo};

use crate::platform::Tasks;
use crate::telemetry::Health;
use crate::workstation::dns::{Advert, SERVICE};

/// Answers who asks around, until `tasks` are told to stop. What goes wrong is on the health board and stops nothing else.
pub(super) fn tell(name: &str, advert: &Advert, health: &Health, tasks: &Tasks) {
    let daemon = match begin(name, advert) {
        Ok(daemon) => daemon,
        Err(error) => {
            tracing::warn!(%error, "the appliance cannot tell of itself by multicast DNS");
            health.problem("workstation.multicast_dns", format!("cannot tell of itself: {error}"));
            return;
        }
    };
    let stopping = tasks.stopping();
    tasks.spawn("multicast DNS", async move {
        stopping.await;
        // It says goodbye, so that nobody remembers it.
        if let Ok(ended) = daemon.shutdown() {
            let _ = ended.recv_async().await;
        }
    });
}

/// The host's own name is one of `.local`, and no certificate has it: the name to connect to is in the TXT record.
fn begin(name: &str, advert: &Advert) -> mdns_sd::Result<ServiceDaemon> {
    let texts: Vec<String> = advert.txt().into_iter().chain([format!("host={}", advert.host)]).collect();
    let pairs: Vec<(&str, &str)> = texts.iter().filter_map(|text| text.split_once('=')).collect();
    let label: String = name.chars().filter(char::is_ascii_alphanumeric).take(40).collect();
    let host = format!("gatehouse-{}.local.", label.to_ascii_lowercase());
    let service = ServiceInfo::new(&format!("{SERVICE}.local."), name, &host, "", advert.port, pairs.as_slice())?;
    let daemon = ServiceDaemon::new()?;
    daemon.register(service.enable_addr_auto())?;
    Ok(daemon)
}

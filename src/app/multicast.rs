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

fn begin(name: &str, advert: &Advert) -> mdns_sd::Result<ServiceDaemon> {
    let service = service(name, advert)?;
    let daemon = ServiceDaemon::new()?;
    daemon.register(service)?;
    Ok(daemon)
}

/// The host's own name is one of `.local`, and no certificate has it: the name to connect to is in the TXT record.
fn service(name: &str, advert: &Advert) -> mdns_sd::Result<ServiceInfo> {
    let texts: Vec<String> = advert.txt().into_iter().chain([format!("host={}", advert.host)]).collect();
    let pairs: Vec<(&str, &str)> = texts.iter().filter_map(|text| text.split_once('=')).collect();
    let label: String = name.chars().filter(char::is_ascii_alphanumeric).take(40).collect();
    let host = format!("gatehouse-{}.local.", label.to_ascii_lowercase());
    let service = ServiceInfo::new(&format!("{SERVICE}.local."), name, &host, "", advert.port, pairs.as_slice())?;
    Ok(service.enable_addr_auto())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use mdns_sd::IfKind;

    use super::*;
    use crate::connector::discovery::hear;
    use crate::platform::SystemClock;

    /// A daemon that nobody outside of this machine hears.
    fn on_loopback(port: u16) -> ServiceDaemon {
        let daemon = ServiceDaemon::new_with_port(port).unwrap();
        daemon.disable_interface(IfKind::All).unwrap();
        daemon.enable_interface(IfKind::LoopbackV4).unwrap();
        daemon
    }

    #[tokio::test]
    async fn what_the_appliance_tells_of_itself_is_what_a_workstation_hears() {
        let port = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let advert = Advert { host: "sql.corp.example".into(), port: 8443, authority_sha256: Some("ab".repeat(32)) };
        let telling = on_loopback(port);
        telling.register(service("Contoso & sons", &advert).unwrap()).unwrap();
        let heard = hear(on_loopback(port), &*SystemClock::new(), Duration::from_secs(60), 1).await.unwrap();
        assert_eq!(heard, [advert]);
        telling.shutdown().unwrap().recv_async().await.unwrap();
    }
}
